"""Areas and sides of pixels, against numbers of geodesy that others have published or computed (GeographicLib)."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from segment.core.georeference import Georeference
from segment.core.pixel_grid import NO_SIZE, PixelGrid, PixelSize

DEGREES = Georeference((1.0, 0.0, -180.0, 0.0, -1.0, 90.0), "EPSG:4326", degrees=1.0)


def test_sizes_of_the_user_count_more_than_the_place() -> None:
    grid = PixelGrid(PixelSize(0.0002, 0.0003, "mm"), DEGREES)
    assert (grid.unit, grid.area_name, grid.length_name) == ("mm", "area_mm2", "perimeter_mm")
    assert grid.compute_areas(np.array([5]), np.array([5])) == pytest.approx([0.06])
    assert [side.tolist() for side in grid.compute_sides(np.array([5]), np.array([5]))] == [[0.2], [0.3]]
    assert grid.compute_mean_area((9, 9)) == pytest.approx(6e-8)


def test_nothing_is_known_of_an_ordinary_image() -> None:
    assert not PixelGrid()
    assert math.isnan(PixelGrid().compute_mean_area((3, 4)))
    assert pickle.loads(pickle.dumps(NO_SIZE)) == NO_SIZE


def test_the_pixels_of_a_globe_have_its_area() -> None:
    rows = np.arange(180)
    total = 360 * PixelGrid(georeference=DEGREES).compute_areas(rows, np.zeros(180)).sum()
    assert total == pytest.approx(510_065_621_724_089, rel=1e-9)  # square meters of WGS 84


def test_sides_in_degrees() -> None:
    # The longest parallel and the shortest meridian degree, from tables of the ellipsoid.
    along, across = PixelGrid(georeference=DEGREES).compute_sides(np.array([89.5]), np.array([0]))
    assert along[0] == pytest.approx(111_319.491, abs=1e-2)
    assert across[0] == pytest.approx(110_574.276, abs=1)


@pytest.mark.parametrize(
    ("crs", "transform", "expected"),
    [
        # GeographicLib: polygons with 800 vertices along the edges of the pixel.
        ("EPSG:4326", (0.01, 0.004, 11.0, 0.003, -0.01, 60.0), 696_355.423),
        ("EPSG:3857", (10.0, 0.0, 1_224_514.4, 0.0, -10.0, 8_399_737.9), 25.083924),
        # PROJ: the corners in EPSG:6933, which is true to area.
        ("EPSG:3395", (10.0, 0.0, 1_224_514.4, 0.0, -10.0, 8_362_698.5), 25.1261875),
        ("EPSG:3395", (10.0, 1e-5, 1_224_514.4, 1e-5, -10.0, 8_362_698.5), 25.1261875),
    ],
    ids=["turned degrees", "Web Mercator", "World Mercator", "turned World Mercator"],
)
def test_pixels_on_the_ellipsoid(crs: str, transform: tuple[float, ...], expected: float) -> None:
    place = Georeference(transform, crs, *((0.0, ((), (), ""), 1.0) if crs == "EPSG:4326" else (1.0,)))
    grid = PixelGrid(georeference=place)
    area = grid.compute_areas(np.array([0]), np.array([0]))[0]
    assert area == pytest.approx(expected, rel=1e-7)
    assert grid.compute_mean_area((2, 2)) == pytest.approx(expected, rel=1e-3)
    along, across = grid.compute_sides(np.array([0]), np.array([0]))
    if crs != "EPSG:4326":
        assert along[0] * across[0] == pytest.approx(area, rel=1e-6)
