"""Weighted cells: the data that a mixture is fitted to.

A cell stands for many observations at once: their total weight, their mean and their scatter, which is the covariance
of the observations inside the cell around its mean. Distinct values with their counts are cells without loss; coarser
cells keep the first two moments exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.distinct_rows import count_integer_rows, sort_equal_rows
from segment.mixture.packed_matrices import get_triangle_indices, unpack

__all__ = [
    "Cells",
    "concatenate",
    "group_cells",
    "make_distinct_cells",
    "make_point_cells",
    "make_used_cells",
    "sum_cells",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Weights, means and scatters of n cells in d dimensions.

    Attributes
    ----------
    weights : ndarray of shape (n,), float64, > 0
        How many observations each cell stands for.
    means : ndarray of shape (n, d), float64
        NaN is a feature that the cell lacks: :mod:`segment.mixture.missing`, and the functions built on it, accept
        such cells; all others need complete ones.
    scatters : ndarray of shape (n, d * (d + 1) / 2), float64
        Covariance inside each cell, packed as by :func:`segment.mixture.packed_matrices.pack`. Zero for exact values.
    """

    weights: Floats
    means: Floats
    scatters: Floats

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.means.shape[1])

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())

    @property
    def has_one_scatter(self) -> bool:
        """Whether all scatters are one in memory, as of colors in RGB: what depends on it is computed once."""
        return len(self) > 0 and self.scatters.strides[0] == 0

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> Cells:
        return Cells(self.weights[rows], self.means[rows], self.scatters[rows])

    def compute_second_moment(self) -> Floats:
        """Compute the mean of x x' over all observations, (d, d), scatter included."""
        shares = self.weights / self.weights.sum()
        within = self.scatters[0] if self.has_one_scatter else shares @ self.scatters
        return np.asarray((self.means * shares[:, None]).T @ self.means + unpack(within))

    def compute_center(self) -> Floats:
        """Compute the mean of all observations, (d,)."""
        return np.asarray(self.weights @ self.means / self.weights.sum())

    @cached_property
    def center_and_covariance(self) -> tuple[Floats, Floats]:
        """Mean (d,) and covariance (d, d) of all observations, scatter included; computed once, NaN where one is."""
        center = self.compute_center()
        return center, Cells(self.weights, self.means - center, self.scatters).compute_second_moment()

    def scale_weights(self, total: float) -> Cells:
        """Scale the weights to a given sum, for observations that count as fewer independent ones.

        Parameters
        ----------
        total : float, > 0
            Sum of the new weights.

        Returns
        -------
        Cells
        """
        return Cells(self.weights * (total / self.total_weight), self.means, self.scatters)

    def rescale(self, shift: Floats, scale: Floats) -> Cells:
        """Convert the cells to the coordinates ``(x - shift) / scale``.

        Parameters
        ----------
        shift, scale : ndarray of shape (d,), float64

        Returns
        -------
        Cells
        """
        rows, columns = get_triangle_indices(self.n_features)
        scatters = (self.scatters[:1] if self.has_one_scatter else self.scatters) / (scale[rows] * scale[columns])
        return Cells(self.weights, (self.means - shift) / scale, np.broadcast_to(scatters, self.scatters.shape))


