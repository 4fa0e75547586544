"""Weighted cells: what a mixture is fitted to.

A cell stands for many observations at once: their total weight, their mean and their scatter, which is the covariance
of the observations inside the cell around its mean. Distinct values with their counts are cells without loss; coarser
cells keep the first two moments exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError

__all__ = [
    "Cells",
    "coarsen",
    "concatenate",
    "distinct",
    "group_cells",
    "make_point_cells",
    "pack",
    "sum_cells",
    "triangle",
    "unpack",
]

Floats = NDArray[np.float64]

_NARROWEST = 1e-300  # a range below this is that of a constant: its inverse could overflow
_LARGEST_TABLE = 2**20  # bins that are counted in a table; a larger grid is sorted instead


@dataclass(frozen=True)
class Cells:
    """Weights, means and scatters of n cells in d dimensions.

    Attributes
    ----------
    weights : ndarray of shape (n,), float64, > 0
        How many observations each cell stands for.
    means : ndarray of shape (n, d), float64
        NaN is a feature that the cell lacks: see :mod:`segment.mixture.missing`, whose functions and those built on
        them take such cells; all others want complete ones.
    scatters : ndarray of shape (n, d * (d + 1) / 2), float64
        Covariance inside each cell, packed as by :func:`pack`. Zero for exact values.
    """

    weights: Floats
    means: Floats
    scatters: Floats

    @property
    def n_features(self) -> int:
        return int(self.means.shape[1])

    @property
    def total_weight(self) -> float:
        return float(self.weights.sum())

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> Cells:
        return Cells(self.weights[rows], self.means[rows], self.scatters[rows])

    def compute_second_moment(self) -> Floats:
        """Mean of x x' over all observations, (d, d), scatter included."""
        shares = self.weights / self.weights.sum()
        return np.asarray((self.means * shares[:, None]).T @ self.means + unpack(shares @ self.scatters))

    def compute_center(self) -> Floats:
        """Mean of all observations, (d,)."""
        return np.asarray(self.weights @ self.means / self.weights.sum())

    def scale_weights(self, total: float) -> Cells:
        """The same cells with weights that sum to `total`, for observations that are worth fewer independent ones."""
        return Cells(self.weights * (total / self.total_weight), self.means, self.scatters)

    def rescale(self, shift: Floats, scale: Floats) -> Cells:
        """The same cells in the coordinates ``(x - shift) / scale``, both of shape (d,)."""
        rows, columns = get_triangle_indices(self.n_features)
        return Cells(self.weights, (self.means - shift) / scale, self.scatters / (scale[rows] * scale[columns]))


def pack(matrices: ArrayLike) -> Floats:
    """The upper triangles of symmetric matrices (..., d, d), row by row, as (..., d * (d + 1) / 2)."""
    full = np.asarray(matrices, dtype=np.float64)
    rows, columns = get_triangle_indices(full.shape[-1])
    return np.asarray(full[..., rows, columns])


def unpack(triangles: Floats) -> Floats:
    """Symmetric matrices (..., d, d) from their packed upper triangles: the inverse of :func:`pack`."""
    d = math.isqrt(2 * triangles.shape[-1])
    rows, columns = get_triangle_indices(d)
    full = np.empty((*triangles.shape[:-1], d, d))
    full[..., rows, columns] = triangles
    full[..., columns, rows] = triangles
    return full


