"""The E-step of cells that lack features in many different ways, a few cells each: all ways at once.

With twelve features of which a third is missing most patterns of holes have a handful of cells, and small matrices
one after the other would take all the time. Here the matrices of many patterns are one array. To be of one size, they
are those of all features: a feature that a pattern lacks is one of variance 1 that has nothing to do with the others,
and its value and its precision are 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, pack, unpack
from segment.mixture.missing import MissingPattern, Regression, complete_moments
from segment.mixture.model import MixtureModel, compute_log_weights, compute_moments

__all__ = ["RarePatterns", "compute_rare_expectation", "prepare_rare_patterns"]

Floats = NDArray[np.float64]

_ROWS = 512  # cells handled at once


@dataclass(frozen=True)
class RarePatterns:
    """Cells of p patterns, those of one pattern after those of the other.

    Attributes
    ----------
    there : ndarray of shape (p, d), bool
        The features that the cells of each pattern have.
    starts : ndarray of shape (p,), int
        Where the cells of each begin.
    weights : ndarray of shape (n,), float64
    moments : ndarray of shape (n, 1 + d + d (d + 1) / 2), float64
        As :func:`segment.mixture.model.compute_moments` makes them, with 0 for what is missing.
    """

    there: NDArray[np.bool_]
    starts: NDArray[np.intp]
    weights: Floats
    moments: Floats


def prepare_rare_patterns(patterns: Iterable[MissingPattern], shift: Floats, scale: Floats) -> list[RarePatterns]:
    """The patterns in the coordinates ``(x - shift) / scale``, both (d,), as many together as are handled at once."""
    batches: list[list[MissingPattern]] = []
    room = 0
    for pattern in patterns:
        room -= len(pattern.rows)
        if room < 0 or not batches:
            batches.append([])
            room = _ROWS - len(pattern.rows)
        batches[-1].append(pattern)
    return [_stack_patterns(batch, shift, scale) for batch in batches]


def _stack_patterns(patterns: list[MissingPattern], shift: Floats, scale: Floats) -> RarePatterns:
    d = len(shift)
    there = np.zeros((len(patterns), d), dtype=bool)
    sizes = np.array([len(pattern.rows) for pattern in patterns])
    starts = np.cumsum(sizes) - sizes
    means, scatters = np.zeros((sizes.sum(), d)), np.zeros((sizes.sum(), d, d))
    for number, (pattern, start, size) in enumerate(zip(patterns, starts, sizes, strict=True)):
        o = pattern.observed
        cells = pattern.cells.rescale(shift[o], scale[o])
        there[number, o] = True
        means[start : start + size, o] = cells.means
        scatters[start : start + size, o[:, None], o] = unpack(cells.scatters)
    weights = np.concatenate([pattern.cells.weights for pattern in patterns])
    return RarePatterns(there, starts, weights, compute_moments(Cells(weights, means, pack(scatters))).T.copy())


def compute_rare_expectation(batch: RarePatterns, model: MixtureModel) -> tuple[Floats, float]:
    """The expected moments of all features, as (k, 1 + d + d (d + 1) / 2), and the log likelihood of the cells."""
    there = batch.there[:, None, :]
    both = there[..., :, None] & there[..., None, :]
    padded = np.where(both, model.covariances, np.eye(model.n_features))
    precisions = np.where(both, np.linalg.inv(padded), 0.0)
    precisions = (precisions + np.swapaxes(precisions, -1, -2)) / 2
    parameters = _compute_natural_parameters(model, precisions, np.linalg.slogdet(padded)[1], there.sum(axis=-1))
    sizes = np.diff(np.r_[batch.starts, len(batch.weights)])
    joint = (np.repeat(parameters, sizes, axis=0) @ batch.moments[:, :, None])[:, :, 0]
    top = joint.max(axis=1, keepdims=True)
    np.exp(joint - top, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    log_likelihood = float((top + np.log(total))[:, 0] @ batch.weights)
    joint *= batch.weights[:, None] / total
    sums = np.add.reduceat(joint[:, :, None] * batch.moments[:, None, :], batch.starts, axis=0)
    return complete_moments(sums, _compute_regressions(model, precisions, there)).sum(axis=0), log_likelihood


def _compute_natural_parameters(
    model: MixtureModel, precisions: Floats, log_dets: Floats, n_there: NDArray[np.intp]
) -> Floats:
    """Those of :func:`segment.mixture.model.compute_natural_parameters`, (p, k, m), for every pattern."""
    linear = (precisions @ model.means[:, :, None])[..., 0]
    peaks = compute_log_weights(model) - (n_there * np.log(2 * np.pi) + log_dets) / 2
    constant = peaks - (linear * model.means).sum(axis=-1) / 2
    quadratic = -pack(precisions) / 2 * pack(2.0 - np.eye(model.n_features))
    return np.concatenate([constant[..., None], linear, quadratic], axis=-1)


def _compute_regressions(model: MixtureModel, precisions: Floats, there: NDArray[np.bool_]) -> Regression:
    """Those of :func:`segment.mixture.missing.compute_regression` for every pattern: (p, k, d, d), (p, k, d), (p, k, d, d)."""
    slopes = np.where(there[..., :, None], np.eye(model.n_features), model.covariances @ precisions)
    noise = np.where(there[..., :, None] | there[..., None, :], 0.0, model.covariances - slopes @ model.covariances)
    intercepts = np.where(there, 0.0, model.means - (slopes @ model.means[:, :, None])[..., 0])
    return Regression(slopes, intercepts, (noise + np.swapaxes(noise, -1, -2)) / 2)