def make_point_cells(X: ArrayLike, sample_weight: ArrayLike | None = None) -> Cells:
    """Make one cell without scatter of each row, in their order.

    Parameters
    ----------
    X : array_like of shape (n, d)
        NaN stands for a missing value.
    sample_weight : array_like of shape (n,), >= 0, optional
        Weight of each row, 1 by default.

    Returns
    -------
    Cells

    Raises
    ------
    SettingsError
        If there are no rows or no columns, or not one non-negative weight for each row.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise SettingsError(f"X: an array of shape (n, d) with n and d at least 1; got shape {rows.shape}.")
    weights = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    is_one_each = weights.shape == (len(rows),)
    if not is_one_each or not (weights >= 0).all():
        got = weights[~(weights >= 0)][0] if is_one_each else f"shape {weights.shape}"
        raise SettingsError(f"sample_weight: one non-negative weight for each of {len(rows)} rows; got {got}.")
    # All scatters are one zero, broadcast: they take no memory.
    d = rows.shape[1]
    return Cells(weights, rows, np.broadcast_to(0.0, (len(rows), d * (d + 1) // 2)))


def make_distinct_cells(X: ArrayLike, sample_weight: ArrayLike | None = None) -> Cells:
    """Make one cell of each distinct row, in sorted order; its weight is the sum over the equal rows.

    Parameters
    ----------
    X : array_like of shape (n, d)
        NaN stands for a missing value, and equals NaN.
    sample_weight : array_like of shape (n,), >= 0, optional
        Weight of each row, 1 by default. Rows of weight 0 are left out.

    Returns
    -------
    Cells

    Raises
    ------
    SettingsError
        If no weight is above zero, or for the reasons of :func:`make_point_cells`.

    Examples
    --------
    >>> cells = make_distinct_cells([[2, 1], [0, 5], [2, 1]])
    >>> cells.means.tolist(), cells.weights.tolist()
    ([[0.0, 5.0], [2.0, 1.0]], [1.0, 2.0])
    """
    if sample_weight is None and (rows := np.asarray(X, dtype=np.float64)).ndim == 2 and rows.size:
        counted = count_integer_rows(rows)
        if counted is not None:
            return make_point_cells(*counted)
    cells = make_point_cells(X, sample_weight)
    used = cells.weights > 0
    if not used.any():
        raise SettingsError("sample_weight: at least one weight is above zero; got only zeros.")
    # Adding 0.0 makes -0.0 and 0.0 one value.
    rows, weights = cells.means[used] + 0.0, cells.weights[used]
    order, starts = sort_equal_rows(rows)
    return make_point_cells(rows[order[starts]], np.add.reduceat(weights[order], starts))


def make_used_cells(X: Floats, sample_weight: Floats | None = None) -> Cells:
    """Make as many cells as there are rows, each at a row that has weight.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64
        NaN stands for a missing value.
    sample_weight : ndarray of shape (n,), float64, >= 0, optional
        Weight of each row, 1 by default; at least one is above 0.

    Returns
    -------
    Cells
        One of each row, in their order, if all have weight. Else rows that have weight are repeated, and the cells of
        one row share its weight.

    Examples
    --------
    >>> cells = make_used_cells(np.array([[0.0], [5.0], [9.0]]), np.array([3.0, 0.0, 1.0]))
    >>> cells.means.ravel().tolist(), cells.weights.tolist()
    ([0.0, 9.0, 0.0], [1.5, 1.0, 1.5])
    """
    if sample_weight is None:
        return make_point_cells(X)
    used = np.resize(np.flatnonzero(sample_weight), len(X))
    return make_point_cells(X[used], sample_weight[used] / np.bincount(used)[used])


def concatenate(*parts: Cells) -> Cells:
    """Put the cells of several sources side by side. EM on the result is EM on all sources at once."""
    if len(parts) == 1:
        return parts[0]
    return Cells(
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.scatters for part in parts]),
    )


def sum_cells(parts: Iterable[Cells]) -> Cells:
    """Sum the cells of many sources: cells of equal means become one.

    The sources are read one after the other, and only the distinct values so far and one source are held. So the
    sources together can be larger than memory. EM on the result is EM on all sources at once; of exact values nothing
    is lost. Where the distinct values become too many, use
    :func:`segment.mixture.grid_bins.coarsen` on what has come so far.

    Parameters
    ----------
    parts : iterable of Cells
        Of the same features; at least one.

    Returns
    -------
    Cells
        In sorted order of their means, whatever the order of the sources.
    """
    held: list[Cells] = []
    for part in parts:
        cells = concatenate(*held, part)
        order, starts = sort_equal_rows(cells.means)
        weights = np.add.reduceat(cells.weights[order], starts)
        # Cells of equal means have no scatter between them: the joint scatter is the weighted mean of theirs.
        weighted = cells.weights[order, None] * cells.scatters[order]
        held = [Cells(weights, cells.means[order[starts]], np.add.reduceat(weighted, starts) / weights[:, None])]
    return held[0]


def group_cells(cells: Cells, group: NDArray[np.integer], n_groups: int) -> Cells:
    """Merge the cells of each group into one, with their exact joint mean and scatter.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    group : ndarray of shape (n,), integers 0..n_groups - 1
        The group of each cell.
    n_groups : int

    Returns
    -------
    Cells
        One for each group that has any weight, in the order of the groups.
    """
    features = np.ascontiguousarray(cells.means.T)

    def sum_by_group(values: Floats) -> Floats:
        """Sum the values (n,) of the cells of each group."""
        return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64, copy=False)

    weights = sum_by_group(cells.weights)
    filled = weights > 0
    weights = weights[filled]
    means = np.stack([sum_by_group(cells.weights * x)[filled] / weights for x in features]).T
    # The joint scatter is that of the cells' means around the joint mean, plus the mean scatter inside the cells.
    group_rows = (np.cumsum(filled) - 1)[group]
    offsets = features - means.T[:, group_rows]
    rows, columns = get_triangle_indices(cells.n_features)
    scatters = [
        sum_by_group(cells.weights * (offsets[i] * offsets[j] + within))[filled] / weights
        for i, j, within in zip(rows, columns, cells.scatters.T, strict=True)
    ]
    return Cells(weights, means, np.stack(scatters).T)
