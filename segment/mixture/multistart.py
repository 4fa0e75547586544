"""Many short EM runs side by side: poor starts are recognized long before they converge.

EM from one start finds one of many optima. A few iterations on very coarse cells separate good starts from poor ones,
and only the good ones are continued (Biernacki, Celeux & Govaert 2003, Computational Statistics & Data Analysis 41,
561-575). All runs advance together, as one large mixture whose responsibilities sum to 1 within each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.gaussian_steps import (
    compute_expectation,
    compute_standard_coordinates,
    maximize_posterior,
    prepare_blocks,
)
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.robust import compute_expectation as compute_robust_expectation
from segment.mixture.robust import maximize_posterior as maximize_robust_posterior

__all__ = ["MANY_COMPONENTS", "Runs", "run_short_em", "run_successive_halving", "select_best_distinct"]

Floats = NDArray[np.float64]

# Log posteriors per unit weight that differ by less belong to the same optimum, at the end of short runs and before.
_SAME_OPTIMUM, _SAME_WAY = 1e-3, 3e-5
MANY_COMPONENTS = 17
"""From this number of components on, starts differ little and an iteration takes long: less is spent on each start."""

# Rounds (a, b) in which runs are given up: after 1 / a of the iterations, 1 / b of the starts go on.
_ROUNDS, _ROUNDS_OF_MANY = ((3, 2),), ((10, 4), (3, 8))


@dataclass(frozen=True)
class Runs:
    """Mixtures of one kind and size side by side.

    Attributes
    ----------
    stacked : MixtureModel
        The components of all mixtures in one; the weights sum to 1 for each of them.
    noise_shares : ndarray of shape (n_runs,), float64
        The share of noise in each.
    """

    stacked: MixtureModel
    noise_shares: Floats

    @classmethod
    def from_models(cls, models: Sequence[MixtureModel]) -> Runs:
        """Stack mixtures.

        Parameters
        ----------
        models : sequence of MixtureModel
            At least one, all with the same covariance type, number of components, and kind of noise and tails.

        Returns
        -------
        Runs
        """
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
        """Number of components of each mixture."""
        return self.stacked.n_components // len(self)

    def __len__(self) -> int:
        return len(self.noise_shares)

    def __getitem__(self, run: int) -> MixtureModel:
        k = self.n_components
        own = self.stacked.reorder(np.arange(run * k, (run + 1) * k))
        return replace(own, noise_share=float(self.noise_shares[run]))

    def __iter__(self) -> Iterator[MixtureModel]:
        return (self[run] for run in range(len(self)))

    def select(self, runs: NDArray[np.integer]) -> Runs:
        """Select some of the runs by their numbers, an array of shape (n_selected,)."""
        k = self.n_components
        # Run i has the components i * k to i * k + k - 1.
        return Runs(self.stacked.reorder((k * runs[:, None] + np.arange(k)).reshape(-1)), self.noise_shares[runs])

    def rescale(self, shift: Floats, scale: Floats) -> Runs:
        """Convert the mixtures to the coordinates ``(x - shift) / scale``.

        Parameters
        ----------
        shift, scale : ndarray of shape (d,), float64

        Returns
        -------
        Runs
        """
        return replace(self, stacked=self.stacked.rescale(shift, scale))


def run_short_em(
    cells: Cells, starts: Runs, prior: Prior, *, n_iter: int, fixed_degrees: bool = False
) -> tuple[Runs, Floats]:
    """Run plain EM from every start for a few iterations.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    starts : Runs
    prior : Prior
    n_iter : int, >= 0
        Iterations of every run.
    fixed_degrees : bool
        Keep the degrees of freedom of Student-t components.

    Returns
    -------
    runs : Runs
        The last mixture of each run.
    objectives : ndarray of shape (len(starts),), float64
        Log posterior per unit weight of each of them.
    """
    shift, scale = compute_standard_coordinates(cells, starts.stacked.covariance_type)
    blocks = prepare_blocks(cells, shift, scale, starts.n_components)
    scaled_prior = prior.rescale(shift, scale)
    n_runs = len(starts)
    stacked, shares = starts.stacked.rescale(shift, scale), starts.noise_shares
    if stacked.noise_density > 0 or stacked.degrees_of_freedom.size:
        # Steps with noise or tails keep the noise shares of all runs beside the stacked mixture.
        for _ in range(n_iter):
            sums, _log_likelihoods = compute_robust_expectation(blocks, stacked, shares)
            stacked = maximize_robust_posterior(sums, stacked, scaled_prior, fixed_degrees=fixed_degrees)
            shares = sums.noise_shares
        totals = compute_robust_expectation(blocks, stacked, shares)[1]
    else:
        for _ in range(n_iter):
            statistics, _ = compute_expectation(blocks, stacked, n_runs, is_scored=False)
            stacked = maximize_posterior(statistics, stacked, scaled_prior, n_runs)
        totals = compute_expectation(blocks, stacked, n_runs)[1]
    # Back to the density of the original coordinates.
    log_likelihoods = totals - cells.total_weight * np.log(scale).sum()
    log_priors = scaled_prior.log_densities(stacked).reshape(n_runs, -1).sum(axis=1)
    runs = Runs(stacked, shares).rescale(-shift / scale, 1 / scale)
    return runs, np.asarray((log_likelihoods + log_priors) / cells.total_weight)


def run_successive_halving(
    cells: Cells, starts: Runs, prior: Prior, *, n_iter: int, fixed_degrees: bool = False
) -> tuple[Runs, Floats, Floats]:
    """Run EM from all starts for a third of the iterations, and from the better half to the end.

    Of mixtures of many components, a quarter of the runs goes on after a tenth of the iterations, and an eighth after a
    third. Runs that are on the way to the same optimum go on as one.

    Parameters
    ----------
    cells, starts, prior, n_iter, fixed_degrees
        As for :func:`run_short_em`.

    Returns
    -------
    runs : Runs
        The better ones, after all iterations.
    objectives : ndarray of shape (len(runs),), float64
        Log posterior per unit weight of each of them.
    scores : ndarray of shape (len(starts),), float64
        Log posterior per unit weight of every start, when it was given up or at the end.
    """
    rounds = _ROUNDS_OF_MANY if starts.n_components >= MANY_COMPONENTS else _ROUNDS
    ends = [n_iter // divisor for divisor, _ in rounds] + [n_iter]
    runs, objectives = run_short_em(cells, starts, prior, n_iter=ends[0], fixed_degrees=fixed_degrees)
    numbers, scores = np.arange(len(starts)), objectives.copy()
    for (_, divisor), start, end in zip(rounds, ends[:-1], ends[1:], strict=True):
        better = np.argsort(-objectives, kind="stable")[: -(-len(starts) // divisor)]
        better = better[select_best_distinct(objectives[better], len(better), min_gap=_SAME_WAY)]
        numbers = numbers[better]
        runs, objectives = run_short_em(
            cells, runs.select(better), prior, n_iter=end - start, fixed_degrees=fixed_degrees
        )
        scores[numbers] = objectives
    return runs, objectives, scores


def select_best_distinct(
    objectives: Floats, n_runs: int, *, min_gap: float = _SAME_OPTIMUM, max_gap: float = np.inf
) -> list[int]:
    """Select the best runs that have found different optima.

    Parameters
    ----------
    objectives : ndarray of shape (n,), float64
        Log posterior per unit weight of each run.
    n_runs : int, >= 1
        Most runs to select.
    min_gap : float, >= 0
        Of runs that differ by at most this, which have most likely found the same optimum, only the best counts.
    max_gap : float, >= 0
        Runs that are worse than the best by more have no chance.

    Returns
    -------
    list of int
        Numbers of the runs, best first; ties keep their order.

    Examples
    --------
    >>> select_best_distinct(np.array([-3.0, -1.0, -1.0005, -1.4]), 2)
    [1, 3]
    """
    # From the best down: a run is new where it is clearly worse than the last one selected.
    chosen: list[int] = []
    for run in np.argsort(-objectives, kind="stable").tolist():
        if len(chosen) == n_runs or (chosen and objectives[chosen[0]] - objectives[run] > max_gap):
            break
        if not chosen or objectives[chosen[-1]] - objectives[run] > min_gap:
            chosen.append(run)
    return chosen
