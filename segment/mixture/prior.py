"""What is believed of the components before any observation is seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MIN_VARIANCE, MixtureModel

__all__ = ["PRIORS", "Prior", "conjugate", "without"]

Floats = NDArray[np.float64]

PRIORS = ("pooled", "conjugate")

_MEAN_STRENGTH = 0.01  # the default of Fraley & Raftery (2007), in observations
_LEAST = 1e-10  # share of the data's variances that keeps the scale positive definite where data are collinear


@dataclass(frozen=True)
class Prior:
    """What is believed of means and covariances before any cell is seen.

    Every covariance C leans on one target T: the log posterior is the log likelihood plus, for each component,
    ``strength / 2 * (log det(inv(C) T) - tr(inv(C) T) + d)``, which is -strength times the Kullback-Leibler divergence
    of N(0, T) from N(0, C), and an inverse Wishart density up to a constant. Every mean m may lean on one center:
    ``- mean_strength / 2 * (m - center)' inv(C) (m - center)`` more, which makes the density normal-inverse-Wishart.

    Attributes
    ----------
    target : ndarray of shape (d, d), float64
        Positive definite.
    strength : float, >= 0
        Weight of the target, in observations a component. 0 is maximum likelihood.
    ridge : ndarray of shape (d,), float64, >= 0
        Added to the diagonal of every covariance after each M-step, in squared data units: scikit-learn's `reg_covar`.
        It is no part of the objective, which can fall a little where the ridge matters.
    mean_strength : float, >= 0
        Weight of the center, in observations a component. 0 leaves the means alone.
    center : ndarray of shape (d,) or (), float64
    """

    target: Floats
    strength: float
    ridge: Floats
    mean_strength: float = 0.0
    center: Floats = field(default_factory=lambda: np.zeros(()))

    def rescale(self, shift: Floats, scale: Floats) -> Prior:
        """The same prior in the coordinates ``(x - shift) / scale``, both of shape (d,)."""
        return replace(
            self,
            target=self.target / (scale[:, None] * scale),
            ridge=self.ridge / scale**2,
            center=(self.center - shift) / scale,
        )

    def divide_strength(self, weight: float) -> Prior:
        """The same prior where observations of this total weight count as one."""
        return replace(self, strength=self.strength / weight, mean_strength=self.mean_strength / weight)

    def log_density(self, model: MixtureModel) -> float:
        """Log density of the model's means and covariances, up to a constant; at most 0 for full covariances."""
        return float(self.log_densities(model).sum())

    def log_densities(self, model: MixtureModel) -> Floats:
        """The same for the mean and covariance of each component, (k,)."""
        if self.strength == self.mean_strength == 0:
            return np.zeros(model.n_components)
        ratios = np.linalg.solve(model.covariances, np.broadcast_to(self.target, model.covariances.shape))
        excess = np.linalg.slogdet(ratios)[1] - np.trace(ratios, axis1=1, axis2=2) + model.n_features
        belief = np.asarray(self.strength / 2 * excess)
        if self.mean_strength == 0:
            return belief
        offsets = model.means - self.center
        distances = (offsets * np.linalg.solve(model.covariances, offsets[:, :, None])[:, :, 0]).sum(axis=1)
        return np.asarray(belief - self.mean_strength / 2 * distances)


def make_flat_prior(d: int) -> Prior:
    """No belief at all: maximum likelihood in d dimensions."""
    return Prior(np.eye(d), 0.0, np.zeros(d))


def make_conjugate_prior(cells: Cells, k: int, covariance_type: str, ridge: Floats) -> Prior:
    """The normal-inverse-Wishart prior with the hyper-parameters of Fraley & Raftery, for k components.

    Journal of Classification 24 (2007), 155-181. With V the covariance of all observations around their mean, means
    lean on that mean with 0.01 observations, and a covariance has d + 2 degrees of freedom and the scale
    ``V / k**(2 / d)``; for diagonal and spherical ones V is the mean variance times the identity. The maximum of the
    posterior counts the degrees of freedom, and the mean's share in the exponent of det(C), as observations: d + 2 more
    for full covariances, d + 1 in all and 1 a component for tied ones, 3 for each variance of diagonal ones and, with
    one variance for d features, (d + 2) / d for spherical ones.

    Parameters
    ----------
    cells : Cells
        In d dimensions, none missing. Their total weight says how much the prior weighs: 2 d + 4 observations against
        the cells of a component.
    k : int, >= 1
    covariance_type : {"full", "tied", "diag", "spherical"}
    ridge : ndarray of shape (d,), float64, >= 0
        As in :class:`Prior`.
    """
    d = cells.n_features
    center = cells.compute_center()
    spread = Cells(cells.weights, cells.means - center, cells.scatters).compute_second_moment()
    if covariance_type in ("diag", "spherical"):
        spread = np.trace(spread) / d * np.eye(d)
    degrees = d + 2.0
    counted = {
        "full": degrees + d + 2,
        "tied": (degrees + d + 1) / k + 1,
        "diag": degrees + 3,
        "spherical": (degrees + 2 + d) / d,
    }[covariance_type]
    shared = {"tied": k, "spherical": d}.get(covariance_type, 1)
    variances = np.diagonal(spread)
    floor = _LEAST * np.diag(np.where(variances > MIN_VARIANCE, variances, 1.0))
    scale = (spread + floor) / k ** (2 / d) / shared
    return Prior(scale / counted, counted, ridge, _MEAN_STRENGTH, center)
