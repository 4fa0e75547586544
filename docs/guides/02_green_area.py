"""
Green area in square centimeters
================================

A photograph from above, and one length in it that is known, give areas. On the command line:

.. code-block:: console

   segment run meadow.jpg -k 4 --name green=greenest --pixel-size 0.625mm --save overlay,classes -o green

``meadow_classes.csv`` then has the area of each class in square millimeters. A pixel of a picture of 640 pixels that
shows 40 cm from left to right is 400 / 640 = 0.625 mm wide.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

IMAGES = Path("../../images")
WIDTH_CM = 40.0  # of what the picture shows; measure yours with a ruler beside the plants

photograph = Image.open(IMAGES / "landscape.jpg").crop((0, 560, 1600, 1065))
photograph.thumbnail((640, 640))
result = segment.segment_image(
    photograph,
    k=4,
    name=("green=greenest",),
    pixel_size=f"{10 * WIDTH_CM / photograph.width}mm",
)

# %%
# The table has the area of each class. The posteriors say how sure that is: their sum
# is the expected area, and pixels that are as likely of another class count half.

for row in result.classes:
    print(f"{row.name:<8} {row.share:6.1%} {row.area / 100:7.1f} cm2")

pixel_area = (WIDTH_CM / photograph.width) ** 2
green = result.mask("green")
posterior = result.posteriors()[..., result.find_label("green") - 1]
print(f"expected: {np.nansum(posterior) * pixel_area:6.1f} cm2")
doubtful = (posterior > 0.1) & (posterior < 0.9)
print(f"doubtful: {doubtful.sum() * pixel_area:6.1f} cm2 (posterior between 0.1 and 0.9)")

# %%
# The figure: the picture, and its green area with the rest in gray.

figure, axes = plt.subplots(2, 1, figsize=(8, 5.6), constrained_layout=True)
gray = np.repeat(np.asarray(photograph.convert("L"))[..., None], 3, axis=2) // 2 + 127
extent = (0, WIDTH_CM, WIDTH_CM * photograph.height / photograph.width, 0)
axes[0].imshow(photograph, extent=extent)
axes[1].imshow(np.where(green[..., None], photograph, gray), extent=extent)
axes[1].set_title(f"{green.sum() * pixel_area:.0f} cm2 of green")
for axis in axes:
    axis.set_ylabel("cm")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0; a part of it, scaled down. Its width in centimeters is made up.*
