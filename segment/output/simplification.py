"""Simplify outlines so that the borders that regions share stay shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import DependencyError
from segment.output.outlines import Outlines

__all__ = ["find_fixed_points", "simplify_outlines"]


def simplify_outlines(outlines: Outlines, tolerance: float) -> Outlines:
    """Leave out vertices of borders, the same on both sides.

    Parameters
    ----------
    outlines : Outlines
        Of all regions of an image.
    tolerance : float, pixels
        About the root of the area of the triangles that are cut off (Visvalingam & Whyatt 1993). The corners of the
        image are kept, and at least a triangle of every region.

    Returns
    -------
    Outlines
        The same rings with some of their points.

    Raises
    ------
    DependencyError
        If shapely 2.1 or later is not installed.
    """
    shapely = _load_shapely()
    if not len(outlines.points):
        return outlines
    ring = np.repeat(np.arange(outlines.region.size), np.diff(outlines.starts))
    rings = shapely.linearrings(outlines.points.astype(np.float64), indices=ring)
    # The first ring of a region goes around it, the others are its holes.
    polygons = shapely.polygons(rings, indices=np.cumsum(~outlines.is_hole) - 1)
    frame = [shapely.Polygon(side) for side in _surround(outlines.points)]
    simple = shapely.coverage_simplify([*polygons, *frame], tolerance)[: len(polygons)]
    found, polygon = shapely.get_rings(simple, return_index=True)
    coordinates, ring = shapely.get_coordinates(found, return_index=True)
    # Each ring ends with its first point again.
    points = np.rint(coordinates).astype(np.int32)
    is_last = np.append(ring[1:] != ring[:-1], True)
    points, ring = points[~is_last], ring[~is_last]
    starts = np.searchsorted(ring, np.arange(len(found) + 1))
    is_hole = np.append(False, polygon[1:] == polygon[:-1])
    region = outlines.region[~outlines.is_hole][polygon]
    return _turn_rings(Outlines(points, starts, region, is_hole))


def find_fixed_points(outlines: Outlines, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Find the points that smooth curves go through: where more than two borders meet, and the corners of the image.

    Parameters
    ----------
    outlines : Outlines
        Of all regions of an image.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    ndarray of shape (n,), bool
        For each point of the outlines.
    """
    height, width = shape
    x, y = outlines.points.T.astype(np.int64)
    place = y * (width + 1) + x
    # A side that two regions share counts once.
    sides = np.sort(np.stack([place, place[outlines.next_point]], axis=1), axis=1)
    ends = np.unique(sides, axis=0).reshape(-1)
    places, degree = np.unique(ends, return_counts=True)
    is_crossing = degree[np.searchsorted(places, place)] > 2
    return np.asarray(is_crossing | (((x == 0) | (x == width)) & ((y == 0) | (y == height))))


def _surround(points: NDArray[np.integer]) -> Iterator[list[tuple[int, int]]]:
    """Yield four sides of a frame around all points, which meet in its corners: so these are kept at any tolerance."""
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    for axis in (0, 1):
        for at, outside in ((low[axis], low[axis] - 1), (high[axis], high[axis] + 1)):
            first, last = low[1 - axis], high[1 - axis]
            # A coverage needs the same points on both sides of a border.
            along = {first, last, *points[points[:, axis] == at, 1 - axis].tolist()}
            side = [(at, other) for other in sorted(along)] + [(outside, last + 1), (outside, first - 1)]
            yield [pair if axis == 0 else pair[::-1] for pair in side]


def _turn_rings(outlines: Outlines) -> Outlines:
    """Turn rings so that those around regions and those around holes run as in all outlines."""
    points = outlines.points.copy()
    # The area of a hole is negative.
    for number in np.flatnonzero((outlines.areas < 0) != outlines.is_hole):
        part = slice(outlines.starts[number], outlines.starts[number + 1])
        points[part] = points[part][::-1]
    return Outlines(points, outlines.starts, outlines.region, outlines.is_hole)


def _load_shapely() -> Any:
    """Load shapely, if it is there and can simplify coverages."""
    try:
        import shapely
    except ImportError as error:
        raise DependencyError(
            f"simplify (--simplify): needs shapely, which cannot be loaded; {error}. Run: pip install "
            "'gmm-segment[vector]'."
        ) from error
    if not hasattr(shapely, "coverage_simplify") or shapely.geos_version < (3, 12, 0):
        raise DependencyError(
            f"simplify (--simplify): needs shapely 2.1 and GEOS 3.12; got {shapely.__version__} and "
            f"{'.'.join(map(str, shapely.geos_version))}. Run: pip install -U 'gmm-segment[vector]'."
        )
    return shapely
