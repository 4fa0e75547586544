"""How many components a mixture needs, found by letting the surplus ones die out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.variational import Belief, VariationalFit, default_belief, variational_bayes

__all__ = ["fit_variational", "log_evidence", "prune"]

Floats = NDArray[np.float64]

_SHRINKAGE = 0.02  # keeps the components of the start from collapsing on single values


def fit_variational(
    cells: Cells,
    n_components: int,
    *,
    prior: Belief | None = None,
    n_init: int = 1,
    tol: float = 1e-6,
    max_iter: int = 500,
    metric: Floats | None = None,
    seed: int = 0,
) -> VariationalFit:
    """Fit a mixture of at most so many components: of the fits that :func:`prune` makes, that of most evidence.

    They begin with the best of some short EM runs.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing. Their total weight is the number of independent observations: for pixels
        give :meth:`segment.mixture.cells.Cells.weighing` the number that they are worth, or nothing dies out.
    n_components : int
        From 1 to n.
    prior : Belief, optional
        :func:`segment.mixture.variational.default_belief` by default.
    n_init, metric, seed
        Of the start, as for :func:`segment.mixture.fitting.fit_mixture`.
    tol, max_iter
        As for :func:`segment.mixture.variational.variational_bayes`.
    """
    start = fit_mixture(
        cells, n_components, n_init=n_init, shrinkage=_SHRINKAGE, tol=1e-3, max_iter=100, metric=metric, seed=seed
    ).model
    fits = prune(cells, start, prior or default_belief(cells, n_components), tol=tol, max_iter=max_iter)
    return max(fits, key=log_evidence)


def log_evidence(fit: VariationalFit) -> float:
    """The lower bound of the log probability of the data under mixtures with as many components alive, in nats.

    A mixture of g of K components stands for K! / (K - g)! equal ones, numbered otherwise (Bishop 2006, 10.2.4).
    """
    k, g = len(fit.counts), len(fit.alive)
    return float(fit.bounds[-1] + np.log(np.arange(k - g + 1, k + 1)).sum())


def prune(
    cells: Cells, start: MixtureModel, prior: Belief, *, least: int = 1, tol: float = 1e-4, max_iter: int = 200
) -> list[VariationalFit]:
    """Fits with fewer and fewer components: after each the weakest is emptied for good, and the rest adapt.

    All are optima of one model, with as many components as the prior has, so their bounds can be compared.

    Parameters
    ----------
    cells, start, prior, tol, max_iter
        As for :func:`segment.mixture.variational.variational_bayes`.
    least : int, >= 1
        Number of components at which to stop.

    Returns
    -------
    list of VariationalFit
        In descending number of components alive; at least one.
    """
    fits = [variational_bayes(cells, start, prior, tol=tol, max_iter=max_iter)]
    while len(fits[-1].alive) > least:
        last = fits[-1]
        strongest = last.alive[np.argsort(-last.counts[last.alive], kind="stable")]
        used = np.isin(np.arange(len(last.counts)), strongest[:-1])
        fits.append(variational_bayes(cells, last.belief.expected, prior, used=used, tol=tol, max_iter=max_iter))
    return fits
