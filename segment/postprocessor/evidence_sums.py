"""The evidence of regions for the classes that are asked for: sums of log posteriors over their pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import LabelGraph

__all__ = ["EvidenceSums", "list_numbers"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Floats = NDArray[np.float64]
Logs = NDArray[np.float32]

CHUNK_VALUES = 2**20  # log posteriors that are computed at once
CHUNK_PIXELS = 2**15  # of all regions, once for each class asked for, whose log posteriors are summed at once


class EvidenceSums:
    """The sums of the log posteriors over the pixels of each region, for one class at a time.

    A region is compared with the few classes beside it alone, so sums of all classes would be many times as much work.

    Parameters
    ----------
    places : ndarray of shape (n_pixels,), int
        The color, from 0, of each pixel of the first regions: the pixels of a region side by side, regions in order.
    size : ndarray of shape (n,), int
        How many pixels each of the first regions has there; 0 for those whose sums are not asked for.
    colors : ndarray of shape (m, ...)
        The colors.
    compute_logs : callable
        Takes some of the colors and returns their log posteriors, (m, k), float32.
    classes : sequence of int
        The class 1..k of each label from 0, which has none.
    max_area : int, pixels
        The sums of regions that have grown larger are not asked for.
    """

    def __init__(
        self,
        places: NDArray[np.integer[Any]],
        size: Ids,
        colors: NDArray[Any],
        compute_logs: Callable[[NDArray[Any]], Logs],
        *,
        classes: Sequence[int],
        max_area: int,
    ) -> None:
        self._places, self._size, self._first = places, size, np.cumsum(size) - size
        self._colors, self._compute_logs, self._max_area = colors, compute_logs, max_area
        self._columns, self._n_classes = np.array(classes) - 1, len(classes) - 1
        self._part = np.arange(len(size))  # the first of the parts that each current region was merged from

    @property
    def n_values(self) -> int:
        """How many log posteriors are in memory from the first sum on: those of all colors, for all classes."""
        return len(self._colors) * self._n_classes

    def look_up(self, region: Ids, label: Labels) -> Floats:
        """Sum the log posteriors of each region for a label above 0, (n,); equal regions best follow each other.

        Parameters
        ----------
        region : ndarray of shape (n,), int
            Numbers of regions, from 0; equal ones best follow each other.
        label : ndarray of shape (n,), int
            The class of each that is asked for, from 1.

        Returns
        -------
        ndarray of shape (n,), float64
            In nats.
        """
        sums = np.empty(len(region))
        group = np.cumsum(self._size[region]) // CHUNK_PIXELS
        ends = np.append(np.flatnonzero(np.diff(group)) + 1, len(region))
        start = 0
        for end in ends.tolist():
            some = slice(start, end)
            if end > start:
                sums[some] = self._sum(region[some], self._columns[label[some]])
            start = end
        return sums

    def merge(self, graph: LabelGraph) -> None:
        """Put the pixels of the regions together that `graph` has merged since the last time."""
        region = graph.origin[self._part]
        size = np.where(graph.area[region] <= self._max_area, self._size, 0)
        order = np.argsort(region, kind="stable")
        self._places = self._places.take(list_numbers(self._first[order], size[order]))
        self._size = np.bincount(region, size, graph.label.size).astype(np.intp)
        self._first = np.cumsum(self._size) - self._size
        # Regions are numbered in the order of their first parts.
        self._part = self._part[np.diff(np.maximum.accumulate(region), prepend=-1) > 0]

    def _sum(self, region: Ids, column: Ids) -> Floats:
        """Sum the log posteriors of each region in a column, (n,)."""
        size = self._size[region]
        place = self._places.take(list_numbers(self._first[region], size)).astype(np.intp)
        place += np.repeat(column * len(self._colors), size)
        return np.asarray(np.add.reduceat(self._logs.take(place), np.cumsum(size) - size, dtype=np.float64))

    @cached_property
    def _logs(self) -> Logs:
        """The log posteriors of all colors, (k, m)."""
        logs = np.empty((self._n_classes, len(self._colors)), dtype=np.float32)
        step = max(1, CHUNK_VALUES // self._n_classes)
        for start in range(0, len(self._colors), step):
            logs[:, start : start + step] = self._compute_logs(self._colors[start : start + step]).T
        return logs


def list_numbers(first: Ids, count: Ids) -> Ids:
    """List as many numbers as are counted from each first one on.

    Parameters
    ----------
    first, count : ndarray of shape (n,), int

    Returns
    -------
    ndarray of shape (sum of the counts,), int

    Examples
    --------
    >>> list_numbers(np.array([7, 2]), np.array([3, 1])).tolist()
    [7, 8, 9, 2]
    """
    end = np.cumsum(count)
    numbers: Ids = np.arange(count.sum()) + np.repeat(first - (end - count), count)
    return numbers
