"""Regions of a small copy of an image brought to its full size, their borders laid along its edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.spatial.regions import find_regions

__all__ = ["refine"]

Labels = NDArray[np.int32]

_AROUND = np.ones((3, 3), np.uint8)


def refine(labels: Labels, pixels: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Labels:
    """Bring region labels to the size of an image.

    Away from borders a pixel has the label of the place it comes from. A strip around them, one pixel of the small
    label image to either side, is flooded from there in the order of the colour differences between neighbouring
    pixels (watershed: Meyer 1992, ICIP), so borders come to lie where colours change.

    Parameters
    ----------
    labels : ndarray of shape (h, w), int32
        1..n, each one connected region, and 0 for none.
    pixels : ndarray of shape (H, W, 3), uint8
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    ndarray of shape (H, W), int32
        The same labels, each one connected region as far as valid pixels allow it; 0 where not valid.
    """
    if labels.shape == valid.shape:
        return np.where(valid, labels, 0).astype(np.int32)
    cv2 = load_cv2()
    known = _filled(labels) if not labels.all() else labels
    size = valid.shape[::-1]
    large = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST_EXACT)
    strip = cv2.resize(_beside_borders(known), size, interpolation=cv2.INTER_NEAREST_EXACT)
    markers = np.where(strip, 0, large)
    cv2.watershed(np.ascontiguousarray(pixels), markers)
    _close_lines(markers, pixels, large)
    markers[~valid] = 0
    return _connected(markers)


def _beside_borders(labels: Labels) -> NDArray[np.uint8]:
    """1 beside a border, but 0 all over a region that would have nothing left."""
    cv2 = load_cv2()
    numbers = labels.astype(np.float32)  # exact up to 2**24
    beside = cv2.dilate(numbers, _AROUND) != cv2.erode(numbers, _AROUND)
    left = np.bincount(labels[~beside], minlength=int(labels.max()) + 1)
    return np.asarray(beside & (left[labels] > 0), dtype=np.uint8)


def _filled(labels: Labels) -> Labels:
    """The label of the nearest labelled pixel where there is none."""
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


def _connected(labels: Labels) -> Labels:
    """Every label's largest 4-connected piece, the others given to the neighbour with the longest border."""
    runs, graph = find_regions(labels, largest=labels.size)
    while True:
        order = np.lexsort((np.arange(graph.label.size), -graph.area, graph.label))
        first = np.diff(graph.label[order], prepend=-1) != 0
        stray = np.ones(graph.label.size, dtype=bool)
        stray[order[first]] = False
        stray &= graph.label > 0
        source, target, border = graph.both_ways()
        joining = stray[source] & ~stray[target]
        source, target, border = source[joining], target[joining], border[joining]
        if not source.size:
            return runs.paint(graph.label[graph.origin]).astype(np.int32, copy=False)
        order = np.lexsort((target, -border, source))
        first = np.diff(source[order], prepend=-1) != 0
        label = graph.label.copy()
        label[source[order[first]]] = graph.label[target[order[first]]]
        graph = graph.relabelled(label)
