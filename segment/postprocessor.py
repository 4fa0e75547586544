"""Label image -> label image: thin parts smoothed away, holes filled, small regions absorbed.

Everything here works on whole classes or whole regions at once: discs are swept over bit planes (one bit a class),
regions are found from the runs of each row and merged on their adjacency graph. No result depends on the number of
threads, on memory order or on which way up the image is.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.errors import SettingsError

__all__ = ["Cleaned", "absorb_small_regions", "fill_holes", "open_and_close", "postprocess"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]

_STEPS = 16  # undecided pixels further than this from a decided one are few, and handled one by one


@dataclass(frozen=True)
class Cleaned:
    """A cleaned label image (H, W), and the share (0..1) of its labelled pixels whose label changed."""

    label_image: Labels
    changed: float


def postprocess(label_image: Labels, *, radius: float, min_region: float, max_hole: float) -> Cleaned:
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
    """
    _check(label_image, radius=radius, min_region=min_region, max_hole=max_hole)
    height, width = label_image.shape
    min_area, max_area = (round(share * height * width) for share in (min_region, max_hole))
    smooth = open_and_close(label_image, radius=radius * math.hypot(height, width))
    if smooth.size and (min_area > 1 or max_area > 0):
        runs, graph = _find_regions(smooth, largest=max(min_area - 1, max_area))
        smooth = runs.paint(_absorb(_fill(graph, max_area), min_area))
    labelled = np.count_nonzero(label_image)
    return Cleaned(smooth, np.count_nonzero(smooth != label_image) / max(labelled, 1))


def open_and_close(label_image: Labels, *, radius: float) -> Labels:
    """Smooth every class with a disc: parts too thin for the disc go to the classes around them.

    1. Opening. A pixel is kept if some disc inside its own class covers it; all others are undecided.
    2. Closing. An undecided pixel goes to the class whose kept pixels, closed with the same disc, contain it, if
       exactly one does.
    3. The rest takes the label of the nearest kept or closed pixel, counted in steps between labelled 4-neighbours
       (ties: the lowest label).

    Background and everything outside the image count as part of every class, so neither eats into the regions beside
    it, and both stay as they are.

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
    rows = 2 * halo + 64

    def smooth(first: int) -> None:
        last, start = min(first + rows, height), max(first - halo, 0)
        block = label_image[start : last + halo].astype(decided.dtype, order="C")
        for whole, part in zip((decided, undecided), _smooth_block(block, classes, widths), strict=True):
            whole[first + 1 : last + 1, 1:-1] = part[first - start : last - start]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(smooth, range(0, height, rows)))
    _spread(decided, undecided)
    result: Labels = decided[1:-1, 1:-1].astype(label_image.dtype)
    np.copyto(result, label_image, where=undecided[1:-1, 1:-1])
    return result


def fill_holes(label_image: Labels, *, max_area: int) -> Labels:
    """Give every hole in a class to that class.

    A hole is a 4-connected area of other labels (one or several) whose 4-neighbours all have one and the same label,
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
    runs, graph = _find_regions(label_image, largest=max_area)
    filled = _fill(graph, max_area)
    return runs.paint(filled.label[filled.origin])


def absorb_small_regions(label_image: Labels, *, min_area: int) -> Labels:
    """Give every 4-connected region of less than `min_area` pixels to a neighbour.

    A region goes to the neighbour with the longest shared border (ties: the larger area, then the lower label).
    Smallest first, in rounds: a region moves if that neighbour is larger than itself (ties: has the lower label), and
    waits a round if a smaller one wants to join it; then borders and areas are counted anew. It ends when no region
    with a labelled neighbour is too small, so that a second call changes nothing.

    Parameters
    ----------
    label_image : (H, W) integers, 0 = background
    min_area : pixels
        The smallest region to keep. Raised: fewer, larger regions; above the labelled area of a connected part one
        label is left there. A small region with no neighbour but background stays as it is.
    """
    _check(label_image, min_area=min_area)
    if min_area < 2 or label_image.size == 0:
        return label_image.copy()
    runs, graph = _find_regions(label_image, largest=min_area - 1)
    return runs.paint(_absorb(graph, min_area))


def _check(label_image: Labels, **sizes: float) -> None:
    if label_image.ndim != 2 or not np.issubdtype(label_image.dtype, np.integer):
        got = f"{label_image.dtype} with shape {label_image.shape}"
        raise SettingsError(f"label image: must be integers (H, W); got {got}. Pass one label per pixel.")
    if label_image.size and label_image.min() < 0:
        raise SettingsError(f"label image: labels start at 0; got {label_image.min()}. Use 0 for background.")
    for name, value in sizes.items():
        if not 0 <= value < math.inf:
            raise SettingsError(f"{name}: must be a finite number of at least 0; got {value}. Use 0 to switch it off.")


