"""Expectation-Maximization for Gaussian mixtures on weighted cells, as the textbook has it.

The log density of a Gaussian is linear in the moments 1, x and x x' of an observation. So the E-step is one matrix
product of the components' natural parameters with the cells' moments, the M-step's sums are another, of the
responsibilities with the same moments, and a cell's scatter S enters both by standing in the moment x x' + S.
(Dempster, Laird & Rubin 1977; for cells with scatter Verbeek, Nunnink & Vlassis 2006.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.acceleration import Squarem
from segment.mixture.cells import Cells, unpack
from segment.mixture.covariances import constrain_covariances, limit_eigenvalues
from segment.mixture.missing import has_missing, complete_moments, compute_observed_moments, group_by_pattern, compute_regression
from segment.mixture.missing_patterns import prepare_rare_patterns, compute_rare_expectation
from segment.mixture.model import MIN_VARIANCE, MixtureModel, split_into_blocks, compute_moments, compute_natural_parameters
from segment.mixture.prior import Prior

__all__ = [
    "Fit",
    "Steps",
    "prepare_e_step",
    "expectation",
    "run_em",
    "measure_largest_move",
    "maximize_posterior",
    "compute_standard_coordinates",
]

Floats = NDArray[np.float64]

_RARE = 100  # cells; patterns of fewer are handled together


@dataclass(frozen=True)
class Steps:
    """An E-step and an M-step that belong together.

    Attributes
    ----------
    expectation : callable
        Takes the prepared cells and a mixture; returns what the M-step needs and the log likelihood, of shape (1,).
    maximize_posterior : callable
        Takes that, the mixture and the prior; returns the next mixture.
    """

    expectation: Callable[..., tuple[Any, Floats]]
    maximization: Callable[..., MixtureModel]


@dataclass(frozen=True)
class Fit:
    """A fitted mixture and how it was reached.

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
        How often the E-step was computed: n_iter + 1, and once more for every leap that was taken back.
    """

    model: MixtureModel
    objectives: Floats
    log_likelihoods: Floats
    converged: bool
    n_evaluations: int

    @property
    def n_iter(self) -> int:
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
    steps: Steps | None = None,
) -> Fit:
    """Improve a mixture until its log posterior and its parameters stand still.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value; see :mod:`segment.mixture.missing`.
    start : MixtureModel
        Where to begin. Its covariance type is kept.
    prior : Prior
    tol : float, >= 0
        Stop when an EM step gains less than this in log posterior per unit weight (nats a pixel).
    tol_step : float, >= 0
        And when it moves no parameter by more than this; see :func:`measure_largest_move`.
    max_iter : int, >= 0
        Stop after this many E-steps beyond the first in any case.
    accelerate : bool
        Leap ahead after every second step (:mod:`segment.mixture.acceleration`). A leap that lowers the objective is
        taken back and the plain step made in its place, so the objective never falls. False is plain EM.
    steps : Steps, optional
        Other steps than those of Gaussian components, :func:`expectation` and :func:`maximize_posterior`.
    """
    steps = steps or Steps(expectation, maximize_posterior)
    shift, scale = compute_standard_coordinates(cells, start.covariance_type)
    log_scale = float(np.log(scale).sum())
    expect = prepare_e_step(cells, shift, scale, steps.expectation)
    weight = cells.total_weight
    believed = prior.rescale(shift, scale)
    squarem = Squarem()
    model = reached = stepped = start.rescale(shift, scale)
    objectives: list[float] = []
    log_likelihoods: list[float] = []
    converged = False
    n_evaluations = 0
    while not converged and n_evaluations <= max_iter:
        statistics, totals = expect(model)
        n_evaluations += 1
        log_likelihood = float(totals[0]) / weight - log_scale
        objective = log_likelihood + believed.log_density(model) / weight
        leapt = model is not stepped
        if leapt and not objective >= objectives[-1]:
            squarem.reject()
            model = stepped
            continue
        gain = objective - objectives[-1] if objectives else np.inf
        converged = not leapt and abs(gain) < tol and measure_largest_move(reached, model) <= tol_step
        objectives.append(objective)
        log_likelihoods.append(log_likelihood)
        reached = model
        stepped = steps.maximize_posterior(statistics, model, believed)
        model = squarem.propose(model, stepped) if accelerate else stepped
    return Fit(
        reached.rescale(-shift / scale, 1 / scale),
        np.array(objectives),
        np.array(log_likelihoods),
        converged,
        n_evaluations,
    )


def measure_largest_move(before: MixtureModel, after: MixtureModel) -> float:
    """The largest change of a parameter between two mixtures in standard coordinates.

    Means and covariances are then in units of the data's standard deviations and variances, weights are shares.
    """
    return max(
        float(np.abs(a - b).max())
        for a, b in (
            (before.weights, after.weights),
            (before.means, after.means),
            (before.covariances, after.covariances),
        )
    )


def expectation(prepared: list[tuple[Floats, Floats]], model: MixtureModel, n_runs: int = 1) -> tuple[Floats, Floats]:
    """The E-step, and the sums that the M-step needs.

    Parameters
    ----------
    prepared : list of (weights, moments)
        The cells in blocks: arrays of shape (b,) and (m, b), as :func:`segment.mixture.model.compute_moments` makes them.
    model : MixtureModel
    n_runs : int, >= 1
        How many mixtures of equal size stand side by side in `model`, each with weights that sum to 1.

    Returns
    -------
    statistics : ndarray of shape (k, m), float64
        The moments of all cells, summed with weight times responsibility. Column 0 is each component's weight.
    log_likelihoods : ndarray of shape (n_runs,), float64
        Sum of the weights times the cells' log densities.
    """
    parameters = compute_natural_parameters(model)
    statistics = np.zeros_like(parameters)
    log_likelihoods = np.zeros(n_runs)
    for weights, moment in prepared:
        joint = (parameters @ moment).reshape(n_runs, -1, len(weights))
        top = joint.max(axis=1)
        joint -= top[:, None]
        np.exp(joint, out=joint)
        total = joint.sum(axis=1)
        log_likelihoods += (top + np.log(total)) @ weights
        joint *= (weights / total)[:, None]
        statistics += joint.reshape(len(parameters), -1) @ moment.T
    return statistics, log_likelihoods


def maximize_posterior(statistics: Floats, previous: MixtureModel, prior: Prior, n_runs: int = 1) -> MixtureModel:
    """The M-step: the mixture of highest posterior given the sums of the E-step.

    A component that holds no weight keeps the mean and covariance it had in `previous`. `n_runs` is as in
    :func:`expectation`.
    """
    d = previous.n_features
    counts = statistics[:, 0]
    alive = counts > np.finfo(float).eps * counts.sum()
    divisor = np.where(alive, counts, 1.0)[:, None]
    own = np.where(alive[:, None], statistics[:, 1 : 1 + d] / divisor, previous.means)
    within = unpack(statistics[:, 1 + d :] / divisor) - own[:, :, None] * own[:, None, :]
    within = np.where(alive[:, None, None], within, previous.covariances)
    mass = np.where(alive, counts, 0.0)[:, None, None]
    means, pulled = _centered(own, mass, prior)
    if previous.covariance_type == "tied":
        runs = (mass * within + pulled + prior.strength * prior.target).reshape(n_runs, -1, d, d)
        pooled = runs.sum(axis=1) / (mass.reshape(n_runs, -1, 1) + prior.strength).sum(axis=1)[:, None]
        shrunk = np.repeat(pooled, runs.shape[1], axis=0)
    else:
        held = np.where(mass + prior.strength > 0, mass + prior.strength, 1.0)
        shrunk = (mass * within + pulled + prior.strength * prior.target) / held
        shrunk = np.where(alive[:, None, None], shrunk, within)
    covariances = constrain_covariances(shrunk, previous.covariance_type) + np.diag(prior.ridge)
    totals = counts.reshape(n_runs, -1).sum(axis=1).repeat(len(counts) // n_runs)
    shares = np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), previous.weights)  # 0: all is noise
    return replace(previous, weights=shares, means=means, covariances=limit_eigenvalues(covariances))


def _centered(own: Floats, mass: Floats, prior: Prior) -> tuple[Floats, Floats]:
    """The means (k, d) between their components' own and the prior's center, and what the pull adds to the scatter.

    With m observations of mean x, center c of weight w and the new mean y, that is ``m (x - y)(x - y)'`` of the
    observations and ``w (y - c)(y - c)'`` of the prior, (k, d, d). A component without observations stays.
    """
    if prior.mean_strength == 0:
        return own, np.zeros((len(own), 1, 1))
    share = np.where(mass > 0, mass / (mass + prior.mean_strength), 1.0)
    means = share[:, :, 0] * own + (1 - share[:, :, 0]) * prior.center
    left, moved = means - prior.center, own - means
    pulled = mass * moved[:, :, None] * moved[:, None, :] + prior.mean_strength * left[:, :, None] * left[:, None, :]
    return means, pulled


def compute_standard_coordinates(cells: Cells, covariance_type: str) -> tuple[Floats, Floats]:
    """Shift and scale, (d,) each, in which the cells have mean 0 and variances 1 and sums lose no digits.

    Spherical covariances know one scale only: there it is the same for all features.
    """
    if has_missing(cells):
        center, variances = compute_observed_moments(cells)
    else:
        center = cells.compute_center()
        variances = np.diagonal(Cells(cells.weights, cells.means - center, cells.scatters).compute_second_moment())
    if covariance_type == "spherical":
        variances = np.full_like(variances, variances.mean())
    scale = np.sqrt(np.where(variances > MIN_VARIANCE, variances, 1.0))
    return center, scale


def prepare_e_step(
    cells: Cells, shift: Floats, scale: Floats, expect: Callable[..., tuple[Any, Floats]] = expectation
) -> Callable[[MixtureModel], tuple[Any, Floats]]:
    """The E-step on the cells, as a function of the mixture, both in the coordinates ``(x - shift) / scale``.

    A feature that a cell lacks counts with the density that it would have at unit scale, 1 / scale, so that the log
    likelihood takes the same constant to the original coordinates whatever is missing.
    """
    if not has_missing(cells):
        prepared = [_prepared(cells[rows], shift, scale) for rows in split_into_blocks(len(cells))]
        return lambda model: expect(prepared, model)
    parts = []
    kinds = group_by_pattern(cells)
    rare = prepare_rare_patterns([pattern for pattern in kinds if len(pattern.rows) < _RARE], shift, scale)
    for pattern in (pattern for pattern in kinds if len(pattern.rows) >= _RARE):
        there = pattern.observed
        part = [_prepared(pattern.cells[rows], shift[there], scale[there]) for rows in split_into_blocks(len(pattern.rows))]
        parts.append((there, part))
    absent = np.isnan(cells.means)
    constant = float(cells.weights @ (absent @ np.log(scale)))

    def incomplete(model: MixtureModel) -> tuple[Any, Floats]:
        found = [expectation(part, model.marginalize(there)) for there, part in parts]
        given = [compute_regression(model.means, model.covariances, there) for there, _ in parts]
        sums = [(complete_moments(observed, way), float(total[0])) for (observed, total), way in zip(found, given, strict=True)]
        sums += [compute_rare_expectation(batch, model) for batch in rare]
        return np.sum([part for part, _ in sums], axis=0), np.array([constant + sum(total for _, total in sums)])

    return incomplete


def _prepared(cells: Cells, shift: Floats, scale: Floats) -> tuple[Floats, Floats]:
    return cells.weights, compute_moments(cells.rescale(shift, scale))
