"""The result of a fit: the mixture, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.equality import EqualByValue
from segment.mixture.cells import Cells
from segment.mixture.em import Fit
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.rivals import Rival

__all__ = ["MixtureFit", "make_empty_fit", "score_as_fit"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MixtureFit(EqualByValue):
    """The best mixture found, and how it was found: the result of :func:`segment.fit_mixture`.

    Attributes
    ----------
    model : MixtureModel
        The fitted mixture.
    converged : bool
        Whether the last stage converged before its iterations ran out.
    is_fitted : bool
        Whether the mixture was fitted; False where a given one was only scored, or where there are no cells.
    finish : Fit
        The last stage, on all cells: its log likelihoods are exact.
    restarts : ndarray of shape (n_starts,), float64
        Log posterior per unit weight of every start on the coarsest cells, when it was given up or at the end of its
        short run.
    finalists : ndarray of shape (n_finalists,), float64
        Log posterior per unit weight that the best starts reached on the coarse cells.
    prior : Prior
        Prior of the means and covariances.
    shrinkage : float
        Strength of the pooled prior in mean component weights.
    rivals : tuple of Rival
        Other finalists that are about as good; see :func:`segment.mixture.rivals.find_rivals`.

    Examples
    --------
    >>> import segment
    >>> from segment.mixture.cells import make_point_cells
    >>> fit = segment.fit_mixture(make_point_cells([[0.0], [1.0], [8.0], [9.0]]), 2, n_init=3)
    >>> fit.converged, len(fit.restarts), fit.model.n_components
    (True, 3, 2)
    """

    finish: Fit
    restarts: Floats
    finalists: Floats
    prior: Prior
    shrinkage: float = 0.0
    rivals: tuple[Rival, ...] = ()

    @property
    def model(self) -> MixtureModel:
        """The fitted mixture."""
        return self.finish.model

    @property
    def converged(self) -> bool:
        """Whether the last stage converged before its iterations ran out."""
        return self.finish.converged

    @property
    def is_fitted(self) -> bool:
        """Whether the mixture was fitted; False where a given one was only scored, or where there are no cells."""
        return self.restarts.size > 0


def score_as_fit(model: MixtureModel, scored: Cells | float) -> MixtureFit:
    """Score a given mixture, as a fit of no iterations.

    Parameters
    ----------
    model : MixtureModel
    scored : Cells or float
        What it is scored on, or the mean log density there; 0 for no cells.

    Returns
    -------
    MixtureFit
    """
    if isinstance(scored, Cells):
        weight = scored.total_weight
        scored = float(scored.weights @ model.score_samples(scored)) / weight if weight else 0.0
    mean = np.array([scored])
    return MixtureFit(Fit(model, mean, mean, True, 1), np.zeros(0), np.zeros(0), make_flat_prior(model.n_features))


def make_empty_fit(d: int, covariance_type: str) -> MixtureFit:
    """Make the fit to no cells.

    Parameters
    ----------
    d : int
        Number of features.
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    MixtureFit
        Its mixture has no components.
    """
    model = MixtureModel(np.zeros(0), np.zeros((0, d)), np.zeros((0, d, d)), covariance_type)
    return MixtureFit(Fit(model, np.zeros(0), np.zeros(0), True, 0), np.zeros(0), np.zeros(0), make_flat_prior(d))
