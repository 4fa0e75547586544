r"""
The scatter of quantization
===========================

A stored integer stands for an interval of width :math:`q`. A color that is spread evenly over it has the variance
:math:`q^2/12`, which each cell gets as its scatter; in other color spaces the Jacobian :math:`J` of the conversion carries
it over:

.. math:: S_i = \frac{q^2}{12} J_i J_i^{\mathsf T}

Without it a flat sky of one color gives a covariance of zero and an infinite likelihood; with it no covariance falls below
the width of a step, and no arbitrary floor is needed. Code: ``segment/features/color_space.py``.
"""

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
truth = rng.normal(100.3, 0.25, 4000)
stored = np.round(truth)

figure, axis = plt.subplots(figsize=(6, 3.4), constrained_layout=True)
grid = np.linspace(98, 103, 400)
axis.hist(
    stored, bins=np.arange(97.5, 104), density=True, color="0.85", label="stored values"
)
for variance, label in (
    (stored.var(), "variance of the stored values"),
    (stored.var() + 1 / 12, "plus 1/12"),
):
    density = np.exp(-((grid - stored.mean()) ** 2) / (2 * variance)) / np.sqrt(
        2 * np.pi * variance
    )
    axis.plot(grid, density, label=label)
axis.set(xlabel="value")
axis.legend()
