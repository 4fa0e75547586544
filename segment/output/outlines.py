"""The outlines of regions, traced once along the edges between pixels, so that neighbors share every vertex."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outlines", "trace_outlines"]

Ids = NDArray[np.intp]
Points = NDArray[np.int32]

# Directions of travel, each a quarter turn to the right of the one before: east, south, west, north.
_EAST, _SOUTH, _WEST, _NORTH = range(4)

_BLOCK = 2**18  # pixels handled at once


@dataclass(frozen=True)
class Outlines:
    """Closed rings along the edges of pixels, each simple, all that belong to one region in a row.

    Attributes
    ----------
    points : ndarray of shape (n, 2), int32
        The vertices of all rings, ring after ring, without repeating the first of each at its end: x to the right and
        y down, in pixels from the outer corner of the first pixel. A vertex is where a ring turns or where it meets
        another border, so rings on both sides of a border have the same vertices.
    starts : ndarray of shape (m + 1,), int
        Where each ring begins among the points, and the number of points.
    region : ndarray of shape (m,), int
        The number of the region that each ring bounds, ascending. Background has no rings.
    is_hole : ndarray of shape (m,), bool
        The first ring of a region goes around it, and all others are its holes. Around a region x dy - y dx is
        positive, which is clockwise on a screen, and it is negative around a hole.
    """

    points: Points
    starts: Ids
    region: Ids
    is_hole: NDArray[np.bool_]

    @property
    def following(self) -> Ids:
        """The index of the point that follows each point in its ring: (n,)."""
        after = np.arange(1, len(self.points) + 1)
        after[self.starts[1:] - 1] = self.starts[:-1]
        return after

    @property
    def areas(self) -> NDArray[np.int64]:
        """The area that each ring encloses in pixels, negative for holes: (m,)."""
        if self.region.size == 0:
            return np.zeros(0, np.int64)
        (x, y), after = self.points.T.astype(np.int64), self.following
        return np.add.reduceat(x * y[after] - y * x[after], self.starts[:-1]) // 2

    def polygons(self) -> Iterator[tuple[int, list[slice]]]:
        """Each region with the places of its rings among the points, the outer ring first."""
        begins = np.append(np.flatnonzero(~self.is_hole), len(self.region)).tolist()
        starts = self.starts.tolist()
        for region, first, last in zip(self.region[begins[:-1]].tolist(), begins[:-1], begins[1:], strict=True):
            yield region, [slice(starts[i], starts[i + 1]) for i in range(first, last)]


def trace_outlines(regions: NDArray[np.integer[Any]]) -> Outlines:
    """The outlines of all regions of an image.

    Regions are joined over the edges of pixels and not over their corners. Where a region touches itself at a corner,
    a ring does not cross itself there: one ring goes around the region, another around the hole.

    Parameters
    ----------
    regions : ndarray of shape (H, W), integers >= 0
        The number of each pixel's region, every region connected; 0 is background. See
        :func:`segment.postprocessor.connected_regions.number_regions`.
    """
    rows = max(1, _BLOCK // regions.shape[1])
    blocks = [_corners(regions, top, rows) for top in range(0, len(regions) + 1, rows)]
    row, column, edges, inside = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    to = _ends(column, edges)
    used = np.flatnonzero(edges.ravel() & (inside.ravel() > 0)).astype(np.int32)
    following = (4 * to + _turn(inside, edges)[to, np.arange(4)]).ravel()[used]
    number = np.zeros(edges.size, np.int32)
    number[used] = np.arange(used.size)
    order, starts = _cycles(number[following])
    points = np.stack([column, row], axis=1)[used[order] // 4]
    region = inside.ravel()[used[order[starts[:-1]]]].astype(np.intp)
    return _sorted(points, starts, region)


def _corners(
    regions: NDArray[np.integer[Any]], top: int, rows: int
) -> tuple[Points, Points, NDArray[np.bool_], NDArray[np.integer[Any]]]:
    """Where borders turn or meet in so many rows of pixel corners, of which `top` is the first, row by row.

    Returns
    -------
    row, column : ndarray of shape (n,), int32
    edges : ndarray of shape (n, 4), bool
        Whether a border leaves in each direction.
    inside : ndarray of shape (n, 4), int
        The region on the right of one that leaves in each direction.
    """
    height, width = regions.shape
    bottom = min(top + rows, height + 1)
    window = np.zeros((bottom - top + 1, width + 2), regions.dtype)  # background all around
    there = regions[max(top - 1, 0) : bottom]
    window[top == 0 : (top == 0) + len(there), 1:-1] = there
    around = window[1:, 1:], window[1:, :-1], window[:-1, :-1], window[:-1, 1:]  # the pixels around each corner
    east, south, west, north = (around[d] != around[d - 1] for d in range(4))
    row, column = np.nonzero((east ^ west) | (south ^ north) | (east & south))
    edges = np.stack([side[row, column] for side in (east, south, west, north)], axis=1)
    inside = np.stack([pixel[row, column] for pixel in around], axis=1)
    return (row + top).astype(np.int32), column.astype(np.int32), edges, inside


def _ends(column: Points, edges: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The corner at the other end of the border that leaves each corner in each direction: (n, 4)."""
    to = np.zeros(edges.shape, np.int32)
    # A border to the right ends at the next corner in the row, and one that goes down at the next in the column.
    begin = np.flatnonzero(edges[:, _EAST])
    to[begin, _EAST] = begin + 1
    to[begin + 1, _WEST] = begin
    downwards = np.argsort(column, kind="stable")
    begin = np.flatnonzero(edges[downwards, _SOUTH])
    to[downwards[begin], _SOUTH] = downwards[begin + 1]
    to[downwards[begin + 1], _NORTH] = downwards[begin]
    return to


