"""Where on the earth the pixels of an image lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["NOWHERE", "Georeference", "Keys", "Transform"]

Transform = tuple[float, float, float, float, float, float]
Keys = tuple[tuple[int, ...], tuple[float, ...], str]


@dataclass(frozen=True)
class Georeference:
    """The way from pixel to world coordinates; by default there is none, and world coordinates are pixel coordinates.

    Attributes
    ----------
    transform : tuple of 6 floats
        (a, b, c, d, e, f) as in rasterio and `affine`: the point ``column, row``, counted from the outer corner of the
        first pixel, lies at ``x = a column + b row + c`` and ``y = d column + e row + f``.
    crs : str
        The system of x and y: ``EPSG:32632``, or WKT where it has no EPSG number. Empty where it is unknown.
    meters : float
        Length of one unit of x and y. 0 where it is unknown, or where they are degrees.
    keys : tuple of (tuple of int, tuple of float, str)
        The system as a GeoTIFF has it: its key directory, and the numbers and the text that this points into.
    """

    transform: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    crs: str = ""
    meters: float = 0.0
    keys: Keys = ((), (), "")

    def __bool__(self) -> bool:
        """Whether the image is georeferenced."""
        return self != NOWHERE

    @property
    def determinant(self) -> float:
        """Area of a pixel in square units of x and y; negative where y points up and x to the right, as on maps."""
        a, b, _, d, e, _ = self.transform
        return a * e - b * d

    @property
    def pixel_area(self) -> float:
        """Area of a pixel in square meters, in the plane of the projection; NaN where `meters` is not known."""
        return abs(self.determinant) * self.meters**2 if self.meters else math.nan

    def turned(self, orientation: int, height: int, width: int) -> Georeference:
        """The georeference of the same pixels once they have been turned upright.

        Parameters
        ----------
        orientation : int
            The EXIF orientation that has been undone: see :func:`segment.loader.decoders.orientation.turn_upright`.
        height, width : int, pixels
            Size after that.
        """
        if not self or orientation not in range(2, 9):
            return self
        a, b, c, d, e, f = self.transform
        if orientation in (5, 6, 7, 8):
            a, b, d, e = b, a, e, d
        if orientation in (3, 4, 7, 8):
            b, c, e, f = -b, c + b * height, -e, f + e * height
        if orientation in (2, 3, 6, 7):
            a, c, d, f = -a, c + a * width, -d, f + d * width
        return replace(self, transform=(a, b, c, d, e, f))


NOWHERE = Georeference()  # of images that are not georeferenced
