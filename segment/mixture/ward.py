"""Hierarchical clustering of weighted cells by Ward's criterion: a start for EM, and a method to compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells

__all__ = ["build_ward_tree"]

Floats = NDArray[np.float64]


def build_ward_tree(cells: Cells, n_clusters: int) -> NDArray[np.intp]:
    """Cut Ward's hierarchy of the cells where it has `n_clusters` clusters.

    Parameters
    ----------
    cells : Cells
        n cells; their scatters are not used. At most some thousands: the time grows with n**2.
    n_clusters : int
        From 1 to n.

    Returns
    -------
    ndarray of shape (n,), int
        The cluster, 0..n_clusters - 1, of each cell; clusters are numbered by their first cells.

    Raises
    ------
    SettingsError
        If the number of clusters is out of its range.

    Notes
    -----
    The two clusters whose union adds least to the sum of squared distances from the cluster means are merged,
    repeatedly: ``w_a w_b / (w_a + w_b) * |m_a - m_b|**2`` (Ward 1963, J. Am. Stat. Assoc. 58). Following chains of
    nearest neighbors finds the same tree in the order of n**2 steps (Murtagh 1983, Comput. J. 26).

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> build_ward_tree(make_point_cells([[0.0], [9.0], [1.0], [8.0]]), 2)
    array([0, 1, 0, 1])
    """
    if not 1 <= n_clusters <= len(cells):
        raise SettingsError(f"n_clusters: from 1 to the number of cells, {len(cells)}; got {n_clusters}.")
    heights, pairs = _compute_merges(cells)
    # The lowest merges are made in a union-find forest, in which the smallest number of a cluster is its root.
    parents = np.arange(len(cells))
    for merge in np.argsort(heights, kind="stable")[: len(cells) - n_clusters]:
        low, high = sorted(_find_root(parents, int(cell)) for cell in pairs[merge])
        parents[high] = low
    roots = np.array([_find_root(parents, cell) for cell in range(len(cells))])
    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def _compute_merges(cells: Cells) -> tuple[Floats, NDArray[np.intp]]:
    """Compute the heights (n - 1,) of all merges, and a cell (n - 1, 2) of each of the two clusters merged."""
    n = len(cells)
    weights, means = cells.weights.copy(), cells.means.copy()
    alive = np.ones(n, dtype=bool)
    levels = np.zeros(n)
    heights, pairs = np.empty(n - 1), np.empty((n - 1, 2), dtype=np.intp)
    chain: list[int] = []
    for step in range(n - 1):
        if not chain:
            chain.append(int(alive.argmax()))
        # Extend the chain to nearest neighbors until its last two clusters are nearest to each other.
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
        # Rounding must not place a merge below the earlier merges of its own clusters.
        heights[step] = max(costs[kept], levels[gone], levels[kept])
        pairs[step] = gone, kept
        share = weights[gone] / (weights[gone] + weights[kept])
        means[kept] += share * (means[gone] - means[kept])
        weights[kept] += weights[gone]
        levels[kept] = heights[step]
        alive[gone] = False
    return heights, pairs


def _find_root(parents: NDArray[np.intp], cell: int) -> int:
    """Find the root of a cell's cluster, and shorten the path to it."""
    while parents[cell] != cell:
        parents[cell] = parents[parents[cell]]
        cell = int(parents[cell])
    return cell
