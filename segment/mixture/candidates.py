"""Candidate mixtures for the choice of the number of components and of the shrinkage, derived from one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.mixture.cells import Cells
from segment.mixture.coarsening import coarsen_adaptively
from segment.mixture.component_moves import compute_merge_costs
from segment.mixture.em import EMOptions, run_em, run_em_side_by_side
from segment.mixture.fitting import fit_mixture
from segment.mixture.gaussian_steps import compute_standard_coordinates, maximize_posterior, prepare_e_step
from segment.mixture.initialization import build_clusters, draw_first_clusters, standardize_metric
from segment.mixture.levels import Levels
from segment.mixture.missing import has_missing
from segment.mixture.model import MixtureModel
from segment.mixture.multistart import MANY_COMPONENTS, Runs, run_short_em, run_successive_halving, select_best_distinct
from segment.mixture.prior import Prior

__all__ = [
    "coarsen_to_few",
    "fit_nested_mixtures",
    "fit_shrunk_mixtures",
    "merge_closest_components",
]


Floats = NDArray[np.float64]

# Cells that are used as they are.
_MAX_CELLS = 2048
# Along the widest of 1, 2 and 3 or more features, for more cells than that.
_BINS = (256, 48, 16)
# That a coarse grid has to leave.
_MIN_COARSE_CELLS = 64

# Nested mixtures: starts of each, iterations of their short runs, and tolerance.
_NESTED_N_INIT, _NESTED_ITERATIONS, _NESTED_TOL = 4, 10, 1e-3
# Pull towards the pooled covariance while k is chosen, in mean component weights: as good as maximum likelihood, for
# which the criteria are made, but no component collapses on a single value (Fraley & Raftery 2007, J. Classif. 24).
_NESTED_SHRINKAGE = 0.02

# Mixtures of several shrinkages: starts, iterations of their short runs, finalists, and how far these go.
_SHRUNK_N_INIT, _SHRUNK_ITERATIONS, _N_FINALISTS = 8, 15, 3
_SHRUNK_OPTIONS = EMOptions(tol=1e-4, tol_step=np.inf, max_iter=200, accelerate=True)
_SHRUNK_ITERATIONS_OF_MANY = 30  # in rounds, and one finalist


def coarsen_to_few(cells: Cells, n_components: int) -> Cells:
    """Coarsen the cells until dozens of mixtures can be fitted to them in the time of one.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    n_components : int
        Largest number of components to fit. At least twice as many cells are left, where there are as many.

    Returns
    -------
    Cells
        `cells` itself where these are few.
    """
    if len(cells) <= _MAX_CELLS:
        return cells
    n_bins = _BINS[min(cells.n_features, len(_BINS)) - 1]
    min_cells = min(len(cells), max(_MIN_COARSE_CELLS, 2 * n_components))
    coarse = coarsen_adaptively(cells, n_bins, min_cells)
    # Where few cells have most of the weight, the others can share too few bins. Groups as light as the lightest cell
    # hold one value each. More do not help where many cells have equal values, as colors of many bands, which are not
    # counted.
    max_groups = cells.total_weight / cells.weights.min()
    while len(coarse) < min_cells and n_bins**2 < max_groups:
        n_bins *= 2
        coarse = coarsen_adaptively(cells, n_bins, min_cells)
    return coarse


def fit_nested_mixtures(
    cells: Cells, numbers: list[int], *, covariance_type: str = "full", metric: Floats | None = None
) -> list[MixtureModel]:
    """Fit a mixture of each number of components, from the largest number to the smallest.

    Each but the largest starts from the next larger one with two components merged, or from new clusters, whichever is
    better after a few iterations.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    numbers : list of int
        Numbers of components in ascending order.
    covariance_type, metric
        As in :func:`segment.mixture.fitting.fit_mixture`.

    Returns
    -------
    list of MixtureModel
        In the order of `numbers`.
    """
    largest = fit_mixture(
        cells,
        numbers[-1],
        shrinkage=_NESTED_SHRINKAGE,
        metric=metric,
        n_init=_NESTED_N_INIT,
        tol=_NESTED_TOL,
        tol_step=np.inf,
        covariance_type=covariance_type,
    )
    metric = standardize_metric(cells) if metric is None else metric
    rng = np.random.default_rng(0)
    models = [largest.model]
    for number in reversed(numbers[:-1]):
        start = models[-1]
        while start.n_components > number:
            start = merge_closest_components(cells, start, largest.prior)
        if not has_missing(cells):
            drawn = draw_first_clusters(cells, number, "mixed", _NESTED_N_INIT, metric, rng)
            # Runs side by side: the merged mixture first, then those of new clusters.
            fresh = build_clusters(cells, drawn, number, start.covariance_type, largest.prior)
            starts = Runs.from_models([start, *fresh])
            runs, objectives = run_short_em(cells, starts, largest.prior, n_iter=_NESTED_ITERATIONS)
            start = runs[int(objectives.argmax())]
        models.append(run_em(cells, start, largest.prior, tol=_NESTED_TOL).model)
    return models[::-1]


def merge_closest_components(cells: Cells, model: MixtureModel, prior: Prior) -> MixtureModel:
    """Merge the two components that cost least to merge, in one EM step.

    Parameters
    ----------
    cells : Cells
    model : MixtureModel
        At least 2 components.
    prior : Prior

    Returns
    -------
    MixtureModel
        Of one component less: the M-step once the two share their responsibilities.
    """
    shift, scale = compute_standard_coordinates(cells, model.covariance_type)
    standard = model.rescale(shift, scale)
    costs = compute_merge_costs(standard)
    keep, gone = (int(index) for index in np.unravel_index(costs.argmin(), costs.shape))
    # Sums of responsibility times moments are additive: those of the merged component are the sums of both.
    statistics = np.array(prepare_e_step(cells, shift, scale)(standard)[0])
    statistics[keep] += statistics[gone]
    rest = np.delete(np.arange(model.n_components), gone)
    merged = maximize_posterior(statistics[rest], standard.reorder(rest), prior.rescale(shift, scale))
    return merged.rescale(-shift / scale, 1 / scale)


def fit_shrunk_mixtures(
    levels: Levels, strengths: Sequence[float], *, covariance_type: str, init: str | ArrayLike
) -> list[MixtureModel]:
    """Fit a mixture for each of several strengths of the shrinkage, all from the same starts.

    Of many components, only the first is fitted from the starts, and the others from it.

    Parameters
    ----------
    levels : Levels
        Of n complete cells in d dimensions.
    strengths : sequence of float, > 0
        In mean component weights.
    covariance_type, init
        As for :func:`segment.mixture.fitting.fit_mixture`. Random starts have a fixed seed.

    Returns
    -------
    list of MixtureModel
        One for each strength.
    """
    # The same clusters for all strengths, so that differences are those of the shrinkage, and for all seeds of the
    # final fit: which optimum few starts find would decide between the strengths by chance.
    k, coarsest, is_many = levels.k, levels.coarsest, levels.k >= MANY_COMPONENTS
    drawn = draw_first_clusters(coarsest, k, init, _SHRUNK_N_INIT, levels.metric, np.random.default_rng(0))
    models: list[MixtureModel] = []
    for strength in strengths:
        weight = strength * coarsest.total_weight / k
        prior = Prior(levels.compute_target(strength), weight, np.zeros(coarsest.n_features))
        if models and is_many:
            models.append(run_em(levels.coarse, models[0], prior, **vars(_SHRUNK_OPTIONS)).model)
            continue
        starts = build_clusters(coarsest, drawn, k, covariance_type, prior)
        if is_many:
            runs, objectives, _ = run_successive_halving(coarsest, starts, prior, n_iter=_SHRUNK_ITERATIONS_OF_MANY)
        else:
            runs, objectives = run_short_em(coarsest, starts, prior, n_iter=_SHRUNK_ITERATIONS)
        best = select_best_distinct(objectives, 1 if is_many else _N_FINALISTS)
        finals = run_em_side_by_side(levels.coarse, [runs[run] for run in best], prior, _SHRUNK_OPTIONS)
        models.append(max(finals, key=lambda fit: fit.objectives[-1]).model)
    return models
