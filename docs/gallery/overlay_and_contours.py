"""
Tinted classes and their outlines
=================================

``--save overlay,contours``
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/mountains.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=5)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), constrained_layout=True)
for axis, picture in zip(axes, (result.overlay(), result.contours()), strict=True):
    axis.imshow(picture)
    axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
