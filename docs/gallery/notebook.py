"""
In a notebook
=============

A result at the end of a cell shows its panel and its classes.
"""

from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
segment.segment_image(photograph, k=4, name=("1=trees", "2=meadow", "3=mountain", "4=sky"))

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
