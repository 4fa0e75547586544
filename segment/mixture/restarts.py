"""Many short runs side by side: what each start is worth is known long before it has converged.

EM from one start finds one of many optima. A few iterations on very coarse cells tell promising starts from poor ones,
and only the promising ones are continued (Biernacki, Celeux & Govaert 2003, Computational Statistics & Data Analysis
41, 561-575). All runs advance together, as one large mixture whose responsibilities sum to 1 within each run.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import expectation, maximization, standard_coordinates
from segment.mixture.model import MixtureModel, blocks, moments
from segment.mixture.prior import Prior
from segment.mixture.robust import expectation as robust_expectation
from segment.mixture.robust import maximization as robust_maximization

__all__ = ["promising", "short_runs"]

Floats = NDArray[np.float64]

_SAME = 1e-3  # log posterior per unit weight


def short_runs(
    cells: Cells, starts: list[MixtureModel], prior: Prior, *, n_iter: int, fixed_degrees: bool = False
) -> tuple[list[MixtureModel], Floats]:
    """Plain EM from every start for a few iterations.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    starts : list of MixtureModel
        At least one; all of one covariance type and k components, and alike in whether they have noise and tails.
    prior : Prior
    n_iter : int, >= 0
    fixed_degrees : bool
        Leave the degrees of freedom of Student's tails as they are.

    Returns
    -------
    models : list of MixtureModel
        Where each run came to.
    objectives : ndarray, (len(starts),), float64
        Log posterior per unit weight of each of them.
    """
    shift, scale = standard_coordinates(cells, starts[0].covariance_type)
    prepared = [(cells.weights[rows], moments(cells[rows].rescaled(shift, scale))) for rows in blocks(len(cells))]
    believed = prior.rescaled(shift, scale)
    n_runs = len(starts)
    stacked = _stacked([start.rescaled(shift, scale) for start in starts])
    shares = np.array([start.noise_share for start in starts])
    if stacked.noise_density > 0 or stacked.degrees_of_freedom.size:
        for _ in range(n_iter):
            sums, _likelihoods = robust_expectation(prepared, stacked, shares)
            stacked = robust_maximization(sums, stacked, believed, fixed_degrees=fixed_degrees)
            shares = sums.noise_shares
        reached = robust_expectation(prepared, stacked, shares)[1]
    else:
        for _ in range(n_iter):
            statistics, _likelihoods = expectation(prepared, stacked, n_runs)
            stacked = maximization(statistics, stacked, believed, n_runs)
        reached = expectation(prepared, stacked, n_runs)[1]
    models = _parted(stacked, shares)
    log_likelihoods = reached - cells.total_weight * np.log(scale).sum()
    beliefs = [believed.log_density(model) for model in models]
    return (
        [model.rescaled(-shift / scale, 1 / scale) for model in models],
        np.asarray((log_likelihoods + beliefs) / cells.total_weight),
    )


def promising(objectives: Floats, n_runs: int) -> list[int]:
    """The numbers of the best runs, at most n_runs of them, best first.

    Of runs whose objectives agree within 0.001, which have most likely found the same optimum, only the best counts.
    """
    chosen: list[int] = []
    for run in np.argsort(-objectives, kind="stable").tolist():
        if len(chosen) < n_runs and (not chosen or objectives[chosen[-1]] - objectives[run] > _SAME):
            chosen.append(run)
    return chosen


def _stacked(models: list[MixtureModel]) -> MixtureModel:
    """The components of all mixtures in one; the weights sum to 1 for each of them."""
    return replace(
        models[0],
        weights=np.concatenate([model.weights for model in models]),
        means=np.concatenate([model.means for model in models]),
        covariances=np.concatenate([model.covariances for model in models]),
        degrees_of_freedom=np.concatenate([model.degrees_of_freedom for model in models]),
    )


def _parted(stacked: MixtureModel, noise_shares: Floats) -> list[MixtureModel]:
    """The mixtures that stand side by side, each with its share of noise."""
    k = stacked.n_components // len(noise_shares)
    return [
        replace(stacked.reordered(np.arange(run * k, (run + 1) * k)), noise_share=float(share))
        for run, share in enumerate(noise_shares)
    ]
