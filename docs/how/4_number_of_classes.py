r"""
An honest number of classes
===========================

BIC weighs the fit against the number of parameters :math:`p`:

.. math:: \mathrm{BIC} = -2 n \,\overline{\log p(x)} + p \log n

With the number of all pixels as :math:`n` it would take the largest number of classes, because neighboring pixels repeat
each other. Here they count as

.. math:: n = \frac{N}{\sum_d \rho(d)} \le 1000

where :math:`\rho(d)` is the autocorrelation of their squared distances from their classes, up to where it has fallen to
5 %. A typical photograph counts as some hundreds. An estimate :math:`m` below 200 is rough: :math:`200 (m / 200)^{1/4}`
is taken instead. Source: Schwarz 1978; code: ``segment/segmenter/class_count.py``.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import segment

photograph = Image.open("../../images/landscape.jpg")
photograph.thumbnail((400, 400))

result = segment.segment_image(photograph, k="auto")
selection = result.selection
counts = [each.n_classes for each in selection.candidates]
n = photograph.width * photograph.height

figure, axis = plt.subplots(figsize=(6, 3.4), constrained_layout=True)
for observations, label in (
    (selection.n_effective, "independent pixels"),
    (n, "all pixels"),
):
    fits = [each.log_likelihood for each in selection.candidates]
    values = [
        -2 * fit + (10 * k - 1) * np.log(observations) / observations
        for fit, k in zip(fits, counts, strict=True)
    ]
    axis.plot(
        counts,
        np.array(values) - min(values),
        marker="o",
        label=f"n = {observations:.0f}, {label}",
    )
axis.set(xlabel="number of classes", ylabel="BIC / n above its lowest")
axis.legend()

# %%
# *Photograph: Aitzol Berasategi, CC BY 4.0, scaled down.*
