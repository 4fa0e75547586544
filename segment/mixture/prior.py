"""What is believed of the covariances before any observation is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.model import MixtureModel

__all__ = ["Prior"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """What is believed of the covariances before any cell is seen.

    Every covariance C leans on one target T: the log posterior is the log likelihood plus, for each component,
    ``strength / 2 * (log det(inv(C) T) - tr(inv(C) T) + d)``, which is -strength times the Kullback-Leibler divergence
    of N(0, T) from N(0, C), and an inverse Wishart density up to a constant.

    Attributes
    ----------
    target : ndarray of shape (d, d), float64
        Positive definite.
    strength : float, >= 0
        Weight of the target, in observations a component. 0 is maximum likelihood.
    ridge : ndarray of shape (d,), float64, >= 0
        Added to the diagonal of every covariance after each M-step, in squared data units: scikit-learn's `reg_covar`.
        It is no part of the objective, which can fall a little where the ridge matters.
    """

    target: Floats
    strength: float
    ridge: Floats

    def rescaled(self, scale: Floats) -> Prior:
        """The same prior in coordinates divided by `scale`, of shape (d,)."""
        return Prior(self.target / (scale[:, None] * scale), self.strength, self.ridge / scale**2)

    def log_density(self, model: MixtureModel) -> float:
        """Log density of the model's covariances, up to a constant; at most 0 for full covariances."""
        if self.strength == 0:
            return 0.0
        ratios = np.linalg.solve(model.covariances, np.broadcast_to(self.target, model.covariances.shape))
        excess = np.linalg.slogdet(ratios)[1] - np.trace(ratios, axis1=1, axis2=2) + model.n_features
        return float(self.strength / 2 * excess.sum())
