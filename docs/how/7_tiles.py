r"""
Rasters in tiles
================

A raster larger than memory is read twice. The first pass makes a working copy, to which the mixture is fitted; the
second labels tile by tile,

.. math:: \hat k_i = \arg\max_k \; \log p(x_i \mid k) + \tilde b_i(k)

where :math:`\tilde b_i` is the prior of the neighbors, interpolated from the random field on a copy. Up to 19 megapixels
this is the working copy, whose field is solved once. In larger rasters each tile makes a copy of its own with pixels 6
wide: a step of the mean field reaches two of them, so with 8 steps a tile needs nothing that is more than 144 pixels
away, and its labels are those of the whole image. Clean-up looks up to 1024 pixels beyond a tile. Code: ``segment/runs/rasters``.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))

whole = segment.segment_image(photograph, k=4)
small = segment.segment_image(
    photograph.resize((photograph.width // 3, photograph.height // 3)), k=4
)
enlarged = np.asarray(
    Image.fromarray(small.label_image).resize(photograph.size, Image.Resampling.NEAREST)
)

figure, axes = plt.subplots(1, 2, figsize=(9, 3), constrained_layout=True)
axes[0].imshow(whole.colors[whole.label_image - 1])
axes[0].set_title("labels at full size")
axes[1].imshow(enlarged != whole.label_image, cmap="gray_r")
axes[1].set_title(
    f"where a copy of a third differs: {np.mean(enlarged != whole.label_image):.1%}, at borders"
)
for axis in axes:
    axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
