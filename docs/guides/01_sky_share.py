"""
The share of sky in thirty pictures
===================================

On the command line, for a folder of photographs:

.. code-block:: console

   segment batch photographs -k 4 --save panel,classes -o sky

``segment_manifest.csv`` then has the share of every class of every photograph, and ``segment_shares.csv`` a row for each. Which
classes are sky depends on the photograph: white clouds are a class of their own, and mountains may be bluer than the sky. Here
a rule decides: a class is sky if it fills a good part of the upper edge of the picture.
"""

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

IMAGES = Path("../../images")
folder = Path(tempfile.mkdtemp())

# %%
# The folder of this page has thirty pictures that one camera could have taken: ten views each of three landscapes, as it turns
# from left to right, near and far. Give your own folder in its place.

for name in ("landscape", "mountains", "sunset"):
    whole = Image.open(IMAGES / f"{name}.jpg")
    whole.thumbnail((640, 640))
    for number in range(10):
        width, height = ((320, 240), (420, 315))[number // 5]
        left = number % 5 * (whole.width - width) // 4
        view = whole.crop((left, 0, left + width, height))
        view.save(folder / f"{name}_{number}.png")
paths = sorted(folder.glob("*.png"))

# %%
# Segment each photograph, and find the classes at its upper edge. What is no sky is drawn dark.

shares = {}
figure, axes = plt.subplots(5, 6, figsize=(10, 6.6), constrained_layout=True)
for path, axis in zip(paths, axes.ravel(), strict=True):
    result = segment.segment_image(path, k=4)
    edge = (
        np.bincount(result.label_image[:5].ravel(), minlength=5)
        / result.label_image[:5].size
    )
    sky = np.isin(result.label_image, np.flatnonzero(edge > 0.1))
    shares[path.stem] = sky.mean()
    axis.imshow(np.where(sky[..., None], Image.open(path), 40))
    axis.set_title(f"{sky.mean():.0%}", fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])

# %%
# Look at all of them: the rule is wrong where something else reaches the upper edge. The table, as a file for a spreadsheet:

with (folder / "sky.csv").open("w", newline="") as file:
    csv.writer(file).writerows([("photograph", "sky"), *shares.items()])
print(f"{len(shares)} photographs, mean {np.mean(list(shares.values())):.1%}")

# %%
# The figure:

order = sorted(shares, key=shares.get)
figure, axis = plt.subplots(figsize=(7, 5), constrained_layout=True)
axis.barh(order, [100 * shares[name] for name in order], color="#4477aa")
axis.set_xlabel("sky, % of the pixels")
axis.tick_params(axis="y", labelsize=7)
axis.margins(y=0.01)

# %%
# With a fisheye picture of a canopy, ``--roi circle`` counts the pixels inside its circle alone; see
# :doc:`/pixels`.
#
# *Photographs: Aitzol Berasategi, CC BY 4.0, cut and scaled down.*
