"""Trace the outlines of regions along the edges between pixels, so that neighbors share every vertex."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array
from segment.core.threads import IMPORT_LOCK

__all__ = ["Outlines", "count_points", "trace_outlines"]

Ids = NDArray[np.intp]
Points = NDArray[np.int32]

# Directions of travel, each a quarter turn to the right of the one before: east, south, west, north.
_EAST, _SOUTH, _WEST, _NORTH = range(4)

_CHUNK_PIXELS = 2**18  # handled at once


@dataclass(frozen=True)
class Outlines:
    """Closed rings along the edges of pixels, each simple, the rings of one region after each other.

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
    def next_point(self) -> Ids:
        """The index of the point that follows each point in its ring: (n,)."""
        after = np.arange(1, len(self.points) + 1)
        after[self.starts[1:] - 1] = self.starts[:-1]
        return after

    @property
    def areas(self) -> NDArray[np.int64]:
        """The area that each ring encloses in pixels, negative for holes: (m,)."""
        if self.region.size == 0:
            return np.zeros(0, np.int64)
        # The shoelace formula: half the sum of x dy - y dx over the sides.
        (x, y), after = self.points.T.astype(np.int64), self.next_point
        return np.add.reduceat(x * y[after] - y * x[after], self.starts[:-1]) // 2

    def iterate_polygons(self) -> Iterator[tuple[int, list[slice]]]:
        """Iterate over the regions, each with the places of its rings among the points, the outer ring first."""
        begins = np.append(np.flatnonzero(~self.is_hole), len(self.region)).tolist()
        starts = self.starts.tolist()
        for region, first, last in zip(self.region[begins[:-1]].tolist(), begins[:-1], begins[1:], strict=True):
            yield region, [slice(starts[i], starts[i + 1]) for i in range(first, last)]


