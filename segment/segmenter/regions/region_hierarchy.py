"""A hierarchy of regions: fine ones, and the order in which they become fewer and larger."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.segmenter.regions.agglomeration import members

__all__ = ["RegionHierarchy"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class RegionHierarchy:
    """Regions from fine to coarse. Any cut through it costs no more than painting the label image.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        The fine regions, 1..m; 0 where there is none.
    merges : ndarray of shape (n_merges, 2), int
        The two regions that each merge joins, counted from 0: the fine region with label l is l - 1, and what the i-th
        merge makes is m + i. Regions that do not touch, because masked pixels lie between them, are never merged.
    costs : ndarray of shape (n_merges,), float64
        What each merge costs, never falling: how different the two regions are.
    level : float
        The cost up to which merging makes the regions that a person would draw: ``auto``.
    """

    label_image: Labels
    merges: Ids
    costs: Floats
    level: float

    @property
    def n_fine(self) -> int:
        """Number of fine regions."""
        return int(self.label_image.max(initial=0))

    @property
    def n_least(self) -> int:
        """Number of regions after all merges: of the parts that do not touch."""
        return self.n_fine - len(self.merges)

    def count(self, level: float) -> int:
        """The number of regions of a cut at this cost."""
        return self.n_fine - int(np.searchsorted(self.costs, level, side="right"))

    def cut(self, level: float | None = None) -> Labels:
        """The regions after all merges that cost no more than `level`; by default after those up to :attr:`level`.

        Parameters
        ----------
        level : float, optional
            Raising it makes fewer, larger regions.

        Returns
        -------
        ndarray of shape (H, W), int32
            Regions 1..n, numbered by their first fine region; 0 where there is none.
        """
        level = self.level if level is None else level
        if not isinstance(level, Real) or np.isnan(level):
            raise SettingsError(f"level: a cost, which is a number; got {level!r}.")
        return self._painted(int(np.searchsorted(self.costs, level, side="right")))

    def regions(self, n: int) -> Labels:
        """The cut into n regions, as :meth:`cut` gives it.

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
        return self._painted(self.n_fine - int(n))

    def contour_map(self) -> NDArray[np.float32]:
        """The ultrametric contour map, (H, W), float32: how different the regions are that a border parts.

        A pixel holds the cost at which it becomes one region with its right and its lower neighbor, the larger of the
        two; 0 inside fine regions and beside pixels without a region. Where it exceeds a level there is a border in the
        cut at that level (Arbelaez, Maire, Fowlkes & Malik 2011, IEEE PAMI 33).
        """
        labels = self.label_image
        contours = np.zeros(labels.shape, dtype=np.float32)
        for one, two in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
            first, second = labels[one], labels[two]
            border = (first != second) & (first > 0) & (second > 0)
            code = first[border].astype(np.int64) * (self.n_fine + 1) + second[border]
            kept, place = np.unique(code, return_inverse=True)
            left, right = np.divmod(kept, self.n_fine + 1)
            joined = self._joining_costs(left - 1, right - 1)
            contours[one][border] = np.maximum(contours[one][border], joined[place.reshape(-1)])
        return contours

    def joining_costs(self, level: float) -> tuple[Ids, Floats]:
        """What it costs to join the regions of a cut, two by two.

        Parameters
        ----------
        level : float
            As for :meth:`cut`.

        Returns
        -------
        pairs : ndarray of shape (p, 2), int
            All pairs of regions that merges join, counted from 0 in the order of their labels, each pair once.
        costs : ndarray of shape (p,), float64
            Of the merge that first joins them.
        """
        n_merged = int(np.searchsorted(self.costs, level, side="right"))
        region, _ = members(self.n_fine, self.merges[:n_merged])
        parts = [np.array([number]) for number in region]  # the regions of the cut that each node consists of
        pairs = [np.zeros((0, 2), dtype=np.intp)]
        for i, (one, other) in enumerate(self.merges.tolist()):
            if i < n_merged:
                parts.append(parts[one])
            else:
                pairs.append(np.stack(np.meshgrid(parts[one], parts[other]), axis=-1).reshape(-1, 2))
                parts.append(np.concatenate([parts[one], parts[other]]))
        return np.concatenate(pairs), np.repeat(self.costs[n_merged:], [len(each) for each in pairs[1:]])

    def _painted(self, n_merged: int) -> Labels:
        region, _ = members(self.n_fine, self.merges[:n_merged])
        table = np.zeros(self.n_fine + 1, dtype=np.int32)
        table[1:] = region + 1
        return table[self.label_image]

    def _joining_costs(self, left: Ids, right: Ids) -> NDArray[np.float32]:
        """The cost of the merge that first joins two fine regions, for each pair; infinite where none does."""
        n_nodes = self.n_fine + len(self.merges)
        parent = np.full(n_nodes, n_nodes)
        parent[self.merges] = (np.arange(len(self.merges)) + self.n_fine)[:, None]
        parent = np.append(parent, n_nodes)
        costs = np.concatenate([np.zeros(self.n_fine), self.costs, [np.inf]])
        left, right = left.copy(), right.copy()
        while (apart := left != right).any():  # a parent has a higher number than its parts, so the lower one climbs
            climbing = apart & (left < right)
            left[climbing] = parent[left[climbing]]
            climbing = apart & (right < left)
            right[climbing] = parent[right[climbing]]
        return costs[left].astype(np.float32)
