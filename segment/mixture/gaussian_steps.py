"""E-step and M-step of Gaussian components, on weighted cells.

The log density of a Gaussian is linear in the moments 1, x and x x' of an observation. So the E-step is one matrix
product of the components' natural parameters with the cells' moments, and the sums of the M-step are another, of the
responsibilities with the same moments. A cell's scatter S enters both as part of the moment x x' + S.
(Dempster, Laird & Rubin 1977; for cells with scatter Verbeek, Nunnink & Vlassis 2006.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.covariances import MIN_EIGENVALUE, constrain_covariances, limit_eigenvalues
from segment.mixture.gaussian_density import (
    compute_moments,
    compute_responsibilities,
    split_into_blocks,
    sum_expected_moments,
)
from segment.mixture.missing import (
    complete_moments,
    compute_observed_moments,
    compute_regression,
    group_by_pattern,
    has_missing,
)
from segment.mixture.missing_patterns import compute_rare_expectation, prepare_rare_patterns
from segment.mixture.model import MIN_VARIANCE, MixtureModel
from segment.mixture.near_components import MIN_CELLS, MIN_COMPONENTS, NearBlocks
from segment.mixture.packed_matrices import get_triangle_indices
from segment.mixture.prior import Prior

__all__ = [
    "Blocks",
    "compute_expectation",
    "compute_standard_coordinates",
    "maximize_posterior",
    "prepare_blocks",
    "prepare_e_step",
]

Floats = NDArray[np.float64]
# Cells in blocks: the weights (b,) and the moments (m, b) of each.
Blocks = list[tuple[Floats, Floats]]

# Cells that lack the same features; patterns of fewer cells are processed together.
_MIN_PATTERN_CELLS = 100
_EPSILON = float(np.finfo(float).eps)
# Multiplications in a product for several mixtures. OpenBLAS divides larger ones among threads, unless it is told not
# to, and waking these takes ten times as long as the products for the starts on a small image.
_MAX_PRODUCT = 2**18
# Components of all mixtures together from which on their moments are multiplied row by row.
_MIN_ROWS = 64
# From this number of components on, mixtures are processed one after the other: all together leave the cache.
_MIN_SEPARATE_COMPONENTS = 17


def compute_expectation(
    blocks: Blocks, model: MixtureModel, n_runs: int = 1, *, is_scored: bool = True
) -> tuple[Floats, Floats]:
    """Compute the E-step: the expected sums that the M-step needs, and the log likelihood.

    Parameters
    ----------
    blocks : list of (weights, moments)
        Complete cells in blocks: arrays of shape (b,) and (m, b), as :func:`prepare_blocks` makes them.
    model : MixtureModel
    n_runs : int, >= 1
        How many mixtures of equal size stand side by side in `model`, each with weights that sum to 1.
    is_scored : bool
        False may leave the log likelihoods at 0, for steps whose score nobody asks for.

    Returns
    -------
    statistics : ndarray of shape (k, m), float64
        The moments of all cells, summed with weight times responsibility. Column 0 is each component's weight.
    log_likelihoods : ndarray of shape (n_runs,), float64
        Sum of the weights times the cells' log densities.
    """
    k = model.n_components // n_runs
    parameters = model.gaussian_terms.parameters
    if k >= _MIN_SEPARATE_COMPONENTS:
        runs = [parameters[at : at + k] for at in range(0, n_runs * k, k)]
        parts = [[sum_expected_moments(run, *block) for block in blocks] for run in runs]
        statistics = [np.sum([sums for sums, _ in part], axis=0) for part in parts]
        return np.concatenate(statistics), np.array([sum(score for _, score in part) for part in parts])
    sums = np.zeros(parameters.shape)
    log_likelihoods = np.zeros(n_runs)
    for weights, moments in blocks:
        step = max(1, _MAX_PRODUCT // (k * moments.size))
        # Products of many rows with rows that lie side by side take a third of the time.
        rows = np.ascontiguousarray(moments.T) if len(parameters) >= _MIN_ROWS else moments.T
        for start in range(0, n_runs, step):
            own_runs, own = slice(start, start + step), slice(k * start, k * (start + step))
            joint = parameters[own] @ moments  # log of weight times density
            responsibilities, top, total = compute_responsibilities(joint, weights, len(joint) // k)
            if is_scored:
                log_likelihoods[own_runs] += (top + np.log(total)) @ weights
            sums[own] += responsibilities @ rows
    return sums, log_likelihoods


def maximize_posterior(statistics: Floats, previous: MixtureModel, prior: Prior, n_runs: int = 1) -> MixtureModel:
    """Compute the M-step: the mixture of highest posterior given the sums of the E-step.

    Parameters
    ----------
    statistics : ndarray of shape (k, m), float64
        As :func:`compute_expectation` returns them.
    previous : MixtureModel
        Mixture of the E-step. A component that has no weight keeps its mean and covariance.
    prior : Prior
        In the same coordinates.
    n_runs : int, >= 1
        As for :func:`compute_expectation`.

    Returns
    -------
    MixtureModel
    """
    # Components last, and of each symmetric matrix one triangle: so an operation is one loop over all components.
    d = previous.n_features
    rows, columns = get_triangle_indices(d)
    sums = np.ascontiguousarray(statistics.T)
    # A component is empty where its weight is rounding of the total.
    counts = sums[0]
    alive = counts > _EPSILON * counts.sum()
    are_alive = bool(alive.all())
    divisor = counts if are_alive else np.where(alive, counts, 1.0)

    # Maximum likelihood: mean E[x] and covariance E[x x' + S] - E[x] E[x]' of each component.
    own_means = sums[1 : 1 + d] / divisor
    within = sums[1 + d :] / divisor - own_means[rows] * own_means[columns]
    if not are_alive:
        own_means = np.where(alive, own_means, previous.means.T)
        within = np.where(alive, within, previous.covariances[:, rows, columns].T)

    # Maximum of the posterior: C = (count * within + pull + strength * target) / (count + strength), and one such
    # ratio of sums for all components of a mixture whose covariances are tied.
    mass = counts if are_alive else np.where(alive, counts, 0.0)
    means, scatter = own_means, mass * within + prior.packed_target
    if prior.mean_strength > 0:
        means, pull = _pull_means(own_means, mass, prior)
        scatter += pull
    total = mass + prior.strength
    if previous.covariance_type == "tied":
        k = len(counts) // n_runs
        pooled = scatter.reshape(-1, n_runs, k).sum(axis=2) / total.reshape(n_runs, k).sum(axis=1)
        packed = np.repeat(pooled, k, axis=1)
    else:
        packed = np.divide(scatter, total, out=within, where=alive)
    covariances = constrain_covariances(packed[_number_entries(d)].transpose(2, 0, 1), previous.covariance_type)
    if prior.has_ridge:
        covariances = covariances + np.diag(prior.ridge)

    # Weights are shares of their own run. A run without any weight, in which all is noise, keeps its weights.
    by_run, shares = counts.reshape(n_runs, -1), previous.weights.reshape(n_runs, -1).copy()
    totals = by_run.sum(axis=1, keepdims=True)
    np.divide(by_run, totals, out=shares, where=totals > 0)
    # Far above the limit, which rounding cannot reach then, nothing has to be looked at.
    if not are_alive or prior.bound_eigenvalues(float(counts.max())) < 100 * MIN_EIGENVALUE:
        covariances = limit_eigenvalues(covariances)
    # As `replace`, which takes longer than each of the operations above.
    return MixtureModel(
        shares.reshape(-1),
        np.ascontiguousarray(means.T),
        covariances,
        previous.covariance_type,
        previous.noise_share,
        previous.noise_density,
        previous.degrees_of_freedom,
    )


@cache
def _number_entries(d: int) -> NDArray[np.intp]:
    """Return which number of its packed triangle each entry of a symmetric matrix is: (d, d)."""
    numbers = np.empty((d, d), dtype=np.intp)
    rows, columns = get_triangle_indices(d)
    numbers[rows, columns] = numbers[columns, rows] = np.arange(len(rows))
    return numbers


def _pull_means(own_means: Floats, mass: Floats, prior: Prior) -> tuple[Floats, Floats]:
    """Pull the means (d, k) towards the prior's center, and return what the pull adds to the scatter, packed, (t, k).

    With m observations of mean x, center c of weight w and the new mean y, that is ``m (x - y)(x - y)'`` of the
    observations and ``w (y - c)(y - c)'`` of the prior. The mean of a component without observations stays.
    """
    # The new mean y = (m x + w c) / (m + w), as a share of x and one of c.
    share = np.where(mass > 0, mass / (mass + prior.mean_strength), 1.0)
    means = share * own_means + (1 - share) * prior.center[:, None]
    to_center, moved = means - prior.center[:, None], own_means - means
    rows, columns = get_triangle_indices(len(means))
    of_observations = mass * moved[rows] * moved[columns]
    of_prior = prior.mean_strength * to_center[rows] * to_center[columns]
    return means, of_observations + of_prior


def compute_standard_coordinates(cells: Cells, covariance_type: str) -> tuple[Floats, Floats]:
    """Compute the shift and the scale that give the cells mean 0 and variances 1, so that sums lose no digits.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Spherical covariances have one scale only: there it is the same for all features.

    Returns
    -------
    shift, scale : ndarray of shape (d,), float64
    """
    center, covariance = cells.center_and_covariance
    # Constant features keep their unit.
    variances, units = np.diagonal(covariance), np.ones(len(center))
    if np.isnan(center).any():
        center, variances = compute_observed_moments(cells)
        # Where a large constant is missing, its mean is filled in, which is rounded: that must not be a variance.
        units = np.maximum(units, np.abs(center))
    if covariance_type == "spherical":
        variances = np.full_like(variances, variances.mean())
    return center, np.where(variances > MIN_VARIANCE, np.sqrt(variances), units)


def prepare_blocks(cells: Cells, shift: Floats, scale: Floats, n_components: int = 1) -> Blocks:
    """Prepare complete cells for the E-step: weights and moments in the coordinates ``(x - shift) / scale``.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    shift, scale : ndarray of shape (d,), float64
    n_components : int
        Of the mixtures that the E-step is for: of many, the blocks are smaller.

    Returns
    -------
    list of (weights, moments)
        Arrays of shape (b,) and (1 + d + d (d + 1) / 2, b) for each block of b cells.
    """
    return [
        (cells.weights[rows], compute_moments(cells[rows].rescale(shift, scale)))
        for rows in split_into_blocks(len(cells), n_components)
    ]


def prepare_e_step(
    cells: Cells, shift: Floats, scale: Floats, n_components: int = 1
) -> Callable[[MixtureModel], tuple[Floats, Floats]]:
    """Prepare the E-step of Gaussian components on given cells.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value.
    shift, scale : ndarray of shape (d,), float64
        The E-step works in the coordinates ``(x - shift) / scale``.
    n_components : int
        Of the mixtures. Of many, each block of cells has those that are near.

    Returns
    -------
    callable
        Takes a mixture in these coordinates; returns what :func:`compute_expectation` returns for one run.
    """
    if has_missing(cells):
        return _prepare_incomplete_e_step(cells, shift, scale)
    if n_components >= MIN_COMPONENTS and len(cells) >= MIN_CELLS:
        return NearBlocks.from_cells(cells, shift, scale).compute_expectation
    return partial(compute_expectation, prepare_blocks(cells, shift, scale, n_components))


def _prepare_incomplete_e_step(
    cells: Cells, shift: Floats, scale: Floats
) -> Callable[[MixtureModel], tuple[Floats, Floats]]:
    """Prepare the E-step on cells of which some lack features: see :mod:`segment.mixture.missing`."""
    patterns = group_by_pattern(cells)
    common = [
        (pattern.observed, prepare_blocks(pattern.cells, shift[pattern.observed], scale[pattern.observed]))
        for pattern in patterns
        if len(pattern.rows) >= _MIN_PATTERN_CELLS
    ]
    rare = prepare_rare_patterns(
        [pattern for pattern in patterns if len(pattern.rows) < _MIN_PATTERN_CELLS], shift, scale
    )
    # A missing feature counts with the density 1 / scale, which it would have at unit scale. So the same constant
    # takes the log likelihood back to the original coordinates, whatever is missing.
    constant = float(cells.weights @ (np.isnan(cells.means) @ np.log(scale)))

    def compute_incomplete_expectation(model: MixtureModel) -> tuple[Floats, Floats]:
        """Do the E-step pattern by pattern: each has its observed features."""
        statistics: list[Floats] = []
        log_likelihoods: list[float] = []
        for observed, blocks in common:
            # The E-step on the observed features; the moments of all features follow by linear regression.
            observed_statistics, totals = compute_expectation(blocks, model.marginalize(observed))
            regression = compute_regression(model.means, model.covariances, observed)
            statistics.append(complete_moments(observed_statistics, regression))
            log_likelihoods.append(float(totals[0]))
        for batch in rare:
            batch_statistics, log_likelihood = compute_rare_expectation(batch, model)
            statistics.append(batch_statistics)
            log_likelihoods.append(log_likelihood)
        return np.sum(statistics, axis=0), np.array([constant + sum(log_likelihoods)])

    return compute_incomplete_expectation
