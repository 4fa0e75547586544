"""A hierarchy of regions: fine ones, and the order in which they are merged to fewer and larger ones."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.segmenter.regions.agglomeration import group_regions
from segment.segmenter.regions.region_adjacency import NEIGHBOR_SLICES, find_adjacency

__all__ = ["RegionGraph", "RegionHierarchy"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Labels = NDArray[np.int32]


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


@dataclass(frozen=True)
class RegionHierarchy:
    """Regions from fine to coarse. Any cut through it costs no more than painting the label image.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        The fine regions, 1..m; 0 where there is none.
    merges : ndarray of shape (n_merges, 2), int
        The two regions that each merge joins, counted from 0: the fine region with label l is l - 1, and the i-th merge
        makes region m + i. Regions that do not touch, because masked pixels lie between them, are never merged.
    costs : ndarray of shape (n_merges,), float64, 0 to 1
        The cost of each merge, never falling: how different the two regions are.
    level : float
        The cost up to which merging makes the regions that a person would draw: ``auto``.

    Examples
    --------
    Three fine regions, of which the upper two are merged at the cost 0.25, and then all at 0.75:

    >>> import numpy as np
    >>> import segment
    >>> fine = np.array([[1, 2], [3, 3]], dtype=np.int32)
    >>> merges, costs = np.array([[0, 1], [2, 3]]), np.array([0.25, 0.75])
    >>> hierarchy = segment.RegionHierarchy(fine, merges, costs, level=0.5)
    >>> hierarchy
    <RegionHierarchy of 2 x 2 pixels: 3 fine regions, 2 at its level>
    >>> hierarchy.cut()
    array([[1, 1],
           [2, 2]], dtype=int32)
    >>> hierarchy.regions(3)
    array([[1, 2],
           [3, 3]], dtype=int32)
    >>> hierarchy.contour_map()
    array([[0.75, 0.75],
           [0.  , 0.  ]], dtype=float32)
    """

    label_image: Labels
    merges: Ids
    costs: Floats
    level: float

    def __repr__(self) -> str:
        height, width = self.label_image.shape
        size = f"{width} x {height} pixels"
        return f"<{type(self).__name__} of {size}: {self.n_fine} fine regions, {self.count(self.level)} at its level>"

    @property
    def n_fine(self) -> int:
        """Number of fine regions."""
        return int(self.label_image.max(initial=0))

    @property
    def n_least(self) -> int:
        """Number of regions after all merges: of the parts that do not touch."""
        return self.n_fine - len(self.merges)

    def count(self, level: float) -> int:
        """Count the regions of a cut.

        Parameters
        ----------
        level : float
            As for :meth:`cut`.

        Returns
        -------
        int
        """
        return self.n_fine - int(np.searchsorted(self.costs, level, side="right"))

    def cut(self, level: float | None = None) -> Labels:
        """Cut the hierarchy at a cost: the regions after all merges that cost no more.

        Parameters
        ----------
        level : float, optional
            A cost; :attr:`level` by default. Raised: fewer, larger regions.

        Returns
        -------
        ndarray of shape (H, W), int32
            Regions 1..n, numbered by their first fine region; 0 where there is none.

        Raises
        ------
        SettingsError
            If the level is not a number.
        """
        level = self.level if level is None else level
        if not isinstance(level, Real) or np.isnan(level):
            raise SettingsError(f"level: a cost, which is a number; got {level!r}. The costs of merges are 0 to 1.")
        return self._paint_cut(int(np.searchsorted(self.costs, level, side="right")))

    def regions(self, n: int) -> Labels:
        """Cut the hierarchy into n regions.

        Parameters
        ----------
        n : int
            From :attr:`n_least` to :attr:`n_fine`.

        Returns
        -------
        ndarray of shape (H, W), int32
            As :meth:`cut` returns it.

        Raises
        ------
        SettingsError
            If there are fewer fine regions than n, or more parts that do not touch.
        """
        if not isinstance(n, Integral) or not self.n_least <= n <= self.n_fine:
            raise SettingsError(
                f"regions: a number from {self.n_least}, the parts that do not touch, to {self.n_fine}, the finest "
                f"regions of this image; got {n!r}."
            )
        return self._paint_cut(self.n_fine - int(n))

    def coarsen(self, n: int) -> RegionHierarchy:
        """Leave out all regions that are finer than those of a cut.

        Parameters
        ----------
        n : int
            As for :meth:`regions`.

        Returns
        -------
        RegionHierarchy
            Its fine regions are those of ``regions(n)``; the merges of these are its merges.

        Raises
        ------
        SettingsError
            As :meth:`regions` raises it.
        """
        labels = self.regions(n)
        n_merged = self.n_fine - n
        # The number of each node: of the nodes below the cut that of their region, of those above by their order.
        region, _ = group_regions(self.n_fine, self.merges[:n_merged])
        number = np.concatenate([region, np.zeros(n_merged, dtype=np.intp), n + np.arange(len(self.merges) - n_merged)])
        for i, one in enumerate(self.merges[:n_merged, 0].tolist(), start=self.n_fine):
            number[i] = number[one]
        return RegionHierarchy(labels, number[self.merges[n_merged:]], self.costs[n_merged:], self.level)

    def graph(self) -> RegionGraph:
        """Find which fine regions touch; for the graph of coarser ones see :meth:`coarsen`.

        Returns
        -------
        RegionGraph
            Arrays; its ``to_networkx()`` is a graph of NetworkX.
        """
        adjacency = find_adjacency(self.label_image.astype(np.intp) - 1, self.n_fine, [])
        lengths = adjacency.borders[:, 0].astype(np.intp)
        costs = self._find_pair_costs(*adjacency.pairs.T).astype(np.float64)
        areas = np.bincount(self.label_image.ravel(), minlength=self.n_fine + 1)[1:]
        return RegionGraph(areas, adjacency.pairs + 1, lengths, costs)

    def contour_map(self) -> NDArray[np.float32]:
        """Compute the ultrametric contour map: how different the regions on the two sides of each border are.

        Where it exceeds a level there is a border in the cut at that level.

        Returns
        -------
        ndarray of shape (H, W), float32, 0 to 1
            The cost at which a pixel becomes one region with its right and its lower neighbor, the larger of the two;
            0 inside fine regions and beside pixels without a region.

        References
        ----------
        Arbelaez, Maire, Fowlkes & Malik 2011, IEEE PAMI 33.
        """
        labels = self.label_image
        contours = np.zeros(labels.shape, dtype=np.float32)
        for one, other in NEIGHBOR_SLICES:
            first, second = labels[one], labels[other]
            border = (first != second) & (first > 0) & (second > 0)
            # The cost of each pair of regions is found once, however many pixels it has.
            code = first[border].astype(np.int64) * (self.n_fine + 1) + second[border]
            pairs, place = np.unique(code, return_inverse=True)
            left, right = np.divmod(pairs, self.n_fine + 1)
            costs = self._find_pair_costs(left - 1, right - 1)
            contours[one][border] = np.maximum(contours[one][border], costs[place.reshape(-1)])
        return contours

    def find_joining_costs(self, level: float) -> tuple[Ids, Floats]:
        """Find the cost at which each two regions of a cut become one.

        Parameters
        ----------
        level : float
            As for :meth:`cut`.

        Returns
        -------
        pairs : ndarray of shape (p, 2), int
            All pairs of regions that merges join, counted from 0 in the order of their labels, each pair once.
        costs : ndarray of shape (p,), float64
            The cost of the merge that first joins them.
        """
        n_merged = int(np.searchsorted(self.costs, level, side="right"))
        region, _ = group_regions(self.n_fine, self.merges[:n_merged])
        parts = [np.array([number]) for number in region]  # the regions of the cut in each node of the tree of merges
        pairs = [np.zeros((0, 2), dtype=np.intp)]
        # A merge above the level first joins every region of one part with every region of the other.
        for i, (one, other) in enumerate(self.merges.tolist()):
            if i < n_merged:
                parts.append(parts[one])
            else:
                pairs.append(np.stack(np.meshgrid(parts[one], parts[other]), axis=-1).reshape(-1, 2))
                parts.append(np.concatenate([parts[one], parts[other]]))
        return np.concatenate(pairs), np.repeat(self.costs[n_merged:], [len(each) for each in pairs[1:]])

    def _paint_cut(self, n_merged: int) -> Labels:
        """Paint the label image after the first merges."""
        region, _ = group_regions(self.n_fine, self.merges[:n_merged])
        table = np.zeros(self.n_fine + 1, dtype=np.int32)
        table[1:] = region + 1
        return table[self.label_image]

    def _find_pair_costs(self, left: Ids, right: Ids) -> NDArray[np.float32]:
        """Find the cost of the merge that first joins each pair of fine regions; infinite where none does."""
        # A last node, the parent of all roots, stands for "never joined".
        n_nodes = self.n_fine + len(self.merges)
        parent = np.full(n_nodes, n_nodes)
        parent[self.merges] = (np.arange(len(self.merges)) + self.n_fine)[:, None]
        parent = np.append(parent, n_nodes)
        costs = np.concatenate([np.zeros(self.n_fine), self.costs, [np.inf]])
        left, right = left.copy(), right.copy()
        # Lowest common ancestor: a parent has a higher number than its children, so the lower of the two nodes climbs.
        while (apart := left != right).any():
            climbing = apart & (left < right)
            left[climbing] = parent[left[climbing]]
            climbing = apart & (right < left)
            right[climbing] = parent[right[climbing]]
        return costs[left].astype(np.float32)
