"""Fit a mixture to cells of which some lack features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from segment.mixture.cells import Cells
from segment.mixture.em import run_em
from segment.mixture.gaussian_steps import compute_standard_coordinates
from segment.mixture.missing import coarsen_patterns, complete_cells
from segment.mixture.mixture_fit import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.prior import make_flat_prior

__all__ = ["fit_incomplete"]

_COMPLETED_ITERATIONS = 5  # on completed cells, before a start is continued on the incomplete ones
_MIN_COARSE_CELLS = 64  # that coarsening has to leave of incomplete cells


def fit_incomplete(
    cells: Cells,
    n_components: int,
    fit_complete: Callable[..., MixtureFit],
    *,
    init: str | ArrayLike | MixtureModel,
    n_init: int,
    tol: float,
    max_iter: int,
    accelerate: bool,
    seed: int,
) -> MixtureFit:
    """Fit a mixture to cells of which some lack features.

    The starts, and the target of the covariances, come from cells completed by one Gaussian; all iterations that are
    compared and the finish are those of the incomplete cells.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value.
    n_components : int
    fit_complete : callable
        :func:`segment.mixture.fitting.fit_mixture` with `accelerate` and the settings that are not given here.
    init, n_init, tol, max_iter, accelerate, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.

    Returns
    -------
    MixtureFit
    """
    # Coarse cells only where they at least halve the work and leave enough for the components.
    coarse = coarsen_patterns(cells)
    if len(coarse) < max(n_components, _MIN_COARSE_CELLS) or len(coarse) > len(cells) / 2:
        coarse = cells

    # One Gaussian, fitted to the incomplete cells, completes them.
    d = cells.n_features
    center, scale = compute_standard_coordinates(coarse, "full")
    gaussian = MixtureModel(np.ones(1), center[None], np.diag(scale**2)[None])
    gaussian = run_em(coarse, gaussian, make_flat_prior(d), tol=1e-4, accelerate=accelerate).model
    filled = complete_cells(coarse, gaussian.means[0], gaussian.covariances[0])

    # The prior, and the mixtures to start from, are those of fits to the completed cells.
    rough = fit_complete(filled, n_components, init=init, n_init=n_init, max_iter=1, seed=seed)
    if isinstance(init, MixtureModel):
        starts = [init]
    else:
        seeds = range(seed, seed + (n_init if isinstance(init, str) else 1))
        starts = [
            fit_complete(filled, n_components, init=init, n_init=1, max_iter=_COMPLETED_ITERATIONS, seed=each).model
            for each in seeds
        ]
    # The incomplete cells decide between the starts.
    fits = [run_em(coarse, start, rough.prior, tol=tol, max_iter=max_iter, accelerate=accelerate) for start in starts]
    reached = np.array([fit.objectives[-1] for fit in fits])
    best = fits[int(reached.argmax())].model
    finish = run_em(cells, best, rough.prior, tol=tol, max_iter=max_iter, accelerate=accelerate)
    return MixtureFit(finish, reached, reached, rough.prior, rough.shrinkage)
