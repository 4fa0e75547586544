"""Agglomerative merging in rounds: neighboring regions that differ least become one, again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import find_connected_components
from segment.segmenter.regions.region_adjacency import Adjacency

__all__ = ["absorb_small", "members", "merge_regions"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Cost = Callable[[Adjacency, Floats], Floats]


def merge_regions(
    adjacency: Adjacency, sums: Floats, cost: Cost, *, share: float = 0.1, n_regions: int = 1
) -> tuple[Ids, Floats]:
    """Merge neighbors, the cheapest first, until no two regions touch.

    In each round every pair of neighbors has its cost, and those pairs are merged that are the cheapest of both their
    regions, the cheapest of all among them. All costs are then found anew, so they may depend on the whole picture.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their borders.
    sums : ndarray of shape (n, r), float64
        What adds up when regions merge: areas, sums of colors and posteriors.
    cost : callable
        Takes the present adjacency of m pairs and the sums of its regions, and gives the costs (m,) of merging each
        pair.
    share : float, 0 to 1
        At most this share of the regions is merged in one round; one pair at least. 0 merges pair by pair.
    n_regions : int
        Stop when so few regions are left.

    Returns
    -------
    merges : ndarray of shape (n_merges, 2), int
        The two regions that each merge joins, in ascending order of the costs. What the i-th makes is region n + i.
    costs : ndarray of shape (n_merges,), float64
        Never falling: a merge costs at least as much as those that made its two regions.
    """
    n = adjacency.n_regions
    node = np.arange(n)
    height = np.zeros(2 * n)
    merges = [np.zeros((0, 2), dtype=np.intp)]
    made = n
    while len(adjacency.pairs) and adjacency.n_regions > n_regions:
        costs = cost(adjacency, sums)
        chosen = _mutually_cheapest(adjacency, costs)[: max(1, int(share * adjacency.n_regions))]
        chosen = chosen[: adjacency.n_regions - n_regions]
        low, high = adjacency.pairs[chosen].T
        new = made + np.arange(len(chosen))
        merges.append(np.stack([node[low], node[high]], axis=1))
        height[new] = np.maximum(costs[chosen], np.maximum(height[node[low]], height[node[high]]))
        made += len(chosen)
        region, left = find_connected_components(adjacency.n_regions, low, high)
        following = np.empty(left, dtype=np.intp)
        following[region] = node
        following[region[low]] = new
        joined = np.zeros((left, sums.shape[1]))
        np.add.at(joined, region, sums)
        node, sums, adjacency = following, joined, adjacency.contracted(region, left)
    return _ascending(np.concatenate(merges), height[n:made], n)


def absorb_small(merges: Ids, costs: Floats, areas: Floats, *, smallest: float, level: float) -> tuple[Ids, Floats]:
    """Merge small regions at a level at the latest, unless what they would be merged with is only made above it.

    Parameters
    ----------
    merges, costs : ndarray
        As :func:`merge_regions` gives them.
    areas : ndarray of shape (n,), float64
        Of the n regions at first.
    smallest : float, >= 0
        Smaller ones, in the unit of the areas, are small.
    level : float
        A cost.

    Returns
    -------
    merges, costs : ndarray
        The same merges, those of small regions above the level as cheap as it and as the merges before them allow.
    """
    n = len(areas)
    area = np.append(areas, np.zeros(len(merges)))
    height = np.zeros(len(area))
    for made, (one, other) in enumerate(merges.tolist(), start=n):
        area[made] = area[one] + area[other]
        height[made] = costs[made - n]
        if min(area[one], area[other]) < smallest:
            height[made] = min(height[made], max(level, height[one], height[other]))
    return _ascending(merges, height[n:], n)


def members(n: int, merges: Ids) -> tuple[Ids, int]:
    """The group 0..m - 1 that each of n regions is in after these merges, (n,), in the order of their first, and m."""
    root = np.arange(n + len(merges))
    root[merges] = (np.arange(len(merges)) + n)[:, None]
    while not np.array_equal(further := root[root], root):
        root = further
    _, first, numbers = np.unique(root[:n], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[numbers.reshape(-1)], len(first)


def _mutually_cheapest(adjacency: Adjacency, costs: Floats) -> Ids:
    """The pairs that are the cheapest of both their regions, cheapest first; ties go by the order of the pairs."""
    low, high = adjacency.pairs.T
    rank = np.empty(len(costs), dtype=np.intp)
    rank[np.argsort(costs, kind="stable")] = np.arange(len(costs))
    best = np.full(adjacency.n_regions, len(costs))
    np.minimum.at(best, low, rank)
    np.minimum.at(best, high, rank)
    mutual = np.flatnonzero((best[low] == rank) & (best[high] == rank))
    return mutual[np.argsort(rank[mutual])]


def _ascending(merges: Ids, heights: Floats, n: int) -> tuple[Ids, Floats]:
    """The same merges in ascending order of their costs; a merge stays behind those that made its regions."""
    order = np.argsort(heights, kind="stable")
    number = np.arange(n + len(merges))
    number[n + order] = n + np.arange(len(merges))
    return number[merges[order]], heights[order]
