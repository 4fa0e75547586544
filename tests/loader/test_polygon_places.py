"""Polygons in pixels, in the coordinates of a raster, and in degrees."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference
from segment.loader.polygon_files import PolygonFile
from segment.loader.polygon_places import describe_extent, locate_polygons

PLACE = Georeference((10.0, 0.0, 500_000.0, 0.0, -10.0, 5_200_000.0), "EPSG:32632", 1.0)
SHAPE = (120, 160)
PIXELS = np.array([[50.0, 10], [150, 10], [150, 60], [50, 10]])
WORLD = PIXELS * (10, -10) + (500_000, 5_200_000)


def locate(points: np.ndarray, place: Georeference, **members: object) -> tuple[np.ndarray, str]:
    """Place one polygon."""
    regions, note = locate_polygons(PolygonFile(((points,),), ("1",), **members), place, SHAPE)
    return regions[0][0], note


def test_pixels_stay_pixels() -> None:
    for place, members in ((NOWHERE, {}), (PLACE, {"is_in_pixels": True})):
        points, note = locate(PIXELS, place, **members)
        assert np.array_equal(points, PIXELS)
        assert note == ""


def test_a_guess_is_noted() -> None:
    points, note = locate(WORLD, PLACE)
    assert points == pytest.approx(PIXELS)
    assert note.endswith("those of the raster")
    points, note = locate(PIXELS, PLACE)
    assert points == pytest.approx(PIXELS)
    assert note.endswith("pixels")


@pytest.mark.parametrize("crs", ["EPSG:32632", "urn:ogc:def:crs:EPSG::32632"])
def test_the_named_system_is_taken(crs: str) -> None:
    points, note = locate(WORLD, PLACE, crs=crs)
    assert points == pytest.approx(PIXELS)
    assert note == ""


@pytest.mark.parametrize("crs", ["", "urn:ogc:def:crs:OGC:1.3:CRS84"])
def test_degrees_are_projected(crs: str) -> None:
    warp = pytest.importorskip("rasterio.warp")
    degrees = np.stack(warp.transform("EPSG:32632", "EPSG:4326", *WORLD.T.tolist()), axis=1)
    points, note = locate(degrees, PLACE, crs=crs)
    assert points == pytest.approx(PIXELS, abs=0.01)
    assert note == ""


def test_another_projection_is_projected() -> None:
    warp = pytest.importorskip("rasterio.warp")
    mercator = np.stack(warp.transform("EPSG:32632", "EPSG:3857", *WORLD.T.tolist()), axis=1)
    points, _ = locate(mercator, PLACE, crs="EPSG:3857")
    assert points == pytest.approx(PIXELS, abs=0.01)


def test_an_unknown_system_is_refused() -> None:
    pytest.importorskip("rasterio")
    with pytest.raises(ImageError, match="known coordinate system; got nonsense"):
        locate(WORLD, PLACE, crs="nonsense")
    with pytest.raises(ImageError, match="whose system is unknown; got EPSG:3857"):
        locate(WORLD, Georeference(PLACE.transform), crs="EPSG:3857")


def test_polygons_elsewhere_stay_outside() -> None:
    points, note = locate(WORLD + 1e6, PLACE)
    assert (points.max(axis=0) < 0).any() or (points.min(axis=0) > max(SHAPE)).any()
    assert note == ""


def test_regions_that_reach_beyond_the_image_are_said() -> None:
    inside, edge = np.array([[2.0, 2], [9, 2], [9, 7]]), np.array([[-0.5, 0], [12.9, 0], [12, 10.5]])
    beyond = [edge + step for step in ((-3.0, 0), (3, 0), (0, -4), (0, 4))]
    assert describe_extent(((inside,), (edge,)), ("a", "b"), ("a", "b"), (10, 12)) == ()
    regions, names = ((inside,), *((ring,) for ring in beyond)), ("a", "b", "c", "d", "e")
    assert describe_extent(regions, names, names, (10, 12)) == (
        "regions of interest reach beyond the image, where nothing counts: b, c, d and 1 more",
    )
    assert describe_extent(regions, names, ("a", "e"), (10, 12)) == (
        "regions of interest have no pixel on the image and are left out: b, c, d",
        "regions of interest reach beyond the image, where nothing counts: e",
    )
