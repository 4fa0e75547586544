"""Hierarchical clustering of weighted cells by Ward's criterion: to start from, and to compare a mixture with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells

__all__ = ["build_ward_tree"]

Floats = NDArray[np.float64]


def build_ward_tree(cells: Cells, n_clusters: int) -> NDArray[np.intp]:
    """Cut Ward's hierarchy of the cells where it has `n_clusters` clusters.

    The two clusters whose union adds least to the sum of squared distances from the cluster means are joined, again and
    again: ``w_a w_b / (w_a + w_b) * |m_a - m_b|**2`` (Ward 1963, J. Am. Stat. Assoc. 58). Following chains of nearest
    neighbors finds the same tree in the order of n**2 steps (Murtagh 1983, Comput. J. 26).

    Parameters
    ----------
    cells : Cells
        n cells; their scatters play no part. Some thousands at most: the time grows with n**2.
    n_clusters : int
        From 1 to n.

    Returns
    -------
    ndarray of shape (n,), int
        The cluster, 0..n_clusters - 1, of each cell; clusters are numbered by their first cells.
    """
    if not 1 <= n_clusters <= len(cells):
        raise SettingsError(f"n_clusters: from 1 to the number of cells, {len(cells)}; got {n_clusters}.")
    heights, pairs = _tree(cells)
    parents = np.arange(len(cells))
    for merge in np.argsort(heights, kind="stable")[: len(cells) - n_clusters]:
        low, high = sorted(_root(parents, int(cell)) for cell in pairs[merge])
        parents[high] = low
    roots = np.array([_root(parents, cell) for cell in range(len(cells))])
    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def _tree(cells: Cells) -> tuple[Floats, NDArray[np.intp]]:
    """Heights (n - 1,) of all unions, and a cell (n - 1, 2) of each of the two clusters that they join.

    A union is never lower than those before it in its own clusters, whatever rounding says.
    """
    n = len(cells)
    weights, means = cells.weights.copy(), cells.means.copy()
    alive = np.ones(n, dtype=bool)
    levels = np.zeros(n)
    heights, pairs = np.empty(n - 1), np.empty((n - 1, 2), dtype=np.intp)
    chain: list[int] = []
    for step in range(n - 1):
        if not chain:
            chain.append(int(alive.argmax()))
        while True:
            last = chain[-1]
            costs = weights * weights[last] / (weights + weights[last])
            costs *= ((means - means[last]) ** 2).sum(axis=1)
            costs[~alive] = np.inf
            costs[last] = np.inf
            nearest = int(costs.argmin())
            if len(chain) > 1 and costs[chain[-2]] <= costs[nearest]:
                break
            chain.append(nearest)
        gone, kept = chain.pop(), chain.pop()
        heights[step] = max(costs[kept], levels[gone], levels[kept])
        pairs[step] = gone, kept
        share = weights[gone] / (weights[gone] + weights[kept])
        means[kept] += share * (means[gone] - means[kept])
        weights[kept] += weights[gone]
        levels[kept] = heights[step]
        alive[gone] = False
    return heights, pairs


def _root(parents: NDArray[np.intp], cell: int) -> int:
    while parents[cell] != cell:
        parents[cell] = parents[parents[cell]]
        cell = int(parents[cell])
    return cell
