"""Find the number of components of a mixture by variational Bayes and removal of the weakest components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.variational import (
    ParameterDistribution,
    VariationalFit,
    fit_variational_posterior,
    make_default_prior,
)

__all__ = ["compute_evidence_bound", "fit_variational_mixture", "prune_components"]

Floats = NDArray[np.float64]

# Keeps the components of the first mixture from collapsing on single values.
START_SHRINKAGE = 0.02


def fit_variational_mixture(
    cells: Cells,
    n_components: int,
    *,
    n_init: int = 1,
    tol: float = 1e-6,
    max_iter: int = 500,
    seed: int = 0,
) -> VariationalFit:
    """Fit a mixture of at most `n_components` components by variational Bayes.

    The first mixture comes from short EM runs. Of the fits of :func:`prune_components` the one with the highest
    evidence bound is returned.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing. Their total weight is the number of independent observations. Pixels
        depend on each other: scale their weights with :meth:`segment.mixture.cells.Cells.scale_weights`, or hardly
        any component becomes empty.
    n_components : int
        Maximum number of components, from 1 to n.
    n_init, seed
        For the first mixture, as in :func:`segment.mixture.fitting.fit_mixture`.
    tol, max_iter
        As in :func:`segment.mixture.variational.fit_variational_posterior`.

    Returns
    -------
    VariationalFit
        Its `active_components` are those that the data need.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> X = np.concatenate([np.linspace(0, 1, 20), np.linspace(9, 10, 20)])[:, None]
    >>> len(fit_variational_mixture(make_point_cells(X), 4).active_components)
    2
    """
    # A rough maximum likelihood fit is enough to start from.
    start = fit_mixture(
        cells, n_components, n_init=n_init, shrinkage=START_SHRINKAGE, tol=1e-3, max_iter=100, seed=seed
    ).model
    fits = prune_components(cells, start, make_default_prior(cells, n_components), tol=tol, max_iter=max_iter)
    return max(fits, key=compute_evidence_bound)


def compute_evidence_bound(fit: VariationalFit) -> float:
    """Compute the lower bound of the log evidence of a fit, for any numbering of its components.

    Parameters
    ----------
    fit : VariationalFit
        Of K components, g of them active.

    Returns
    -------
    float
        In nats; comparable between fits with the same cells and prior.

    Notes
    -----
    There are K! / (K - g)! ways to number the active components, which all have the same posterior. The bound of one of
    them grows by the log of that number (Bishop 2006, 10.2.4).
    """
    # K! / (K - g)! = (K - g + 1) ... K, as a sum of logs.
    k, g = len(fit.counts), len(fit.active_components)
    return float(fit.bounds[-1] + np.log(np.arange(k - g + 1, k + 1)).sum())


def prune_components(
    cells: Cells,
    start: MixtureModel,
    prior: ParameterDistribution,
    *,
    min_components: int = 1,
    tol: float = 1e-4,
    max_iter: int = 200,
) -> list[VariationalFit]:
    """Fit with fewer and fewer components: after each fit the weakest component is excluded.

    All fits are optima of one model, with as many components as the prior has, so their bounds can be compared.

    Parameters
    ----------
    cells, start, prior, tol, max_iter
        As in :func:`segment.mixture.variational.fit_variational_posterior`.
    min_components : int, >= 1
        Number of active components at which to stop.

    Returns
    -------
    list of VariationalFit
        At least one, in descending number of active components.
    """
    fits = [fit_variational_posterior(cells, start, prior, tol=tol, max_iter=max_iter)]
    while len(fits[-1].active_components) > min_components:
        last = fits[-1]
        strongest = last.active_components[np.argsort(-last.counts[last.active_components], kind="stable")]
        # All but the weakest active component go on; those that became empty before stay excluded.
        used = np.isin(np.arange(len(last.counts)), strongest[:-1])
        fits.append(
            fit_variational_posterior(cells, last.posterior.expected, prior, used=used, tol=tol, max_iter=max_iter)
        )
    return fits
