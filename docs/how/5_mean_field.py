r"""
The random field, by mean field
===============================

The labels are a hidden Markov random field. The prior of class :math:`k` at pixel :math:`i` depends on the posteriors
:math:`q_j` of its neighbors,

.. math:: q_i(k) \propto \pi_k\, p(x_i \mid k)\, \exp\left( \beta \sum_{j \in N(i)} w_{ij}\, q_j(k) \right)

with weights :math:`w_{ij}` that are small across a strong edge; :math:`\beta` is ``--smoothness``. Mean-field steps
alternate with steps of the mixture, and none of them raises the free energy (Zhang, Brady & Smith 2001; Celeux, Forbes &
Peyrard 2003). Code: ``segment/segmenter/field``.
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
