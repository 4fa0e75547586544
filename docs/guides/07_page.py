"""
A page about an image
=====================

.. code-block:: console

   segment report landscape.jpg -k auto -o pages        # pages/landscape_report.html
   segment batch photographs -k 4 --save report -o pages  # and an index of all of them

The page needs no network and no other file. It can be mailed, and it has the command that makes the same result.
"""

from html import escape
from pathlib import Path

from PIL import Image

import segment

IMAGES = Path("../../images")
photograph = Image.open(IMAGES / "landscape.jpg")
photograph.thumbnail((480, 480))
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
