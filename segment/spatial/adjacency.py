"""Which regions touch, what lies along their borders and inside them: sums that add up when regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Adjacency", "find_adjacency", "region_sums", "sparse_region_sums"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]


@dataclass(frozen=True)
class Adjacency:
    """Regions 0..n_regions - 1 and the borders between them, one row a pair of neighbours.

    Attributes
    ----------
    n_regions : int
    pairs : ndarray of shape (m, 2), int
        Neighbours, the lower number first, in ascending order.
    borders : ndarray of shape (m, 1 + c), float64
        Length of the border in pixel sides, and the sum along it of each of c maps.
    """

    n_regions: int
    pairs: Ids
    borders: Floats

    def contracted(self, region: Ids, n_regions: int) -> Adjacency:
        """The borders after regions were merged: `region` (n_regions,) is the new number of each."""
        low, high = np.sort(region[self.pairs], axis=1).T
        apart = low != high
        return _added_up(n_regions, low[apart], high[apart], self.borders[apart])


def find_adjacency(labels: Ids, n_regions: int, maps: Sequence[NDArray[np.float32]]) -> Adjacency:
    """Pairs of 4-neighbouring regions, with the length of their border and the sums of maps along it.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int
    maps : sequence of ndarray of shape (H, W), float32
        On a border each has the mean of the two pixels beside it.
    """
    lows, highs, values = [], [], []
    for one, two in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
        first, second = labels[one], labels[two]
        border = (first != second) & (first >= 0) & (second >= 0)
        lows.append(np.minimum(first[border], second[border]))
        highs.append(np.maximum(first[border], second[border]))
        values.append([(each[one][border] + each[two][border]) / 2 for each in maps])
    along = np.ones((len(maps) + 1, sum(map(len, lows))))
    for row, parts in zip(along[1:], zip(*values, strict=True), strict=True):
        np.concatenate(parts, out=row)
    return _added_up(n_regions, np.concatenate(lows), np.concatenate(highs), along.T)


def region_sums(labels: Ids, n_regions: int, maps: Sequence[NDArray[np.float32]]) -> Floats:
    """The sum of each of c maps (H, W) over each region: (n_regions, c)."""
    inside = labels >= 0
    places = labels[inside]
    sums = [np.bincount(places, each[inside], n_regions) for each in maps]
    return np.array(sums, dtype=np.float64).reshape(len(maps), n_regions).T


def sparse_region_sums(labels: Ids, n_regions: int, maps: NDArray[np.float32]) -> Floats:
    """The same of many maps (c, h, w) of half the size, rounded up: each of their pixels counts for those it covers."""
    from scipy.sparse import csr_matrix

    height, width = labels.shape
    place = (np.arange(height)[:, None] // 2) * maps.shape[2] + np.arange(width) // 2
    inside = labels >= 0
    n_places = maps.shape[1] * maps.shape[2]
    entries = np.ones(np.count_nonzero(inside), dtype=np.float32)
    covered = csr_matrix((entries, (labels[inside], place[inside])), shape=(n_regions, n_places))
    return np.asarray(covered @ maps.reshape(len(maps), -1).T, dtype=np.float64)


def _added_up(n_regions: int, low: Ids, high: Ids, values: Floats) -> Adjacency:
    """One row for each pair, with the sums (p, c) of its rows."""
    code = low.astype(np.int64) * max(n_regions, 1) + high
    kept, place = np.unique(code, return_inverse=True)
    sums = [np.bincount(place.reshape(-1), column, len(kept)) for column in values.T]
    pairs = np.stack(np.divmod(kept, max(n_regions, 1)), axis=1).astype(np.intp)
    return Adjacency(n_regions, pairs, np.array(sums, dtype=np.float64).reshape(values.shape[1], len(kept)).T)
