"""Connected regions of a label image, and the graph of their borders.

A region is a 4-connected set of pixels with one label. Regions are found from the runs of each row, so no image of
region numbers is ever made, and merged on the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import find_runs

__all__ = [
    "LabelGraph",
    "Runs",
    "find_connected_components",
    "find_regions",
    "mark_largest",
    "mark_run_starts",
    "number_regions",
    "tally_labels",
]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]


BAND_PIXELS = 2**18  # whose regions are counted at once


@dataclass(frozen=True)
class Runs:
    """An image as horizontal runs of one label, and the region that each run belongs to.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image, in pixels.
    length : ndarray of shape (n_runs,), int
        Pixels of each run, in the order of the rows.
    region : ndarray of shape (n_runs,), int
        Region of each run, from 0.
    """

    shape: tuple[int, int]
    length: Ids
    region: Ids

    def paint(self, labels: Labels) -> Labels:
        """Paint the image in which each region has its label.

        Parameters
        ----------
        labels : ndarray of shape (n,), integers
            A label for each region.

        Returns
        -------
        ndarray of shape (H, W), of the same dtype
        """
        return np.repeat(labels[self.region], self.length).reshape(self.shape)


@dataclass(frozen=True)
class LabelGraph:
    """Regions and the borders between them.

    Attributes
    ----------
    label, area, exposed : ndarray of shape (n,)
        Label of each region, its pixels, and whether it touches background or the frame of the image.
    low, high, border : ndarray of shape (p,), int
        Pairs of regions, low < high, and the length of their border in pixel sides. Background has no pairs; nor have
        two regions that are both larger than was asked for.
    origin : ndarray of shape (m,), int
        The current region of every region that was first found.
    """

    label: Labels
    area: Ids
    exposed: Mask
    low: Ids
    high: Ids
    border: Ids
    origin: Ids

    def list_directed_borders(self) -> tuple[Ids, Ids, Ids]:
        """List every border from both its sides: (region, its neighbor, length of the border), each (2 p,)."""
        return (
            np.concatenate([self.low, self.high]),
            np.concatenate([self.high, self.low]),
            np.concatenate([self.border, self.border]),
        )

    def relabel(self, label: Labels) -> LabelGraph:
        """Give the regions new labels, and merge neighbors with the same label.

        Parameters
        ----------
        label : ndarray of shape (n,), integers
            The new label of each region.

        Returns
        -------
        LabelGraph
            Its regions are numbered in the order of their first ones.
        """
        # Neighbors with the same label are merged; the borders of what they touch are summed.
        same = label[self.low] == label[self.high]
        region, count = find_connected_components(label.size, self.low[same], self.high[same])
        merged = np.zeros(count, label.dtype)
        merged[region] = label
        area = np.bincount(region, self.area, count).astype(np.intp)
        exposed = np.bincount(region, self.exposed, count) > 0
        # Contacts at corners, which have no length, were for these labels alone.
        kept = ~same & (self.border > 0)
        borders = _sum_borders(region[self.low[kept]], region[self.high[kept]], self.border[kept])
        return LabelGraph(merged, area, exposed, *borders, region[self.origin])


class _JoinedRuns(NamedTuple):
    """The runs of a label image (H, W), and the pieces of border between two rows.

    `starts` (H, W) marks first pixels; `start`, `length`, `label` and `region` are of each run. `pieces` are the pixels
    above the first side of each piece; `above` and `below` are its two runs, and `same` says whether their labels are.
    """

    starts: Mask
    start: Ids
    length: Ids
    label: Labels
    region: Ids
    n_regions: int
    pieces: Ids
    above: Ids
    below: Ids
    same: Mask

    def list_regions_of_row(self, row: int) -> Ids:
        """List the region of each pixel of the first row, 0, or of the last one, -1."""
        n_runs = np.count_nonzero(self.starts[row])
        runs = slice(n_runs) if row == 0 else slice(-n_runs, None)
        return np.repeat(self.region[runs], self.length[runs])


def number_regions(labels: Labels) -> tuple[Labels, Labels]:
    """Number the connected regions of a label image from 1, in the order of their first pixels.

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

    Examples
    --------
    >>> labels = np.array([[5, 5, 0],
    ...                    [0, 0, 5],
    ...                    [7, 7, 5]])
    >>> regions, label = number_regions(labels)
    >>> regions
    array([[1, 1, 0],
           [0, 0, 2],
           [3, 3, 2]], dtype=int32)
    >>> label.tolist()
    [5, 5, 7]
    """
    runs, graph = find_regions(labels, largest=0)
    number = np.cumsum(graph.label > 0) * (graph.label > 0)
    return runs.paint(number.astype(np.int32)), graph.label[graph.label > 0]


def tally_labels(labels: Labels, n_labels: int, min_area: int) -> NDArray[np.int64]:
    """Count the pixels and the connected regions of each label.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers 0 to `n_labels`
        0 is no label.
    n_labels : int
        Largest label.
    min_area : int
        Pixels of the smallest region that counts.

    Returns
    -------
    ndarray of shape (2, n_labels), int64
        Pixels, and regions, of the labels from 1.

    Examples
    --------
    >>> tally_labels(np.array([[1, 2, 2], [1, 1, 1], [2, 2, 2]]), 2, min_area=3)
    array([[4, 5],
           [1, 1]])
    """
    if labels.size == 0:
        return np.zeros((2, n_labels), np.int64)
    # The counts do not depend on the orientation, and bands of rows of a wide image would be as large as itself.
    labels = labels.T if labels.shape[1] > BAND_PIXELS else labels
    counts = np.zeros((2, n_labels + 1), np.int64)
    # Of the rows so far only regions of the last one may grow: region and label of its pixels, and area and label of
    # these regions.
    region, row = np.zeros(labels.shape[1], np.intp), np.zeros(labels.shape[1], labels.dtype)
    area, label = np.zeros(1, np.intp), np.zeros(1, labels.dtype)
    step = max(1, BAND_PIXELS // labels.shape[1])
    for top in range(0, len(labels), step):
        band = np.ascontiguousarray(labels[top : top + step])
        runs = _join_runs(band)
        counts[0] += np.bincount(runs.label, runs.length, n_labels + 1).astype(np.int64)
        goes_on = (band[0] == row) & (row > 0)
        first = runs.list_regions_of_row(0)
        joined, n = find_connected_components(area.size + runs.n_regions, region[goes_on], first[goes_on] + area.size)
        area = np.bincount(joined, np.append(area, np.bincount(runs.region, runs.length)), n).astype(np.intp)
        merged = np.zeros(n, labels.dtype)
        merged[joined[: label.size]] = label
        merged[joined[label.size :][runs.region]] = runs.label
        region, row = joined[label.size :][runs.list_regions_of_row(-1)], band[-1]
        is_open = np.zeros(n, bool)
        is_open[region] = True
        counts[1] += np.bincount(merged[~is_open & (area >= min_area)], minlength=n_labels + 1)
        region, area, label = (np.cumsum(is_open) - 1)[region], area[is_open], merged[is_open]
    counts[1] += np.bincount(label[area >= min_area], minlength=n_labels + 1)
    return counts[:, 1:]


def mark_largest(label: Labels, area: Ids) -> Mask:
    """Mark the largest region of each label; of equal ones the first.

    Parameters
    ----------
    label, area : ndarray of shape (n,)
        Label and pixels of each region.

    Returns
    -------
    ndarray of shape (n,), bool
    """
    order = np.lexsort((-area, label))
    is_largest = np.zeros(label.size, bool)
    is_largest[order[find_runs(label[order])[1]]] = True
    return is_largest


def mark_run_starts(labels: Labels) -> Mask:
    """Mark the first pixel of every horizontal run of one label.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers
        A run ends at the end of its row.

    Returns
    -------
    ndarray of shape (H, W), bool
    """
    starts = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=starts[:, 1:])
    return starts


def find_regions(labels: Labels, *, largest: int, has_corners: bool = False) -> tuple[Runs, LabelGraph]:
    """Find the connected regions of a label image and the borders of the small ones.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers >= 0
        0 is background, whose regions are in the graph but have no borders.
    largest : int
        Pixels. Borders are listed that have a region of at most this area on one side or both.
    has_corners : bool
        Also list small regions of one label that touch at a corner, as a border of length 0: relabeled, they are one.

    Returns
    -------
    runs : Runs
        The image, in which regions are numbered from 0 in the order of their first pixels.
    graph : LabelGraph
    """
    height, width = labels.shape
    starts, start, length, label, region, count, pieces, above, below, same = _join_runs(labels)
    flat = starts.reshape(-1)
    # Borders: pieces between rows, and the one pixel side between two runs of a row.
    at_left = start % width == 0
    at_right = np.append(at_left[1:], True)
    beside = np.flatnonzero(~at_right)
    # In the small integers of the pieces: there are twice as many borders as runs.
    node = region.astype(pieces.dtype)
    low = np.concatenate([node[above[~same]], node[beside]])
    high = np.concatenate([node[below[~same]], node[beside + 1]])
    piece_length = np.diff(pieces, append=pieces.dtype.type(labels.size - width))[~same]
    border = np.concatenate([piece_length, np.ones_like(beside, pieces.dtype)])
    del node, piece_length, beside, same
    area = np.bincount(region, length, count).astype(np.intp)
    node_label = np.zeros(count, labels.dtype)
    node_label[region] = label
    exposed = np.zeros(count, bool)
    exposed[region[at_left | at_right | (start < width) | (start >= labels.size - width)]] = True
    # A region beside background is as exposed as one at the frame.
    background = node_label == 0
    exposed[low[background[high]]] = True
    exposed[high[background[low]]] = True
    small = (area <= largest) & ~background
    listed = (small[low] | small[high]) & ~background[low] & ~background[high]
    low, high, border = low[listed], high[listed], border[listed]
    if has_corners:
        # Four runs meet at a corner where runs begin in both rows.
        meet = flat[pieces] & flat[pieces + width] & (pieces % width > 0)
        above, below = above[meet], below[meet]
        first = region[np.concatenate([above - 1, above])].astype(low.dtype)
        second = region[np.concatenate([below, below - 1])].astype(low.dtype)
        linked = small[first] & small[second] & (node_label[first] == node_label[second]) & (first != second)
        low, high = np.concatenate([low, first[linked]]), np.concatenate([high, second[linked]])
        border = np.concatenate([border, np.zeros(np.count_nonzero(linked), border.dtype)])
    # In noise each of these arrays is as large as the image.
    del start, label, pieces, above, below, at_left, at_right, listed
    borders = _sum_borders(low, high, border)
    graph = LabelGraph(node_label, area, exposed, *borders, np.arange(count))
    return Runs((height, width), length, region), graph


def _join_runs(labels: Labels) -> _JoinedRuns:
    """Join the runs of a label image (H, W) that touch over an edge to regions."""
    starts = mark_run_starts(labels)
    start = np.flatnonzero(starts)
    label = labels.ravel()[start]
    length = np.diff(start, append=labels.size)
    # Between two rows, a new piece of shared border begins wherever a run begins in either row.
    dtype: Any = np.int32 if labels.size < 2**31 else np.intp
    pieces = np.flatnonzero(starts[1:] | starts[:-1]).astype(dtype)
    # The number of starts up to a pixel is the number of its run.
    flat = starts.reshape(-1)
    above = np.cumsum(flat[pieces], dtype=dtype) - 1
    below = np.cumsum(flat[pieces + labels.shape[1]], dtype=dtype) + (np.count_nonzero(starts[0]) - 1)
    same = label[above] == label[below]
    region, count = find_connected_components(start.size, above[same], below[same])
    return _JoinedRuns(starts, start, length, label, region, count, pieces, above, below, same)


def find_connected_components(n_nodes: int, first: Ids, second: Ids) -> tuple[Ids, int]:
    """Find the connected components of an undirected graph.

    Parameters
    ----------
    n_nodes : int
        Nodes are numbered from 0.
    first, second : ndarray of shape (n_edges,), int
        The two nodes of each edge.

    Returns
    -------
    component : ndarray of shape (n_nodes,), int
        Component of each node, numbered from 0 in the order of their first nodes.
    n_components : int

    Examples
    --------
    >>> component, n_components = find_connected_components(5, np.array([0, 3]), np.array([2, 4]))
    >>> component.tolist(), n_components
    ([0, 1, 0, 2, 2], 3)
    """
    # Not SciPy's connected_components: loading scipy.sparse takes 0.1 s, a tenth of a run on 12 megapixels.
    root = np.arange(n_nodes)
    while first.size:
        # Point the larger node of each edge to the smaller one, and follow the pointers to their ends.
        np.minimum.at(root, np.maximum(first, second), np.minimum(first, second))
        while not np.array_equal(grandparent := root[root], root):
            root = grandparent
        first, second = root[first], root[second]
        is_open = first != second
        first, second = first[is_open], second[is_open]
    is_root = root == np.arange(n_nodes)
    return (np.cumsum(is_root) - 1)[root], int(np.count_nonzero(is_root))


def _sum_borders(first: Ids, second: Ids, border: Ids) -> tuple[Ids, Ids, Ids]:
    """Sum the lengths of borders over the rows of each unordered pair of regions: (low, high, length)."""
    if first.size == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.intp)
    base = max(int(first.max()), int(second.max())) + 1
    # One integer for each pair; sorted, the rows of a pair lie side by side. They are in order in long stretches, where
    # merging them is several times as fast as quicksort.
    key = np.minimum(first, second).astype(np.intp) * base
    key += np.maximum(first, second)
    order = np.argsort(key, kind="stable")
    key, border = key[order], border[order]
    del order
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    return *np.divmod(key[begin], base), np.add.reduceat(border, begin, dtype=np.intp)
