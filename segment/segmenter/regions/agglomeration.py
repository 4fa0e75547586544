"""Agglomerative merging in rounds: the neighboring regions that differ least are merged, again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import find_connected_components
from segment.segmenter.regions.region_adjacency import Adjacency

__all__ = ["absorb_small", "group_regions", "merge_regions"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
CostFunction = Callable[[Adjacency, Floats], Floats]


def merge_regions(
    adjacency: Adjacency, sums: Floats, compute_costs: CostFunction, *, share: float = 0.1, n_regions: int = 1
) -> tuple[Ids, Floats]:
    """Merge neighbors, the cheapest first, until no two regions touch.

    In each round the cost of every pair of neighbors is computed, and those pairs are merged that are the cheapest of
    both their regions, the cheapest of them first. All costs are then computed anew, so they may depend on the whole
    image.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their borders.
    sums : ndarray of shape (n, r), float64
        Quantities that add up when regions merge: areas, sums of colors and of posteriors.
    compute_costs : callable
        Takes the current adjacency of m pairs and the sums of its regions, and returns the costs (m,) of merging each
        pair.
    share : float, 0 to 1
        At most this share of the regions is merged in one round; one pair at least. 0 merges pair by pair. Raised:
        fewer rounds, and costs that are less up to date.
    n_regions : int, >= 1
        Stop when this many regions are left.

    Returns
    -------
    merges : ndarray of shape (n_merges, 2), int
        The two regions that each merge joins, in ascending order of the costs. The i-th merge makes region n + i.
    costs : ndarray of shape (n_merges,), float64
        Never falling: a merge costs at least as much as those that made its two regions.

    Examples
    --------
    Three regions in a row, whose cost is the difference of their mean values:

    >>> from segment.segmenter.regions.region_adjacency import find_adjacency
    >>> adjacency = find_adjacency(np.array([[0, 1, 2]]), 3, [])
    >>> sums = np.array([[1.0, 10.0], [1.0, 20.0], [1.0, 90.0]])  # area and sum of the values
    >>> def compute_costs(adjacency, sums):
    ...     means = sums[:, 1] / sums[:, 0]
    ...     return np.abs(means[adjacency.pairs[:, 0]] - means[adjacency.pairs[:, 1]])
    >>> merges, costs = merge_regions(adjacency, sums, compute_costs)
    >>> merges.tolist(), costs.tolist()
    ([[0, 1], [3, 2]], [10.0, 75.0])
    """
    n = adjacency.n_regions
    node = np.arange(n)  # of each current region, its number in the tree of merges
    height = np.zeros(2 * n)  # of each node, the cost at which it was made
    merges = [np.zeros((0, 2), dtype=np.intp)]
    n_nodes = n
    # Pairs that are mutually cheapest can be merged in any order, so many are merged in one round.
    while len(adjacency.pairs) and adjacency.n_regions > n_regions:
        costs = compute_costs(adjacency, sums)
        chosen = _find_mutually_cheapest(adjacency, costs)[: max(1, int(share * adjacency.n_regions))]
        # No chosen pair shares a region with another one, so each merge reduces the number of regions by one.
        chosen = chosen[: adjacency.n_regions - n_regions]
        low, high = adjacency.pairs[chosen].T
        new = n_nodes + np.arange(len(chosen))
        merges.append(np.stack([node[low], node[high]], axis=1))
        # The tree of merges must be monotone, or cuts at a level would not be nested.
        height[new] = np.maximum(costs[chosen], np.maximum(height[node[low]], height[node[high]]))
        n_nodes += len(chosen)
        region, n_left = find_connected_components(adjacency.n_regions, low, high)
        # Regions that were not merged keep their node; the others get that of their merge.
        new_node = np.empty(n_left, dtype=np.intp)
        new_node[region] = node
        new_node[region[low]] = new
        new_sums = np.zeros((n_left, sums.shape[1]))
        np.add.at(new_sums, region, sums)
        node, sums, adjacency = new_node, new_sums, adjacency.contract(region, n_left)
    return _sort_merges(np.concatenate(merges), height[n:n_nodes], n)


def absorb_small(merges: Ids, costs: Floats, areas: Floats, *, min_area: float, level: float) -> tuple[Ids, Floats]:
    """Lower the costs of merges with a small region to a level, so that a cut at that level has no small regions.

    A merge never costs less than those that made its two regions, so a small region whose partner is only made above
    the level stays in the cut.

    Parameters
    ----------
    merges, costs : ndarray
        As :func:`merge_regions` returns them.
    areas : ndarray of shape (n,), float64
        Areas of the n regions before any merge.
    min_area : float, >= 0
        Smaller regions, in the unit of the areas, are small.
    level : float
        Merges of small regions that cost more are lowered to this cost.

    Returns
    -------
    merges, costs : ndarray
        The same merges in ascending order of the new costs.
    """
    n = len(areas)
    # Merges are in the order of the tree, so the parts of each are known when it is reached.
    area = np.append(areas, np.zeros(len(merges)))
    height = np.zeros(len(area))
    for node, (one, other) in enumerate(merges.tolist(), start=n):
        area[node] = area[one] + area[other]
        height[node] = costs[node - n]
        if min(area[one], area[other]) < min_area:
            height[node] = min(height[node], max(level, height[one], height[other]))
    return _sort_merges(merges, height[n:], n)


def group_regions(n: int, merges: Ids) -> tuple[Ids, int]:
    """Group regions by the merges that join them.

    Parameters
    ----------
    n : int
        Number of regions before any merge.
    merges : ndarray of shape (n_merges, 2), int
        As :func:`merge_regions` returns them, or the first of these.

    Returns
    -------
    group : ndarray of shape (n,), int
        The group 0..n_groups - 1 of each region; groups are numbered in the order of their first region.
    n_groups : int
    """
    # A merge is a node that has an edge to each of its two regions; components then are groups.
    made = n + np.arange(len(merges))
    group, n_groups = find_connected_components(n + len(merges), merges.reshape(-1), np.repeat(made, 2))
    return group[:n], n_groups


def _find_mutually_cheapest(adjacency: Adjacency, costs: Floats) -> Ids:
    """Find the pairs that are the cheapest of both their regions, cheapest first; ties go by the order of the pairs."""
    low, high = adjacency.pairs.T
    # Ranks instead of costs: no two are equal, so every region has exactly one cheapest pair.
    rank = np.empty(len(costs), dtype=np.intp)
    rank[np.argsort(costs, kind="stable")] = np.arange(len(costs))
    best = np.full(adjacency.n_regions, len(costs))
    np.minimum.at(best, low, rank)
    np.minimum.at(best, high, rank)
    mutual = np.flatnonzero((best[low] == rank) & (best[high] == rank))
    return mutual[np.argsort(rank[mutual])]


def _sort_merges(merges: Ids, heights: Floats, n: int) -> tuple[Ids, Floats]:
    """Sort merges by their costs and renumber the regions they make; a merge stays behind those that made its parts."""
    order = np.argsort(heights, kind="stable")
    # The sort is stable, and no merge costs less than its parts, so parts stay in front.
    number = np.arange(n + len(merges))
    number[n + order] = n + np.arange(len(merges))
    return number[merges[order]], heights[order]
