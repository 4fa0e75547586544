"""Regions of a small copy of an image brought to its full size, their borders laid along its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.postprocessor.connected_regions import RegionGraph, find_connected_components, find_regions

__all__ = ["Refined", "refine"]

Labels = NDArray[np.int32]
Ids = NDArray[np.intp]

_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Refined:
    """Regions at full size, and which of them touch there: borders that moved may have parted some and joined others.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        1..m; 0 where not valid. Each region is 4-connected. Only pixels that the mask cuts off from all others, fewer
        than one of the small label image covers, are apart from the rest of theirs.
    origin : ndarray of shape (m,), int
        The label that each had in the small label image, ascending; after them 0 for each further part of the mask.
    pairs : ndarray of shape (p, 2), int
        The regions that share a side of a pixel, counted from 0, the lower number first, in ascending order.
    """

    label_image: Labels
    origin: Ids
    pairs: Ids


def refine(labels: Labels, pixels: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Refined:
    """Bring region labels to the size of an image.

    Away from borders a pixel has the label of the place it comes from. A strip around them, one pixel of the small
    label image to either side, is flooded from there in the order of the color differences between neighboring
    pixels (watershed: Meyer 1992, ICIP), so borders come to lie where colors change.

    Parameters
    ----------
    labels : ndarray of shape (h, w), int32
        1..n, each one connected region, and 0 for none.
    pixels : ndarray of shape (H, W, 3), uint8
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    Refined
        The regions that have valid pixels, and each part of the valid pixels that holds none of them.
    """
    if labels.shape == valid.shape:
        return _connected(np.where(valid, labels, 0).astype(np.int32), 1)
    cv2 = load_cv2()
    known = _filled(labels) if not labels.all() else labels
    size = valid.shape[::-1]
    large = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST_EXACT)
    strip = cv2.resize(_beside_borders(known), size, interpolation=cv2.INTER_NEAREST_EXACT)
    markers = np.where(strip, 0, large)
    cv2.watershed(np.ascontiguousarray(pixels), markers)
    _close_lines(markers, pixels, large)
    markers[~valid] = 0
    return _connected(markers, valid.size / labels.size)


def _beside_borders(labels: Labels) -> NDArray[np.uint8]:
    """1 beside a border, but 0 all over a region that would have nothing left."""
    cv2 = load_cv2()
    numbers = labels.astype(np.float32)  # exact up to 2**24
    beside = cv2.dilate(numbers, _AROUND) != cv2.erode(numbers, _AROUND)
    left = np.bincount(labels[~beside], minlength=int(labels.max()) + 1)
    return np.asarray(beside & (left[labels] > 0), dtype=np.uint8)


def _filled(labels: Labels) -> Labels:
    """The label of the nearest labeled pixel where there is none."""
    cv2 = load_cv2()
    _, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    donors = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
    donors[nearest[labels > 0]] = labels[labels > 0]
    return np.asarray(donors[nearest])


def _close_lines(labels: Labels, pixels: NDArray[np.uint8], otherwise: Labels) -> None:
    """Give the lines that OpenCV leaves between regions and along the frame to the most alike pixel beside, in place.

    They are -1; 0 is what they cut off from all regions. A pixel most like another one of a line waits for that.
    """
    rows, columns = np.nonzero(labels <= 0)
    while rows.size:
        own = pixels[rows, columns].astype(np.int16)
        found = np.zeros(len(rows), dtype=labels.dtype)
        least = np.full(len(rows), np.iinfo(np.int32).max)
        for down, across in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            there = (np.clip(rows + down, 0, labels.shape[0] - 1), np.clip(columns + across, 0, labels.shape[1] - 1))
            open_ = labels[there] <= 0
            inside = (there[0] != rows) | (there[1] != columns)
            change = 2 * np.abs(pixels[there] - own).sum(axis=1, dtype=np.int32) + open_
            better = inside & (change < least)
            found[better], least[better] = labels[there][better], change[better]
        decided = found > 0
        if not decided.any():
            labels[rows, columns] = otherwise[rows, columns]
            return
        labels[rows[decided], columns[decided]] = found[decided]
        rows, columns = rows[~decided], columns[~decided]


def _connected(labels: Labels, smallest: float) -> Refined:
    """Every label's largest 4-connected piece, the others given to the neighbor with the longest border.

    Pieces without a way to such a neighbor fill a part of the mask together. That is a region of its own if it has
    `smallest` pixels or more, otherwise it has the label of its largest piece.
    """
    runs, graph = find_regions(labels, largest=labels.size)
    graph = _strays_given_away(graph)
    n = int(graph.label.max(initial=0))
    label = _further_parts(graph, n, smallest)
    used, number = np.unique(np.append(label, 0), return_inverse=True)
    number = number.reshape(-1)[:-1].astype(np.int32)
    origin = np.where(used[1:] <= n, used[1:], 0)
    ends = np.sort(number[np.stack([graph.low, graph.high], axis=1)], axis=1)
    pairs = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0) - 1
    return Refined(runs.paint(number[graph.origin]).astype(np.int32, copy=False), origin, pairs)


def _strays_given_away(graph: RegionGraph) -> RegionGraph:
    """The graph once no piece is left that is not the largest of its label and touches one that is."""
    while True:
        stray = _beside_the_largest(graph)
        source, target, border = graph.both_ways()
        joining = stray[source] & ~stray[target]
        source, target, border = source[joining], target[joining], border[joining]
        if not source.size:
            return graph
        order = np.lexsort((target, -border, source))
        first = np.diff(source[order], prepend=-1) != 0
        label = graph.label.copy()
        label[source[order[first]]] = graph.label[target[order[first]]]
        graph = graph.relabeled(label)


def _further_parts(graph: RegionGraph, n: int, smallest: float) -> Ids:
    """The labels of the pieces; those of parts of the mask that hold no label's largest one from n + 1 on."""
    label: Ids = graph.label.astype(np.intp)
    stray = _beside_the_largest(graph)
    if not stray.any():
        return label
    part, n_parts = find_connected_components(label.size, graph.low, graph.high)
    order = np.flatnonzero(stray)[np.argsort(graph.area[stray], kind="stable")]
    most = np.zeros(n_parts, dtype=np.intp)
    most[part[order]] = label[order]  # the last one counts
    own = (most > 0) & (np.bincount(part, graph.area, n_parts) >= smallest)
    most[own] = n + 1 + np.arange(np.count_nonzero(own))
    label[stray] = most[part[stray]]
    return label


def _beside_the_largest(graph: RegionGraph) -> NDArray[np.bool_]:
    """Which pieces are not the largest of their label, the first of equals."""
    order = np.lexsort((np.arange(graph.label.size), -graph.area, graph.label))
    first = np.diff(graph.label[order], prepend=-1) != 0
    stray = np.ones(graph.label.size, dtype=bool)
    stray[order[first]] = False
    return np.asarray(stray & (graph.label > 0))
