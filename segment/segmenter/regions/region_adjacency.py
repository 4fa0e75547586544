"""Neighboring regions, and sums along their borders that add up when regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEIGHBOR_SLICES", "Adjacency", "find_adjacency"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

# The two pixels of every pixel side: left and right of it, then above and below it.
NEIGHBOR_SLICES = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]))


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
    """

    n_regions: int
    pairs: Ids
    borders: Floats

    def select_pairs(self, pairs: Ids) -> Adjacency:
        """Select the borders of some pairs of regions.

        Parameters
        ----------
        pairs : ndarray of shape (p, 2), int
            The lower number first, in ascending order.

        Returns
        -------
        Adjacency
            The same regions with these pairs; `borders` is 0 for those that do not touch here.
        """
        n = self.n_regions
        # A last code that no pair has, so that every search ends within the array.
        codes = np.append(self.pairs[:, 0] * n + self.pairs[:, 1], n * n)
        wanted = pairs[:, 0] * n + pairs[:, 1]
        row = np.searchsorted(codes, wanted)
        known = codes[row] == wanted
        borders = np.zeros((len(pairs), self.borders.shape[1]))
        borders[known] = self.borders[row[known]]
        return Adjacency(n, pairs, borders)

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
            Borders of pairs that are one region now are left out; those of pairs that became equal are added.
        """
        ends = region[self.pairs]
        # Borders between regions that are one now vanish; those of pairs that became equal are summed.
        apart = ends[:, 0] != ends[:, 1]
        return Adjacency(n_regions, *_sum_by_pair(n_regions, np.sort(ends[apart], axis=1), self.borders[apart]))


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
        Its borders have the length in pixel sides, and then the sum of each map along them.

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
    return Adjacency(n_regions, *_sum_by_pair(n_regions, np.concatenate(ends), along.T))


def _sum_by_pair(n_regions: int, ends: Ids, values: Floats) -> tuple[Ids, Floats]:
    """Find the distinct pairs among rows (p, 2), in ascending order, and sum values (p, c) over the rows of each."""
    # One integer for each pair; sorted, equal pairs lie side by side and can be summed in one pass.
    code = ends[:, 0].astype(np.int64) * max(n_regions, 1) + ends[:, 1]
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    return ends[order[first]], np.add.reduceat(values[order], first, axis=0)