def _turn(inside: NDArray[np.integer[Any]], edges: NDArray[np.bool_]) -> NDArray[np.int8]:
    """The direction in which a ring that comes to a vertex in each direction leaves it: (n, 4).

    It turns right where it can, so a region ends where only a corner goes on; but where the pixel beyond that corner
    is of the same region, it turns left, around what the region encloses.
    """
    turns = np.empty(edges.shape, np.int8)
    for heading in range(4):
        right, left = (heading + 1) % 4, (heading + 3) % 4
        # Behind on the right lies the pixel inside of the half-edge that leaves to the right.
        through = edges.all(axis=1) & (inside[:, right] == inside[:, left])
        turns[:, heading] = np.where(edges[:, right], right, np.where(edges[:, heading], heading, left))
        turns[through, heading] = left
    return turns


def _cycles(following: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ids]:
    """The elements of a permutation cycle after cycle, and where each cycle begins, with their number at the end."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    count = following.size
    if count == 0:
        return following, np.zeros(1, np.intp)

    def graph(to: NDArray[np.int32]) -> csr_array:  # SciPy's searches work on 32 bits
        return csr_array((np.ones(count, np.int8), to, np.arange(count + 1, dtype=np.int32)), shape=(count, count))

    _, cycle = connected_components(graph(following), directed=True, connection="weak")
    _, first = np.unique(cycle, return_index=True)
    before = np.empty(count, np.int32)
    before[following] = np.arange(count)
    # Cut every cycle before its first element and tie its end to the next: one path through all, which SciPy walks.
    path = following.copy()
    path[before[first]] = np.append(first[1:], first[0])
    order = breadth_first_order(graph(path), int(first[0]), return_predecessors=False)
    starts = np.append(np.concatenate([[0], np.cumsum(np.bincount(cycle))[:-1]]), count)
    return order, starts.astype(np.intp)


def _sorted(points: Points, starts: Ids, region: Ids) -> Outlines:
    """The rings by their regions, the outer one first."""
    rings = Outlines(points, starts, region, np.zeros(region.size, bool))
    if region.size == 0:
        return rings
    is_hole = rings.areas < 0
    order = np.lexsort((starts[:-1], is_hole, region))
    length = np.diff(starts)[order]
    moved = np.repeat(starts[:-1][order], length) + _within(length)
    return Outlines(points[moved], np.append(0, np.cumsum(length)), region[order], is_hole[order])


def _within(length: Ids) -> Ids:
    """0, 1, 2, ... again for each length."""
    ends = np.cumsum(length)
    return np.arange(ends[-1]) - np.repeat(ends - length, length)