def trace_outlines(regions: NDArray[np.integer[Any]]) -> Outlines:
    """Trace the outlines of all regions of an image.

    Regions are joined over the edges of pixels and not over their corners. Where a region touches itself at a corner,
    a ring does not cross itself there: one ring goes around the region, another around the hole.

    Parameters
    ----------
    regions : ndarray of shape (H, W), integers >= 0
        The number of each pixel's region, every region connected; 0 is background. See
        :func:`segment.postprocessor.connected_regions.number_regions`.

    Returns
    -------
    Outlines
        One outer ring for each region, and a ring for each of its holes.

    Examples
    --------
    Two regions that share the vertices (2, 0) and (2, 1):

    >>> outlines = trace_outlines(np.array([[1, 1, 2]]))
    >>> outlines.points[:4].tolist(), outlines.points[4:].tolist()
    ([[0, 0], [2, 0], [2, 1], [0, 1]], [[2, 0], [3, 0], [3, 1], [2, 1]])
    """
    rows = max(1, _CHUNK_PIXELS // regions.shape[1])
    chunks = [_find_vertices(regions, top, rows) for top in range(0, len(regions) + 1, rows)]
    row, column, edges, inside = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    # A half-edge leaves a vertex in a direction and has its region on the right: number 4 * vertex + direction.
    ends = _find_ends(column, edges)
    used = np.flatnonzero(edges.ravel() & (inside.ravel() > 0)).astype(np.int32)
    following = (4 * ends + _choose_turns(inside, edges)[ends, np.arange(4)]).ravel()[used]
    # Number the half-edges that have a region 0, 1, 2, ...; which follows which is then a permutation of them.
    number = np.zeros(edges.size, np.int32)
    number[used] = np.arange(used.size)
    order, starts = _order_cycles(number[following])
    points = np.stack([column, row], axis=1)[used[order] // 4]
    region = inside.ravel()[used[order[starts[:-1]]]].astype(np.intp)
    return _sort_rings(points, starts, region)


def count_points(labels: NDArray[np.integer[Any]]) -> int:
    """Count the points of the outlines of an image without tracing them.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers >= 0
        Regions, or labels, whose regions have the same outlines; 0 is background.

    Examples
    --------
    >>> count_points(np.array([[1, 1, 2]]))
    8
    """
    rows = max(1, _CHUNK_PIXELS // labels.shape[1])
    found = (_find_vertices(labels, top, rows) for top in range(0, len(labels) + 1, rows))
    return sum(int(np.count_nonzero(edges & (inside > 0))) for *_, edges, inside in found)


def _find_vertices(
    regions: NDArray[np.integer[Any]], top: int, rows: int
) -> tuple[Points, Points, NDArray[np.bool_], NDArray[np.integer[Any]]]:
    """Find where borders turn or meet in some rows of pixel corners, of which `top` is the first, row by row.

    Returns
    -------
    row, column : ndarray of shape (n,), int32
    edges : ndarray of shape (n, 4), bool
        Whether a border leaves in each direction.
    inside : ndarray of shape (n, 4), int
        The region on the right of a border that leaves in each direction.
    """
    height, width = regions.shape
    bottom = min(top + rows, height + 1)
    window = np.zeros((bottom - top + 1, width + 2), regions.dtype)  # background all around
    known = regions[max(top - 1, 0) : bottom]
    window[top == 0 : (top == 0) + len(known), 1:-1] = known
    # The four pixels around each corner, each on the right of the border that leaves to east, south, west, north.
    around = window[1:, 1:], window[1:, :-1], window[:-1, :-1], window[:-1, 1:]
    east, south, west, north = (around[d] != around[d - 1] for d in range(4))
    row, column = np.nonzero((east ^ west) | (south ^ north) | (east & south))
    edges = np.stack([side[row, column] for side in (east, south, west, north)], axis=1)
    inside = np.stack([pixel[row, column] for pixel in around], axis=1)
    return (row + top).astype(np.int32), column.astype(np.int32), edges, inside


def _find_ends(column: Points, edges: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Find the vertex at the other end of the border that leaves each vertex in each direction: (n, 4)."""
    ends = np.zeros(edges.shape, np.int32)
    # A border to the right ends at the next vertex of the row, and one that goes down at the next of the column.
    begin = np.flatnonzero(edges[:, _EAST])
    ends[begin, _EAST] = begin + 1
    ends[begin + 1, _WEST] = begin
    downwards = np.argsort(column, kind="stable")
    begin = np.flatnonzero(edges[downwards, _SOUTH])
    ends[downwards[begin], _SOUTH] = downwards[begin + 1]
    ends[downwards[begin + 1], _NORTH] = downwards[begin]
    return ends


def _choose_turns(inside: NDArray[np.integer[Any]], edges: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Choose the direction in which a ring that comes to a vertex in each direction leaves it: (n, 4).

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


def _order_cycles(following: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ids]:
    """Order the elements of a permutation cycle after cycle; return where each cycle begins too, and their number."""
    with IMPORT_LOCK:
        from scipy.sparse.csgraph import breadth_first_order, connected_components

    count = following.size
    if count == 0:
        return following, np.zeros(1, np.intp)
    _, cycle = connected_components(_make_graph(following), directed=True, connection="weak")
    _, first = np.unique(cycle, return_index=True)
    # The inverse permutation: which element comes before each.
    before = np.empty(count, np.int32)
    before[following] = np.arange(count)
    # Cut every cycle before its first element and tie its end to the next: one path through all, which SciPy walks.
    path = following.copy()
    path[before[first]] = np.append(first[1:], first[0])
    order = breadth_first_order(_make_graph(path), int(first[0]), return_predecessors=False)
    starts = np.append(np.concatenate([[0], np.cumsum(np.bincount(cycle))[:-1]]), count)
    return order, starts.astype(np.intp)


def _make_graph(following: NDArray[np.int32]) -> csr_array:
    """Make a graph with an edge from each element to the one that follows it."""
    with IMPORT_LOCK:
        from scipy.sparse import csr_array

    count = following.size
    # SciPy's searches work on 32 bits.
    return csr_array((np.ones(count, np.int8), following, np.arange(count + 1, dtype=np.int32)), shape=(count, count))


def _sort_rings(points: Points, starts: Ids, region: Ids) -> Outlines:
    """Sort rings by their regions, the outer one first."""
    rings = Outlines(points, starts, region, np.zeros(region.size, bool))
    if region.size == 0:
        return rings
    # Holes are traced in the other direction, so their area is negative.
    is_hole = rings.areas < 0
    order = np.lexsort((starts[:-1], is_hole, region))
    length = np.diff(starts)[order]
    moved = np.repeat(starts[:-1][order], length) + _count_within(length)
    return Outlines(points[moved], np.append(0, np.cumsum(length)), region[order], is_hole[order])


def _count_within(length: Ids) -> Ids:
    """Count 0, 1, 2, ... again for each length."""
    ends = np.cumsum(length)
    return np.arange(ends[-1]) - np.repeat(ends - length, length)
