"""Which regions touch, what lies along their borders and inside them: sums that add up when regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Adjacency", "find_adjacency", "region_sums", "sparse_region_sums", "sums_beside"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

_DISTANCES = (0, 2, 4)  # pixels from the one beside the border


@dataclass(frozen=True)
class Adjacency:
    """Regions 0..n_regions - 1 and the borders between them, one row a pair of neighbors.

    Attributes
    ----------
    n_regions : int
    pairs : ndarray of shape (m, 2), int
        Neighbors, the lower number first, in ascending order.
    borders : ndarray of shape (m, 1 + c), float64
        Length of the border in pixel sides, and the sum along it of each of c maps.
    beside : ndarray of shape (m, 2, b), float64
        Sums beside the border, first those in the first region of the pair: see :func:`sums_beside`.
    """

    n_regions: int
    pairs: Ids
    borders: Floats
    beside: Floats

    def between(self, pairs: Ids) -> Adjacency:
        """The borders of these pairs (p, 2) of regions, in ascending order: all zeros where none is known."""
        n = self.n_regions
        codes = np.append(self.pairs[:, 0] * n + self.pairs[:, 1], n * n)
        wanted = pairs[:, 0] * n + pairs[:, 1]
        place = np.searchsorted(codes, wanted)
        known = codes[place] == wanted
        borders = np.zeros((len(pairs), self.borders.shape[1]))
        beside = np.zeros((len(pairs), *self.beside.shape[1:]))
        borders[known], beside[known] = self.borders[place[known]], self.beside[place[known]]
        return Adjacency(n, pairs, borders, beside)

    def contracted(self, region: Ids, n_regions: int) -> Adjacency:
        """The borders after regions were merged: `region` (n_regions,) is the new number of each."""
        ends = region[self.pairs]
        apart = ends[:, 0] != ends[:, 1]
        ends, borders, beside = ends[apart], self.borders[apart], self.beside[apart]
        turned = ends[:, 0] > ends[:, 1]
        beside = np.where(turned[:, None, None], beside[:, ::-1], beside)
        pairs, (borders, beside) = _added_up(n_regions, np.sort(ends, axis=1), borders, beside)
        return Adjacency(n_regions, pairs, borders, beside)


def find_adjacency(labels: Ids, n_regions: int, maps: Sequence[NDArray[np.float32]]) -> Adjacency:
    """Pairs of 4-neighboring regions, with the length of their border and the sums of maps along it.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int
    maps : sequence of ndarray of shape (H, W), float32
        On a border each has the mean of the two pixels beside it.
    """
    ends, values = [], []
    for one, two in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
        first, second = labels[one], labels[two]
        border = (first != second) & (first >= 0) & (second >= 0)
        ends.append(np.sort(np.stack([first[border], second[border]], axis=1), axis=1))
        values.append([(each[one][border] + each[two][border]) / 2 for each in maps])
    along = np.ones((len(maps) + 1, sum(map(len, ends))))
    for row, parts in zip(along[1:], zip(*values, strict=True), strict=True):
        np.concatenate(parts, out=row)
    pairs, (borders,) = _added_up(n_regions, np.concatenate(ends), along.T)
    return Adjacency(n_regions, pairs, borders, np.zeros((len(pairs), 2, 0)))


def sums_beside(labels: Ids, adjacency: Adjacency, maps: NDArray[np.float32]) -> Floats:
    """What lies beside each border within either region: (m, 2, 1 + c).

    From each pixel side along a border, three places are looked at straight away from it, the nearest always and those
    two and four pixels further if they are of the same region. First comes their number, then the sums there of maps
    (c, h, w) of half the size, rounded up. The two sides follow every bend of the border, unlike discs.
    """
    from scipy.sparse import csr_matrix

    n, (height, width) = adjacency.n_regions, maps.shape[1:]
    codes = adjacency.pairs[:, 0].astype(np.int64) * n + adjacency.pairs[:, 1]
    rows, places = [], []
    for turned in (False, True):
        grid = labels.T if turned else labels
        down, across = np.nonzero((grid[:-1] != grid[1:]) & (grid[:-1] >= 0) & (grid[1:] >= 0))
        upper, lower = grid[down, across].astype(np.int64), grid[down + 1, across].astype(np.int64)
        pair = np.searchsorted(codes, np.minimum(upper, lower) * n + np.maximum(upper, lower))
        for own, other, nearest, away in ((upper, lower, down, -1), (lower, upper, down + 1, 1)):
            for distance in _DISTANCES:
                there = np.clip(nearest + away * distance, 0, grid.shape[0] - 1)
                seen = (grid[there, across] == own) & (there == nearest + away * distance)
                row, column = (across, there) if turned else (there, across)
                rows.append((2 * pair + (own > other))[seen])
                places.append((row // 2 * width + column // 2)[seen])
    row, place = np.concatenate(rows), np.concatenate(places)
    looked = csr_matrix((np.ones(len(row), np.float32), (row, place)), shape=(2 * len(codes), height * width))
    sums = np.concatenate([looked.sum(axis=1), looked @ maps.reshape(len(maps), -1).T], axis=1)
    return np.asarray(sums, dtype=np.float64).reshape(len(codes), 2, 1 + len(maps))


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


def _added_up(n_regions: int, ends: Ids, *values: Floats) -> tuple[Ids, list[Floats]]:
    """The pairs among the rows (p, 2), in ascending order, and the sums of values (p, ...) over the rows of each."""
    code = ends[:, 0].astype(np.int64) * max(n_regions, 1) + ends[:, 1]
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    return ends[order[first]], [np.add.reduceat(each[order], first, axis=0) for each in values]
