"""Many short runs side by side: what each start is worth is known long before it has converged.

EM from one start finds one of many optima. A few iterations on very coarse cells tell promising starts from poor ones,
and only the promising ones are continued (Biernacki, Celeux & Govaert 2003, Computational Statistics & Data Analysis
41, 561-575). All runs advance together, as one large mixture whose responsibilities sum to 1 within each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import compute_expectation, maximize_posterior, compute_standard_coordinates
from segment.mixture.model import MixtureModel, split_into_blocks, compute_moments
from segment.mixture.prior import Prior
from segment.mixture.robust import compute_expectation as robust_expectation
from segment.mixture.robust import maximize_posterior as robust_maximization

__all__ = ["Runs", "promising", "race", "run_short_em"]

Floats = NDArray[np.float64]

_SAME = 1e-3  # log posterior per unit weight
_EARLY = 3  # the worse half of the runs ends after the iterations divided by this


@dataclass(frozen=True)
class Runs:
    """Mixtures of one kind and size side by side.

    Attributes
    ----------
    stacked : MixtureModel
        The components of all in one; the weights sum to 1 for each of them.
    noise_shares : ndarray of shape (n_runs,), float64
        The share of noise in each.
    """

    stacked: MixtureModel
    noise_shares: Floats

    @classmethod
    def of(cls, models: Sequence[MixtureModel]) -> Runs:
        """At least one, all of one covariance type and k components, alike in whether they have noise and tails."""
        stacked = replace(
            models[0],
            weights=np.concatenate([model.weights for model in models]),
            means=np.concatenate([model.means for model in models]),
            covariances=np.concatenate([model.covariances for model in models]),
            degrees_of_freedom=np.concatenate([model.degrees_of_freedom for model in models]),
        )
        return cls(stacked, np.array([model.noise_share for model in models]))

    @property
    def n_components(self) -> int:
        return self.stacked.n_components // len(self)

    def __len__(self) -> int:
        return len(self.noise_shares)

    def __getitem__(self, run: int) -> MixtureModel:
        k = self.n_components
        own = self.stacked.reorder(np.arange(run * k, (run + 1) * k))
        return replace(own, noise_share=float(self.noise_shares[run]))

    def __iter__(self) -> Iterator[MixtureModel]:
        return (self[run] for run in range(len(self)))

    def chosen(self, runs: NDArray[np.integer]) -> Runs:
        """Some of the runs, by their numbers."""
        k = self.n_components
        return Runs(self.stacked.reorder((k * runs[:, None] + np.arange(k)).reshape(-1)), self.noise_shares[runs])

    def rescale(self, shift: Floats, scale: Floats) -> Runs:
        """The same mixtures in the coordinates ``(x - shift) / scale``, both of shape (d,)."""
        return replace(self, stacked=self.stacked.rescale(shift, scale))


def run_short_em(
    cells: Cells, starts: Runs, prior: Prior, *, n_iter: int, fixed_degrees: bool = False
) -> tuple[Runs, Floats]:
    """Plain EM from every start for a few iterations.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    starts : Runs
    prior : Prior
    n_iter : int, >= 0
    fixed_degrees : bool
        Leave the degrees of freedom of Student's tails as they are.

    Returns
    -------
    runs : Runs
        Where each came to.
    objectives : ndarray, (len(starts),), float64
        Log posterior per unit weight of each of them.
    """
    shift, scale = compute_standard_coordinates(cells, starts.stacked.covariance_type)
    prepared = [(cells.weights[rows], compute_moments(cells[rows].rescale(shift, scale))) for rows in split_into_blocks(len(cells))]
    believed = prior.rescale(shift, scale)
    n_runs = len(starts)
    stacked, shares = starts.stacked.rescale(shift, scale), starts.noise_shares
    if stacked.noise_density > 0 or stacked.degrees_of_freedom.size:
        for _ in range(n_iter):
            sums, _likelihoods = robust_expectation(prepared, stacked, shares)
            stacked = robust_maximization(sums, stacked, believed, fixed_degrees=fixed_degrees)
            shares = sums.noise_shares
        reached = robust_expectation(prepared, stacked, shares)[1]
    else:
        for _ in range(n_iter):
            statistics, _likelihoods = expectation(prepared, stacked, n_runs)
            stacked = maximize_posterior(statistics, stacked, believed, n_runs)
        reached = expectation(prepared, stacked, n_runs)[1]
    log_likelihoods = reached - cells.total_weight * np.log(scale).sum()
    beliefs = believed.log_densities(stacked).reshape(n_runs, -1).sum(axis=1)
    runs = Runs(stacked, shares).rescale(-shift / scale, 1 / scale)
    return runs, np.asarray((log_likelihoods + beliefs) / cells.total_weight)


def run_successive_halving(
    cells: Cells, starts: Runs, prior: Prior, *, n_iter: int, fixed_degrees: bool = False
) -> tuple[Runs, Floats, Floats]:
    """The short runs of the better half of the starts, as a third of the iterations tells them.

    Parameters are those of :func:`run_short_em`.

    Returns
    -------
    runs : Runs
        The better half, to the end.
    objectives : ndarray, (len(runs),), float64
        What they came to, as in :func:`run_short_em`.
    worth : ndarray, (len(starts),), float64
        What every start came to, early or in the end.
    """
    halfway, worth = run_short_em(cells, starts, prior, n_iter=n_iter // _EARLY, fixed_degrees=fixed_degrees)
    better = np.argsort(-worth, kind="stable")[: (len(starts) + 1) // 2]
    left = n_iter - n_iter // _EARLY
    runs, reached = run_short_em(cells, halfway.select(better), prior, n_iter=left, fixed_degrees=fixed_degrees)
    worth[better] = reached
    return runs, reached, worth


def select_best_distinct(objectives: Floats, n_runs: int) -> list[int]:
    """The numbers of the best runs, at most n_runs of them, best first.

    Of runs whose objectives agree within 0.001, which have most likely found the same optimum, only the best counts.
    """
    chosen: list[int] = []
    for run in np.argsort(-objectives, kind="stable").tolist():
        if len(chosen) < n_runs and (not chosen or objectives[chosen[-1]] - objectives[run] > _SAME):
            chosen.append(run)
    return chosen
