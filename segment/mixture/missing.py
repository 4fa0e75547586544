"""Cells with missing values: NaN marks a feature that was not observed.

Nothing is dropped or filled in. The density of a cell is that of its observed features, and the M-step uses the
expected moments of the missing ones, given the observed ones and the component (Ghahramani & Jordan 1994, NIPS 6).
Within a component the missing features are a linear function of the observed ones plus noise. So the expected moments
of all cells with the same missing features follow from their summed observed moments, with one small matrix product for
each pattern of missing features instead of one for each cell. With many features nearly every row has a pattern of its
own: see :mod:`segment.mixture.missing_patterns`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, concatenate
from segment.mixture.grid_bins import coarsen
from segment.mixture.packed_matrices import pack, unpack

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
    """The cells in which the same features are observed.

    Attributes
    ----------
    observed : ndarray of shape (o,), int
        Indices of the observed features in ascending order; o can be 0.
    rows : ndarray of shape (n,), int
        Indices of the cells.
    cells : Cells
        The n cells, with the o observed features only.
    """

    observed: NDArray[np.intp]
    rows: NDArray[np.intp]
    cells: Cells


@dataclass(frozen=True)
class Regression:
    """Linear regression of all features on the observed ones: ``x = slopes @ x_observed + intercepts + noise``.

    Attributes
    ----------
    slopes : ndarray of shape (k, d, o), float64
        One matrix for each of the k components; the rows of the observed features are unit vectors.
    intercepts : ndarray of shape (k, d), float64
        Zero for the observed features.
    noise : ndarray of shape (k, d, d), float64
        Covariance of the noise; zero for the observed features.
    """

    slopes: Floats
    intercepts: Floats
    noise: Floats


def has_missing(cells: Cells) -> bool:
    """Test whether a value is missing in any of the cells.

    Returns
    -------
    bool
        True if any mean is NaN.
    """
    return bool(np.isnan(cells.means).any())


def group_by_pattern(cells: Cells) -> list[MissingPattern]:
    """Group the cells by their observed features.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.

    Returns
    -------
    list of MissingPattern
        One for each set of observed features; every cell is in one of them.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> patterns = group_by_pattern(make_point_cells([[1.0, np.nan], [2.0, 3.0], [4.0, np.nan]]))
    >>> [(pattern.observed.tolist(), pattern.rows.tolist()) for pattern in patterns]
    [([0], [0, 2]), ([0, 1], [1])]
    """
    kinds, group, sizes = np.unique(~np.isnan(cells.means), axis=0, return_inverse=True, return_counts=True)
    in_order = np.split(np.argsort(group.reshape(-1), kind="stable"), np.cumsum(sizes)[:-1])
    # A packed scatter has one column for each pair of features; those of two observed features stay.
    firsts, seconds = np.triu_indices(cells.n_features)
    found = []
    for kind, rows in zip(kinds, in_order, strict=True):
        there = cells.scatters[np.ix_(rows, kind[firsts] & kind[seconds])]
        found.append(
            MissingPattern(np.flatnonzero(kind), rows, Cells(cells.weights[rows], cells.means[rows][:, kind], there))
        )
    return found


def compute_regression(means: Floats, covariances: Floats, observed: NDArray[np.intp]) -> Regression:
    """Compute the conditional distribution of all features of Gaussians given the observed ones.

    Parameters
    ----------
    means : ndarray of shape (k, d), float64
        Means of the k components.
    covariances : ndarray of shape (k, d, d), float64
        Covariances of the components, positive definite.
    observed : ndarray of shape (o,), int
        Indices of the observed features in ascending order.

    Returns
    -------
    Regression
        With one set of coefficients for each component.

    Notes
    -----
    ``E[x_m | x_o] = m_m + C_mo inv(C_oo) (x_o - m_o)`` with covariance ``C_mm - C_mo inv(C_oo) C_om`` (for example
    Bishop 2006, Pattern Recognition and Machine Learning, equations 2.81 and 2.82).
    """
    k, d = means.shape
    missing = np.delete(np.arange(d), observed)
    # C_om and C_mo inv(C_oo), for each component.
    cross = covariances[:, observed][:, :, missing]
    missing_slopes = np.swapaxes(np.linalg.solve(covariances[:, observed][:, :, observed], cross), 1, 2)
    slopes, intercepts, noise = np.zeros((k, d, len(observed))), np.zeros((k, d)), np.zeros((k, d, d))
    slopes[:, observed, np.arange(len(observed))] = 1.0
    slopes[:, missing] = missing_slopes
    intercepts[:, missing] = means[:, missing] - (missing_slopes @ means[:, observed, None])[:, :, 0]
    rest = covariances[:, missing][:, :, missing] - missing_slopes @ cross
    # Rounding makes the matrix slightly asymmetric.
    noise[:, missing[:, None], missing] = (rest + np.swapaxes(rest, 1, 2)) / 2
    return Regression(slopes, intercepts, noise)


def complete_moments(statistics: Floats, given: Regression) -> Floats:
    """Compute the expected moments of all features from the moments of the observed ones.

    Parameters
    ----------
    statistics : ndarray of shape (..., k, 1 + o + o (o + 1) / 2), float64
        Sums over the cells of responsibility times 1, x and the packed x x' + S, in the observed features.
    given : Regression
        From :func:`compute_regression`, with the same leading dimensions.

    Returns
    -------
    ndarray of shape (..., k, 1 + d + d (d + 1) / 2), float64
        The same sums in all features.
    """
    o = given.slopes.shape[-1]
    counts = statistics[..., :1]
    linear = (given.slopes @ statistics[..., 1 : 1 + o, None])[..., 0]
    # With x = A y + b + e the sum of x x' is A (sum of y y') A' + A (sum of y) b' + its transpose + n (b b' + Cov(e)).
    second = given.slopes @ unpack(statistics[..., 1 + o :]) @ np.swapaxes(given.slopes, -1, -2)
    cross = linear[..., :, None] * given.intercepts[..., None, :]
    constant = given.intercepts[..., :, None] * given.intercepts[..., None, :] + given.noise
    second += cross + np.swapaxes(cross, -1, -2) + counts[..., None] * constant
    return np.concatenate([counts, linear + counts * given.intercepts, pack(second)], axis=-1)


def compute_observed_moments(cells: Cells) -> tuple[Floats, Floats]:
    """Compute mean and variance of each feature over the cells in which it is observed.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.

    Returns
    -------
    means : ndarray of shape (d,), float64
    variances : ndarray of shape (d,), float64
        With the scatter of the cells.

    Raises
    ------
    SettingsError
        If a feature is missing in all cells.
    """
    there = ~np.isnan(cells.means)
    weights = cells.weights[:, None] * there
    totals = weights.sum(axis=0)
    if (totals == 0).any():
        raise SettingsError(f"X: feature {int((totals == 0).argmax())} has no value in any row. Leave it out.")
    center = (weights * np.where(there, cells.means, 0)).sum(axis=0) / totals
    firsts, seconds = np.triu_indices(cells.n_features)
    # The diagonal of the packed scatters.
    squares = (cells.means - center) ** 2 + cells.scatters[:, firsts == seconds]
    return center, (weights * np.where(there, squares, 0)).sum(axis=0) / totals


def coarsen_patterns(cells: Cells, n_bins: int = 32) -> Cells:
    """Merge cells into fewer and larger ones, separately for each pattern of missing values.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    n_bins : int, >= 1
        Bins along the widest feature, as for :func:`segment.mixture.grid_bins.coarsen`. Raising it keeps more detail
        and more cells.

    Returns
    -------
    Cells
        Ordered by pattern. The first two moments of each pattern are the same as before.
    """
    coarse = []
    for pattern in group_by_pattern(cells):
        part = pattern.cells
        # Cells without any observed feature are all alike: they become one.
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
    """Fill in the missing values with their expectation under a single Gaussian.

    The starts of EM are computed from these cells; EM itself is run on the incomplete ones.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    mean : ndarray of shape (d,), float64
        Mean of the Gaussian.
    covariance : ndarray of shape (d, d), float64
        Covariance of the Gaussian, positive definite.

    Returns
    -------
    Cells
        Ordered by pattern. The conditional covariance of the missing values is added to the scatter.
    """
    parts = []
    for pattern in group_by_pattern(cells):
        given = compute_regression(mean[None], covariance[None], pattern.observed)
        # The scatter of the observed values goes through the regression; its noise is added.
        slopes = given.slopes[0]
        scatters = slopes @ unpack(pattern.cells.scatters) @ slopes.T + given.noise[0]
        means = pattern.cells.means @ slopes.T + given.intercepts[0]
        parts.append(Cells(pattern.cells.weights, means, pack(scatters)))
    return concatenate(*parts)
