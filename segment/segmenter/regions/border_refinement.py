"""Region labels of a small copy brought to the full size of an image, with borders along the image's edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.nearest import find_nearest
from segment.core.opencv import load_cv2, resize_to_nearest
from segment.postprocessor.connected_regions import (
    LabelGraph,
    find_connected_components,
    find_regions,
    mark_largest,
)

__all__ = ["RefinedRegions", "refine_borders"]

Labels = NDArray[np.int32]
Ids = NDArray[np.intp]

_WINDOW = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class RefinedRegions:
    """Regions at full size, and which of them touch: borders that moved may have parted some and joined others.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        1..m; 0 where not valid. Each region is 4-connected, except for pixels that the mask cuts off from all others
        and that are fewer than one pixel of the small label image covers.
    origin : ndarray of shape (m,), int
        The label of each region in the small label image, ascending; after them 0 for each further part of the mask.
    pairs : ndarray of shape (p, 2), int
        The regions that share a pixel side, counted from 0, the lower number first, in ascending order.
    """

    label_image: Labels
    origin: Ids
    pairs: Ids


def refine_borders(
    labels: Labels, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], *, are_even: bool = False
) -> RefinedRegions:
    """Bring region labels to the size of an image, and their borders to its edges.

    Away from borders a pixel has the label of its place in the small label image. A strip around them, one pixel of the
    small label image to either side, is flooded from there in the order of the color differences between neighboring
    pixels (watershed), so borders come to lie where colors change.

    Parameters
    ----------
    labels : ndarray of shape (h, w), int32
        1..n, each one connected region, and 0 for none.
    pixels : ndarray of shape (H, W, 3), uint8
        Of the image at full size.
    valid : ndarray of shape (H, W), bool
        Only these pixels get labels.
    are_even : bool
        The regions are superpixels: they are hardly wider than the strip where the label image is not small, so there
        they stay as they are.

    Returns
    -------
    RefinedRegions
        The regions that have valid pixels, and each part of the valid pixels that holds none of them.

    References
    ----------
    Meyer 1992, ICIP.

    Examples
    --------
    The border lies in the middle of the small label image, but the color changes after the third column:

    >>> pixels = np.zeros((4, 8, 3), np.uint8)
    >>> pixels[:, 3:] = 200
    >>> labels = np.array([[1, 1, 2, 2]] * 2, np.int32)
    >>> refine_borders(labels, pixels, np.ones((4, 8), bool)).label_image[1].tolist()
    [1, 1, 1, 2, 2, 2, 2, 2]
    """
    if are_even and labels.shape == valid.shape:
        return _connect_regions(np.where(valid, labels, 0).astype(np.int32), 1)
    cv2 = load_cv2()
    known = labels if labels.all() else labels.reshape(-1)[find_nearest(labels > 0)]
    # Pixels outside the strip are the markers of the watershed; it fills those with 0.
    size = valid.shape[::-1]
    large = resize_to_nearest(known, size)
    strip = resize_to_nearest(_mark_border_strip(known), size)
    markers = np.where(strip, 0, large)
    cv2.watershed(np.ascontiguousarray(pixels), markers)
    np.copyto(markers, large, where=strip == 0)  # OpenCV takes the labels on the frame of the image away
    _label_watershed_lines(markers, pixels, large)
    markers[~valid] = 0
    return _connect_regions(markers, valid.size / labels.size)


def _mark_border_strip(labels: Labels) -> NDArray[np.uint8]:
    """Mark the pixels beside a border with 1, but none of a region that would have no other pixel left."""
    cv2 = load_cv2()
    numbers = labels.astype(np.float32)  # exact up to 2**24
    # A pixel lies beside a border where the largest and the smallest label around it differ.
    is_beside = cv2.dilate(numbers, _WINDOW) != cv2.erode(numbers, _WINDOW)
    n_left = np.bincount(labels[~is_beside], minlength=int(labels.max()) + 1)
    return np.asarray(is_beside & (n_left[labels] > 0), dtype=np.uint8)


def _label_watershed_lines(labels: Labels, pixels: NDArray[np.uint8], fallback: Labels) -> None:
    """Give each pixel of the lines that OpenCV leaves between regions the label of its most similar neighbor, in place.

    Lines, and the frame of the image, are -1; pixels that they cut off from all regions are 0.
    """
    height, width = labels.shape
    flat, colors = labels.reshape(-1), pixels.reshape(-1, 3)
    at = np.flatnonzero(flat <= 0)
    rows, columns = np.divmod(at, width)
    own = colors[at].astype(np.int16)
    beside, changes = [], []
    for step, inside in (
        (-width, rows > 0),
        (-1, columns > 0),
        (1, columns < width - 1),
        (width, rows < height - 1),
    ):
        there = np.where(inside, at + step, at)
        change = np.abs(colors[there] - own)
        # Twice the color difference, so that of two equally similar neighbors the labeled one is chosen.
        twice = 2 * (change[:, 0] + change[:, 1] + change[:, 2])
        beside.append(there)
        # Outside the image: more than any color difference, and one more still fits.
        changes.append(np.where(inside, twice, np.iinfo(np.int16).max - 1))
    neighbors, costs = np.stack(beside), np.stack(changes)
    while at.size:
        found = flat[neighbors]
        best = np.argmin(costs + (found <= 0), axis=0)
        label = np.take_along_axis(found, best[None], axis=0)[0]
        # A pixel most similar to an unlabeled one waits for that one's label.
        decided = label > 0
        if not decided.any():
            flat[at] = fallback.reshape(-1)[at]
            return
        flat[at[decided]] = label[decided]
        waiting = ~decided
        at, neighbors, costs = at[waiting], neighbors[:, waiting], costs[:, waiting]


def _connect_regions(labels: Labels, min_part: float) -> RefinedRegions:
    """Keep the largest 4-connected piece of every label and give its other pieces to their neighbors.

    Pieces without a way to such a neighbor fill a part of the mask together. That is a region of its own if it has
    `min_part` pixels or more, otherwise it gets the label of its largest piece.
    """
    # The mask and the flood may cut a region in pieces; only the largest keeps its label for certain.
    runs, graph = find_regions(labels, largest=labels.size)
    graph = _merge_fragments(graph)
    n = int(graph.label.max(initial=0))
    label = _label_separate_parts(graph, n, min_part)
    # Renumber the labels that are left from 1; 0 stays 0.
    used, number = np.unique(np.append(label, 0), return_inverse=True)
    number = number.reshape(-1)[:-1].astype(np.int32)
    origin = np.where(used[1:] <= n, used[1:], 0)
    ends = np.sort(number[np.stack([graph.low, graph.high], axis=1)], axis=1)
    pairs = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0) - 1
    return RefinedRegions(runs.paint(number[graph.origin]).astype(np.int32, copy=False), origin, pairs)


def _merge_fragments(graph: LabelGraph) -> LabelGraph:
    """Merge every fragment into the neighboring largest piece with the longest border, repeatedly."""
    while True:
        is_fragment = _mark_fragments(graph)
        source, target, border = graph.list_directed_borders()
        joining = is_fragment[source] & ~is_fragment[target]
        source, target, border = source[joining], target[joining], border[joining]
        if not source.size:
            return graph
        # For each fragment the first row: the longest border, of equals the lowest number.
        order = np.lexsort((target, -border, source))
        first = np.diff(source[order], prepend=-1) != 0
        label = graph.label.copy()
        label[source[order[first]]] = graph.label[target[order[first]]]
        graph = graph.relabel(label)


def _label_separate_parts(graph: LabelGraph, n: int, min_part: float) -> Ids:
    """Label the fragments left in parts of the mask without a largest piece: from n + 1 on if large enough."""
    label: Ids = graph.label.astype(np.intp)
    is_fragment = _mark_fragments(graph)
    if not is_fragment.any():
        return label
    part, n_parts = find_connected_components(label.size, graph.low, graph.high)
    order = np.flatnonzero(is_fragment)[np.argsort(graph.area[is_fragment], kind="stable")]
    new_label = np.zeros(n_parts, dtype=np.intp)
    new_label[part[order]] = label[order]  # of several the last is written: the largest fragment
    is_region = (new_label > 0) & (np.bincount(part, graph.area, n_parts) >= min_part)
    new_label[is_region] = n + 1 + np.arange(np.count_nonzero(is_region))
    label[is_fragment] = new_label[part[is_fragment]]
    return label


def _mark_fragments(graph: LabelGraph) -> NDArray[np.bool_]:
    """Mark the pieces that are not the largest of their label."""
    return np.asarray((graph.label > 0) & ~mark_largest(graph.label, graph.area))