def _smooth_block(block: Labels, classes: Any, widths: list[int]) -> tuple[Labels, Mask]:
    """Open and close some rows: labels (0 where open), and which labelled pixels are left undecided."""
    background = _planes(block == 0, 255)
    kept = np.zeros(block.shape, bool)
    claimed, contested = kept.copy(), kept.copy()
    claim = np.zeros_like(block)
    for at in range(0, len(classes), 8):
        group = list(enumerate(classes[at : at + 8]))
        bits = np.zeros(block.shape, np.uint8)
        for bit, label in group:
            bits |= _planes(block == label, 1 << bit)
        bits &= _sweep(np.bitwise_or, _sweep(np.bitwise_and, bits | background, widths), widths)
        kept |= bits != 0
        bits = _sweep(np.bitwise_and, _sweep(np.bitwise_or, bits, widths) | background, widths)
        for bit, label in group:
            hit = (bits & np.uint8(1 << bit)) != 0
            claim += hit.view(np.uint8) * block.dtype.type(label)
            contested |= claimed & hit
            claimed |= hit
    undecided = ~kept & (block != 0)
    claimed &= undecided & ~contested
    undecided &= ~claimed
    labels = np.where(claimed, claim, block * kept.view(np.uint8))
    return _grow(labels, undecided, _STEPS)


def _planes(mask: Mask, value: int) -> NDArray[np.uint8]:
    return mask.view(np.uint8) * np.uint8(value)


def _grow(labels: Labels, undecided: Mask, steps: int) -> tuple[Labels, Mask]:
    """The first `steps` steps of `_spread`, for all pixels at once."""
    none = labels.dtype.type(np.iinfo(labels.dtype).max)
    lowest = labels - labels.dtype.type(1)  # unsigned: 0 becomes the highest
    fixed = none * ~undecided
    for _ in range(steps):
        near = np.full_like(lowest, none)
        np.minimum(near[1:], lowest[:-1], out=near[1:])
        np.minimum(near[:-1], lowest[1:], out=near[:-1])
        np.minimum(near[:, 1:], lowest[:, :-1], out=near[:, 1:])
        np.minimum(near[:, :-1], lowest[:, 1:], out=near[:, :-1])
        near |= fixed
        np.minimum(lowest, near, out=lowest)
        new = near != none
        if not new.any():
            break
        fixed |= new.view(np.uint8) * none
    return lowest + labels.dtype.type(1), fixed == 0


def _sweep(combine: np.ufunc, bits: NDArray[np.uint8], widths: list[int]) -> NDArray[np.uint8]:
    """AND or OR over a disc, whose half-width in the rows `dy` above and below its centre is ``widths[dy]``."""
    result, row = bits.copy(), bits
    for half_width in range(widths[0] + 1):
        if half_width:
            wider = row.copy()
            combine(wider[:, 1:], row[:, :-1], out=wider[:, 1:])
            combine(wider[:, :-1], row[:, 1:], out=wider[:, :-1])
            row = wider
        for dy in (dy for dy, width in enumerate(widths) if width == half_width):
            if dy == 0:
                combine(result, row, out=result)
            elif dy < len(bits):
                combine(result[dy:], row[:-dy], out=result[dy:])
                combine(result[:-dy], row[dy:], out=result[:-dy])
    return result


def _spread(labels: Labels, undecided: Mask) -> None:
    """Give undecided pixels the label of the nearest labelled one, step by step, in place; both have an empty rim."""
    flat, open_ = labels.reshape(-1), undecided.reshape(-1)
    steps = (-1, 1, -labels.shape[1], labels.shape[1])
    front = np.flatnonzero(open_)
    while front.size:
        lowest = np.minimum.reduce([flat[front + step] - flat.dtype.type(1) for step in steps])
        label = lowest + flat.dtype.type(1)
        done, label = front[label != 0], label[label != 0]
        flat[done] = label
        open_[done] = False
        beside = np.concatenate([ids[open_[ids]] for ids in (done + step for step in steps)])
        front = np.unique(beside)


@dataclass(frozen=True)
class _Runs:
    """The image as horizontal runs of one label, and the region that each belongs to."""

    shape: tuple[int, int]
    length: Ids
    region: Ids

    def paint(self, labels: Labels) -> Labels:
        return np.repeat(labels[self.region], self.length).reshape(self.shape)


@dataclass(frozen=True)
class _Graph:
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