@cache
def get_triangle_indices(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of an upper triangle: found once, for small matrices are packed often."""
    return np.triu_indices(d)


def make_point_cells(X: ArrayLike, sample_weight: ArrayLike | None = None) -> Cells:
    """One cell for each row of X (n, d), in its order, with the given weights (n,) or weight 1 and no scatter."""
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise SettingsError(f"X: an array of shape (n, d) with n and d at least 1; got shape {rows.shape}.")
    weights = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(rows),) or (weights < 0).any():
        raise SettingsError(
            f"sample_weight: one non-negative weight for each of {len(rows)} rows; got {weights.shape}."
        )
    d = rows.shape[1]
    return Cells(weights, rows, np.broadcast_to(0.0, (len(rows), d * (d + 1) // 2)))


def make_distinct_cells(X: ArrayLike, sample_weight: ArrayLike | None = None) -> Cells:
    """One cell for each distinct row of X, in sorted order.

    Parameters
    ----------
    X : array_like of shape (n, d)
        NaN stands for a missing value, and is one more value to tell rows by.
    sample_weight : array_like of shape (n,), >= 0, optional
        Weight of each row, 1 by default. Rows of weight 0 are left out.
    """
    cells = make_point_cells(X, sample_weight)
    used = cells.weights > 0
    if not used.any():
        raise SettingsError("sample_weight: at least one weight is above zero; got only zeros.")
    rows, weights = cells.means[used] + 0.0, cells.weights[used]  # + 0.0 makes -0.0 and 0.0 one value
    order, starts = _equal_rows(rows)
    return make_point_cells(rows[order[starts]], np.add.reduceat(weights[order], starts))


def concatenate(*parts: Cells) -> Cells:
    """The cells of several sources side by side. Nothing is lost: EM on the result is EM on all sources at once."""
    if len(parts) == 1:
        return parts[0]
    return Cells(
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.scatters for part in parts]),
    )


def sum_cells(parts: Iterable[Cells]) -> Cells:
    """The cells of many sources as one, taken in one after the other: cells of equal means become one.

    What is held at any time are the distinct values so far and one source, so the sources together can be larger than
    memory. EM on the result is EM on all sources at once; of exact values nothing is lost. Where the distinct values
    grow too many, :func:`coarsen` what has come so far.

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
        order, starts = _equal_rows(cells.means)
        weights = np.add.reduceat(cells.weights[order], starts)
        shares = cells.weights[order, None] * cells.scatters[order]
        held = [Cells(weights, cells.means[order[starts]], np.add.reduceat(shares, starts) / weights[:, None])]
    if not held:
        raise SettingsError("parts: the cells of at least one source; got none.")
    return held[0]


def _equal_rows(rows: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order (n,) that sorts the rows (n, d), and where in it each group of equal rows begins. NaN equals NaN."""
    order = np.lexsort(rows.T[::-1])
    placed = rows[order]
    differ = (placed[1:] != placed[:-1]) & ~(np.isnan(placed[1:]) & np.isnan(placed[:-1]))
    return order, np.flatnonzero(np.r_[np.ones(min(1, len(rows)), dtype=bool), differ.any(axis=1)])


def coarsen(cells: Cells, n_bins: int = 32) -> Cells:
    """Fewer, larger cells: those of one box of a regular grid become one, with their exact joint mean and scatter.

    EM on the result ascends a lower bound of the likelihood of the finer cells (Verbeek, Nunnink & Vlassis 2006,
    Data Mining and Knowledge Discovery 13, 291-307).

    Parameters
    ----------
    cells : Cells
    n_bins : int, >= 1
        Boxes along the widest feature; the boxes are cubes in units of each feature's range. Raising it keeps more
        detail and more cells.
    """
    features = np.ascontiguousarray(cells.means.T)
    low = features.min(axis=1, keepdims=True)
    span = features.max(axis=1, keepdims=True) - low
    bins = np.minimum((features - low) * (n_bins / np.where(span > _NARROWEST, span, 1.0)), n_bins - 1).astype(np.int64)
    return group_cells(cells, *_group(bins, n_bins))


def group_cells(cells: Cells, group: NDArray[np.integer], n_groups: int) -> Cells:
    """One cell for each group that has any, in their order, with the exact joint mean and scatter of its cells.

    Parameters
    ----------
    cells : Cells
    group : ndarray of shape (n,), integers 0..n_groups - 1
        The group of each cell.
    n_groups : int
    """
    features = np.ascontiguousarray(cells.means.T)

    def total(values: Floats) -> Floats:
        return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64, copy=False)

    weights = total(cells.weights)
    filled = weights > 0
    weights = weights[filled]
    means = np.stack([total(cells.weights * x)[filled] / weights for x in features], axis=1)
    box = (np.cumsum(filled) - 1)[group]
    offsets = features - means.T[:, box]
    rows, columns = get_triangle_indices(cells.n_features)
    scatters = np.stack(
        [
            total(cells.weights * (offsets[i] * offsets[j] + within))[filled] / weights
            for i, j, within in zip(rows, columns, cells.scatters.T, strict=True)
        ],
        axis=1,
    )
    return Cells(weights, means, scatters)


def _group(bins: NDArray[np.int64], n_bins: int) -> tuple[NDArray[np.int64], int]:
    """A group number for each column of bins, equal ones alike, in lexicographic order, and how many there may be."""
    n_features = len(bins)
    if n_bins**n_features <= _LARGEST_TABLE:
        codes = np.zeros(bins.shape[1], dtype=np.int64)
        for row in bins:
            codes = codes * n_bins + row
        return codes, n_bins**n_features
    kept, group = np.unique(bins, axis=1, return_inverse=True)
    return group.reshape(-1), kept.shape[1]
