"""Label image -> label image: thin parts smoothed away, holes filled, small regions absorbed.

Everything here works on whole classes or whole regions at once: discs are swept over bit planes (one bit a class),
regions are found from the runs of each row and merged on their adjacency graph. No result depends on the number of
threads, on memory order or on which way up the image is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads
from segment.postprocessor.connected_regions import RegionGraph, find_connected_components, find_regions
from segment.postprocessor.morphology import smooth_block, spread

__all__ = ["Cleaned", "absorb_small_regions", "fill_holes", "open_and_close", "postprocess"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_TILE = 768  # pixels a side, at least: what is handled at once stays in the processor's cache
_STEPS = 16  # how far undecided pixels are followed block by block


@dataclass(frozen=True)
class Cleaned:
    """A cleaned label image (H, W), and the share (0..1) of its labeled pixels whose label changed."""

    label_image: Labels
    changed: float


def postprocess(
    label_image: Labels, *, radius: float, min_region: float, max_hole: float, precedence: Sequence[int] = ()
) -> Cleaned:
    """Open and close, fill holes, absorb small regions: in this order, with sizes relative to the frame.

    The same as calling the three functions in turn; the regions are looked for only once. All sizes are measured on
    the frame, background included, so they mean the same number of pixels whatever is masked out, and the same part
    of the picture at every resolution.

    Parameters
    ----------
    label_image : (H, W) integers, 0 = background
    radius : share of the image diagonal
        Radius of the disc. Raised: smoother outlines, and wider lines vanish.
    min_region : share of the image area (H * W)
        Regions below it are absorbed. Raised: fewer, larger regions.
    max_hole : share of the image area (H * W)
        Holes up to it are filled. Raised: larger islands disappear.
    precedence : sequence of int
        Labels in the order in which they win ties; those left out come after, the lower before the higher. With one
        that goes by something of the picture, classes numbered otherwise are cleaned up alike.
    """
    _check(label_image, radius=radius, min_region=min_region, max_hole=max_hole)
    height, width = label_image.shape
    min_area, max_area = (round(share * height * width) for share in (min_region, max_hole))
    order = _order(label_image, precedence)
    smooth = open_and_close(_renumbered(label_image, order.argsort()), radius=radius * math.hypot(height, width))
    if smooth.size and (min_area > 1 or max_area > 0):
        runs, graph = find_regions(smooth, largest=max(min_area - 1, max_area))
        smooth = runs.paint(_absorb(_fill(graph, max_area), min_area))
    smooth = _renumbered(smooth, order)
    labeled = int(np.count_nonzero(label_image))
    return Cleaned(smooth, int(np.count_nonzero(smooth != label_image)) / max(labeled, 1))


def open_and_close(label_image: Labels, *, radius: float) -> Labels:
    """Smooth every class with a disc: parts too thin for the disc go to the classes around them.

    1. Opening. A pixel is kept if a disc centered in its own class, and inside it, covers it; others are undecided.
    2. Closing. An undecided pixel goes to the class whose kept pixels, closed with the same disc, contain it, if
       exactly one does.
    3. The rest takes the label of the nearest kept or closed pixel, counted in steps between labeled 4-neighbors
       (ties: the lowest label).

    Whatever part of a disc lies in the background or outside the image does not count, so neither eats into the
    regions beside it, and both stay as they are.

    Parameters
    ----------
    label_image : (H, W) integers, 0 = background
    radius : pixels
        The disc is every offset with ``dx**2 + dy**2 <= radius**2``; below 1 nothing changes. Raised: smoother
        outlines, and wider lines vanish.

    Notes
    -----
    A class that is nowhere wide enough for the disc disappears from the image, however many thin pixels it has:
    choose the radius below half the width of the thinnest line that matters. Pixels with no kept pixel in reach (an
    image of specks alone, an island in the background) keep their labels. Not idempotent: a second call keeps all that
    the first one kept and may smooth the seams drawn in step 3. Opening and closing: Serra, Image Analysis and
    Mathematical Morphology, 1982.
    """
    _check(label_image, radius=radius)
    if radius < 1 or label_image.size == 0:
        return label_image.copy()
    height, width = label_image.shape
    radius = min(radius, float(height + width))
    widths = [int(math.sqrt(radius * radius - dy * dy)) for dy in range(int(radius) + 1)]
    top = int(label_image.max())
    classes = range(1, top + 1) if top <= 8 else np.setdiff1d(label_image, [0]).tolist()
    decided = np.zeros((height + 2, width + 2), f"u{label_image.itemsize}")
    undecided = np.zeros(decided.shape, bool)
    halo = 4 * int(radius) + _STEPS
    side = max(_TILE, 2 * halo)

    def smooth(top_left: tuple[int, int]) -> None:
        """Decide the tile that begins there, from all within the halo around it."""
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
        for whole, part in zip((decided, undecided), smooth_block(block, classes, widths, steps=_STEPS), strict=True):
            whole[tile] = part[inner]

    run_in_threads(smooth, itertools.product(range(0, height, side), range(0, width, side)))
    spread(decided, undecided, height + width)
    result: Labels = decided[1:-1, 1:-1].astype(label_image.dtype)
    np.copyto(result, label_image, where=undecided[1:-1, 1:-1])
    return result


def fill_holes(label_image: Labels, *, max_area: int) -> Labels:
    """Give every hole in a class to that class.

    A hole is a 4-connected area of other labels (one or several) whose 4-neighbors all have one and the same label,
    and which touches neither the border of the image nor the background. Larger holes are filled before the smaller
    ones inside or around them (ties: the lowest class), until none is left, so that a second call changes nothing.

    Parameters
    ----------
    label_image : (H, W) integers, 0 = background
    max_area : pixels
        The largest hole to fill; 0 = none. An island inside a hole that has the label of the class around the hole
        is not counted. Raised: larger islands disappear. The time grows with the number of classes.
    """
    _check(label_image, max_area=max_area)
    if max_area < 1 or label_image.size == 0:
        return label_image.copy()
    runs, graph = find_regions(label_image, largest=max_area)
    filled = _fill(graph, max_area)
    return runs.paint(filled.label[filled.origin])


def absorb_small_regions(label_image: Labels, *, min_area: int) -> Labels:
    """Give every 4-connected region of less than `min_area` pixels to a neighbor.

    A region goes to the neighbor with the longest shared border (ties: the larger area, then the lower label).
    Smallest first, in rounds: a region moves if that neighbor is larger than itself (ties: has the lower label), and
    waits a round if a smaller one wants to join it; then borders and areas are counted anew. It ends when no region
    with a labeled neighbor is too small, so that a second call changes nothing.

    Parameters
    ----------
    label_image : (H, W) integers, 0 = background
    min_area : pixels
        The smallest region to keep. Raised: fewer, larger regions; above the labeled area of a connected part one
        label is left there. A small region with no neighbor but background stays as it is.
    """
    _check(label_image, min_area=min_area)
    if min_area < 2 or label_image.size == 0:
        return label_image.copy()
    runs, graph = find_regions(label_image, largest=min_area - 1)
    return runs.paint(_absorb(graph, min_area))


def _order(label_image: Labels, precedence: Sequence[int]) -> NDArray[np.intp]:
    """The labels from 0 in the order in which they win ties; empty where they win it as they are numbered."""
    first = np.array([0, *precedence], dtype=np.intp)
    if np.array_equal(first, np.arange(first.size)):
        return first[:0]
    return np.append(first, np.setdiff1d(np.arange(max(first.max(), label_image.max(initial=0)) + 1), first))


def _renumbered(labels: Labels, table: NDArray[np.intp]) -> Labels:
    if table.size == 0:
        return labels
    if labels.dtype == np.uint8:
        return np.asarray(load_cv2().LUT(labels, np.append(table, np.zeros(256 - table.size)).astype(np.uint8)))
    return table.astype(labels.dtype)[labels]


def _check(label_image: Labels, **sizes: float) -> None:
    if label_image.ndim != 2 or not np.issubdtype(label_image.dtype, np.integer):
        got = f"{label_image.dtype} with shape {label_image.shape}"
        raise SettingsError(f"label image: must be integers (H, W); got {got}. Pass one label per pixel.")
    if label_image.size and label_image.min() < 0:
        raise SettingsError(f"label image: labels start at 0; got {label_image.min()}. Use 0 for background.")
    if label_image.size and label_image.max() >= 2**31:
        raise SettingsError(f"label image: labels end at 2**31 - 1; got {label_image.max()}. Renumber them.")
    for name, value in sizes.items():
        if not 0 <= value < math.inf:
            raise SettingsError(f"{name}: must be a finite number of at least 0; got {value}. Use 0 to switch it off.")


def _fill(graph: RegionGraph, max_area: int) -> RegionGraph:
    """Fill holes of at most `max_area` pixels, larger ones first, until there is none."""
    while True:
        label, area, count = graph.label, graph.area, graph.label.size
        base = int(label.max()) + 1
        fits = (area <= max_area) & ~graph.exposed & (label != 0)
        source, target, _ = graph.both_ways()
        source, target = source[fits[source]], target[fits[source]]
        best = np.zeros(count, np.intp)  # area * base + (base - 1 - class around): the first hole to fill here
        guard = best.copy()  # the same of the first hole that has this region around it
        found = []
        for around in np.unique(label[target]).tolist():
            inside = fits & (label != around)
            within = inside[source] & inside[target]
            hole, holes = find_connected_components(count, source[within], target[within])
            size = np.bincount(hole, area * inside, holes).astype(np.intp)
            rim = inside[source] & ~inside[target]
            closed = label[target] == around
            size[hole[source[rim & ~closed]]] = 0
            order = np.where((size > 0) & (size <= max_area), size * base + (base - 1 - around), 0)
            np.maximum(best, order[hole], out=best)
            rim &= closed
            np.maximum.at(guard, target[rim], order[hole[source[rim]]])
            found.append((hole, order, source[rim], target[rim]))
        filled = best > guard
        if not filled.any():
            return graph
        for hole, order, beside, around in found:  # one that an earlier hole changes, in it or around it, has to wait
            waits = np.zeros(order.size, bool)
            waits[hole[best > order[hole]]] = True
            waits[hole[beside[(best[around] > order[hole[beside]]) & filled[around]]]] = True
            filled &= ~(waits[hole] & (best == order[hole]))
        graph = graph.relabeled(np.where(filled, base - 1 - best % base, label).astype(label.dtype))


def _absorb(graph: RegionGraph, min_area: int) -> Labels:
    """Absorb regions of less than `min_area` pixels in rounds; the label of every region first found."""
    while True:
        label, area = graph.label, graph.area
        source, target, border = graph.both_ways()
        small = area[source] < min_area
        if not small.any():
            return label[graph.origin]
        source, target, border = source[small], target[small], border[small]
        base = int(label.max()) + 1
        rank = area * base + (base - 1 - label.astype(np.intp))
        longest = np.zeros(label.size, np.intp)
        np.maximum.at(longest, source, border)
        best = border == longest[source]
        source, target = source[best], target[best]
        highest = np.zeros(label.size, np.intp)
        np.maximum.at(highest, source, rank[target])
        best = (rank[target] == highest[source]) & (rank[source] < rank[target])
        source, target = source[best], target[best]
        waits = np.zeros(label.size, bool)
        waits[target] = True
        moves = ~waits[source]
        label = label.copy()
        label[source[moves]] = label[target[moves]]
        graph = graph.relabeled(label)
