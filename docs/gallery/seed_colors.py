"""
Start a class at a color
========================

``--seed-color`` starts classes where you want them; the fit may move them.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/dandelions.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=4, seed_color=("#ffffff", "#5a6414"))

figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), constrained_layout=True)
for axis, picture in zip(axes, (photograph, result.overlay()), strict=True):
    axis.imshow(picture)
    axis.axis("off")

# %%
# *Photograph: Clemens Engelhardt, CC0 1.0, scaled down.*
