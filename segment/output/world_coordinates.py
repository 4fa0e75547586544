"""Convert points of an image to world coordinates: longitude and latitude, or those of the image's own system."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference

__all__ = ["WorldCoordinates", "choose_coordinates"]

WGS84 = "EPSG:4326"
DECIMALS = 4  # coordinates are rounded to 10 ** -DECIMALS of a pixel or finer
EARTH_RADIUS = 6_371_000  # meters
MAX_BEND = 0.1  # pixels that a straight edge of pixels may lie off the line that is written for it
_CURE = "Assign one (gdal_edit.py -a_srs EPSG:NUMBER), or give --geojson-crs pixels."

Points = NDArray[Any]


@dataclass(frozen=True)
class WorldCoordinates:
    """What pixel coordinates become.

    Attributes
    ----------
    georeference : Georeference
        Of the image; `NOWHERE` for pixel coordinates.
    source : object
        The system of the georeference for rasterio; None where the coordinates are not projected.
    members : mapping of str to object
        What a FeatureCollection says of its coordinates.
    """

    georeference: Georeference = NOWHERE
    source: Any = None
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def max_edge(self) -> int:
        """Pixels of the longest edge that a line between its ends stands for: a projected edge is bent."""
        if self.source is None:
            return 2**31
        side = self._side_in_degrees * math.radians(1) * EARTH_RADIUS
        # The sagitta of an arc of length s on a sphere is s² / 8 r.
        return max(16, math.isqrt(int(8 * EARTH_RADIUS * MAX_BEND / side)))

    @property
    def is_mirrored(self) -> bool:
        """Whether a ring that runs clockwise on the screen runs counter-clockwise, as they do on most maps."""
        (x0, y0), (x1, y1), (x2, y2) = self._place(np.array([[0, 0], [1, 0], [0, 1]]))
        return bool((x1 - x0) * (y2 - y0) < (x2 - x0) * (y1 - y0))

    def convert(self, points: Points) -> Points:
        """Convert points, each in the same way, so that shared ones stay the same.

        Parameters
        ----------
        points : ndarray of shape (n, 2)
            x and y in pixels from the outer corner of the first one.

        Returns
        -------
        ndarray of shape (n, 2)

        Raises
        ------
        ImageError
            If a point lies where the system has no longitude and latitude.
        """
        if not self.georeference:
            return points
        # The side of a pixel is the root of its area; so many decimals round to 10 ** -DECIMALS of it or finer.
        side = math.sqrt(abs(self.georeference.determinant)) if self.source is None else self._side_in_degrees
        return np.round(self._place(points), max(0, math.ceil(DECIMALS - math.log10(side))))

    @property
    def _side_in_degrees(self) -> float:
        """About the side of a pixel, in degrees of latitude."""
        corner, beside = self._place(np.array([[0, 0], [0, 1]]))
        return max(1e-12, float(np.hypot(*(beside - corner))))

    def _place(self, points: Points) -> Points:
        """Convert points without rounding them."""
        a, b, c, d, e, f = self.georeference.transform
        x, y = points.T
        world = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
        if self.source is None or not len(points):
            return world
        from rasterio.warp import transform

        degrees = np.stack(transform(self.source, WGS84, *world.T.tolist()), axis=1)
        if not np.isfinite(degrees).all():
            raise ImageError(
                "GeoJSON has longitude and latitude; got points that have none in the coordinate system of the image. "
                "Give --geojson-crs keep."
            )
        # A polygon over the date line goes on beyond 180 degrees instead of around the earth.
        if np.ptp(degrees[:, 0]) > 180:
            degrees[degrees[:, 0] < 0, 0] += 360
        return degrees


def choose_coordinates(georeference: Georeference, choice: str) -> WorldCoordinates:
    """Choose the coordinates of a GeoJSON file.

    Parameters
    ----------
    georeference : Georeference
        Of the image.
    choice : {"wgs84", "keep", "pixels"}
        The setting `geojson_crs`. Without rasterio, wgs84 is the same as keep.

    Raises
    ------
    ImageError
        If the system of the image has no name, so that nobody could tell where the polygons lie.

    Examples
    --------
    >>> choose_coordinates(Georeference(), "wgs84").members["coordinate_system"][:6]
    'pixels'
    """
    if not georeference or choice == "pixels":
        text = "pixels: x to the right, y down from the outer corner of the first pixel"
        return WorldCoordinates(members={"coordinate_system": text})
    degrees = {"coordinate_system": "longitude, latitude"}
    if georeference.crs == WGS84:
        return WorldCoordinates(georeference, members=degrees)
    system = _find_system(georeference)
    if choice == "wgs84" and system is not None:
        return WorldCoordinates(georeference, system, degrees)
    # RFC 7946 allows only WGS 84. For other systems GDAL and QGIS read the member "crs" of the 2008 format.
    name = georeference.crs
    if system is not None and not name.startswith("EPSG:"):
        number = system.to_epsg()
        name = f"EPSG:{number}" if number else name
    if not name.startswith("EPSG:"):
        remedy = "Give --geojson-crs wgs84." if system is not None else "Run: pip install 'gmm-segment[geo]'."
        raise ImageError(f"GeoJSON names a coordinate system by its EPSG number; got one without a number. {remedy}")
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{name.removeprefix('EPSG:')}"}}
    return WorldCoordinates(georeference, members={"coordinate_system": "world", "crs": crs})


def _find_system(georeference: Georeference) -> Any:
    """Find the coordinate system for rasterio; None where rasterio is not installed.

    Raises
    ------
    ImageError
        If there is none, or none that PROJ knows.
    """
    if not georeference.crs and not georeference.keys[0]:
        raise ImageError(f"GeoJSON needs a coordinate system; got world coordinates without one. {_CURE}")
    try:
        from rasterio.crs import CRS
        from rasterio.errors import RasterioError
    except ImportError:
        return None
    try:
        if georeference.crs:
            return CRS.from_user_input(georeference.crs)
        found = _read_system(georeference)
    except (RasterioError, ValueError):
        found = None
    if not found:
        got = georeference.crs or "one that its file does not describe"
        raise ImageError(f"GeoJSON needs a coordinate system that PROJ knows; got {got[:60]}. {_CURE}")
    return found


def _read_system(georeference: Georeference) -> Any:
    """Let GDAL read the coordinate system of GeoTIFF keys, which need no EPSG number."""
    import rasterio
    from rasterio.io import MemoryFile

    from segment.output.label_formats import encode_label_tiff

    label = encode_label_tiff(np.zeros((1, 1), np.uint8), np.zeros((1, 3), np.uint8), georeference)
    with rasterio.Env(), MemoryFile(label) as memory, memory.open(driver="GTiff") as file:
        return file.crs
