r"""
Cells: distinct colors with their counts
========================================

A photograph of twelve megapixels has some hundred thousand distinct colors. The likelihood of a mixture depends on
nothing but the colors :math:`x_i` and how often each occurs, :math:`n_i`:

.. math:: \log L = \sum_i n_i \log \sum_k \pi_k\, \mathcal N(x_i \mid \mu_k, \Sigma_k)

so EM on these *cells* is EM on all pixels (Dempster, Laird & Rubin 1977), in a hundredth of the time. The starts use
coarser cells, which have their scatter :math:`S_i` within: by Jensen's inequality

.. math:: \log L \ge \sum_i n_i \log \sum_k \pi_k\, \mathcal N(x_i \mid \mu_k, \Sigma_k)\,
          e^{-\frac12 \operatorname{tr} \Sigma_k^{-1} S_i}

EM ascends this bound (Verbeek, Nunnink & Vlassis 2006). Code: ``segment/features/color_index.py``,
``segment/mixture/cells.py``, ``segment/mixture/grid_bins.py``.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))

sizes = (50, 100, 200, 400, 800)
distinct = []
for size in sizes:
    copy = np.asarray(photograph.resize((size, size * 2 // 3))).reshape(-1, 3)
    distinct.append([len(np.unique(copy >> shift, axis=0)) for shift in (0, 3, 4)])

figure, axis = plt.subplots(figsize=(6, 3.6), constrained_layout=True)
pixels = [size * size * 2 // 3 for size in sizes]
axis.loglog(pixels, pixels, color="0.6", label="pixels")
for counts, label in zip(
    np.transpose(distinct),
    ("distinct colors", "cells of 5 bits", "cells of 4 bits"),
    strict=True,
):
    axis.loglog(pixels, counts, marker="o", label=label)
axis.set(xlabel="pixels of the picture", ylabel="rows for EM")
axis.legend()

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
