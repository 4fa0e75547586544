"""
One class cut out
=================

``--save cutouts`` writes a file for each class, the rest of it transparent.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k=4, name=("sky=brightest",))

figure, axis = plt.subplots(figsize=(6, 4), constrained_layout=True)
axis.imshow(result.cutout("sky"))
axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
