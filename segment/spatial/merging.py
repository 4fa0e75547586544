"""Agglomerative merging: the two neighbouring regions that differ least become one, again and again."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.spatial.adjacency import Adjacency

__all__ = ["merge_regions"]

Floats = NDArray[np.float64]
Cost = Callable[[Floats, Floats, Floats], Floats]


def merge_regions(adjacency: Adjacency, sums: Floats, cost: Cost) -> tuple[NDArray[np.intp], Floats]:
    """Merge neighbours, the cheapest pair first, until no two regions touch.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their borders.
    sums : ndarray of shape (n, r), float64
        What adds up when regions merge: areas, sums of colours and posteriors.
    cost : callable
        Takes the borders (m, b), the sums of the regions on either side, (m, r) each, and gives the costs (m,) of
        merging them. It is symmetric in the two.

    Returns
    -------
    merges : ndarray of shape (n_merges, 2), int
        The two regions that each merge joins. What the i-th makes is region n + i.
    costs : ndarray of shape (n_merges,), float64
        Never falling: where a merge costs less than one before it, it has the cost of that one, so that cutting at any
        cost undoes the last merges. Ties are broken by the numbers of the regions.
    """
    n = adjacency.n_regions
    totals = np.zeros((max(2 * n - 1, 0), sums.shape[1]))
    totals[:n] = sums
    beside: list[dict[int, Floats]] = [{} for _ in range(n)]
    low, high = adjacency.pairs.T
    first_costs = cost(adjacency.borders, totals[low], totals[high]) if len(low) else np.zeros(0)
    heap = []
    for a, b, border, value in zip(low.tolist(), high.tolist(), adjacency.borders, first_costs.tolist(), strict=True):
        beside[a][b] = beside[b][a] = border
        heap.append((value, a, b))
    heapq.heapify(heap)
    merges: list[tuple[int, int]] = []
    costs: list[float] = []
    while heap:
        value, a, b = heapq.heappop(heap)
        if b not in beside[a]:  # one of them was merged already
            continue
        merges.append((a, b))
        costs.append(max(value, costs[-1]) if costs else value)
        new = len(beside)
        totals[new] = totals[a] + totals[b]
        around = _joined(beside, a, b, new)
        if around:
            others = list(around)
            borders = np.stack(list(around.values()))
            own = np.broadcast_to(totals[new], (len(others), totals.shape[1]))
            for other, value in zip(others, cost(borders, totals[others], own).tolist(), strict=True):
                heapq.heappush(heap, (value, other, new))
    return np.array(merges, dtype=np.intp).reshape(-1, 2), np.array(costs)


def _joined(beside: list[dict[int, Floats]], a: int, b: int, new: int) -> dict[int, Floats]:
    """Make a and b one region `new`: its neighbours and borders, which are also entered with the neighbours."""
    around: dict[int, Floats] = {}
    for old, partner in ((a, b), (b, a)):
        for other, border in beside[old].items():
            if other != partner:
                around[other] = around[other] + border if other in around else border
                del beside[other][old]
        beside[old] = {}
    for other, border in around.items():
        beside[other][new] = border
    beside.append(around)
    return around
