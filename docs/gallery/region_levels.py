"""
Regions, coarse and fine
========================

``segment.region_hierarchy`` finds all levels at once; a cut of it costs nothing.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage.segmentation import mark_boundaries

import segment

photograph = Image.open("../../images/mountains.jpg")
photograph.thumbnail((400, 400))
hierarchy = segment.region_hierarchy(np.asarray(photograph))

figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), constrained_layout=True)
for axis, count in zip(axes, (5, 20, 80), strict=True):
    regions = hierarchy.regions(count)
    axis.imshow(mark_boundaries(np.asarray(photograph), regions, color=(1, 1, 0)))
    axis.set_title(f"{count} regions")
    axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
