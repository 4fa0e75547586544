"""
A table for each cell of a grid
===============================

``--roi grid:2x3`` gives every table a row for each region of interest and class.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=4, name=("sky=brightest",), roi="grid:4x6")
sky = [
    [
        result.mask("sky")[rows][:, columns].mean()
        for columns in np.array_split(np.arange(photograph.width), 6)
    ]
    for rows in np.array_split(np.arange(photograph.height), 4)
]

figure, axis = plt.subplots(figsize=(6, 3.6), constrained_layout=True)
axis.imshow(photograph, extent=(0, 6, 4, 0), alpha=0.6)
for row, shares in enumerate(sky):
    for column, share in enumerate(shares):
        axis.text(column + 0.5, row + 0.5, f"{share:.0%}", ha="center", va="center")
axis.set(xticks=range(7), yticks=range(5), title="share of the sky")
axis.grid(color="black")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
