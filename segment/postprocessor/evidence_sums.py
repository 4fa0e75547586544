"""The evidence of regions for each class, which adds up as regions are merged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import RegionGraph

__all__ = ["EvidenceSums"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Floats = NDArray[np.float64]

CHUNK_VALUES = 2**20  # sums that are added up at once


class EvidenceSums:
    """The sums of the log posteriors over the pixels of each region, which add up in place as regions are merged.

    Parameters
    ----------
    values : ndarray of shape (n, k + 1), float64
        Of each first region, by label, in nats. Changed.
    """

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._rows = np.arange(len(values))  # of the current regions

    def look_up(self, region: Ids, label: Labels) -> Floats:
        """Look up the sum of each region for a label, (n,)."""
        return np.asarray(self._values[self._rows[region], label])

    def merge(self, graph: RegionGraph) -> None:
        """Add up the sums of the regions that `graph` has merged since they were added up last."""
        region = graph.origin[self._rows]
        # The sum of a region is that of its first part: regions are numbered in the order of these.
        is_first = np.diff(np.maximum.accumulate(region), prepend=-1) > 0
        rows, others = self._rows[is_first], np.flatnonzero(~is_first)
        step = max(1, CHUNK_VALUES // self._values.shape[1])
        for at in range(0, len(others), step):
            some = others[at : at + step]
            np.add.at(self._values, rows[region[some]], self._values[self._rows[some]])
        self._rows = rows
