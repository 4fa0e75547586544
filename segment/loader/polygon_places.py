"""Bring polygons from the coordinates of their file to the pixels of an image."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import DependencyError, ImageError, printable_path
from segment.core.georeference import Georeference
from segment.loader.polygon_files import PolygonFile

__all__ = ["describe_extent", "locate_polygons"]

Floats = NDArray[np.float64]
Regions = tuple[tuple[Floats, ...], ...]

MAX_OVERHANG = 1.0  # pixels that a polygon may reach beyond the image without a word
MAX_NAMED = 3  # regions that a note names

_WGS84 = "EPSG:4326"
_LONGITUDE_FIRST = ("CRS84", "EPSG:4326", "EPSG::4326")  # all of them mean longitude, latitude in GeoJSON


def locate_polygons(file: PolygonFile, georeference: Georeference, shape: tuple[int, int]) -> tuple[Regions, str]:
    """Find the pixel coordinates of polygons.

    Parameters
    ----------
    file : PolygonFile
    georeference : Georeference
        Of the image.
    shape : tuple of 2 int, pixels
        Height and width of the image.

    Returns
    -------
    regions : tuple of tuple of ndarray of shape (m, 2), float
        The rings of each region, in pixels from the outer corner of the first pixel.
    note : str
        What the coordinates were taken for, where that is a guess; else empty.

    Raises
    ------
    ImageError
        If the file is in another system than the image, and cannot be brought to it.
    DependencyError
        If that needs rasterio, which is not installed.

    Notes
    -----
    Pixels where the image is not georeferenced, or the file says so. Else the system that the file names; GeoJSON
    without one is longitude and latitude (RFC 7946), but programs also write the coordinates of the raster or of its
    pixels, so the first of the three is taken in which a polygon lies on the image.
    """
    if file.is_in_pixels or not georeference:
        return file.regions, ""
    to_pixels, crs, own = _invert(georeference), _simplify_crs(file.crs), georeference.crs
    if crs:
        is_same = crs == own or (crs == _WGS84 and not own)
        project = (lambda points: points) if is_same else (lambda points: _project(points, crs, own))
        return _convert_all(file.regions, lambda points: to_pixels(project(points))), ""
    in_map = _convert_all(file.regions, to_pixels)
    if _touches_image(in_map, shape):
        return in_map, "regions of interest: their coordinates are read as those of the raster"
    in_degrees = _project_from_degrees(file.regions, own)
    if in_degrees is not None and _touches_image(found := _convert_all(in_degrees, to_pixels), shape):
        return found, ""
    if _touches_image(file.regions, shape):
        return file.regions, "regions of interest: their coordinates are read as pixels"
    return in_map, ""


def describe_extent(
    regions: Regions, names: Sequence[str], present: Sequence[str], shape: tuple[int, int]
) -> tuple[str, ...]:
    """Say which regions of interest have no pixel on the image, and which reach beyond it.

    Parameters
    ----------
    regions : sequence of sequence of ndarray of shape (m, 2), float
        Their rings, in pixels.
    names, present : sequence of str
        Of all regions, and of those that have a pixel.
    shape : tuple of 2 int, pixels
        Height and width of the image.

    Returns
    -------
    tuple of str
        A sentence each without its period.

    Examples
    --------
    >>> ring = np.array([[5.0, 2], [20, 2], [20, 9]])
    >>> for note in describe_extent(((ring,), (ring + 90,)), ("plot", "far"), ("plot",), (10, 12)):
    ...     print(note)
    regions of interest have no pixel on the image and are left out: far
    regions of interest reach beyond the image, where nothing counts: plot
    """
    beyond = []
    for name, rings in zip(names, regions, strict=True):
        points = np.concatenate(list(rings))
        if (points < -MAX_OVERHANG).any() or (points > np.array(shape[::-1]) + MAX_OVERHANG).any():
            beyond.append(name)
    found = (
        ("have no pixel on the image and are left out", [name for name in names if name not in present]),
        ("reach beyond the image, where nothing counts", [name for name in beyond if name in present]),
    )
    return tuple(f"regions of interest {what}: {_list_names(some)}" for what, some in found if some)


def _list_names(names: Sequence[str]) -> str:
    """Name the first of some regions."""
    others = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(printable_path(name) for name in names[:MAX_NAMED]) + others


def _project_from_degrees(regions: Regions, target: str) -> Regions | None:
    """Project longitudes and latitudes to a coordinate system; None where they can be none."""
    if target in ("", _WGS84) or not _is_on_earth(regions):
        return None
    try:
        return _convert_all(regions, lambda points: _project(points, _WGS84, target))
    except (DependencyError, ImageError):  # small numbers may as well be pixels
        return None


def _invert(georeference: Georeference) -> Callable[[Floats], Floats]:
    """Return what converts world coordinates to pixels."""
    a, b, c, d, e, f = georeference.transform
    inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
    return lambda points: np.asarray((points - np.array([c, f])) @ inverse.T)


def _convert_all(regions: Regions, convert: Callable[[Floats], Floats]) -> Regions:
    """Convert every ring."""
    return tuple(tuple(convert(ring) for ring in rings) for rings in regions)


def _touches_image(regions: Sequence[Sequence[Floats]], shape: tuple[int, int]) -> bool:
    """Return whether the box of a region reaches over the middle of a pixel of the image."""
    size = np.array(shape[::-1], float)
    for rings in regions:
        points = np.concatenate(list(rings))
        low, high = np.maximum(points.min(axis=0), 0), np.minimum(points.max(axis=0), size)
        if np.isfinite(points).all() and (np.floor(high + 0.5) > np.ceil(low - 0.5)).all():
            return True
    return False


def _is_on_earth(regions: Sequence[Sequence[Floats]]) -> bool:
    """Return whether all points can be longitudes and latitudes."""
    return all((np.abs(ring) <= (360.0, 90.0)).all() for rings in regions for ring in rings)


def _simplify_crs(name: str) -> str:
    """Return EPSG:NUMBER for the names that GeoJSON has for such a system, other names as they are."""
    if name.endswith(_LONGITUDE_FIRST):
        return _WGS84
    found = re.fullmatch(r"(?:urn:ogc:def:crs:)?EPSG:(?:[\d.]*:)?(\d+)", name)
    return f"EPSG:{found[1]}" if found else name


def _project(points: Floats, source: str, target: str) -> Floats:
    """Project points from one coordinate system to another."""
    if not target:
        raise ImageError(
            f"regions of interest are in the coordinates of the image, whose system is unknown; got {source}. "
            "Export them in pixels."
        )
    try:
        from rasterio.errors import RasterioError
        from rasterio.warp import transform
    except ImportError as error:
        raise DependencyError(
            f"regions of interest: in another system than the image they need rasterio; {error}. "
            "Run: pip install 'gmm-segment[geo]'."
        ) from error
    try:
        x, y = transform(source, target, *points.T.tolist())
    except (RasterioError, ValueError) as error:
        raise ImageError(
            f"regions of interest are in a known coordinate system; got {source}. Export them in that of the image."
        ) from error
    projected: NDArray[Any] = np.stack([x, y], axis=1)
    if not np.isfinite(projected).all():
        raise ImageError(
            f"polygons lie where the coordinate system of the image can show them; got points outside. "
            f"Export them in {target}."
        )
    return projected
