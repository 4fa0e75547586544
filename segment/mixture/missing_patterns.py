"""E-step for many patterns of missing values with few cells each, all patterns at once.

With twelve features of which a third is missing, most patterns of missing values have only a few cells, and a loop over
small matrices would be slow. Here the matrices of many patterns are stacked into one array. All of them have the size
of all features: a missing feature gets variance 1, no covariance with the others, the value 0 and the precision 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.gaussian_density import compute_log_weights, compute_moments
from segment.mixture.missing import MissingPattern, Regression, complete_moments
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack, unpack

__all__ = ["RarePatterns", "compute_rare_expectation", "prepare_rare_patterns"]

Floats = NDArray[np.float64]

# Cells in one batch.
MAX_BATCH_CELLS = 512


@dataclass(frozen=True)
class RarePatterns:
    """Cells of p patterns, ordered by pattern.

    Attributes
    ----------
    observed : ndarray of shape (p, d), bool
        The observed features of each pattern.
    starts : ndarray of shape (p,), int
        Index of the first cell of each pattern.
    weights : ndarray of shape (n,), float64
        Weights of the cells.
    moments : ndarray of shape (n, 1 + d + d (d + 1) / 2), float64
        As :func:`segment.mixture.gaussian_density.compute_moments` makes them, with 0 for missing values.
    """

    observed: NDArray[np.bool_]
    starts: NDArray[np.intp]
    weights: Floats
    moments: Floats


def prepare_rare_patterns(patterns: Iterable[MissingPattern], shift: Floats, scale: Floats) -> list[RarePatterns]:
    """Stack the patterns into batches, in standard coordinates.

    Parameters
    ----------
    patterns : iterable of MissingPattern
        From :func:`segment.mixture.missing.group_by_pattern`.
    shift, scale : ndarray of shape (d,), float64
        The coordinates are ``(x - shift) / scale``.

    Returns
    -------
    list of RarePatterns
        Each of at most `MAX_BATCH_CELLS` cells, or of one pattern.
    """
    # Fill one batch after another, in the order of the patterns.
    batches: list[list[MissingPattern]] = []
    room = 0
    for pattern in patterns:
        room -= len(pattern.rows)
        if room < 0 or not batches:
            batches.append([])
            room = MAX_BATCH_CELLS - len(pattern.rows)
        batches[-1].append(pattern)
    return [_stack_patterns(batch, shift, scale) for batch in batches]


def _stack_patterns(patterns: list[MissingPattern], shift: Floats, scale: Floats) -> RarePatterns:
    """Put the cells of some patterns into arrays of all features, with 0 for missing values."""
    d = len(shift)
    observed = np.zeros((len(patterns), d), dtype=bool)
    sizes = np.array([len(pattern.rows) for pattern in patterns])
    starts = np.cumsum(sizes) - sizes
    means, scatters = np.zeros((sizes.sum(), d)), np.zeros((sizes.sum(), d, d))
    for number, (pattern, start, size) in enumerate(zip(patterns, starts, sizes, strict=True)):
        o = pattern.observed
        cells = pattern.cells.rescale(shift[o], scale[o])
        observed[number, o] = True
        means[start : start + size, o] = cells.means
        scatters[start : start + size, o[:, None], o] = unpack(cells.scatters)
    weights = np.concatenate([pattern.cells.weights for pattern in patterns])
    return RarePatterns(observed, starts, weights, compute_moments(Cells(weights, means, pack(scatters))).T.copy())


def compute_rare_expectation(batch: RarePatterns, model: MixtureModel) -> tuple[Floats, float]:
    """Compute the E-step for one batch of patterns.

    Parameters
    ----------
    batch : RarePatterns
        From :func:`prepare_rare_patterns`.
    model : MixtureModel
        k components, in the same coordinates.

    Returns
    -------
    statistics : ndarray of shape (k, 1 + d + d (d + 1) / 2), float64
        Expected moments of all features, summed over the cells with weight times responsibility.
    log_likelihood : float
        Sum of the weights times the log densities of the cells.
    """
    observed = batch.observed[:, None, :]
    both = observed[..., :, None] & observed[..., None, :]
    # Block matrices of the observed covariances and the identity: inverse and determinant are those of the observed
    # block.
    padded = np.where(both, model.covariances, np.eye(model.n_features))
    precisions = np.where(both, np.linalg.inv(padded), 0.0)
    precisions = (precisions + np.swapaxes(precisions, -1, -2)) / 2
    parameters = _compute_natural_parameters(model, precisions, np.linalg.slogdet(padded)[1], observed.sum(axis=-1))
    sizes = np.diff(np.r_[batch.starts, len(batch.weights)])
    joint = (np.repeat(parameters, sizes, axis=0) @ batch.moments[:, :, None])[:, :, 0]
    # Log-sum-exp over the components, then responsibilities times weights, in place.
    top = joint.max(axis=1, keepdims=True)
    np.exp(joint - top, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    log_likelihood = float((top + np.log(total))[:, 0] @ batch.weights)
    joint *= batch.weights[:, None] / total
    # The sums of each pattern in its observed features, then lifted to all features and added.
    sums = np.add.reduceat(joint[:, :, None] * batch.moments[:, None, :], batch.starts, axis=0)
    return complete_moments(sums, _compute_regressions(model, precisions, observed)).sum(axis=0), log_likelihood


def _compute_natural_parameters(
    model: MixtureModel, precisions: Floats, log_dets: Floats, n_observed: NDArray[np.intp]
) -> Floats:
    """Compute the natural parameters of each component in each pattern, (p, k, m)."""
    linear = (precisions @ model.means[:, :, None])[..., 0]
    peaks = compute_log_weights(model.weights) - (n_observed * np.log(2 * np.pi) + log_dets) / 2
    constant = peaks - (linear * model.means).sum(axis=-1) / 2
    # Off-diagonal elements of x x' are packed once but appear twice in x' P x.
    quadratic = -pack(precisions) / 2 * pack(2.0 - np.eye(model.n_features))
    return np.concatenate([constant[..., None], linear, quadratic], axis=-1)


def _compute_regressions(model: MixtureModel, precisions: Floats, observed: NDArray[np.bool_]) -> Regression:
    """Compute the regression of each pattern, in arrays of shape (p, k, d, d), (p, k, d) and (p, k, d, d)."""
    # The padded precisions are 0 for missing features, so C P has the slopes C_mo inv(C_oo) in the right columns.
    slopes = np.where(observed[..., :, None], np.eye(model.n_features), model.covariances @ precisions)
    noise = np.where(
        observed[..., :, None] | observed[..., None, :], 0.0, model.covariances - slopes @ model.covariances
    )
    intercepts = np.where(observed, 0.0, model.means - (slopes @ model.means[:, :, None])[..., 0])
    return Regression(slopes, intercepts, (noise + np.swapaxes(noise, -1, -2)) / 2)
