"""Clean-up by evidence: a small part changes its class only where the energy of the random field falls.

Size alone cannot tell a speck of noise from a small thing. The energy of a label image is the evidence of its pixels
against it, the sum of their negative log posteriors by color, and the cost of its regions and of their borders:

    E = sum over pixels of -log p(class | color) + smoothness * (number of regions + 0.12 * length of all borders)

Lengths are in pixel sides. A single pixel is thus half dearer than in the random field, where the neighbors cost it the
smoothness, and a pixel in the middle of a thin line much cheaper: a line is less of a surprise than as many specks. For
large regions both costs vanish beside the evidence. A price for each region and for the length of its border is that of
a description of the image (Leclerc 1989, Int. J. Comput. Vis. 3, 73-102; Zhu & Yuille 1996, IEEE Trans. Pattern Anal.
Mach. Intell. 18, 884-900). The share 0.12 was chosen by images of noisy areas, spots and lines one pixel wide; with
0.34, the weight of a border in the field itself, small things vanish that are plain to see.

A region is 8-connected here, as a slanted line one pixel wide is. A thin part of a region is no region of its own, so
opening it saves border alone.

The same energy brings back what a random field has smoothed away (:func:`restore_by_evidence`): to the field a line one
pixel wide is a row of specks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.pixel_arrays import find_highest_plane
from segment.postprocessor.connected_regions import LabelGraph, Runs, find_regions
from segment.postprocessor.evidence_sums import EvidenceSums, list_numbers

__all__ = [
    "MAX_JUDGED_PIXELS",
    "ColorEvidence",
    "Parts",
    "absorb_by_evidence",
    "clean_parts",
    "open_by_evidence",
    "restore_by_evidence",
    "split_into_parts",
]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Of the working copy: larger parts are never cleaned away. With a limit of 256, a twentieth of the pixels of true areas
# goes where noise hides the colors, as the energy knows nothing of how large areas usually are.
MAX_JUDGED_PIXELS = 48
BORDER_SHARE = 0.12  # of the smoothness, that a pixel side of a border costs; a region costs the smoothness once


@dataclass(frozen=True)
class ColorEvidence:
    """The log posteriors of the pixels of a label image by color, and the random field that weighs them.

    Attributes
    ----------
    find_colors : callable
        Takes numbers of pixels in row order, (n,), and returns the color of each, a number from 0, (n,), and these
        colors, (m, ...).
    compute_logs : callable
        Takes colors, (m, ...), and returns their log posteriors in nats, (m, k), float32: without neighbors, of the
        labels 1 to k.
    n_classes : int
        k.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel. Raised: larger things are cleaned away; 0 keeps all.
    scale : float, >= 1
        Side of a pixel of the working copy, on which the field is defined, in pixels of the image.
    """

    find_colors: Callable[[Ids], tuple[NDArray[np.integer[Any]], NDArray[Any]]]
    compute_logs: Callable[[NDArray[Any]], NDArray[np.float32]]
    n_classes: int
    smoothness: float
    scale: float

    @property
    def max_area(self) -> int:
        """The largest part that may change its class, in pixels."""
        return int(MAX_JUDGED_PIXELS * self.scale**2)

    @property
    def radius(self) -> float:
        """Radius of the disc that tells thin parts, in pixels: half a pixel of the working copy."""
        return self.scale / 2

    # The costs are for the pixels and sides of the working copy. Evidence is summed over the pixels of the image, of
    # which scale ** 2 make one of the copy; and lengths are scale times as long.

    @property
    def region_cost(self) -> float:
        """Energy of a region without its border, in nats."""
        return self.smoothness * self.scale**2

    @property
    def side_cost(self) -> float:
        """Energy of a pixel side of a border, in nats."""
        return self.smoothness * BORDER_SHARE * self.scale


class Parts(NamedTuple):
    """The parts of a label image that are judged as a whole.

    Attributes
    ----------
    runs : Runs
        The image.
    graph : LabelGraph
        The parts.
    target : ndarray of shape (n,), uint8
        The label that each part would get by opening; 0 for those that it keeps.
    sums : EvidenceSums
        The evidence of each part. Added up as parts are merged.
    """

    runs: Runs
    graph: LabelGraph
    target: Labels
    sums: EvidenceSums


def clean_parts(parts: Parts, evidence: ColorEvidence) -> Labels:
    """Open thin parts and absorb small regions where the energy falls.

    Parameters
    ----------
    parts : Parts
        Of :func:`split_into_parts`.
    evidence : ColorEvidence
        What borders cost.

    Returns
    -------
    ndarray of shape (H, W), uint8
        The cleaned labels.

    Examples
    --------
    >>> labels = np.ones((4, 8), dtype=np.uint8)
    >>> labels[1, 2] = labels[2, 6] = 2
    >>> logs = np.log(np.full((32, 2), [0.9999, 0.0001], dtype=np.float32))
    >>> logs[10], logs[22] = np.log([0.4, 0.6]), [-60, 0]  # the first speck may well be noise, the second is plain
    >>> evidence = ColorEvidence(lambda at: (at, logs), np.asarray, n_classes=2, smoothness=12.0, scale=1.0)
    >>> clean_parts(split_into_parts(labels, labels, evidence, order=[1, 2]), evidence)
    array([[1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 1, 2, 1],
           [1, 1, 1, 1, 1, 1, 1, 1]], dtype=uint8)
    """
    runs, graph, target, sums = parts
    graph = open_by_evidence(graph, target, sums, evidence)
    graph = absorb_by_evidence(graph, sums, evidence)
    return runs.paint(graph.label[graph.origin])


def restore_by_evidence(
    labels: Labels,
    logs: NDArray[np.float32],
    numbers: NDArray[np.uint8] | None = None,
    *,
    smoothness: float,
    find_design_effect: Callable[[], float] = lambda: 1.0,
) -> Labels:
    """Give parts that a random field has smoothed away back to their classes by color, where the energy falls.

    A part is a connected set of pixels of one label whose colors all speak most for one other class. Each is a region
    of its own here, also beside a region of that class, so that the borders of large regions stay where the field has
    put them.

    Parameters
    ----------
    labels : ndarray of shape (h, w), uint8
        Labels 1..k of the field, 0 for none.
    logs : ndarray of shape (k, h, w), float32
        Log posteriors of the classes by color, without neighbors.
    numbers : ndarray of shape (k, h, w), uint8, optional
        The classes, from 0, of the planes of `logs` at each pixel; the class of its label is one of them. By default
        0 to k - 1.
    smoothness : float, >= 0
        Of the field.
    find_design_effect : callable
        Returns how many neighboring pixels count as one witness, 1 or more: the smoothness is multiplied by it. It is
        called only where something would be restored otherwise.

    Returns
    -------
    ndarray of shape (h, w), uint8
        A copy; parts that are not plain to see keep their labels.

    Examples
    --------
    >>> labels = np.ones((3, 4), dtype=np.uint8)
    >>> logs = np.zeros((2, 3, 4), dtype=np.float32)
    >>> logs[1] = -40
    >>> logs[0, 1], logs[1, 1] = -40, 0
    >>> restore_by_evidence(labels, logs, smoothness=12.0)[:, 0].tolist()
    [1, 2, 1]
    """
    highest = find_highest_plane(logs)
    colors = highest if numbers is None else np.take_along_axis(numbers, highest[None].astype(np.intp), axis=0)[0]
    colors = colors + np.uint8(1)
    differs = (colors != labels) & (labels > 0)
    if not differs.any():
        return labels.copy()
    base = int(max(labels.max(), colors.max())) + 1
    split = _join_labels(colors * differs, labels, base)
    runs, graph = find_regions(split, largest=labels.size, has_corners=True)
    graph = graph.relabel(graph.label)  # parts that touch at a corner are one
    target, label = np.divmod(graph.label, base)
    part = np.repeat(graph.origin[runs.region], runs.length)
    at = np.flatnonzero(differs)
    flat = logs.reshape(len(logs), -1)
    own = labels.reshape(-1)[at] - 1
    if numbers is not None:
        own = (numbers.reshape(flat.shape)[:, at] == own).argmax(axis=0)
    gain = flat[highest.reshape(-1)[at], at] - flat[own, at]
    gains = np.bincount(part[at], gain, label.size)
    source, neighbor, border = graph.list_directed_borders()
    moves = target[source] > 0
    source, neighbor, border = source[moves], neighbor[moves], border[moves]
    sign = (label[neighbor] == label[source]).astype(np.intp) - (label[neighbor] == target[source])
    costs = 1 + BORDER_SHARE * np.bincount(source, border * sign, label.size)
    # No gain is negative, so that a larger smoothness restores less, never more.
    if not ((target > 0) & (gains > smoothness * costs)).any():
        return labels.copy()
    restored = np.where((target > 0) & (gains > smoothness * find_design_effect() * costs), target, label)
    return restored.astype(np.uint8)[part].reshape(labels.shape)


def split_into_parts(labels: Labels, opened: Labels, evidence: ColorEvidence, *, order: Sequence[int]) -> Parts:
    """Split a label image into parts: its regions, and what opening changes of them.

    Parameters
    ----------
    labels, opened : ndarray of shape (H, W), uint8
        The labels, and what they would be with thin parts opened.
    evidence : ColorEvidence
        Looked up for the pixels of small parts alone.
    order : sequence of k int
        The class 1..k that each of the labels 1..k of `labels` stands for in `evidence`.

    Returns
    -------
    Parts
        Regions, without what opening gives to other classes: each such part is one of its own. Large ones have neither
        a target nor evidence.
    """
    base = len(order) + 1
    split = labels if opened is labels else _join_labels(opened * (opened != labels), labels, base)
    runs, graph = find_regions(split, largest=evidence.max_area, has_corners=True)
    graph = graph.relabel(graph.label)
    runs = replace(runs, region=graph.origin[runs.region])
    graph = replace(graph, origin=np.arange(graph.label.size))
    # With 255 classes the base is 256, which uint8 does not hold.
    target, label = (part.astype(np.uint8) for part in np.divmod(graph.label.astype(np.uint16), base))
    small = (graph.area <= evidence.max_area) & (label > 0)
    places, colors = evidence.find_colors(_list_pixels(runs, small))
    size, classes = np.where(small, graph.area, 0), [0, *order]
    sums = EvidenceSums(places, size, colors, evidence.compute_logs, classes=classes, max_area=evidence.max_area)
    return Parts(runs, replace(graph, label=label), target * small, sums)


def _join_labels(high: Labels, low: Labels, base: int) -> Labels:
    """Join two labels below `base` of each pixel to one number."""
    dtype = np.uint8 if base * base <= 256 else np.uint16
    joined: Labels = high.astype(dtype)
    joined *= dtype(base)
    joined += low
    return joined


def _list_pixels(runs: Runs, is_chosen: Mask) -> Ids:
    """List the numbers, in row order, of the pixels of some regions, those of each region side by side."""
    chosen = np.flatnonzero(is_chosen[runs.region])
    chosen = chosen[np.argsort(runs.region[chosen], kind="stable")]
    first = np.cumsum(runs.length) - runs.length
    return list_numbers(first[chosen], runs.length[chosen])


def open_by_evidence(graph: LabelGraph, target: Labels, sums: EvidenceSums, evidence: ColorEvidence) -> LabelGraph:
    """Give thin parts to the classes that opening gives them to, where the energy falls.

    Parameters
    ----------
    graph : LabelGraph
        Of :func:`split_into_parts`.
    target : ndarray of shape (n,), uint8
        The label that each part would get; 0 for those that are not thin.
    sums : EvidenceSums
        The evidence of each part. Added up as parts are merged.
    evidence : ColorEvidence
        What borders cost.

    Returns
    -------
    LabelGraph
        Parts of one class beside each other are one region.
    """
    if not target.any():
        return graph
    label = graph.label
    source, neighbor, border = graph.list_directed_borders()
    thin = target[source] > 0
    source, neighbor, border = source[thin], neighbor[thin], border[thin]
    # The border with the new class vanishes, and the one with the rest of the old class comes up.
    sign = (label[neighbor] == target[source]).astype(np.intp) - (label[neighbor] == label[source])
    gained = np.bincount(source, border * sign, label.size)
    change, part = np.zeros(label.size), np.flatnonzero(target)
    change[part] = sums.look_up(part, label[part]) - sums.look_up(part, target[part])
    change[part] -= evidence.side_cost * gained[part]
    graph = graph.relabel(_move(label, np.where(change < 0, target, 0), change, source, neighbor))
    sums.merge(graph)
    return graph


def absorb_by_evidence(graph: LabelGraph, sums: EvidenceSums, evidence: ColorEvidence) -> LabelGraph:
    """Give small regions to a class beside them where the energy falls, in rounds, until it falls nowhere.

    A region goes to the class beside it with which the energy falls most. It waits a round if the region that it would
    join goes elsewhere, or if one that would join it lowers the energy more.

    Parameters
    ----------
    graph : LabelGraph
        Of :func:`split_into_parts`; no neighbors have the same label.
    sums : EvidenceSums
        The evidence of each region. Added up as regions are merged.
    evidence : ColorEvidence
        What borders cost.

    Returns
    -------
    LabelGraph
        Neighbors of one label are merged; `origin` says in which region each region first found is now.
    """
    while True:
        label, area, n = graph.label, graph.area, graph.label.size
        source, neighbor, border = graph.list_directed_borders()
        small = area[source] <= evidence.max_area
        source, neighbor, border = source[small], neighbor[small], border[small]
        # Borders with all neighbors of one class count together.
        base = int(label.max(initial=0)) + 1
        key = source * base + label[neighbor]
        order = np.argsort(key, kind="stable")
        key, border = key[order], border[order]
        begin = np.flatnonzero(np.diff(key, prepend=-1))
        if begin.size == 0:
            return graph
        region, new = np.divmod(key[begin], base)
        shared = np.add.reduceat(border, begin)
        # In noise each of these arrays takes as much memory as some ten images.
        del key, border, order, begin
        is_first = np.diff(region, prepend=-1) > 0
        own = sums.look_up(region[is_first], label[region[is_first]])[np.cumsum(is_first) - 1]
        change = own - sums.look_up(region, new)
        change -= evidence.region_cost + evidence.side_cost * shared
        # Of each region the best class; keys ascend, so that the lowest label wins a tie.
        least = np.zeros(n)
        np.minimum.at(least, region, change)
        best = np.flatnonzero((change < 0) & (change == least[region]))[::-1]
        if best.size == 0:
            return graph
        target = np.zeros(n, label.dtype)
        target[region[best]] = new[best]
        del region, new, shared, change, best
        graph = graph.relabel(_move(label, target, least, source, neighbor))
        sums.merge(graph)


def _move(label: Labels, target: Labels, change: Floats, source: Ids, neighbor: Ids) -> Labels:
    """Give each region its target, if it has one, unless a neighbor's move makes the change of energy another one.

    Of two neighbors of which one would join the class that the other leaves, the one that lowers the energy less (ties:
    the one that was found later) keeps its label.
    """
    both = (target[source] > 0) & (target[neighbor] > 0)
    source, neighbor = source[both], neighbor[both]
    is_touched = (target[source] == label[neighbor]) | (target[neighbor] == label[source])
    is_less = (change[source] > change[neighbor]) | ((change[source] == change[neighbor]) & (source > neighbor))
    waits = np.zeros(label.size, bool)
    waits[source[is_touched & is_less]] = True
    return np.where((target > 0) & ~waits, target, label).astype(label.dtype)
