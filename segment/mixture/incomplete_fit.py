"""Fit a mixture to cells of which some lack features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from segment.mixture.cells import Cells
from segment.mixture.em import EMOptions, run_em
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
    options: EMOptions,
    *,
    init: str | ArrayLike | MixtureModel,
    n_init: int,
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
    options : EMOptions
        Its `tol_step` has no effect.
    init, n_init, seed
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
    gaussian = run_em(coarse, gaussian, make_flat_prior(d), tol=1e-4, accelerate=options.accelerate).model
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
    run = partial(run_em, prior=rough.prior, tol=options.tol, max_iter=options.max_iter, accelerate=options.accelerate)
    fits = [run(coarse, start) for start in starts]
    reached = np.array([fit.objectives[-1] for fit in fits])
    best = fits[int(reached.argmax())].model
    finish = run(cells, best)
    return MixtureFit(finish, reached, reached, rough.prior, rough.shrinkage)
