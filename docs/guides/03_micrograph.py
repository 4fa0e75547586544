"""
Phases of a micrograph, with their uncertainty
==============================================

This tissue has three phases: densely stained brown, paler parts of the glands where blue nuclei show, and everything
unstained. How large is the share of each, and how well does one field of view tell?

.. code-block:: console

   segment run tissue.png -k 3 --name 1=dense,2=pale,3=unstained --roi grid:4x4 --save panel,uncertainty,classes -o phases

``--roi grid:4x4`` gives a row for each phase in each of 16 fields; their spread is the standard error.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import segment

micrograph = data.immunohistochemistry()
result = segment.segment_image(
    micrograph, k=3, name=("1=dense", "2=pale", "3=unstained"), roi="grid:4x4"
)

# %%
# Shares in the 16 fields. The error of their mean is their standard deviation divided by the root of 16, as far as the
# fields are independent: structures wider than a field make it too small.

fields = np.array_split(np.arange(512), 4)
shares = np.array(
    [
        [np.mean(result.label_image[np.ix_(rows, columns)] == label) for label in (1, 2, 3)]
        for rows in fields
        for columns in fields
    ]
)
errors = shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
for row, share, error in zip(result.classes, shares.mean(axis=0), errors, strict=True):
    print(
        f"{row.name}: {share:.1%} +- {error:.1%}, mean color {tuple(round(value) for value in row.mean)}"
    )

# %%
# Two kinds of doubt: the error of the sample, as bars, and the pixels whose phase is unsure, in bits.

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), constrained_layout=True)
axes[0].imshow(result.overlay())
axes[0].set_title("three phases")
unsure = axes[1].imshow(result.uncertainty(), cmap="magma")
axes[1].set_title("uncertainty")
figure.colorbar(unsure, ax=axes[1], label="bits", shrink=0.8)
colors = [tuple(value / 255 for value in row.mean) for row in result.classes]
axes[2].bar(
    [row.name for row in result.classes],
    shares.mean(axis=0),
    yerr=errors,
    capsize=6,
    color=colors,
)
axes[2].set_title("share, with its standard error")
for axis in axes[:2]:
    axis.axis("off")

# %%
# *Micrograph: colon tissue, of scikit-image's sample data.*
