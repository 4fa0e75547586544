"""Prior distributions of the means and covariances of the components."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MIN_VARIANCE, MixtureModel
from segment.mixture.packed_matrices import pack

__all__ = ["PRIORS", "Prior", "make_conjugate_prior", "make_flat_prior"]

Floats = NDArray[np.float64]

PRIORS = ("pooled", "conjugate")

# The default of Fraley & Raftery (2007), in observations.
_MEAN_STRENGTH = 0.01
# Share of the data's variances that keeps the scale positive definite for collinear data.
_MIN_SPREAD = 1e-10


@dataclass(frozen=True)
class Prior:
    """A prior for the means and covariances of the components, the same for all of them.

    Attributes
    ----------
    target : ndarray of shape (d, d), float64
        Positive definite matrix T that every covariance is pulled towards.
    strength : float, >= 0
        Weight of the target, in observations a component. 0 is maximum likelihood.
    ridge : ndarray of shape (d,), float64, >= 0
        Added to the diagonal of every covariance after each M-step, in squared data units: scikit-learn's `reg_covar`.
        It is not part of the objective, which can fall a little where the ridge matters.
    mean_strength : float, >= 0
        Weight of the center, in observations a component. 0 leaves the means free.
    center : ndarray of shape (d,) or (), float64
        Point that every mean is pulled towards.

    Notes
    -----
    The log posterior is the log likelihood plus, for each component of covariance C,
    ``strength / 2 * (log det(inv(C) T) - tr(inv(C) T) + d)``, which is -strength times the Kullback-Leibler divergence
    of N(0, T) from N(0, C), and an inverse Wishart density up to a constant. With `mean_strength` above 0 each mean m
    adds ``- mean_strength / 2 * (m - center)' inv(C) (m - center)``, which makes the density normal-inverse-Wishart.
    """

    target: Floats
    strength: float
    ridge: Floats
    mean_strength: float = 0.0
    center: Floats = field(default_factory=lambda: np.zeros(()))

    def rescale(self, shift: Floats, scale: Floats) -> Prior:
        """Convert the prior to the coordinates ``(x - shift) / scale``.

        Parameters
        ----------
        shift, scale : ndarray of shape (d,), float64

        Returns
        -------
        Prior
        """
        return replace(
            self,
            target=self.target / (scale[:, None] * scale),
            ridge=self.ridge / scale**2,
            center=(self.center - shift) / scale,
        )

    def divide_strength(self, weight: float) -> Prior:
        """Divide both strengths by a weight, for statistics that are means over observations of that total weight.

        Parameters
        ----------
        weight : float, > 0

        Returns
        -------
        Prior
        """
        return replace(self, strength=self.strength / weight, mean_strength=self.mean_strength / weight)

    @cached_property
    def packed_target(self) -> Floats:
        """What an M-step adds to the scatter of a component: the target times the strength, packed, (t, 1)."""
        return pack(self.strength * self.target)[:, None]

    @cached_property
    def has_ridge(self) -> bool:
        """Whether anything is added to covariances."""
        return bool(self.ridge.any())

    @cached_property
    def _log_determinant(self) -> float:
        """The logarithm of the determinant of the target."""
        return float(np.linalg.slogdet(self.target)[1])

    @cached_property
    def _min_eigenvalue(self) -> float:
        """The smallest eigenvalue of the target."""
        return float(np.linalg.eigvalsh(self.target)[0])

    def bound_eigenvalues(self, weight: float) -> float:
        """Compute a bound below the eigenvalues of the covariances of an M-step.

        Parameters
        ----------
        weight : float, >= 0
            The largest of the components, in observations.

        Returns
        -------
        float
            That of the target's share, ``strength / (weight + strength)``; what is added to it has none below 0.

        Examples
        --------
        >>> Prior(np.diag([2.0, 8.0]), strength=5.0, ridge=np.zeros(2)).bound_eigenvalues(15.0)
        0.5
        """
        return self.strength / (weight + self.strength) * self._min_eigenvalue if self.strength > 0 else 0.0

    def log_density(self, model: MixtureModel) -> float:
        """Compute the log density of a model's means and covariances.

        Parameters
        ----------
        model : MixtureModel
            In the coordinates of the prior.

        Returns
        -------
        float
            Up to a constant; at most 0 for full covariances.
        """
        return float(self.log_densities(model).sum())

    def log_densities(self, model: MixtureModel) -> Floats:
        """Compute the log density of the mean and covariance of each component.

        Parameters
        ----------
        model : MixtureModel
            k components in the coordinates of the prior.

        Returns
        -------
        ndarray of shape (k,), float64
            Up to a constant.
        """
        if self.strength == self.mean_strength == 0:
            return np.zeros(model.n_components)
        # strength / 2 * (log det(inv(C) T) - tr(inv(C) T) + d)
        precisions, log_determinants = model.gaussian_terms[:2]
        traces = np.einsum("kij,ij->k", precisions, self.target)
        excess = self._log_determinant - log_determinants - traces + model.n_features
        covariance_terms = np.asarray(self.strength / 2 * excess)
        if self.mean_strength == 0:
            return covariance_terms
        # mean_strength / 2 * (m - center)' inv(C) (m - center)
        offsets = model.means - self.center
        distances = np.einsum("ki,kij,kj->k", offsets, precisions, offsets)
        return np.asarray(covariance_terms - self.mean_strength / 2 * distances)


def make_flat_prior(d: int) -> Prior:
    """Make a prior without effect, for maximum likelihood.

    Parameters
    ----------
    d : int
        Number of features.

    Returns
    -------
    Prior
    """
    return Prior(np.eye(d), 0.0, np.zeros(d))


def make_conjugate_prior(cells: Cells, k: int, covariance_type: str, ridge: Floats) -> Prior:
    """Make the weak normal-inverse-Wishart prior of Fraley & Raftery from the data.

    Parameters
    ----------
    cells : Cells
        In d dimensions, none missing. The larger their total weight, the weaker the prior is against them: it weighs
        2 d + 4 observations a component.
    k : int, >= 1
        Number of components. Raising it makes the expected covariances smaller.
    covariance_type : {"full", "tied", "diag", "spherical"}
    ridge : ndarray of shape (d,), float64, >= 0
        As in :class:`Prior`.

    Returns
    -------
    Prior

    Notes
    -----
    Hyper-parameters of Fraley & Raftery (2007), Journal of Classification 24, 155-181. With V the covariance of all
    observations around their mean, means are pulled towards that mean with 0.01 observations, and a covariance has
    d + 2 degrees of freedom and the scale ``V / k**(2 / d)``; for diagonal and spherical ones V is the mean variance
    times the identity. The maximum of the posterior counts the degrees of freedom, and the mean's share in the exponent
    of det(C), as observations: d + 2 more for full covariances, d + 1 in all and 1 a component for tied ones, 3 for
    each variance of diagonal ones and, with one variance for d features, (d + 2) / d for spherical ones.

    Examples
    --------
    >>> import numpy as np
    >>> from segment.mixture.cells import make_point_cells
    >>> prior = make_conjugate_prior(make_point_cells([[-2.0], [2.0]]), 1, "full", np.zeros(1))
    >>> prior.strength, prior.mean_strength, prior.center
    (6.0, 0.01, array([0.]))
    """
    # V of the notes: covariance of all observations, or their mean variance times the identity.
    d = cells.n_features
    center, spread = cells.center_and_covariance
    if covariance_type in ("diag", "spherical"):
        spread = np.trace(spread) / d * np.eye(d)
    # Strength in observations and number of scales that share it, as the notes above give them for each type.
    degrees = d + 2.0
    strength = {
        "full": degrees + d + 2,
        "tied": (degrees + d + 1) / k + 1,
        "diag": degrees + 3,
        "spherical": (degrees + 2 + d) / d,
    }[covariance_type]
    sharing = {"tied": k, "spherical": d}.get(covariance_type, 1)
    # A floor keeps the target positive definite where features are constant or collinear.
    variances = np.diagonal(spread)
    floor = _MIN_SPREAD * np.diag(np.where(variances > MIN_VARIANCE, variances, 1.0))
    scale = (spread + floor) / k ** (2 / d) / sharing
    return Prior(scale / strength, strength, ridge, _MEAN_STRENGTH, center)
