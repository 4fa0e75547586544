"""
Palettes
========

Distinct colors near the hues of the classes, their mean colors, or a ramp: ``--palette``.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/lamps.jpg")
photograph.thumbnail((400, 400))
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), constrained_layout=True)
for axis, palette in zip(axes, ("category", "mean", "viridis"), strict=True):
    result = segment.segment_image(photograph, k=5, palette=palette)
    axis.imshow(result.colors[result.label_image - 1])
    axis.set_title(palette)
    axis.axis("off")

# %%
# *Photograph: Peter Nerlich, CC BY-SA 4.0, scaled down.*
