"""
Beside k-means and Ward's hierarchy
===================================

``segment compare`` gives all methods the same colors and the same clean-up.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/mountains.jpg")
photograph.thumbnail((400, 400))
comparison = segment.compare_image(photograph, k=4)

figure, axis = plt.subplots(figsize=(6, 4), constrained_layout=True)
axis.imshow(comparison.panel())
axis.axis("off")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
