"""
How many classes: the curve of -k auto
======================================

The lowest value wins; how much lower it is says how sure the choice is.
"""

import matplotlib.pyplot as plt
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
result = segment.segment_image(photograph, k="auto")
candidates = result.selection.candidates

figure, axis = plt.subplots(figsize=(6, 3.4), constrained_layout=True)
axis.plot(
    [each.n_classes for each in candidates], [each.value for each in candidates], marker="o"
)
axis.axvline(result.selection.chosen, color="0.7", zorder=0)
axis.set(
    xlabel="number of classes", ylabel="BIC", title=f"{result.selection.chosen} classes"
)

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
