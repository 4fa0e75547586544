"""Candidate mixtures that are derived from one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.mixture.cells import Cells, coarsen
from segment.mixture.em import prepare_e_step, run_em, maximize_posterior, compute_standard_coordinates
from segment.mixture.fitting import fit_mixture
from segment.mixture.initialization import Levels, build_clusters, draw_first_clusters, standardize_metric
from segment.mixture.missing import has_missing
from segment.mixture.model import MixtureModel
from segment.mixture.multistart import Runs, select_best_distinct, run_short_em
from segment.mixture.prior import Prior

__all__ = [
    "coarsen_to_few",
    "compute_merge_costs",
    "fit_nested_mixtures",
    "fit_shrunk_mixtures",
    "merge_closest_components",
]


Floats = NDArray[np.float64]
_FEW = 2048  # cells that are used as they are
_BINS = (256, 48, 16)  # along the widest of 1, 2 and 3 or more features, for more cells than that
_LEAST = 64  # cells that a coarse grid must leave
# Pull towards the pooled covariance while k is chosen, in mean component weights: as good as maximum likelihood, for
# which the criteria are made, but no component collapses on a single value (Fraley & Raftery 2007, J. Classif. 24).
_SHRINKAGE = 0.02
_N_INIT, _SHORT, _TOL = 4, 10, 1e-3  # starts of each mixture, iterations that tell them apart, and when to stop
_SHRUNK_N_INIT, _SHRUNK_SHORT, _N_FINALISTS, _SHRUNK_TOL = 8, 15, 3, 1e-4  # the same where shrinkages are compared


def coarsen_to_few(cells: Cells, n_components: int) -> Cells:
    """Few enough cells to fit dozens of mixtures to in the time of one."""
    if len(cells) <= _FEW:
        return cells
    n_bins = _BINS[min(cells.n_features, len(_BINS)) - 1]
    coarse = coarsen(cells, n_bins)
    while len(coarse) < min(len(cells), max(_LEAST, 2 * n_components)):
        n_bins *= 2
        coarse = coarsen(cells, n_bins)
    return coarse


def fit_nested_mixtures(cells: Cells, numbers: list[int], metric: Floats | None, **settings: Any) -> list[MixtureModel]:
    """Mixtures of so many components each, in ascending order.

    Each but the last begins with two components of the next joined, or with fresh clusters, whichever is better after a
    few iterations.
    """
    quick: dict[str, Any] = {"n_init": _N_INIT, "tol": _TOL, "tol_step": np.inf}
    rich = fit_mixture(cells, numbers[-1], shrinkage=_SHRINKAGE, metric=metric, **quick, **settings)
    ruler = standardize_metric(cells) if metric is None else metric
    rng = np.random.default_rng(settings["seed"])
    models = [rich.model]
    for number in reversed(numbers[:-1]):
        start = models[-1]
        while start.n_components > number:
            start = merge_closest_components(cells, start, rich.prior)
        if not has_missing(cells):
            drawn = draw_first_clusters(cells, number, "mixed", _N_INIT, ruler, rng)
            fresh = build_clusters(cells, drawn, number, start.covariance_type, rich.prior)
            runs, reached = run_short_em(cells, Runs.from_models([start, *fresh]), rich.prior, n_iter=_SHORT)
            start = runs[int(reached.argmax())]
        models.append(run_em(cells, start, rich.prior, tol=_TOL).model)
    return models[::-1]


def merge_closest_components(cells: Cells, model: MixtureModel, prior: Prior) -> MixtureModel:
    """The mixture of the M-step once the two components that cost least to join share their responsibilities.

    Parameters
    ----------
    cells : Cells
    model : MixtureModel
        At least 2 components.
    prior : Prior
    """
    shift, scale = compute_standard_coordinates(cells, model.covariance_type)
    standard = model.rescale(shift, scale)
    costs = compute_merge_costs(standard)
    keep, gone = (int(index) for index in np.unravel_index(costs.argmin(), costs.shape))
    statistics = np.array(prepare_e_step(cells, shift, scale)(standard)[0])
    statistics[keep] += statistics[gone]
    rest = np.delete(np.arange(model.n_components), gone)
    joined = maximize_posterior(statistics[rest], standard.reorder(rest), prior.rescale(shift, scale))
    return joined.rescale(-shift / scale, 1 / scale)


def compute_merge_costs(model: MixtureModel) -> Floats:
    """An upper bound of what joining each pair of components, moments kept, loses in Kullback-Leibler divergence.

    Half of ``(w_i + w_j) log det C_ij - w_i log det C_i - w_j log det C_j``, C_ij being the covariance of the two
    together (Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989-999).

    Returns
    -------
    ndarray of shape (k, k), float64
        Infinite on and below the diagonal.
    """
    w = model.weights
    both = w[:, None] + w
    share = np.where(both > 0, w[:, None] / np.where(both > 0, both, 1.0), 0.5)[..., None, None]
    apart = model.means[:, None] - model.means
    within = share * model.covariances[:, None] + (1 - share) * model.covariances
    together = within + share * (1 - share) * apart[..., :, None] * apart[..., None, :]
    terms = w * np.linalg.slogdet(model.covariances)[1]
    costs = (both * np.linalg.slogdet(together)[1] - terms[:, None] - terms) / 2
    costs[np.tril_indices(len(w))] = np.inf
    return np.asarray(costs)


def fit_shrunk_mixtures(
    levels: Levels, strengths: Sequence[float], *, covariance_type: str, init: str | ArrayLike, seed: int
) -> list[MixtureModel]:
    """What a mixture would be with several strengths of the shrinkage, all from the same starts.

    Parameters
    ----------
    levels : Levels
        Of n complete cells in d dimensions.
    strengths : sequence of float, > 0
        In mean component weights.
    covariance_type, init, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.
    """
    k, coarsest = levels.k, levels.coarsest
    drawn = draw_first_clusters(coarsest, k, init, _SHRUNK_N_INIT, levels.metric, np.random.default_rng(seed))
    found = []
    for strength in strengths:
        prior = Prior(levels.compute_target(strength), strength * coarsest.total_weight / k, np.zeros(coarsest.n_features))
        runs, worth = run_short_em(
            coarsest, build_clusters(coarsest, drawn, k, covariance_type, prior), prior, n_iter=_SHRUNK_SHORT
        )
        best = select_best_distinct(worth, _N_FINALISTS)
        finals = [run_em(levels.coarse, runs[run], prior, tol=_SHRUNK_TOL) for run in best]
        found.append(max(finals, key=lambda fit: fit.objectives[-1]).model)
    return found
