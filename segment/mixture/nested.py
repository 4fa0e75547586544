"""Mixtures of one number of components after another, to choose among: quick ones, on few cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, coarsen
from segment.mixture.em import expectation_maximization
from segment.mixture.fitting import fit_mixture
from segment.mixture.missing import has_missing
from segment.mixture.model import MixtureModel
from segment.mixture.reduction import reduced
from segment.mixture.restarts import Runs, short_runs
from segment.mixture.starts import clusters, first_clusters, standardising

__all__ = ["few_cells", "nested_mixtures"]

Floats = NDArray[np.float64]

_FEW = 2048  # cells that are used as they are
_BINS = (256, 48, 16)  # along the widest of 1, 2 and 3 or more features, for more cells than that
_LEAST = 64  # cells that a coarse grid must leave
# Pull towards the pooled covariance while k is chosen, in mean component weights: as good as maximum likelihood, for
# which the criteria are made, but no component collapses on a single value (Fraley & Raftery 2007, J. Classif. 24).
_SHRINKAGE = 0.02
_N_INIT, _SHORT, _TOL = 4, 10, 1e-3  # starts of each mixture, iterations that tell them apart, and when to stop


def few_cells(cells: Cells, n_components: int) -> Cells:
    """Few enough cells to fit dozens of mixtures to in the time of one."""
    if len(cells) <= _FEW:
        return cells
    n_bins = _BINS[min(cells.n_features, len(_BINS)) - 1]
    coarse = coarsen(cells, n_bins)
    while len(coarse) < min(len(cells), max(_LEAST, 2 * n_components)):
        n_bins *= 2
        coarse = coarsen(cells, n_bins)
    return coarse


def nested_mixtures(cells: Cells, numbers: list[int], metric: Floats | None, **settings: Any) -> list[MixtureModel]:
    """Mixtures of so many components each, in ascending order.

    Each but the last begins with two components of the next joined, or with fresh clusters, whichever is better after a
    few iterations.
    """
    quick: dict[str, Any] = {"n_init": _N_INIT, "tol": _TOL, "tol_step": np.inf}
    rich = fit_mixture(cells, numbers[-1], shrinkage=_SHRINKAGE, metric=metric, **quick, **settings)
    ruler = standardising(cells) if metric is None else metric
    rng = np.random.default_rng(settings["seed"])
    models = [rich.model]
    for number in reversed(numbers[:-1]):
        start = models[-1]
        while start.n_components > number:
            start = reduced(cells, start, rich.prior)
        if not has_missing(cells):
            drawn = first_clusters(cells, number, "mixed", _N_INIT, ruler, rng)
            fresh = clusters(cells, drawn, number, start.covariance_type, rich.prior)
            runs, reached = short_runs(cells, Runs.of([start, *fresh]), rich.prior, n_iter=_SHORT)
            start = runs[int(reached.argmax())]
        models.append(expectation_maximization(cells, start, rich.prior, tol=_TOL).model)
    return models[::-1]