def _find_regions(labels: Labels, *, largest: int) -> tuple[_Runs, _Graph]:
    """Regions, with the borders that have a region of at most `largest` pixels on one side or both."""
    height, width = labels.shape
    starts = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=starts[:, 1:])
    start = np.flatnonzero(starts)
    label = labels[np.divmod(start, width)]
    length = np.diff(start, append=labels.size)
    # Between two rows, a new piece of shared border begins wherever a run begins in either row.
    pieces = np.flatnonzero(starts[1:] | starts[:-1])
    piece_length = np.diff(pieces, append=labels.size - width)
    flat = starts.reshape(-1)
    above = np.cumsum(flat[pieces], dtype=np.intp) - 1
    below = np.cumsum(flat[pieces + width], dtype=np.intp) + (np.count_nonzero(starts[0]) - 1)
    same = label[above] == label[below]
    region, count = _components(start.size, above[same], below[same])
    beside = np.flatnonzero(start[1:] % width)
    low = np.concatenate([region[above[~same]], region[beside]])
    high = np.concatenate([region[below[~same]], region[beside + 1]])
    border = np.concatenate([piece_length[~same], np.ones_like(beside)])
    area = np.bincount(region, length, count).astype(np.intp)
    node_label = np.zeros(count, labels.dtype)
    node_label[region] = label
    exposed = np.zeros(count, bool)
    rim = (start < width) | (start >= labels.size - width) | (start % width == 0) | ((start + length) % width == 0)
    exposed[region[rim]] = True
    background = node_label == 0
    exposed[low[background[high]]] = True
    exposed[high[background[low]]] = True
    small = (area <= largest) & ~background
    kept = (small[low] | small[high]) & ~background[low] & ~background[high]
    borders = _add_up(low[kept], high[kept], border[kept])
    return _Runs((height, width), length, region), _Graph(node_label, area, exposed, *borders, np.arange(count))


def _components(count: int, first: Ids, second: Ids) -> tuple[Ids, int]:
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


def _relabel(graph: _Graph, label: Labels) -> _Graph:
    """The graph after regions got new labels: neighbours with the same label are one region."""
    same = label[graph.low] == label[graph.high]
    region, count = _components(label.size, graph.low[same], graph.high[same])
    merged = np.zeros(count, label.dtype)
    merged[region] = label
    area = np.bincount(region, graph.area, count).astype(np.intp)
    exposed = np.bincount(region, graph.exposed, count) > 0
    borders = _add_up(region[graph.low[~same]], region[graph.high[~same]], graph.border[~same])
    return _Graph(merged, area, exposed, *borders, region[graph.origin])


def _both_ways(graph: _Graph) -> tuple[Ids, Ids, Ids]:
    """Every shared border seen from either side: (region, its neighbour, length of the border)."""
    return (
        np.concatenate([graph.low, graph.high]),
        np.concatenate([graph.high, graph.low]),
        np.concatenate([graph.border, graph.border]),
    )


def _fill(graph: _Graph, max_area: int) -> _Graph:
    """Fill holes of at most `max_area` pixels, larger ones first, until there is none."""
    while True:
        label, area, count = graph.label, graph.area, graph.label.size
        base = int(label.max()) + 1
        fits = (area <= max_area) & ~graph.exposed & (label != 0)
        source, target, _ = _both_ways(graph)
        source, target = source[fits[source]], target[fits[source]]
        best = np.zeros(count, np.intp)  # area * base + (base - 1 - class around): the first hole to fill here
        guard = best.copy()  # the same of the first hole that has this region around it
        for around in np.unique(label[target]).tolist():
            inside = fits & (label != around)
            within = inside[source] & inside[target]
            hole, holes = _components(count, source[within], target[within])
            size = np.bincount(hole, area * inside, holes).astype(np.intp)
            rim = inside[source] & ~inside[target]
            closed = label[target] == around
            size[hole[source[rim & ~closed]]] = 0
            order = np.where((size > 0) & (size <= max_area), size * base + (base - 1 - around), 0)
            np.maximum(best, order[hole], out=best)
            rim &= closed
            np.maximum.at(guard, target[rim], order[hole[source[rim]]])
        filled = best > guard
        if not filled.any():
            return graph
        graph = _relabel(graph, np.where(filled, base - 1 - best % base, label).astype(label.dtype))


def _absorb(graph: _Graph, min_area: int) -> Labels:
    """Absorb regions of less than `min_area` pixels in rounds; the label of every region first found."""
    while True:
        label, area = graph.label, graph.area
        source, target, border = _both_ways(graph)
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
        graph = _relabel(graph, label)
