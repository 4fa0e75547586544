"""
Missing values
==============

NaN is integrated out, not filled; ``impute`` gives its expectation.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))
rows = np.asarray(photograph).reshape(-1, 3)[::7].astype(float)
known = rows.copy()
known[::2, 2] = np.nan  # half of the pixels lack their blue
mixture = segment.GaussianMixture(n_components=4, random_state=0).fit(known)
filled = mixture.impute(known)

figure, axis = plt.subplots(figsize=(4.4, 4.2), constrained_layout=True)
axis.plot(rows[::2, 2], filled[::2, 2], ".", markersize=1, color="tab:blue")
axis.plot((0, 255), (0, 255), color="0.6")
axis.set(xlabel="blue of the photograph", ylabel="its expectation given red and green")

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
