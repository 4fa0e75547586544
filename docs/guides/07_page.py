"""
A page in the browser, and one to mail
======================================

To try settings, name and merge classes, and paint what does not count, open a page; it needs the extra ``[serve]``:

.. code-block:: console

   segment serve landscape.jpg -k 4

.. image:: /_static/page.jpg
   :alt: The page: photograph and classes under one slider, the settings, and the classes with their names and shares

Everything on it is in :doc:`/serve`. Its *Export* gives any file, and the command that makes the same.
"""

import base64
import io
import json
import subprocess
import sys
import urllib.request
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

IMAGES = Path("../../images")
photograph = Image.open(IMAGES / "landscape.jpg")
photograph.thumbnail((480, 480))

# %%
# The page asks the server by HTTP, and so can any program: an image goes in, classes and labels come out.

command = [sys.executable, "-m", "segment", "serve", "--no-browser"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
    address, _, token = server.stdout.readline().strip().partition("/?token=")
    if not token:  # it has said why
        sys.exit("no page")
    body = io.BytesIO()
    photograph.save(body, "png")
    question = urllib.request.Request(
        f"{address}/api/segment?k=4&name=4=sky",
        body.getvalue(),
        {"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(question) as answer:
        found = json.load(answer)
    server.terminate()

for row in found["classes"]:
    print(f"{row['name']:<8} {row['share']:6.1%}  {row['mean_color']}")

labels = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["labels_png"]))))
figure, axis = plt.subplots(figsize=(6, 4), constrained_layout=True)
axis.imshow(np.where(labels[..., None] == 4, photograph, 40))
axis.set_title("sky")
axis.axis("off")

# %%
# A page to mail is a report. It needs no network and no other file, and it has the command that makes the same result:
#
# .. code-block:: console
#
#    segment report landscape.jpg -k auto -o pages          # pages/landscape_report.html
#    segment batch photographs -k 4 --save report -o album  # and an index of all of them

result = segment.segment_image(photograph, k="auto", name=("sky=brightest",))


class Frame:
    """A page within this one."""

    def __init__(self, page: str) -> None:
        self.page = page

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{escape(self.page)}" style="width:100%;height:640px;border:1px solid #888"></iframe>'


Frame(result.report())

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
