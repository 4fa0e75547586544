"""
A posterized picture as SVG, and a paint-by-numbers sheet
=========================================================

.. code-block:: console

   segment run sunset.jpg -k 6 --palette mean --min-region 0.002 --save mean,svg,contours -o poster

``sunset_mean.png`` has each class in its mean color, ``sunset_classes.svg`` has one path for each class, for Inkscape or
a plotter.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy import ndimage

import segment

IMAGES = Path("../../images")
photograph = Image.open(IMAGES / "sunset.jpg")
photograph.thumbnail((600, 600))
result = segment.segment_image(
    photograph,
    k=6,
    palette="mean",
    min_region=0.002,
    smooth_radius=0.003,
    save=("mean", "svg"),
)
paths = result.save(tempfile.mkdtemp(), stem="sunset")
print([f"{path.name}: {path.stat().st_size // 1000} kB" for path in paths])

# %%
# The sheet: borders between classes, and in each area its number, at the place farthest from the border.

labels = result.label_image
figure, (poster, sheet) = plt.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
poster.imshow(Image.open(paths[0]))
sheet.imshow(np.full((*labels.shape, 3), 255, np.uint8))
for row in result.classes:
    mask = result.mask(row.label)
    sheet.contour(mask, levels=[0.5], colors="0.55", linewidths=0.6)
    pieces, count = ndimage.label(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    for y, x in ndimage.maximum_position(depth, pieces, range(1, count + 1)):
        if depth[int(y), int(x)] > 4:
            sheet.text(x, y, str(row.label), ha="center", va="center", fontsize=7)
handles = [
    plt.Rectangle((0, 0), 1, 1, color=np.array(row.mean) / 255) for row in result.classes
]
sheet.legend(
    handles,
    [str(row.label) for row in result.classes],
    ncol=6,
    loc="lower center",
    bbox_to_anchor=(0.5, -0.14),
)
poster.axis("off")
sheet.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
