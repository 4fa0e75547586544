"""
The ultrametric contour map
===========================

Each border is as strong as the regions beside it differ. ``--regions auto --save ucm`` writes it.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
hierarchy = segment.region_hierarchy(np.asarray(photograph))

figure, axis = plt.subplots(figsize=(6, 4), constrained_layout=True)
axis.imshow(hierarchy.contour_map(), cmap="gray_r")
axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
