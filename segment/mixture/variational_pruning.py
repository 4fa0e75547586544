"""How many components a mixture needs, found by letting the surplus ones die out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.variational import MixturePosterior, VariationalFit, fit_variational_posterior, make_default_prior

__all__ = ["compute_evidence_bound", "fit_variational_mixture", "prune_components"]

Floats = NDArray[np.float64]

_SHRINKAGE = 0.02  # keeps the components of the start from collapsing on single values


def fit_variational_mixture(
    cells: Cells,
    n_components: int,
    *,
    prior: MixturePosterior | None = None,
    n_init: int = 1,
    tol: float = 1e-6,
    max_iter: int = 500,
    metric: Floats | None = None,
    seed: int = 0,
) -> VariationalFit:
    """Fit a mixture of at most so many components: of the fits that :func:`prune_components` makes, that of most evidence.

    They begin with the best of some short EM runs.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing. Their total weight is the number of independent observations: for pixels
        give :meth:`segment.mixture.cells.Cells.weighing` the number that they are worth, or nothing dies out.
    n_components : int
        From 1 to n.
    prior : MixturePosterior, optional
        :func:`segment.mixture.variational.make_default_prior` by default.
    n_init, metric, seed
        Of the start, as for :func:`segment.mixture.fitting.fit_mixture`.
    tol, max_iter
        As for :func:`segment.mixture.variational.fit_variational_posterior`.
    """
    start = fit_mixture(
        cells, n_components, n_init=n_init, shrinkage=_SHRINKAGE, tol=1e-3, max_iter=100, metric=metric, seed=seed
    ).model
    fits = prune_components(cells, start, prior or make_default_prior(cells, n_components), tol=tol, max_iter=max_iter)
    return max(fits, key=compute_evidence_bound)


def compute_evidence_bound(fit: VariationalFit) -> float:
    """The lower bound of the log probability of the data under mixtures with as many components alive, in nats.

    A mixture of g of K components stands for K! / (K - g)! equal ones, numbered otherwise (Bishop 2006, 10.2.4).
    """
    k, g = len(fit.counts), len(fit.active_components)
    return float(fit.bounds[-1] + np.log(np.arange(k - g + 1, k + 1)).sum())


def prune_components(
    cells: Cells,
    start: MixtureModel,
    prior: MixturePosterior,
    *,
    least: int = 1,
    tol: float = 1e-4,
    max_iter: int = 200,
) -> list[VariationalFit]:
    """Fits with fewer and fewer components: after each the weakest is emptied for good, and the rest adapt.

    All are optima of one model, with as many components as the prior has, so their bounds can be compared.

    Parameters
    ----------
    cells, start, prior, tol, max_iter
        As for :func:`segment.mixture.variational.fit_variational_posterior`.
    least : int, >= 1
        Number of components at which to stop.

    Returns
    -------
    list of VariationalFit
        In descending number of components alive; at least one.
    """
    fits = [fit_variational_posterior(cells, start, prior, tol=tol, max_iter=max_iter)]
    while len(fits[-1].active_components) > least:
        last = fits[-1]
        strongest = last.active_components[np.argsort(-last.counts[last.active_components], kind="stable")]
        used = np.isin(np.arange(len(last.counts)), strongest[:-1])
        fits.append(
            fit_variational_posterior(cells, last.posterior.expected, prior, used=used, tol=tol, max_iter=max_iter)
        )
    return fits
