"""
How probable a class is at each pixel
=====================================

``result.posteriors()`` has a map for each class; the neighbors of a pixel count. ``--save posterior`` draws all.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=4)

figure, axes = plt.subplots(1, 4, figsize=(11, 2.4), constrained_layout=True)
for axis, row in zip(axes, result.classes, strict=True):
    axis.imshow(result.posteriors()[..., row.label - 1], vmin=0, vmax=1, cmap="cividis")
    axis.set_title(row.name)
    axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
