"""The EM loop: from a first mixture to the maximum of the posterior.

The steps of Gaussian components are in :mod:`segment.mixture.gaussian_steps`, those of components with noise or heavy
tails in :mod:`segment.mixture.robust`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from segment.core.equality import EqualByValue
from segment.mixture.acceleration import Squarem
from segment.mixture.cells import Cells
from segment.mixture.gaussian_steps import (
    Blocks,
    compute_expectation,
    compute_standard_coordinates,
    maximize_posterior,
    prepare_blocks,
    prepare_e_step,
)
from segment.mixture.model import MixtureModel
from segment.mixture.near_components import MIN_COMPONENTS
from segment.mixture.prior import Prior

__all__ = ["EMOptions", "Fit", "Steps", "measure_largest_move", "run_em", "run_em_side_by_side"]

Floats = NDArray[np.float64]
Statistics = TypeVar("Statistics")


@dataclass(frozen=True)
class EMOptions:
    """When EM stops, and whether it is accelerated: the keywords of :func:`run_em`."""

    tol: float
    tol_step: float
    max_iter: int
    accelerate: bool


@dataclass(frozen=True)
class Steps(Generic[Statistics]):
    """An E-step and an M-step that belong together.

    Attributes
    ----------
    expectation : callable
        Takes the blocks of cells and a mixture; returns the statistics that the M-step needs and the log likelihood,
        of shape (1,).
    maximization : callable
        Takes the statistics, the mixture and the prior; returns the next mixture.
    """

    expectation: Callable[[Blocks, MixtureModel], tuple[Statistics, Floats]]
    maximization: Callable[[Statistics, MixtureModel, Prior], MixtureModel]


@dataclass(frozen=True, eq=False)
class Fit(EqualByValue):
    """A fitted mixture and the course of its iterations.

    Attributes
    ----------
    model : MixtureModel
    objectives : ndarray of shape (n_iter + 1,), float64
        Log posterior per unit weight before the first iteration and after each: log likelihood plus log prior. It
        never falls.
    log_likelihoods : ndarray of shape (n_iter + 1,), float64
        Log likelihood per unit weight at the same moments; the same as `objectives` without a prior.
    converged : bool
        Whether objective and parameters stood still within the tolerances before the iterations ran out.
    n_evaluations : int
        How often the E-step was computed: n_iter + 1, and once more for every rejected extrapolation.
    """

    model: MixtureModel
    objectives: Floats
    log_likelihoods: Floats
    converged: bool
    n_evaluations: int

    @property
    def n_iter(self) -> int:
        """Number of iterations that were accepted."""
        return len(self.objectives) - 1


def run_em(
    cells: Cells,
    start: MixtureModel,
    prior: Prior,
    *,
    tol: float = 1e-6,
    tol_step: float = np.inf,
    max_iter: int = 200,
    accelerate: bool = True,
    steps: Steps[Any] | None = None,
) -> Fit:
    """Run EM until the log posterior and the parameters of a mixture stand still.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value; see :mod:`segment.mixture.missing`.
    start : MixtureModel
        First mixture. Its covariance type is kept.
    prior : Prior
    tol : float, >= 0
        Stop when an EM step gains less than this in log posterior per unit weight (nats a pixel). Raising it stops
        sooner.
    tol_step : float, >= 0
        And when it moves no parameter by more than this; see :func:`measure_largest_move`.
    max_iter : int, >= 0
        Stop after this many E-steps beyond the first in any case.
    accelerate : bool
        Extrapolate after every second step (:mod:`segment.mixture.acceleration`). A SQUAREM step that lowers the
        objective is rejected and the plain EM step is used, so the objective never falls. False is plain EM.
    steps : Steps, optional
        Other steps than those of Gaussian components. They need complete cells.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> from segment.mixture.prior import make_flat_prior
    >>> cells = make_point_cells([[0.0], [1.0], [8.0], [9.0]])
    >>> start = MixtureModel(np.full(2, 0.5), np.array([[2.0], [5.0]]), np.ones((2, 1, 1)))
    >>> run_em(cells, start, make_flat_prior(1)).model.means.round(2)
    array([[0.5],
           [8.5]])
    """
    # All iterations are made in standard coordinates; the change of density is one constant of the log likelihood.
    shift, scale = compute_standard_coordinates(cells, start.covariance_type)
    log_scale = float(np.log(scale).sum())
    scaled_prior = prior.rescale(shift, scale)
    weight = cells.total_weight

    e_step: Callable[[MixtureModel], tuple[Any, Floats]]
    m_step: Callable[[Any, MixtureModel, Prior], MixtureModel]
    if steps is None:
        e_step, m_step = prepare_e_step(cells, shift, scale, start.n_components), maximize_posterior
    else:
        e_step, m_step = partial(steps.expectation, prepare_blocks(cells, shift, scale)), steps.maximization

    course = _Course(start.rescale(shift, scale), EMOptions(tol, tol_step, max_iter, accelerate))
    while not course.is_over:
        statistics, totals = e_step(course.current)
        log_likelihood = float(totals[0]) / weight - log_scale
        if course.accept(log_likelihood, log_likelihood + scaled_prior.log_density(course.current) / weight):
            course.go_on(m_step(statistics, course.accepted, scaled_prior))
    return course.make_fit(shift, scale)


def run_em_side_by_side(cells: Cells, starts: Sequence[MixtureModel], prior: Prior, options: EMOptions) -> list[Fit]:
    """Run EM from each of several mixtures of Gaussian components; see :func:`run_em`.

    On few cells an operation takes longer to call than to compute. So all runs advance together, as one large mixture
    (:mod:`segment.mixture.multistart`), though each accepts, extrapolates and ends by itself.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    starts : sequence of MixtureModel
        Of the same size and covariance type.
    prior : Prior
    options : EMOptions
    """
    kind, k = starts[0].covariance_type, starts[0].n_components
    if len(starts) == 1 or k >= MIN_COMPONENTS:
        return [run_em(cells, start, prior, **vars(options)) for start in starts]
    shift, scale = compute_standard_coordinates(cells, kind)
    log_scale, weight, scaled_prior = float(np.log(scale).sum()), cells.total_weight, prior.rescale(shift, scale)
    blocks = prepare_blocks(cells, shift, scale, k)
    courses = [_Course(start.rescale(shift, scale), options) for start in starts]
    while going := [course for course in courses if not course.is_over]:
        current = [course.current for course in going]
        stacked = MixtureModel(
            np.concatenate([model.weights for model in current]),
            np.concatenate([model.means for model in current]),
            np.concatenate([model.covariances for model in current]),
            kind,
        )
        statistics, totals = compute_expectation(blocks, stacked, len(going))
        log_likelihoods = totals / weight - log_scale
        objectives = log_likelihoods + scaled_prior.log_densities(stacked).reshape(-1, k).sum(axis=1) / weight
        step = maximize_posterior(statistics, stacked, scaled_prior, len(going))
        for i, (course, *scores) in enumerate(zip(going, log_likelihoods.tolist(), objectives.tolist(), strict=True)):
            if course.accept(*scores):
                own = slice(i * k, (i + 1) * k)
                course.go_on(MixtureModel(step.weights[own], step.means[own], step.covariances[own], kind))
    return [course.make_fit(shift, scale) for course in courses]


class _Course:
    """The course of EM from one start, in standard coordinates: what was accepted, and what is evaluated next."""

    def __init__(self, start: MixtureModel, options: EMOptions) -> None:
        self._options, self._squarem = options, Squarem()
        # `current` is the mixture that is evaluated next: the EM step from `accepted`, the last mixture that was
        # accepted, or an extrapolation beyond that step.
        self.current = self.accepted = self._em_step = start
        self._objectives: list[float] = []
        self._log_likelihoods: list[float] = []
        self._converged, self._n_evaluations = False, 0

    @property
    def is_over(self) -> bool:
        """Whether it has converged, or the iterations have run out."""
        return self._converged or self._n_evaluations > self._options.max_iter

    def accept(self, log_likelihood: float, objective: float) -> bool:
        """Accept the current mixture, or reject an extrapolation and take the EM step before it; say which."""
        self._n_evaluations += 1
        is_extrapolated = self.current is not self._em_step
        # Written as "not at least", so that NaN is rejected as well.
        if is_extrapolated and not objective >= self._objectives[-1]:
            self._squarem.reject()
            self.current = self._em_step
            return False
        # Only an EM step can end the iterations: an extrapolation may gain little far from the optimum.
        gain = objective - self._objectives[-1] if self._objectives else np.inf
        is_still = not is_extrapolated and abs(gain) < self._options.tol
        self._converged = is_still and measure_largest_move(self.accepted, self.current) <= self._options.tol_step
        self._objectives.append(objective)
        self._log_likelihoods.append(log_likelihood)
        self.accepted = self.current
        return True

    def go_on(self, em_step: MixtureModel) -> None:
        """Go on from the accepted mixture: to its EM step, or beyond it."""
        self._em_step = em_step
        self.current = self._squarem.propose(self.accepted, em_step) if self._options.accelerate else em_step

    def make_fit(self, shift: Floats, scale: Floats) -> Fit:
        """Make the fit in the coordinates of the data, of which the standard ones are ``(x - shift) / scale``."""
        return Fit(
            self.accepted.rescale(-shift / scale, 1 / scale),
            np.array(self._objectives),
            np.array(self._log_likelihoods),
            self._converged,
            self._n_evaluations,
        )


def measure_largest_move(before: MixtureModel, after: MixtureModel) -> float:
    """Measure the largest change of a parameter between two mixtures in standard coordinates.

    Parameters
    ----------
    before, after : MixtureModel
        Of the same size.

    Returns
    -------
    float, >= 0
        Changes of means and covariances are in units of the data's standard deviations and variances, those of weights
        are shares.
    """
    return max(
        float(np.abs(a - b).max())
        for a, b in (
            (before.weights, after.weights),
            (before.means, after.means),
            (before.covariances, after.covariances),
        )
    )
