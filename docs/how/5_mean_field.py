r"""
The random field, by mean field
===============================

The labels are a hidden Markov random field. The prior of class :math:`k` at pixel :math:`i` depends on the posteriors
:math:`q_j` of its neighbors,

.. math:: q_i(k) \propto \pi_k\, p(x_i \mid k)\, \exp\left( \beta \sum_{j \in N(i)} w_{ij}\, q_j(k) \right)

with weights :math:`w_{ij}` that are small across a strong edge; :math:`\beta` is ``--smoothness``. Mean-field steps
alternate with steps of the mixture, and none of them raises the free energy (Zhang, Brady & Smith 2001; Celeux, Forbes &
Peyrard 2003). Labels are found in at most 8 steps of twice the length. Code: ``segment/segmenter/field``.
"""

import matplotlib.pyplot as plt
import numpy as np

import segment

rng = np.random.default_rng(1)
truth = np.kron(rng.integers(0, 4, (6, 9)), np.ones((24, 24), int))
noisy = np.clip(60 + 40 * truth + rng.normal(0, 24, truth.shape), 0, 255).astype(np.uint8)

figure, axes = plt.subplots(1, 3, figsize=(11, 2.7), constrained_layout=True)
axes[0].imshow(noisy, cmap="gray")
axes[0].set_title("noise of 0.6 steps")
for axis, spatial in zip(axes[1:], ("none", "field"), strict=True):
    result = segment.segment_image(noisy, k=4, spatial=spatial, clean_up="none")
    axis.imshow(result.label_image, cmap="gray")
    axis.set_title(
        f"spatial={spatial!r}: {np.mean(result.label_image - 1 != truth):.1%} wrong"
    )
for axis in axes:
    axis.axis("off")

# %%
# How sure a share is
# -------------------
#
# Tables give the ``expected`` share of each class with a standard deviation. The expected share is the mean of the
# posteriors, :math:`e_k = \frac1n \sum_i q_i(k)`, which clean-up does not change. (The calibrated posteriors of maps
# are less sure; their means lie nearer to equal shares.) The field of a large
# image is solved on a smaller copy, whose pixels on a border have a mixed color, perhaps that of a third class: at
# borders the posteriors of the pixels of the image itself are taken. What makes the share wrong is not the noise of
# single pixels, which averages out, but what many pixels share: the place of a border, another optimum of the fit,
# shading that passes gradually into the next class. Its standard deviation is
#
# .. math:: s_k^2 = (0.6 + \rho^2)^2\, d_k \bar d + 1.5^2 (c_k - e_k)^2 + m_k^2 + 0.0005^2
#
# with the *doubt* :math:`d_k`, the mean probability of being wrong about the class by calibrated posteriors, and
# :math:`\bar d` its mean over the classes; the correlation :math:`\rho` of neighbors' deviations from their class
# mean, 0 in noise and .7 to .95 in photographs; :math:`c_k`, the share by color alone; and :math:`m_k`, by how much
# clean-up by evidence changes the share of the labels, 0 with `--min-region`, `--max-hole` or
# `--smooth-radius`. The constants are such that :math:`e_k \pm 1.645 s_k` holds the true share in nine of ten images: it was tried on labeled cells, skies and tissue,
# synthetic classes and grains (``tests/benchmarks/certainty.py``). A class that the fit misses altogether, or that you
# divide otherwise than by color, is beyond it.

for row in result.classes:
    true = np.mean(truth == row.label - 1)
    print(
        f"{row.name}: true {true:.4f}, expected {row.expected_share:.4f} +- {row.expected_share_sd:.4f}"
    )
