"""Georeference: where on the earth the pixels of an image lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["NOWHERE", "Georeference", "Keys", "Transform"]

# The six numbers of an affine transform, and the three parts of GeoTIFF keys; both as `Georeference` explains.
Transform = tuple[float, float, float, float, float, float]
Keys = tuple[tuple[int, ...], tuple[float, ...], str]
# Numbers of Web Mercator, those of before it was in the register too, and names of it in WKT.
_WEB_MERCATOR = ("EPSG:3857", "EPSG:3785", "EPSG:900913", "ESRI:102100", "ESRI:102113")
_WEB_MERCATOR_NAMES = ("Pseudo-Mercator", "Mercator_Auxiliary_Sphere", "Popular Visualisation CRS / Mercator")
# Numbers and names of the Mercator projection of the ellipsoid of WGS 84, true to scale at the equator.
_WORLD_MERCATOR = ("EPSG:3395", "EPSG:3832", "ESRI:54004")
_WORLD_MERCATOR_NAMES = ("World Mercator", "World_Mercator", "PDC Mercator", "PDC_Mercator")


@dataclass(frozen=True)
class Georeference:
    """Transform from pixel to world coordinates; the default stands for an image without one.

    Attributes
    ----------
    transform : tuple of 6 floats
        (a, b, c, d, e, f) as in rasterio and `affine`: the point ``column, row``, counted from the outer corner of the
        first pixel, lies at ``x = a column + b row + c`` and ``y = d column + e row + f``.
    crs : str
        Coordinate reference system of x and y: ``EPSG:32632``, or WKT where it has no EPSG number. Empty if unknown.
    meters : float
        Length of one unit of x and y in meters. 0 if it is unknown, or if the units are angles.
    keys : tuple of (tuple of int, tuple of float, str)
        The system as a GeoTIFF stores it: the key directory, and the numbers and the text that it points into.
    degrees : float
        Angle of one unit of x and y, which are longitude and latitude, in degrees. 0 if they are none.

    Examples
    --------
    >>> place = Georeference((10.0, 0.0, 500000.0, 0.0, -10.0, 4600000.0), "EPSG:32632", meters=1.0)
    >>> place.pixel_area
    100.0
    >>> bool(place), bool(Georeference())
    (True, False)
    """

    transform: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    crs: str = ""
    meters: float = 0.0
    keys: Keys = ((), (), "")
    degrees: float = 0.0

    def __bool__(self) -> bool:
        """Whether the image is georeferenced."""
        return self != NOWHERE

    @property
    def determinant(self) -> float:
        """Area of a pixel in square units of x and y; negative where y points up and x to the right, as on maps."""
        a, b, _, d, e, _ = self.transform
        return a * e - b * d

    @property
    def is_web_mercator(self) -> bool:
        """Whether the system is Web Mercator, whose meters are larger than those on the ground."""
        return self.crs in _WEB_MERCATOR or any(name in self.crs for name in _WEB_MERCATOR_NAMES)

    @property
    def is_world_mercator(self) -> bool:
        """Whether the system is the Mercator projection of the ellipsoid, whose meters are too large like those."""
        return self.crs in _WORLD_MERCATOR or any(name in self.crs for name in _WORLD_MERCATOR_NAMES)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel in square meters, in the plane of the projection; NaN where `meters` is not known."""
        return abs(self.determinant) * self.meters**2 if self.meters else math.nan

    def move_origin(self, column: float, row: float) -> Georeference:
        """Compute the georeference of a part of the same pixels.

        Parameters
        ----------
        column, row : float, pixels
            The first pixel of the part.

        Returns
        -------
        Georeference
            Every pixel keeps its place on the earth.

        Examples
        --------
        >>> Georeference((10.0, 0.0, 500.0, 0.0, -10.0, 900.0)).move_origin(2, 3).transform
        (10.0, 0.0, 520.0, 0.0, -10.0, 870.0)
        """
        if not self:
            return self
        a, b, c, d, e, f = self.transform
        return replace(self, transform=(a, b, a * column + b * row + c, d, e, d * column + e * row + f))

    def apply_orientation(self, orientation: int, height: int, width: int) -> Georeference:
        """Compute the georeference of the same pixels after their EXIF orientation was applied.

        Parameters
        ----------
        orientation : int
            The EXIF orientation, 1 to 8, as in :func:`segment.loader.decoders.orientation.apply_orientation`.
        height, width : int, pixels
            Size of the upright image.

        Returns
        -------
        Georeference
            Every pixel keeps its place on the earth.
        """
        if not self or orientation not in range(2, 9):
            return self
        # The three steps that turn the pixels upright, for the transform: exchange the axes, then mirror each of them.
        # Mirrored rows: row becomes height - row, so y changes its sign and the origin moves by height rows.
        a, b, c, d, e, f = self.transform
        if orientation in (5, 6, 7, 8):
            a, b, d, e = b, a, e, d
        if orientation in (3, 4, 7, 8):
            b, c, e, f = -b, c + b * height, -e, f + e * height
        if orientation in (2, 3, 6, 7):
            a, c, d, f = -a, c + a * width, -d, f + d * width
        return replace(self, transform=(a, b, c, d, e, f))


NOWHERE = Georeference()  # of images that are not georeferenced
