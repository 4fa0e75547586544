"""Divide the fine regions of a hierarchy further, where more regions are asked for than the image shows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segment.postprocessor.connected_regions import mark_largest, number_regions
from segment.segmenter.regions.agglomeration import merge_regions
from segment.segmenter.regions.region_adjacency import find_adjacency
from segment.segmenter.regions.region_hierarchy import RegionHierarchy

__all__ = ["divide_regions"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Labels = NDArray[np.int32]

_CLOSER = 0.9  # the squares of the grid are made as much smaller until the pieces are enough


def divide_regions(hierarchy: RegionHierarchy, n_regions: int) -> RegionHierarchy:
    """Divide fine regions by a square grid, the largest first, below the merges of a hierarchy.

    Parameters
    ----------
    hierarchy : RegionHierarchy
        It is not changed.
    n_regions : int
        At least so many fine regions, if there are so many pixels in them.

    Returns
    -------
    RegionHierarchy
        Its cuts into as many regions as there were, and into fewer, are as before. Merges of pieces of one region cost
        0.

    Examples
    --------
    >>> fine = np.array([[1, 1, 1, 1, 1, 1, 2, 2]] * 2, dtype=np.int32)
    >>> hierarchy = RegionHierarchy(fine, np.array([[0, 1]]), np.array([0.7]), level=0.5)
    >>> divided = divide_regions(hierarchy, 4)
    >>> divided.regions(3)[0].tolist(), divided.regions(2)[0].tolist()
    ([1, 1, 1, 1, 2, 2, 3, 3], [1, 1, 1, 1, 1, 1, 2, 2])
    """
    labels = hierarchy.label_image
    is_main = _mark_largest_parts(labels)
    n_pixels = int(np.count_nonzero(is_main))
    spacing = math.sqrt(n_pixels / n_regions)
    while True:
        pieces, origin = number_regions(np.where(is_main, _number_squares(labels, spacing), 0))
        if len(origin) >= n_regions or spacing < 1:
            break
        spacing *= _CLOSER
    region = ((origin - 1) % hierarchy.n_fine).astype(np.intp)
    # Pieces are numbered in the order of their regions, so that cuts have the numbers that they had.
    order = np.argsort(region, kind="stable")
    region = region[order]
    number = np.zeros(len(order) + 1, dtype=np.int32)
    number[order + 1] = 1 + np.arange(len(order))
    # Pixels that a mask cuts off from their region go with the first of its pieces.
    first_piece = (1 + np.searchsorted(region, np.arange(-1, hierarchy.n_fine))).astype(np.int32)
    divided: Labels = np.where((labels > 0) & ~is_main, first_piece[labels], number[pieces]).astype(np.int32)
    merges, node = _merge_pieces(divided, region)
    # The number here of each node of the hierarchy; its merges come after those of the pieces.
    node = np.concatenate([node, len(region) + len(merges) + np.arange(len(hierarchy.merges))])
    costs = np.concatenate([np.zeros(len(merges)), hierarchy.costs])
    return RegionHierarchy(divided, np.concatenate([merges, node[hierarchy.merges]]), costs, hierarchy.level)


def _mark_largest_parts(labels: Labels) -> NDArray[np.bool_]:
    """Mark the pixels of the largest connected part of each label; of equals the first."""
    parts, label = number_regions(labels)
    is_largest = mark_largest(label, np.bincount(parts.ravel(), minlength=len(label) + 1)[1:])
    return np.append(False, is_largest)[parts]


def _number_squares(labels: Labels, spacing: float) -> NDArray[np.int64]:
    """Give the pixels of one region in one square of a grid the same number: label + square * number of regions."""
    counts = [min(side, max(1, round(side / spacing))) for side in labels.shape]
    rows, columns = (np.arange(side) * count // side for side, count in zip(labels.shape, counts, strict=True))
    squares = rows[:, None] * counts[1] + columns
    return np.asarray(squares * int(labels.max()) + labels, dtype=np.int64)


def _merge_pieces(pieces: Labels, region: Ids) -> tuple[Ids, Ids]:
    """Merge the pieces of each region, those that make the smallest together first.

    Returns the merges, as those of a hierarchy, and the node that each region becomes.
    """
    n = len(region)
    areas = np.bincount(pieces.ravel(), minlength=n + 1)[1:, None].astype(np.float64)
    adjacency = find_adjacency(np.subtract(pieces, 1, dtype=np.intp), n, [])
    pairs = adjacency.pairs[region[adjacency.pairs[:, 0]] == region[adjacency.pairs[:, 1]]]
    # The cost of a merge is the area of the region that it makes.
    merges, _ = merge_regions(
        adjacency.select_pairs(pairs), areas, lambda now, areas: np.asarray(areas[now.pairs, 0].sum(axis=1))
    )
    node = np.empty(int(region.max()) + 1, dtype=np.intp)
    node[region] = np.arange(n)
    # The pieces of a region are connected, so its last merge, if it has any, is all of it.
    regions = region.tolist()
    for i, one in enumerate(merges[:, 0].tolist(), start=n):
        regions.append(regions[one])
        node[regions[one]] = i
    return merges, node
