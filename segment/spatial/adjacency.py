"""Which regions touch, what lies along their borders and inside them: sums that add up when regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.spatial.regions import components

__all__ = ["Adjacency", "find_adjacency", "region_sums"]

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

    def merged_to(self, n_regions: int, areas: Floats) -> Ids:
        """Merge the regions with the weakest borders between them until at most so many are left, in rounds.

        In each round those pairs are merged that are the weakest of either's: the mean of the first map along the
        border, times the smaller area to the power 0.3, so that small regions go first.

        Parameters
        ----------
        n_regions : int
        areas : ndarray of shape (self.n_regions,), float64

        Returns
        -------
        ndarray of shape (self.n_regions,), int
            The new number of each region. More are left than asked for only where no two of them touch.
        """
        found = np.arange(self.n_regions)
        graph = replace(self)
        while graph.n_regions > n_regions and len(graph.pairs):
            low, high = graph.pairs.T
            cost = graph.borders[:, 1] / graph.borders[:, 0] * np.minimum(areas[low], areas[high]) ** 0.3
            rank = np.empty(len(cost), dtype=np.intp)
            rank[np.argsort(cost, kind="stable")] = np.arange(len(cost))
            best = np.full(graph.n_regions, len(cost))
            np.minimum.at(best, low, rank)
            np.minimum.at(best, high, rank)
            mutual = np.flatnonzero((best[low] == rank) & (best[high] == rank))
            most = max(1, min(graph.n_regions - n_regions, graph.n_regions // 8))
            chosen = mutual[np.argsort(rank[mutual])[:most]]
            region, n = components(graph.n_regions, low[chosen], high[chosen])
            found, areas, graph = region[found], np.bincount(region, areas, n), graph.contracted(region, n)
        return found


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
    return np.array(sums).reshape(len(maps), n_regions).T


def _added_up(n_regions: int, low: Ids, high: Ids, values: Floats) -> Adjacency:
    """One row for each pair, with the sums (p, c) of its rows."""
    code = low.astype(np.int64) * max(n_regions, 1) + high
    kept, place = np.unique(code, return_inverse=True)
    sums = [np.bincount(place.reshape(-1), column, len(kept)) for column in values.T]
    pairs = np.stack(np.divmod(kept, max(n_regions, 1)), axis=1).astype(np.intp)
    return Adjacency(n_regions, pairs, np.array(sums).reshape(values.shape[1], len(kept)).T)
