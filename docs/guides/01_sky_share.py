"""
The share of sky in several photographs
=======================================

On the command line, for a folder of photographs:

.. code-block:: console

   segment batch photographs -k 4 --save panel,classes -o sky

``segment_manifest.csv`` then has the share of every class of every photograph. Which classes are sky depends on the
photograph: white clouds are a class of their own, and mountains may be bluer than the sky. Here a rule decides: a class is
sky if it fills a good part of the upper edge of the picture.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

IMAGES = Path("../../images")

# %%
# Segment each photograph, and find the classes at its upper edge.

shares = {}
figure, axes = plt.subplots(2, 3, figsize=(10, 4.6), constrained_layout=True)
for name, (above, below) in zip(("landscape", "mountains", "sunset"), axes.T, strict=True):
    photograph = Image.open(IMAGES / f"{name}.jpg")
    photograph.thumbnail((480, 480))
    result = segment.segment_image(photograph, k=4)
    edge = (
        np.bincount(result.label_image[:5].ravel(), minlength=5)
        / result.label_image[:5].size
    )
    sky = np.isin(result.label_image, np.flatnonzero(edge > 0.1))
    shares[name] = sky.mean()
    above.imshow(photograph)
    below.imshow(np.where(sky[..., None], photograph, 255))
    below.set_title(f"sky {sky.mean():.1%}")
for axis in axes.ravel():
    axis.axis("off")

# %%
# The table:

for name, share in shares.items():
    print(f"{name:<10} {share:6.1%}")

# %%
# With a fisheye picture of a canopy, ``--roi circle`` counts the pixels inside its circle alone; see
# :doc:`/pixels`.
#
# *Photographs: Aitzol Berasategi, CC BY 4.0, scaled down.*
