"""Sizes of pixels: what the user or the file says, or where the pixels lie on the earth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.georeference import NOWHERE, Georeference
from segment.core.units import METERS_PER_UNIT

__all__ = ["NO_SIZE", "PixelGrid", "PixelSize"]

# The ellipsoid of WGS 84 and Web Mercator: equatorial radius in meters, and the square of the eccentricity.
_RADIUS, _E2 = 6378137.0, 0.00669437999014
_E = math.sqrt(_E2)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PixelSize:
    """The size of every pixel of an image, as the user or the file says.

    Attributes
    ----------
    width, height : float, meters
        The sides of a pixel; 0 where they are not known.
    unit : str
        One of :data:`segment.core.units.METERS_PER_UNIT`, in which tables give lengths.

    Examples
    --------
    >>> size = PixelSize(0.0002, 0.0003, "mm")
    >>> f"{size.area:.1e}", bool(size), bool(PixelSize())
    ('6.0e-08', True, False)
    """

    width: float = 0.0
    height: float = 0.0
    unit: str = "m"

    def __bool__(self) -> bool:
        """Whether it is known."""
        return self.width > 0

    @property
    def area(self) -> float:
        """Area of a pixel in square meters; NaN where it is not known."""
        return self.width * self.height or math.nan


NO_SIZE = PixelSize()  # of images of which neither the user nor the file says it


@dataclass(frozen=True)
class PixelGrid:
    """Areas and sides of the pixels of an image in a unit of length.

    Attributes
    ----------
    size : PixelSize
        What the user or the file says; it counts more than the georeference.
    georeference : Georeference
        In degrees, Web Mercator and World Mercator pixels of the same image have different sizes: they are those on the
        ellipsoid of WGS 84. In all other systems they are those in the plane of the projection.

    Examples
    --------
    >>> degrees = Georeference((0.01, 0.0, 0.0, 0.0, -0.01, 60.0), "EPSG:4326", degrees=1.0)
    >>> grid = PixelGrid(georeference=degrees)
    >>> grid.compute_areas(np.array([0]), np.array([0])).round().tolist()  # square meters
    [621774.0]
    """

    size: PixelSize = NO_SIZE
    georeference: Georeference = NOWHERE

    def __bool__(self) -> bool:
        """Whether sizes are known."""
        place = self.georeference
        return bool(self.size or place.meters or place.degrees)

    @property
    def is_uniform(self) -> bool:
        """Whether all pixels have the same size, known or not."""
        place = self.georeference
        return bool(self.size) or not (place.degrees or place.is_web_mercator or place.is_world_mercator)

    @property
    def unit(self) -> str:
        """The unit of lengths; empty where sizes are not known."""
        if self.size:
            return self.size.unit
        return "m" if self else ""

    @property
    def area_name(self) -> str:
        """The name of a column of areas, which tells the unit."""
        return f"area_{self.unit}2"

    @property
    def length_name(self) -> str:
        """The name of a column of perimeters, which tells the unit."""
        return f"perimeter_{self.unit}"

    def compute_mean_area(self, shape: tuple[int, int]) -> float:
        """Compute the mean area of the pixels.

        Parameters
        ----------
        shape : tuple of 2 int, pixels
            Height and width of the image.

        Returns
        -------
        float
            In square meters; NaN where it is not known.
        """
        scale = METERS_PER_UNIT[self.unit or "m"] ** 2
        if self.is_uniform:
            return float(self.compute_areas(np.zeros(1), np.zeros(1))[0]) * scale
        # A pixel of each row stands for the row; where the grid is turned, one on the diagonal.
        rows = np.arange(shape[0])
        columns = (rows + 0.5) * shape[1] / shape[0] - 0.5
        return float(self.compute_areas(rows, columns).mean()) * scale

    def compute_areas(self, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        """Compute the areas of pixels.

        Parameters
        ----------
        rows, columns : ndarray of shape (n,)
            Places of the pixels; 0 is the middle of the first one.

        Returns
        -------
        ndarray of shape (n,), float
            In square units; NaN where they are not known.
        """
        place = self.georeference
        if self.size:
            scale = METERS_PER_UNIT[self.size.unit] ** 2
            return np.full(len(rows), self.size.area / scale)
        if self.is_uniform:
            return np.full(len(rows), place.pixel_area)
        if place.transform[3] == 0:
            # Rows are parallels: the zone between two of them has an exact area.
            edges = [_integrate_zone(self._find_latitudes(rows + by, columns)) for by in (-0.5, 0.5)]
            return np.asarray(np.abs(edges[1] - edges[0]) * abs(place.transform[0] * self._radians_per_unit))
        across, down = self._scale_at(rows, columns)
        return np.asarray(abs(place.determinant) * across * down)

    def compute_sides(self, rows: NDArray[Any], columns: NDArray[Any]) -> tuple[Floats, Floats]:
        """Compute the distances between the middles of neighboring pixels.

        Parameters
        ----------
        rows, columns : ndarray of shape (n,)
            Places of the pixels; 0 is the middle of the first one.

        Returns
        -------
        along, across : ndarray of shape (n,), float
            To the next pixel of the row and of the column, in units; NaN where they are not known.
        """
        if self.size:
            scale = METERS_PER_UNIT[self.size.unit]
            return np.full(len(rows), self.size.width / scale), np.full(len(rows), self.size.height / scale)
        a, b, _, d, e, _ = self.georeference.transform
        if self.is_uniform:
            meters = self.georeference.meters or math.nan
            return np.full(len(rows), meters * math.hypot(a, d)), np.full(len(rows), meters * math.hypot(b, e))
        x, y = self._scale_at(rows, columns)
        return np.hypot(a * x, d * y), np.hypot(b * x, e * y)

    @property
    def _radians_per_unit(self) -> float:
        """Radians of longitude of one unit of x."""
        place = self.georeference
        return math.radians(place.degrees) if place.degrees else place.meters / _RADIUS

    def _find_latitudes(self, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        """Find the latitudes of places in the image, in radians."""
        place = self.georeference
        _, _, _, d, e, f = place.transform
        y = (d * (columns + 0.5) + e * (rows + 0.5) + f) * self._radians_per_unit
        latitude = y if place.degrees else 2 * np.arctan(np.exp(y)) - math.pi / 2
        if place.is_world_mercator:
            # Snyder 1987, equation 7-9: each turn leaves less than 1/100 of the error.
            for _ in range(6):
                sine = _E * np.sin(latitude)
                latitude = 2 * np.arctan(np.exp(y) * ((1 + sine) / (1 - sine)) ** (_E / 2)) - math.pi / 2
        return np.clip(latitude, -math.pi / 2, math.pi / 2)

    def _scale_at(self, rows: NDArray[Any], columns: NDArray[Any]) -> tuple[Floats, Floats]:
        """Compute how many meters on the ellipsoid one unit of x and of y is at places in the image."""
        latitude = self._find_latitudes(rows, columns)
        root = np.sqrt(1 - _E2 * np.sin(latitude) ** 2)
        # Radii of curvature: of the parallel, and of the meridian.
        parallel, meridian = _RADIUS * np.cos(latitude) / root, _RADIUS * (1 - _E2) / root**3
        per_unit = self._radians_per_unit
        if self.georeference.degrees:
            return parallel * per_unit, meridian * per_unit
        if self.georeference.is_world_mercator:  # the same scale in all directions
            return parallel * per_unit, parallel * per_unit
        # y of Web Mercator is that of a sphere: a step in it is a step in latitude times its cosine.
        return parallel * per_unit, meridian * per_unit * np.cos(latitude)


def _integrate_zone(latitude: Floats) -> Floats:
    """Integrate the area of the ellipsoid from the equator to a latitude, for each radian of longitude.

    In square meters: half the squared radius times the function q of the authalic latitude (Snyder 1987, Map
    projections, equation 3-12).
    """
    sine = np.sin(latitude)
    q = (1 - _E2) * (sine / (1 - _E2 * sine**2) + np.arctanh(_E * sine) / _E)
    return np.asarray(_RADIUS**2 / 2 * q)
