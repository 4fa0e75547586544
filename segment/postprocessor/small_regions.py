"""Fill holes and absorb small regions on the graph of the regions of a label image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import find_runs
from segment.postprocessor.connected_regions import LabelGraph, find_connected_components

__all__ = ["absorb_nodes", "fill_nodes"]

Labels = NDArray[np.integer[Any]]


def fill_nodes(graph: LabelGraph, max_area: int) -> LabelGraph:
    """Fill holes of at most `max_area` pixels, the largest first, until there is none.

    Parameters
    ----------
    graph : LabelGraph
        With the borders of all regions up to this size.
    max_area : int, pixels

    Returns
    -------
    LabelGraph
        Neighbors of one label are merged; `origin` says in which region each region first found is now.

    Notes
    -----
    A hole is ranked by one integer: its area, and for equal areas the class around it, the lower first. With base 4
    (labels 0 to 3):

        1 1 1 1 1    hole {3, 2} in class 1:  area 9, rank 9 * 4 + (3 - 1) = 38   <- filled first
        1 3 3 3 1    hole {2} in class 3:     area 1, rank 1 * 4 + (3 - 3) = 4
        1 3 2 3 1
        1 3 3 3 1    rank // 4 is the area, and 3 - rank % 4 the class that fills the hole.
        1 1 1 1 1    Rank 0 means no hole.
    """
    while True:
        label, area, n = graph.label, graph.area, graph.label.size
        base = int(label.max()) + 1
        fits = (area <= max_area) & ~graph.exposed & (label != 0)
        source, target, _ = graph.list_directed_borders()
        source, target = source[fits[source]], target[fits[source]]
        best = np.zeros(n, np.intp)  # of each region, the highest rank of a hole that it lies in
        best_around = best.copy()  # of each region, the highest rank of a hole that it lies around
        found = []
        for around in find_runs(np.sort(label[target]))[0].tolist():
            # Holes in this class: components of the regions of other labels that touch no third region.
            inside = fits & (label != around)
            within = inside[source] & inside[target]
            hole, n_holes = find_connected_components(n, source[within], target[within])
            size = np.bincount(hole, area * inside, n_holes).astype(np.intp)
            on_rim = inside[source] & ~inside[target]
            is_closed = label[target] == around
            size[hole[source[on_rim & ~is_closed]]] = 0
            rank = np.where((size > 0) & (size <= max_area), size * base + (base - 1 - around), 0)
            np.maximum(best, rank[hole], out=best)
            on_rim &= is_closed
            np.maximum.at(best_around, target[on_rim], rank[hole[source[on_rim]]])
            found.append((hole, rank, source[on_rim], target[on_rim]))
        filled = best > best_around
        if not filled.any():
            return graph
        for hole, rank, rim, outside in found:
            # A hole waits if one of higher rank has a region in common with it, or fills a region around it.
            waits = np.zeros(rank.size, bool)
            waits[hole[best > rank[hole]]] = True
            waits[hole[rim[(best[outside] > rank[hole[rim]]) & filled[outside]]]] = True
            filled &= ~(waits[hole] & (best == rank[hole]))
        graph = graph.relabel(np.where(filled, base - 1 - best % base, label).astype(label.dtype))


def absorb_nodes(graph: LabelGraph, min_area: int) -> Labels:
    """Absorb regions of less than `min_area` pixels in rounds; return the label of every region first found.

    Parameters
    ----------
    graph : LabelGraph
        With the borders of all regions below this size.
    min_area : int, pixels

    Returns
    -------
    ndarray of shape (m,), integers

    Notes
    -----
    Neighbors with equally long borders are ranked by one integer: the area, and for equal areas the label, the lower
    first. With base 4 (labels 0 to 3) the region of class 3 has two neighbors, each with a border of one pixel side:

        1 1 3 2 2 2    class 1: area 2, rank 2 * 4 + (3 - 1) = 10
                       class 2: area 3, rank 3 * 4 + (3 - 2) = 13   <- absorbs the region
                       class 3: area 1, rank 1 * 4 + (3 - 3) = 4

    A region only moves to a neighbor of higher rank, so two small regions never exchange their labels.
    """
    while True:
        label, area = graph.label, graph.area
        source, target, border = graph.list_directed_borders()
        small = area[source] < min_area
        if not small.any():
            return label[graph.origin]
        source, target, border = source[small], target[small], border[small]
        base = int(label.max()) + 1
        rank = area * base + (base - 1 - label.astype(np.intp))
        # Of each small region the neighbors with the longest border, and of these the one of the highest rank.
        longest = np.zeros(label.size, np.intp)
        np.maximum.at(longest, source, border)
        best = border == longest[source]
        source, target = source[best], target[best]
        highest = np.zeros(label.size, np.intp)
        np.maximum.at(highest, source, rank[target])
        best = (rank[target] == highest[source]) & (rank[source] < rank[target])
        source, target = source[best], target[best]
        # A region that a smaller one joins in this round keeps its label until the next.
        waits = np.zeros(label.size, bool)
        waits[target] = True
        moves = ~waits[source]
        label = label.copy()
        label[source[moves]] = label[target[moves]]
        graph = graph.relabel(label)
