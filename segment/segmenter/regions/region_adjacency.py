"""Neighboring regions, and sums along their borders and inside them that add up when regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NEIGHBOR_SLICES",
    "Adjacency",
    "find_adjacency",
    "sum_beside_borders",
    "sum_half_size_maps",
    "sum_maps",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

# The two pixels of every pixel side: left and right of it, then above and below it.
NEIGHBOR_SLICES = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]))

_STRIP_DISTANCES = (0, 2, 4)  # pixels from the one beside the border


@dataclass(frozen=True)
class Adjacency:
    """Regions 0..n_regions - 1 and the borders between them, one row for each pair of neighbors.

    Attributes
    ----------
    n_regions : int
    pairs : ndarray of shape (m, 2), int
        Neighbors, the lower number first, in ascending order.
    borders : ndarray of shape (m, 1 + c), float64
        Length of the border in pixel sides, and the sum along it of each of c maps.
    beside : ndarray of shape (m, 2, b), float64
        Sums over the strips on both sides of the border, first the strip in the first region of the pair: see
        :func:`sum_beside_borders`.
    """

    n_regions: int
    pairs: Ids
    borders: Floats
    beside: Floats

    def find_rows(self, first: Ids, second: Ids) -> Ids:
        """Find the rows of pairs of neighbors.

        Parameters
        ----------
        first, second : ndarray of shape (p,), int
            The two regions of each pair, in either order; each pair must be one of :attr:`pairs`.

        Returns
        -------
        ndarray of shape (p,), int
        """
        first, second = first.astype(np.int64), second.astype(np.int64)
        codes = self.pairs[:, 0].astype(np.int64) * self.n_regions + self.pairs[:, 1]
        return np.searchsorted(codes, np.minimum(first, second) * self.n_regions + np.maximum(first, second))

    def select_pairs(self, pairs: Ids) -> Adjacency:
        """Select the borders of some pairs of regions.

        Parameters
        ----------
        pairs : ndarray of shape (p, 2), int
            The lower number first, in ascending order.

        Returns
        -------
        Adjacency
            The same regions with these pairs; `borders` and `beside` are 0 for those that do not touch here.
        """
        n = self.n_regions
        # A last code that no pair has, so that every search ends within the array.
        codes = np.append(self.pairs[:, 0] * n + self.pairs[:, 1], n * n)
        wanted = pairs[:, 0] * n + pairs[:, 1]
        row = np.searchsorted(codes, wanted)
        known = codes[row] == wanted
        borders = np.zeros((len(pairs), self.borders.shape[1]))
        beside = np.zeros((len(pairs), *self.beside.shape[1:]))
        borders[known], beside[known] = self.borders[row[known]], self.beside[row[known]]
        return Adjacency(n, pairs, borders, beside)

    def contract(self, region: Ids, n_regions: int) -> Adjacency:
        """Compute the borders after regions were merged.

        Parameters
        ----------
        region : ndarray of shape (old n_regions,), int
            The new number 0..n_regions - 1 of each region.
        n_regions : int
            Number of regions after merging.

        Returns
        -------
        Adjacency
        """
        ends = region[self.pairs]
        # Borders between regions that are one now vanish; those of pairs that became equal are summed.
        apart = ends[:, 0] != ends[:, 1]
        ends, borders, beside = ends[apart], self.borders[apart], self.beside[apart]
        # Where the new numbers are in the other order, the two sides of the border are exchanged.
        turned = ends[:, 0] > ends[:, 1]
        beside = np.where(turned[:, None, None], beside[:, ::-1], beside)
        pairs, (borders, beside) = _sum_by_pair(n_regions, np.sort(ends, axis=1), borders, beside)
        return Adjacency(n_regions, pairs, borders, beside)


def find_adjacency(labels: Ids, n_regions: int, maps: Sequence[NDArray[np.float32]]) -> Adjacency:
    """Find the pairs of 4-neighboring regions, with the length of their border and the sums of maps along it.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int
    maps : sequence of ndarray of shape (H, W), float32
        A pixel side of a border counts with the mean of the two pixels beside it.

    Returns
    -------
    Adjacency
        With empty strips: `beside` has the shape (m, 2, 0).

    Examples
    --------
    >>> labels = np.array([[0, 0, 1],
    ...                    [2, 2, 1]])
    >>> adjacency = find_adjacency(labels, 3, [])
    >>> adjacency.pairs.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> adjacency.borders[:, 0].tolist()  # lengths in pixel sides
    [1.0, 2.0, 1.0]
    """
    ends, values = [], []
    for one, other in NEIGHBOR_SLICES:
        first, second = labels[one], labels[other]
        # Pixel sides between two regions; those beside pixels without a region are no border.
        border = (first != second) & (first >= 0) & (second >= 0)
        ends.append(np.sort(np.stack([first[border], second[border]], axis=1), axis=1))
        values.append([(each[one][border] + each[other][border]) / 2 for each in maps])
    along = np.ones((len(maps) + 1, sum(map(len, ends))))
    for row, parts in zip(along[1:], zip(*values, strict=True), strict=True):
        np.concatenate(parts, out=row)
    pairs, (borders,) = _sum_by_pair(n_regions, np.concatenate(ends), along.T)
    return Adjacency(n_regions, pairs, borders, np.zeros((len(pairs), 2, 0)))


def sum_beside_borders(labels: Ids, adjacency: Adjacency, maps: NDArray[np.float32]) -> Floats:
    """Sum maps over the strips on both sides of each border.

    From each pixel side of a border three pixels are sampled at right angles to it: always the nearest, and those two
    and four pixels further if they belong to the same region. Unlike discs, the strips follow every bend of the border.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    adjacency : Adjacency
        The borders of these regions, m pairs.
    maps : ndarray of shape (c, h, w), float32
        Of half the size, rounded up.

    Returns
    -------
    ndarray of shape (m, 2, 1 + c), float64
        For either side the number of sampled pixels, then the sum of each map over them.
    """
    from scipy.sparse import csr_matrix

    width, n_places = maps.shape[2], maps.shape[1] * maps.shape[2]
    rows, places = [], []
    for is_turned in (False, True):
        # Turned, left and right neighbors are above and below each other.
        grid = labels.T if is_turned else labels
        down, across = np.nonzero((grid[:-1] != grid[1:]) & (grid[:-1] >= 0) & (grid[1:] >= 0))
        upper, lower = grid[down, across], grid[down + 1, across]
        pair = adjacency.find_rows(upper, lower)
        for own, other, nearest, away in ((upper, lower, down, -1), (lower, upper, down + 1, 1)):
            for distance in _STRIP_DISTANCES:
                there = np.clip(nearest + away * distance, 0, grid.shape[0] - 1)
                seen = (grid[there, across] == own) & (there == nearest + away * distance)
                row, column = (across, there) if is_turned else (there, across)
                rows.append((2 * pair + (own > other))[seen])
                places.append((row // 2 * width + column // 2)[seen])
    # A sparse matrix of (side of a border, pixel of the maps) counts the samples; its product with the maps sums them.
    row, place = np.concatenate(rows), np.concatenate(places)
    n_pairs = len(adjacency.pairs)
    samples = csr_matrix((np.ones(len(row), np.float32), (row, place)), shape=(2 * n_pairs, n_places))
    sums = np.concatenate([samples.sum(axis=1), samples @ maps.reshape(len(maps), -1).T], axis=1)
    return np.asarray(sums, dtype=np.float64).reshape(n_pairs, 2, 1 + len(maps))


def sum_maps(labels: Ids, n_regions: int, maps: Sequence[NDArray[np.float32]]) -> Floats:
    """Sum maps over each region.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int
    maps : sequence of c ndarray of shape (H, W), float32

    Returns
    -------
    ndarray of shape (n_regions, c), float64
    """
    inside = labels >= 0
    places = labels[inside]
    sums = [np.bincount(places, each[inside], n_regions) for each in maps]
    return np.array(sums, dtype=np.float64).reshape(len(maps), n_regions).T


def sum_half_size_maps(labels: Ids, n_regions: int, maps: NDArray[np.float32]) -> Floats:
    """Sum maps of half the size over each region.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int
    maps : ndarray of shape (c, h, w), float32
        Of half the size, rounded up: each pixel of a map counts for all pixels of the region that it covers.

    Returns
    -------
    ndarray of shape (n_regions, c), float64
    """
    from scipy.sparse import csr_matrix

    height, width = labels.shape
    place = (np.arange(height)[:, None] // 2) * maps.shape[2] + np.arange(width) // 2
    inside = labels >= 0
    n_places = maps.shape[1] * maps.shape[2]
    entries = np.ones(np.count_nonzero(inside), dtype=np.float32)
    # A sparse matrix of (region, pixel of the maps) counts the covered pixels; its product with the maps sums them.
    covered = csr_matrix((entries, (labels[inside], place[inside])), shape=(n_regions, n_places))
    return np.asarray(covered @ maps.reshape(len(maps), -1).T, dtype=np.float64)


def _sum_by_pair(n_regions: int, ends: Ids, *values: Floats) -> tuple[Ids, list[Floats]]:
    """Find the distinct pairs among rows (p, 2), in ascending order, and sum values (p, ...) over the rows of each."""
    # One integer for each pair; sorted, equal pairs lie side by side and can be summed in one pass.
    code = ends[:, 0].astype(np.int64) * max(n_regions, 1) + ends[:, 1]
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    return ends[order[first]], [np.add.reduceat(each[order], first, axis=0) for each in values]
