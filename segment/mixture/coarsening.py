"""Coarse cells for the starts of EM: bins of a regular grid, or groups that follow the data where bins are too wide.

Bins of a regular grid are as wide as the range of the data says. A small class far away makes the range wide: then all
other cells may share one bin of a feature. Groups are made by halves of halves, whatever the range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, group_cells, make_point_cells
from segment.mixture.grid_bins import number_grid_bins

__all__ = ["coarsen_adaptively", "coarsen_by_scatter", "is_crowded", "is_grid_suitable", "split_groups"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

# A bin of one feature with a larger share of the weight is crowded. Of photographs, bins have up to 0.45; up to 0.9
# where most of the image is a background of one color.
_MAX_FEATURE_SHARE = 1 / 2
# More bins of a grid are no help. Features are many where that happens.
_MAX_BINS = 8192
# Of more features, one alone hardly parts anything, and halves along all of them are too many.
_MAX_SPLIT_FEATURES = 8


def coarsen_adaptively(cells: Cells, n_bins: int, min_cells: int) -> Cells:
    """Merge the cells of each bin of a regular grid, or of each group where bins are too few or too many.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    n_bins : int, >= 1
        Bins along each feature, as for :func:`segment.mixture.grid_bins.coarsen`; about ``n_bins**2`` groups.
    min_cells : int, >= 1
        Where the grid leaves fewer, groups are made instead, at least so many. Fewer can be left where a few cells
        have most of the weight.

    Returns
    -------
    Cells
        With the exact moments of what they hold.

    Examples
    --------
    One value far away leaves the others in one bin of four:

    >>> from segment.mixture.cells import make_point_cells
    >>> from segment.mixture.grid_bins import coarsen
    >>> cells = make_point_cells(np.r_[np.arange(100.0), 9999.0][:, None])
    >>> len(coarsen(cells, 4)), len(coarsen_adaptively(cells, 4, 8))
    (2, 21)
    """
    group, n_groups = number_grid_bins(cells, n_bins)
    if not is_grid_suitable(group, min_cells):
        return coarsen_by_scatter(cells, max(n_bins**2, min_cells))
    return group_cells(cells, group, n_groups)


def is_grid_suitable(group: Ids, min_cells: int) -> bool:
    """Say whether a regular grid leaves neither too few nor too many cells.

    Parameters
    ----------
    group : ndarray of shape (n,), int
        The bin of each cell.
    min_cells : int
        As for :func:`coarsen_adaptively`.

    Returns
    -------
    bool
    """
    return bool(min_cells <= np.count_nonzero(np.bincount(group)) <= _MAX_BINS)


def coarsen_by_scatter(cells: Cells, n_groups: int) -> Cells:
    """Merge the cells of each group of :func:`split_groups`.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    n_groups : int, >= 1
        No group of several cells has more than this part of the weight, so there are about one to three times as many.

    Returns
    -------
    Cells
    """
    return group_cells(cells, *split_groups(cells, cells.total_weight / n_groups))


def is_crowded(cells: Cells, n_bins: int) -> bool:
    """Say whether more than half of the weight lies in one bin of a feature.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    n_bins : int, >= 1
        Bins of each feature.

    Returns
    -------
    bool
    """
    for feature in range(cells.n_features):
        bins, n = number_grid_bins(make_point_cells(cells.means[:, feature : feature + 1]), n_bins)
        if np.bincount(bins, weights=cells.weights, minlength=n).max() > _MAX_FEATURE_SHARE * cells.total_weight:
            return True
    return False


def split_groups(cells: Cells, max_weight: float) -> tuple[Ids, int]:
    """Divide cells into groups, by halves, until each has little weight and little scatter, or one value.

    A group is split at its mean, along the feature in which it is widest. The unit of each feature is the standard
    deviation within the groups so far. So a feature that a few far cells stretched counts as much as the others once
    these are apart. Of more than 8 features, groups are split along the principal axes of the standardized features,
    all in one unit: classes that differ a little in every feature differ much along a few axes.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    max_weight : float, > 0
        Groups of more weight are split; groups that are c times as wide as the average, already from ``1 / c**2`` of
        it. Raising it leaves fewer groups.

    Returns
    -------
    group : ndarray of shape (n,), int
    n_groups : int
        Every group has a cell.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> split_groups(make_point_cells([[0.0], [1.0], [8.0], [9.0], [900.0]]), 2.0)
    (array([1, 2, 3, 4, 0]), 5)
    """
    found, n_groups = np.zeros(len(cells), dtype=np.intp), 0
    is_rotated = cells.n_features > _MAX_SPLIT_FEATURES
    features = _compute_principal_coordinates(cells) if is_rotated else np.ascontiguousarray(cells.means.T)
    weights, rows = cells.weights, np.arange(len(cells))
    # Numbers 0..m - 1 of the groups that may be split, and the sums of squares within those that are done.
    group, squares_done = np.zeros(len(cells), dtype=np.intp), np.zeros(len(features))
    while rows.size:
        totals = np.bincount(group, weights=weights)
        means = np.stack([np.bincount(group, weights=weights * values) for values in features]) / totals
        offsets = features - means[:, group]
        squares = np.stack([np.bincount(group, weights=weights * values**2) for values in offsets])
        # Variances of the groups, (d, m), in units of the mean variance within all groups.
        pooled = (squares_done + squares.sum(axis=1)) / cells.total_weight
        if is_rotated:
            pooled[:] = pooled.max()
        ratios = squares / totals / np.where(pooled > 0, pooled, 1.0)[:, None]
        is_above = offsets[ratios.argmax(axis=0)[group], np.arange(len(group))] > 0
        n_above = np.bincount(group, weights=is_above)
        # Equal values, some of which rounding puts above their mean, cannot be split.
        is_split = (n_above > 0) & (n_above < np.bincount(group))
        is_split &= totals * np.maximum(ratios.max(axis=0), 1.0) > max_weight
        # Groups that stay get their numbers; the halves of the others are the groups of the next round.
        goes_on = is_split[group]
        found[rows[~goes_on]] = (n_groups - 1 + np.cumsum(~is_split))[group[~goes_on]]
        n_groups += int(np.count_nonzero(~is_split))
        squares_done = squares_done + squares[:, ~is_split].sum(axis=1)
        group = 2 * (np.cumsum(is_split) - 1)[group[goes_on]] + is_above[goes_on]
        rows, weights, features = rows[goes_on], weights[goes_on], features[:, goes_on]
    return found, n_groups


def _compute_principal_coordinates(cells: Cells) -> Floats:
    """Compute the coordinates of the cells along the principal axes of their standardized features: (d, n)."""
    center, covariance = cells.center_and_covariance
    variances = np.diagonal(covariance)
    scale = 1 / np.sqrt(np.where(variances > 0, variances, 1.0))
    axes = np.linalg.eigh(covariance * scale[:, None] * scale)[1]
    return np.ascontiguousarray(axes.T @ ((cells.means - center) * scale).T)
