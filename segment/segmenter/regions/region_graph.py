"""The graph of the regions of an image: which touch, how long their borders are and how different they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RegionGraph"]


@dataclass(frozen=True)
class RegionGraph:
    """The region adjacency graph of a label image.

    Attributes
    ----------
    areas : ndarray of shape (n,), int
        Pixels of the regions 1..n.
    pairs : ndarray of shape (m, 2), int
        The labels of each two regions that touch, the lower first, in ascending order.
    lengths : ndarray of shape (m,), int
        Pixel sides of their border.
    costs : ndarray of shape (m,), float64
        The cost at which the hierarchy makes one region of them, 0 to 1.

    Examples
    --------
    >>> graph = RegionGraph(np.array([5, 7]), np.array([[1, 2]]), np.array([3]), np.array([0.5]))
    >>> graph.to_networkx().edges[1, 2]
    {'length': 3, 'cost': 0.5}
    """

    areas: NDArray[np.intp]
    pairs: NDArray[np.intp]
    lengths: NDArray[np.intp]
    costs: NDArray[np.float64]

    def to_networkx(self) -> Any:
        """Make a graph of NetworkX.

        Returns
        -------
        networkx.Graph
            Its nodes are labels, with their ``area``; its edges have ``length`` and ``cost``.
        """
        from networkx import Graph

        graph = Graph()
        graph.add_nodes_from((label, {"area": area}) for label, area in enumerate(self.areas.tolist(), start=1))
        rows = zip(self.pairs.tolist(), self.lengths.tolist(), self.costs.tolist(), strict=True)
        graph.add_edges_from((one, other, {"length": length, "cost": cost}) for (one, other), length, cost in rows)
        return graph
