"""Regions of a label image: connected sets of pixels with one label, and the graph of their borders.

Regions are found from the runs of each row, so no image of region numbers is ever made, and merged on the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RegionGraph", "Runs", "find_connected_components", "find_regions", "number_regions"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Runs:
    """The image as horizontal runs of one label, and the region that each belongs to."""

    shape: tuple[int, int]
    length: Ids
    region: Ids

    def paint(self, labels: Labels) -> Labels:
        return np.repeat(labels[self.region], self.length).reshape(self.shape)


@dataclass(frozen=True)
class RegionGraph:
    """Regions and the borders between them, one row a pair (low < high), background and uninteresting pairs left out.

    `origin` is the present region of every region first found.
    """

    label: Labels
    area: Ids
    exposed: Mask
    low: Ids
    high: Ids
    border: Ids
    origin: Ids

    def both_ways(self) -> tuple[Ids, Ids, Ids]:
        """Every shared border seen from either side: (region, its neighbor, length of the border)."""
        return (
            np.concatenate([self.low, self.high]),
            np.concatenate([self.high, self.low]),
            np.concatenate([self.border, self.border]),
        )

    def relabeled(self, label: Labels) -> RegionGraph:
        """The graph after regions got new labels: neighbors with the same label are one region."""
        same = label[self.low] == label[self.high]
        region, count = find_connected_components(label.size, self.low[same], self.high[same])
        merged = np.zeros(count, label.dtype)
        merged[region] = label
        area = np.bincount(region, self.area, count).astype(np.intp)
        exposed = np.bincount(region, self.exposed, count) > 0
        borders = _add_up(region[self.low[~same]], region[self.high[~same]], self.border[~same])
        return RegionGraph(merged, area, exposed, *borders, region[self.origin])


def number_regions(labels: Labels) -> tuple[Labels, Labels]:
    """The connected regions of a label image, numbered from 1 in the order of their first pixels.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers >= 0
        0 is no label.

    Returns
    -------
    regions : ndarray of shape (H, W), int32
        1..n, and 0 where there is no label.
    label : ndarray of shape (n,), of the labels' dtype
        The label of each region.
    """
    runs, graph = find_regions(labels, largest=0)
    number = np.cumsum(graph.label > 0) * (graph.label > 0)
    return runs.paint(number.astype(np.int32)), graph.label[graph.label > 0]


def find_regions(labels: Labels, *, largest: int) -> tuple[Runs, RegionGraph]:
    """Regions, with the borders that have a region of at most `largest` pixels on one side or both."""
    height, width = labels.shape
    starts = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=starts[:, 1:])
    start = np.flatnonzero(starts)
    label = labels.ravel()[start]
    length = np.diff(start, append=labels.size)
    # Between two rows, a new piece of shared border begins wherever a run begins in either row.
    pieces = np.flatnonzero(starts[1:] | starts[:-1])
    piece_length = np.diff(pieces, append=labels.size - width)
    flat = starts.reshape(-1)
    above = np.cumsum(flat[pieces], dtype=np.intp) - 1
    below = np.cumsum(flat[pieces + width], dtype=np.intp) + (np.count_nonzero(starts[0]) - 1)
    same = label[above] == label[below]
    region, count = find_connected_components(start.size, above[same], below[same])
    at_left = start % width == 0
    at_right = np.append(at_left[1:], True)
    beside = np.flatnonzero(~at_right)
    low = np.concatenate([region[above[~same]], region[beside]])
    high = np.concatenate([region[below[~same]], region[beside + 1]])
    border = np.concatenate([piece_length[~same], np.ones_like(beside)])
    area = np.bincount(region, length, count).astype(np.intp)
    node_label = np.zeros(count, labels.dtype)
    node_label[region] = label
    exposed = np.zeros(count, bool)
    exposed[region[at_left | at_right | (start < width) | (start >= labels.size - width)]] = True
    background = node_label == 0
    exposed[low[background[high]]] = True
    exposed[high[background[low]]] = True
    small = (area <= largest) & ~background
    kept = (small[low] | small[high]) & ~background[low] & ~background[high]
    borders = _add_up(low[kept], high[kept], border[kept])
    return Runs((height, width), length, region), RegionGraph(node_label, area, exposed, *borders, np.arange(count))


def find_connected_components(count: int, first: Ids, second: Ids) -> tuple[Ids, int]:
    """Number the sets of nodes 0..count-1 that the pairs first-second join: (number of each node, how many sets)."""
    root = np.arange(count)
    while first.size:
        np.minimum.at(root, np.maximum(first, second), np.minimum(first, second))
        while not np.array_equal(further := root[root], root):
            root = further
        first, second = root[first], root[second]
        apart = first != second
        first, second = first[apart], second[apart]
    is_root = root == np.arange(count)
    return (np.cumsum(is_root) - 1)[root], int(np.count_nonzero(is_root))


def _add_up(first: Ids, second: Ids, border: Ids) -> tuple[Ids, Ids, Ids]:
    """One row for each unordered pair of regions, with the total length of the border between them."""
    if first.size == 0:
        return first, second, border
    base = max(int(first.max()), int(second.max())) + 1
    key = np.minimum(first, second) * base + np.maximum(first, second)
    order = np.argsort(key)
    key = key[order]
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    return *np.divmod(key[begin], base), np.add.reduceat(border[order], begin)
