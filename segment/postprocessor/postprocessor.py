"""Label image -> label image: thin parts smoothed away, holes filled, small regions absorbed.

All steps work on many classes or regions at once: discs are combined over bit planes (one bit a class), regions are
found from the runs of each row and merged on their adjacency graph. No result depends on the number of threads, on
memory order or on the orientation of the image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads
from segment.postprocessor.color_evidence import ColorEvidence, Parts, clean_parts, split_into_parts
from segment.postprocessor.connected_regions import find_regions
from segment.postprocessor.morphology import grow_labels, smooth_block
from segment.postprocessor.small_regions import absorb_nodes, fill_nodes
from segment.postprocessor.windows import clean_in_windows, compute_reach, is_noise

__all__ = ["CleanedLabels", "open_and_close", "postprocess"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
Ids = NDArray[np.intp]

MAX_VALUES = 2**25  # log posteriors of the colors of small parts that may be in memory at once
MAX_NOISE_PIXELS = 64  # of regions and holes of noise that go first, window by window
_MIN_TILE_SIDE = 768  # pixels: what is handled at once stays in the processor's cache
_BLOCK_STEPS = 16  # how far undecided pixels are followed block by block


@dataclass(frozen=True)
class CleanedLabels:
    """A cleaned label image.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), integers
    changed : float
        Share (0 to 1) of the labeled pixels whose label changed.
    """

    label_image: Labels
    changed: float


def postprocess(
    label_image: Labels,
    *,
    radius: float,
    min_region: float,
    max_hole: float,
    precedence: Sequence[int] = (),
    evidence: ColorEvidence | None = None,
) -> CleanedLabels:
    """Clean up by evidence; then open and close the classes, fill holes and absorb small regions of the sizes given.

    All sizes are shares of the whole image, background included, so they mean the same number of pixels whatever is
    masked out, and the same part of the picture at every resolution.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers
        0 is background.
    radius : float, >= 0
        Radius of the disc, as a share of the image diagonal. Raised: smoother outlines, and wider lines vanish.
    min_region : float, >= 0
        Regions below this share of the image area (H * W) are absorbed. Raised: fewer, larger regions.
    max_hole : float, >= 0
        Holes up to this share of the image area (H * W) are filled. Raised: larger islands disappear.
    precedence : sequence of int
        Labels in the order in which they win ties; the others come after them, the lower before the higher. An order
        that depends on the image alone makes the result independent of how the classes are numbered.
    evidence : ColorEvidence, optional
        Of the k classes, which are all labels. Small regions and thin parts that it speaks against go to a class beside
        them first.

    Returns
    -------
    CleanedLabels
        Labels of the same shape and dtype, and the share of the labeled pixels that have another label now, 0 to 1.

    Notes
    -----
    A hole is a 4-connected area of other labels (one or several) whose 4-neighbors all have one and the same label, and
    which touches neither the border of the image nor the background; an island in it that has the label around it is
    not counted. Larger holes are filled before the smaller ones inside or around them (ties: the lowest label), until
    none is left. The time grows with the number of classes.

    A small region, 4-connected, goes to the neighbor with the longest shared border (ties: the larger area, then the
    lower label). Smallest first, in rounds: a region moves if that neighbor is larger than itself (ties: has the lower
    label), and waits a round if a smaller one wants to join it; then borders and areas are counted anew, until no
    region with a labeled neighbor is too small.

    Examples
    --------
    >>> labels = np.full((6, 8), 1)
    >>> labels[:, 4:] = 2
    >>> labels[2, 1] = 2  # a speck of 1 / 48 of the area
    >>> cleaned = postprocess(labels, radius=0, min_region=0.05, max_hole=0)
    >>> cleaned.label_image[2].tolist()
    [1, 1, 1, 1, 2, 2, 2, 2]
    """
    height, width = label_image.shape
    min_area, max_area = (round(share * height * width) for share in (min_region, max_hole))
    # Ties go to the lower label, so labels are renumbered in the order of precedence, and back at the end.
    order = _order_labels(label_image, precedence)
    smooth = _renumber(label_image, order.argsort())
    if evidence is not None and smooth.size and evidence.smoothness > 0:
        classes = order[1 : evidence.n_classes + 1].tolist() if order.size else range(1, evidence.n_classes + 1)
        smooth = _clean_by_evidence(smooth, evidence, classes)
    smooth = open_and_close(smooth, radius=radius * math.hypot(height, width))
    if smooth.size and (min_area > 1 or max_area > 0):
        if is_noise(smooth):
            # The smallest go first, window by window: then few enough regions are left for one graph.
            most, least = min(max_area, MAX_NOISE_PIXELS), min(min_area, MAX_NOISE_PIXELS)
            reach = compute_reach(0, max(most, least))
            smooth = clean_in_windows(smooth, reach, lambda part, *_: _clean_by_size(part, most, least))
        if max_area > MAX_NOISE_PIXELS or min_area > MAX_NOISE_PIXELS or not is_noise(smooth):
            smooth = _clean_by_size(smooth, max_area, min_area)
    smooth = _renumber(smooth, order)
    n_labeled = int(np.count_nonzero(label_image))
    return CleanedLabels(smooth, int(np.count_nonzero(smooth != label_image)) / max(n_labeled, 1))


def _clean_by_evidence(labels: Labels, evidence: ColorEvidence, classes: Sequence[int]) -> Labels:
    """Clean up by evidence: an image as a whole; window by window noise, and many colors in many classes."""

    def split(part: Labels, row: int, column: int) -> Parts:
        """Split a window that begins in this row and column into parts."""

        def find_colors(at: Ids) -> tuple[NDArray[np.integer[Any]], NDArray[Any]]:
            down, across = np.divmod(at, part.shape[1])
            return evidence.find_colors((down + row) * labels.shape[1] + across + column)

        of_part = evidence if part is labels else replace(evidence, find_colors=find_colors)
        opened = open_and_close(part, radius=evidence.radius) if evidence.radius >= 1 else part
        return split_into_parts(part, opened, of_part, order=classes)

    def clean(part: Labels, row: int, column: int) -> Labels:
        """Clean up a window, in smaller ones where it has many colors."""
        parts = split(part, row, column)
        n_values = parts.sums.n_values
        if n_values <= MAX_VALUES:
            return clean_parts(parts, evidence)
        del parts
        return clean_in_windows(
            part,
            halo,
            lambda some, down, across: clean_parts(split(some, row + down, column + across), evidence),
            max_area=part.size * MAX_VALUES / n_values,
        )

    halo = compute_reach(evidence.radius, evidence.max_area)
    return clean_in_windows(labels, halo, clean) if is_noise(labels) else clean(labels, 0, 0)


def _clean_by_size(labels: Labels, max_area: int, min_area: int) -> Labels:
    """Fill holes, then absorb small regions, in one graph."""
    runs, graph = find_regions(labels, largest=max(min_area - 1, max_area))
    return runs.paint(absorb_nodes(fill_nodes(graph, max_area), min_area))


def open_and_close(label_image: Labels, *, radius: float) -> Labels:
    """Smooth every class with a disc: parts too thin for the disc go to the classes around them.

    1. Opening. A pixel is kept if a disc centered in its own class, and inside it, covers it; others are undecided.
    2. Closing. An undecided pixel goes to the class whose kept pixels, closed with the same disc, contain it, if
       exactly one does.
    3. The rest takes the label of the nearest kept or closed pixel, counted in steps between labeled 4-neighbors
       (ties: the lowest label).

    Parts of a disc in the background or outside the image do not count, so neither erodes the regions beside it, and
    both stay as they are.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers
        0 is background.
    radius : float, >= 0
        In pixels. The disc is every offset with ``dx**2 + dy**2 <= radius**2``; below 1 nothing changes. Raised:
        smoother outlines, and wider lines vanish.

    Returns
    -------
    ndarray of shape (H, W), of the same dtype

    Notes
    -----
    A class that is nowhere wide enough for the disc disappears from the image, however many thin pixels it has:
    choose the radius below half the width of the thinnest line that matters. Pixels with no kept pixel in reach (an
    image of specks alone, an island in the background) keep their labels. Not idempotent: a second call keeps all that
    the first one kept and may smooth the seams drawn in step 3.

    References
    ----------
    Serra, Image Analysis and Mathematical Morphology, 1982.
    """
    if radius < 1 or label_image.size == 0:
        return label_image.copy()
    height, width = label_image.shape
    # A larger disc gives the same result; the work and the halo grow with the radius.
    radius = min(radius, float(height + width))
    widths = [int(math.sqrt(radius * radius - dy * dy)) for dy in range(int(radius) + 1)]
    top = int(label_image.max())
    classes = range(1, top + 1) if top <= 8 else np.setdiff1d(label_image, [0]).tolist()
    # A rim of background around the image saves the bounds checks of neighbors.
    decided = np.zeros((height + 2, width + 2), f"u{label_image.itemsize}")
    undecided = np.zeros(decided.shape, bool)
    # Opening and closing are four sweeps of the disc; with a halo as wide, a tile's result does not depend on tiling.
    halo = 4 * int(radius) + _BLOCK_STEPS
    side = max(_MIN_TILE_SIDE, 2 * halo)

    def smooth_tile(top_left: tuple[int, int]) -> None:
        """Decide the pixels of the tile that begins there, from all pixels within the halo around it."""
        ends = [min(at + side, size) for at, size in zip(top_left, (height, width), strict=True)]
        starts = [max(at - halo, 0) for at in top_left]
        seen = label_image[starts[0] : ends[0] + halo, starts[1] : ends[1] + halo]
        tile = tuple(slice(at + 1, end + 1) for at, end in zip(top_left, ends, strict=True))
        if seen.min() == seen.max():  # one label all around: nothing to decide
            decided[tile] = seen[0, 0]
            return
        block = np.zeros((seen.shape[0] + 2, seen.shape[1] + 2), decided.dtype)
        block[1:-1, 1:-1] = seen
        inner = tuple(
            slice(at - start + 1, end - start + 1) for at, start, end in zip(top_left, starts, ends, strict=True)
        )
        block_labels, block_undecided = smooth_block(block, classes, widths, steps=_BLOCK_STEPS)
        decided[tile], undecided[tile] = block_labels[inner], block_undecided[inner]

    run_in_threads(smooth_tile, itertools.product(range(0, height, side), range(0, width, side)))
    # What is further from a kept pixel than a block can see is decided on the whole image.
    grow_labels(decided, undecided, height + width)
    result: Labels = decided[1:-1, 1:-1].astype(label_image.dtype)
    np.copyto(result, label_image, where=undecided[1:-1, 1:-1])
    return result


def _order_labels(label_image: Labels, precedence: Sequence[int]) -> Ids:
    """Order the labels from 0 as they win ties; empty where that is the order of their numbers."""
    # Background stays first, whatever the precedence.
    first = np.array([0, *precedence], dtype=np.intp)
    if np.array_equal(first, np.arange(first.size)):
        return first[:0]
    return np.append(first, np.delete(np.arange(max(first.max(), label_image.max(initial=0)) + 1), first))


def _renumber(labels: Labels, table: Ids) -> Labels:
    """Replace each label by its entry in the table; an empty table changes nothing."""
    if table.size == 0:
        return labels
    if labels.dtype == np.uint8:
        return np.asarray(load_cv2().LUT(labels, np.append(table, np.zeros(256 - table.size)).astype(np.uint8)))
    return table.astype(labels.dtype)[labels]
