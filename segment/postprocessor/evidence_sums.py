"""The evidence of regions for each class, which adds up as regions are merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import RegionGraph

__all__ = ["EvidenceSums", "add_rows"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Floats = NDArray[np.float64]

CHUNK_VALUES = 2**20  # sums that are added up at once
_N_ROUNDS = 8  # of `add_rows`


class EvidenceSums:
    """The sums of the log posteriors over the pixels of each region, which add up in place as regions are merged.

    Parameters
    ----------
    values : ndarray of shape (n, k), float64
        Of each first region, by class from 1, in nats. Changed.
    classes : sequence of int
        The class 1..k of each label from 0, which has none.
    max_area : int, pixels
        The sums of regions that have grown larger are not asked for.
    """

    def __init__(self, values: Floats, classes: Sequence[int], max_area: int) -> None:
        self._values, self._columns, self._max_area = values, np.array(classes) - 1, max_area
        self._rows = np.arange(len(values))  # of the current regions

    def look_up(self, region: Ids, label: Labels) -> Floats:
        """Look up the sum of each region for a label, (n,); arbitrary for label 0."""
        return np.asarray(self._values[self._rows[region], self._columns[label]])

    def merge(self, graph: RegionGraph) -> None:
        """Add up the sums of the regions that `graph` has merged since they were added up last."""
        region = graph.origin[self._rows]
        # The sum of a region is that of its first part: regions are numbered in the order of these.
        is_first = np.diff(np.maximum.accumulate(region), prepend=-1) > 0
        rows, others = self._rows[is_first], np.flatnonzero(~is_first & (graph.area[region] <= self._max_area))
        others = others[np.argsort(region[others], kind="stable")]
        step = max(1, CHUNK_VALUES // self._values.shape[1])
        for at in range(0, len(others), step):
            some = others[at : at + step]
            add_rows(self._values, rows[region[some]], self._values[self._rows[some]])
        self._rows = rows


def add_rows(sums: Floats, at: Ids, values: NDArray[np.floating[Any]]) -> None:
    """Add rows of values to rows of sums, in place.

    Parameters
    ----------
    sums : ndarray of shape (n, k), float64
    at : ndarray of shape (m,), int
        The row of `sums` that each row of `values` is added to. Equal numbers follow each other.
    values : ndarray of shape (m, k), float

    Examples
    --------
    >>> sums = np.zeros((3, 2))
    >>> add_rows(sums, np.array([2, 2, 0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> sums.tolist()
    [[5.0, 6.0], [0.0, 0.0], [4.0, 6.0]]
    """
    first = np.flatnonzero(np.diff(at, prepend=-1))
    size = np.diff(first, append=len(at))
    # The first of each row, then the second and so on: of many classes and few pixels, as those of most parts, several
    # times as fast as `np.add.reduceat`, which takes the rest.
    for _ in range(_N_ROUNDS):
        sums[at[first]] += values[first]
        first, size = first[size > 1] + 1, size[size > 1] - 1
    if first.size:
        start = np.cumsum(size) - size
        rest = np.arange(size.sum()) + np.repeat(first - start, size)
        sums[at[first]] += np.add.reduceat(values[rest], start, axis=0, dtype=np.float64)
