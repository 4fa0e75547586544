"""
Undecided pixels, and unusual ones
==================================

Uncertainty is the entropy of the posteriors, in bits: high between two classes. Log likelihood is low where a color
belongs to no class.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/mountains.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=4)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
for axis, (title, values) in zip(
    axes,
    {
        "uncertainty, bits": result.uncertainty(),
        "log likelihood, nats": result.log_likelihood(),
    }.items(),
    strict=True,
):
    figure.colorbar(axis.imshow(values, cmap="magma"), ax=axis, shrink=0.8)
    axis.set_title(title)
    axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
