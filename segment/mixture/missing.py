"""Cells that lack features: NaN stands for a value that was not seen.

Nothing is dropped or filled in. A cell's density is that of the features it has, and the M-step gets the expected
moments of those it lacks, given those it has and the component (Ghahramani & Jordan 1994, NIPS 6). Given the component,
what is missing is a linear function of what is there plus noise. So the expected moments of all cells that lack the
same features are a linear function of their observed moments, and cost one small matrix product a pattern, not a cell.
With many features nearly every row has its own: see :mod:`segment.mixture.missing_patterns`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, coarsen, concatenate, pack, unpack

__all__ = [
    "MissingPattern",
    "Regression",
    "coarsen_patterns",
    "complete_cells",
    "complete_moments",
    "compute_observed_moments",
    "compute_regression",
    "group_by_pattern",
    "has_missing",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MissingPattern:
    """The cells that have the same features.

    Attributes
    ----------
    observed : ndarray of shape (o,), int
        Numbers of the features they have, in ascending order; none at all where o is 0.
    rows : ndarray of shape (n,), int
        Which cells they are.
    cells : Cells
        They themselves, in the o features only.
    """

    observed: NDArray[np.intp]
    rows: NDArray[np.intp]
    cells: Cells


@dataclass(frozen=True)
class Regression:
    """All features given the observed ones, in each component: ``x = slopes @ x_observed + intercepts + noise``.

    Attributes
    ----------
    slopes : ndarray of shape (k, d, o), float64
    intercepts : ndarray of shape (k, d), float64
    noise : ndarray of shape (k, d, d), float64
        Covariance of the noise; zero for the observed features.
    """

    slopes: Floats
    intercepts: Floats
    noise: Floats


def has_missing(cells: Cells) -> bool:
    """Whether any cell lacks a feature."""
    return bool(np.isnan(cells.means).any())


def group_by_pattern(cells: Cells) -> list[MissingPattern]:
    """The cells grouped by the features that they have."""
    kinds, group, sizes = np.unique(~np.isnan(cells.means), axis=0, return_inverse=True, return_counts=True)
    in_order = np.split(np.argsort(group.reshape(-1), kind="stable"), np.cumsum(sizes)[:-1])
    firsts, seconds = np.triu_indices(cells.n_features)
    found = []
    for kind, rows in zip(kinds, in_order, strict=True):
        there = cells.scatters[np.ix_(rows, kind[firsts] & kind[seconds])]
        found.append(
            MissingPattern(np.flatnonzero(kind), rows, Cells(cells.weights[rows], cells.means[rows][:, kind], there))
        )
    return found


def compute_regression(means: Floats, covariances: Floats, observed: NDArray[np.intp]) -> Regression:
    """Conditional distribution of all features of Gaussians (k, d), (k, d, d) given the observed ones.

    ``E[x_m | x_o] = m_m + C_mo inv(C_oo) (x_o - m_o)`` with covariance ``C_mm - C_mo inv(C_oo) C_om`` (for example
    Bishop 2006, Pattern Recognition and Machine Learning, equations 2.81 and 2.82).
    """
    k, d = means.shape
    missing = np.delete(np.arange(d), observed)
    across = covariances[:, observed][:, :, missing]
    slopes_ = np.swapaxes(np.linalg.solve(covariances[:, observed][:, :, observed], across), 1, 2)
    slopes, intercepts, noise = np.zeros((k, d, len(observed))), np.zeros((k, d)), np.zeros((k, d, d))
    slopes[:, observed, np.arange(len(observed))] = 1.0
    slopes[:, missing] = slopes_
    intercepts[:, missing] = means[:, missing] - (slopes_ @ means[:, observed, None])[:, :, 0]
    rest = covariances[:, missing][:, :, missing] - slopes_ @ across
    noise[:, missing[:, None], missing] = (rest + np.swapaxes(rest, 1, 2)) / 2
    return Regression(slopes, intercepts, noise)


def complete_moments(statistics: Floats, given: Regression) -> Floats:
    """Expected moments of all features from the moments of the observed ones.

    Parameters
    ----------
    statistics : ndarray of shape (..., k, 1 + o + o (o + 1) / 2), float64
        Sums over the cells of responsibility times 1, x and the packed x x' + S, in the observed features.
    given : Regression
        With the same leading dimensions.

    Returns
    -------
    ndarray of shape (..., k, 1 + d + d (d + 1) / 2), float64
        The same in all features.
    """
    o = given.slopes.shape[-1]
    counts = statistics[..., :1]
    linear = (given.slopes @ statistics[..., 1 : 1 + o, None])[..., 0]
    second = given.slopes @ unpack(statistics[..., 1 + o :]) @ np.swapaxes(given.slopes, -1, -2)
    cross = linear[..., :, None] * given.intercepts[..., None, :]
    constant = given.intercepts[..., :, None] * given.intercepts[..., None, :] + given.noise
    second += cross + np.swapaxes(cross, -1, -2) + counts[..., None] * constant
    return np.concatenate([counts, linear + counts * given.intercepts, pack(second)], axis=-1)


def compute_observed_moments(cells: Cells) -> tuple[Floats, Floats]:
    """Mean and variance (d,) of each feature over the cells that have it.

    Raises
    ------
    SettingsError
        If no cell has a feature.
    """
    there = ~np.isnan(cells.means)
    weights = cells.weights[:, None] * there
    totals = weights.sum(axis=0)
    if (totals == 0).any():
        raise SettingsError(f"X: feature {int((totals == 0).argmax())} has no value in any row. Leave it out.")
    center = (weights * np.where(there, cells.means, 0)).sum(axis=0) / totals
    firsts, seconds = np.triu_indices(cells.n_features)
    squares = (cells.means - center) ** 2 + cells.scatters[:, firsts == seconds]
    return center, (weights * np.where(there, squares, 0)).sum(axis=0) / totals


def coarsen_patterns(cells: Cells, n_bins: int = 32) -> Cells:
    """Fewer, larger cells, as by :func:`segment.mixture.cells.coarsen`, each of cells that have the same features."""
    coarse = []
    for pattern in group_by_pattern(cells):
        part = pattern.cells
        if part.n_features:
            part = coarsen(part, n_bins)
        else:
            part = Cells(part.weights.sum(keepdims=True), part.means[:1], part.scatters[:1])
        means = np.full((len(part), cells.n_features), np.nan)
        means[:, pattern.observed] = part.means
        scatters = np.full((len(part), cells.n_features, cells.n_features), np.nan)
        scatters[:, pattern.observed[:, None], pattern.observed] = unpack(part.scatters)
        coarse.append(Cells(part.weights, means, pack(scatters)))
    return concatenate(*coarse)


def complete_cells(cells: Cells, mean: Floats, covariance: Floats) -> Cells:
    """The cells with all features, as one Gaussian of mean (d,) and covariance (d, d) expects the missing ones.

    The uncertainty of what was missing becomes scatter. Cells come pattern by pattern. It is where EM starts from, not
    what it is fitted to.
    """
    parts = []
    for pattern in group_by_pattern(cells):
        given = compute_regression(mean[None], covariance[None], pattern.observed)
        slopes = given.slopes[0]
        scatters = slopes @ unpack(pattern.cells.scatters) @ slopes.T + given.noise[0]
        means = pattern.cells.means @ slopes.T + given.intercepts[0]
        parts.append(Cells(pattern.cells.weights, means, pack(scatters)))
    return concatenate(*parts)
