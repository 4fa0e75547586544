"""GeoJSON, read back by shapely, with rasterio for the coordinates."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from label_cases import HOLES, for_label_images
from shapely.geometry import shape

from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference
from segment.core.image import Image
from segment.output.geojson import encode_geojson
from segment.output.measurements import measure_areas
from segment.output.palette import pick_class_colors
from segment.output.shapes import trace_classes
from segment.output.world_coordinates import choose_coordinates

transform = pytest.importorskip("rasterio.warp", reason="longitude and latitude need rasterio").transform

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')

COLORS = pick_class_colors(4)

MAP = Georeference((0.3, 0.0, 500_000.1, 0.0, -0.3, 4_600_000.7), "EPSG:32632", 1.0)

TURNED = Georeference((3.0, 4.0, 100.0, -4.0, 3.0, 200.0), "EPSG:2056", 1.0)


def encode_text(labels: np.ndarray, place: Georeference = NOWHERE, choice: str = "keep") -> str:
    """Encode a label image as GeoJSON."""
    image = replace(Image.from_array(np.zeros(labels.shape, np.uint8)), georeference=place)
    areas = measure_areas(labels, image, 4)
    return "".join(encode_geojson(trace_classes(labels), NAMES, COLORS, choose_coordinates(place, choice), areas))


def read_polygons(labels: np.ndarray, place: Georeference = NOWHERE, choice: str = "keep") -> dict[int, Any]:
    """Read the polygon of each label back from GeoJSON."""
    features = json.loads(encode_text(labels, place, choice))["features"]
    return {part["id"]: shape(part["geometry"]) for part in features}


def paint_polygons(polygons: dict[int, Any], size: tuple[int, ...], place: Georeference = NOWHERE) -> np.ndarray:
    """Paint polygons, which may not overlap, as a label image: a pixel has the label at its center."""
    row, column = np.indices(size) + 0.5
    a, b, c, d, e, f = place.transform
    found = np.zeros(size, np.uint8)
    for label, polygon in polygons.items():
        inside = shapely.contains_xy(polygon, a * column + b * row + c, d * column + e * row + f)
        assert not found[inside].any()
        found[inside] = label
    return found


@for_label_images
def test_polygons_paint_the_labels_that_were_written(labels: np.ndarray) -> None:
    polygons = read_polygons(labels)
    np.testing.assert_array_equal(paint_polygons(polygons, labels.shape), labels)
    for label, polygon in polygons.items():
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == np.count_nonzero(labels == label)
    assert sum(polygon.area for polygon in polygons.values()) == np.count_nonzero(labels)


@for_label_images
def test_rings_wind_as_the_standard_asks_in_any_system(labels: np.ndarray) -> None:
    for place in (NOWHERE, MAP, TURNED):
        polygons = read_polygons(labels, place)
        np.testing.assert_array_equal(paint_polygons(polygons, labels.shape, place), labels)
        for part in (part for polygon in polygons.values() for part in polygon.geoms):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


@for_label_images
def test_neighbors_share_every_vertex_of_their_border(labels: np.ndarray) -> None:
    for place in (NOWHERE, MAP):
        sides: Counter[tuple[Any, Any]] = Counter()
        for polygon in read_polygons(labels, place).values():
            for ring in (ring for part in polygon.geoms for ring in (part.exterior, *part.interiors)):
                sides.update(zip(ring.coords[:-1], ring.coords[1:], strict=True))
        assert set(sides.values()) <= {1}
        single = [side for side in sides if side[::-1] not in sides]  # such as have no class on their other side
        length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in single) / abs(place.transform[0])
        padded = np.pad(labels > 0, 1).astype(int)
        assert length == pytest.approx(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())


def test_features_have_the_properties_of_their_classes() -> None:
    found = json.loads(encode_text(HOLES, MAP))
    assert found["crs"] == {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    sky = found["features"][0]["properties"]
    assert (sky["label"], sky["name"], sky["fill"], sky["pixels"]) == (1, "sky", "#0072b2", 25)
    assert sky["area_m2"] == pytest.approx(25 * 0.09)
    assert [part["properties"]["name"] for part in found["features"]] == list(NAMES[:2])
    plain = json.loads(encode_text(HOLES))
    assert "crs" not in plain
    assert plain["coordinate_system"].startswith("pixels")
    assert "area_m2" not in plain["features"][0]["properties"]
    assert "crs" not in json.loads(encode_text(HOLES, Georeference((0.1, 0, 9, 0, -0.1, 50), "EPSG:4326")))
    assert not {"coordinates", "geometry", "properties"} & set(plain)  # which RFC 7946 forbids there
    assert encode_text(np.asfortranarray(HOLES)) == encode_text(HOLES)


def paint_projected(polygons: dict[int, Any], size: tuple[int, ...], place: Georeference) -> np.ndarray:
    """Paint polygons in longitude and latitude: the center of each pixel is projected."""
    row, column = np.indices(size) + 0.5
    a, b, c, d, e, f = place.transform
    world = (a * column + b * row + c).reshape(-1), (d * column + e * row + f).reshape(-1)
    x, y = transform(place.crs, "EPSG:4326", *(part.tolist() for part in world))
    found = np.zeros(size, np.uint8).reshape(-1)
    for label, polygon in polygons.items():
        found[shapely.contains_xy(polygon, np.array(x), np.array(y))] = label
    return found.reshape(size)


@pytest.mark.parametrize("place", [MAP, TURNED, replace(MAP, transform=(1000.0, 0, 3e5, 0, -1000.0, 7_900_000.0))])
def test_polygons_in_degrees_paint_the_labels(place: Georeference) -> None:
    labels = np.kron(HOLES, np.ones((40, 40), np.uint8))
    text = encode_text(labels, place, "wgs84")
    assert "crs" not in json.loads(text)
    polygons = read_polygons(labels, place, "wgs84")
    np.testing.assert_array_equal(paint_projected(polygons, labels.shape, place), labels)
    for polygon in polygons.values():
        assert polygon.is_valid
        for part in polygon.geoms:
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


def test_long_edges_follow_the_curve_that_they_are_in_degrees() -> None:
    """A straight edge of 4000 km of the Lambert projection lies up to 90 km off a line in degrees."""
    place = Georeference((10_000.0, 0.0, 2_500_000.0, 0.0, -10_000.0, 5_500_000.0), "EPSG:3035", 1.0)
    labels = np.repeat([[1], [2]], 200, axis=0).repeat(400, axis=1)
    polygons = read_polygons(labels, place, "wgs84")
    np.testing.assert_array_equal(paint_projected(polygons, labels.shape, place), labels)
    assert polygons[1].intersection(polygons[2]).area == 0


def test_polygons_over_the_date_line_go_on_beyond_it() -> None:
    place = Georeference((1000.0, 0.0, 800_000.0, 0.0, -1000.0, 50_000.0), "EPSG:32660", 1.0)
    polygon = read_polygons(np.ones((10, 100), np.uint8), place, "wgs84")[1]
    west, _, east, _ = polygon.bounds
    assert 179 < west < 180 < east < 181


def test_a_system_without_a_number_is_brought_to_degrees_or_refused() -> None:
    # An equal-area projection that the file defines itself: its keys, and the parameters that they point into.
    keys = (1, 1, 0, 8, 1024, 0, 1, 1, 1025, 0, 1, 1, 2048, 0, 1, 4326, 3072, 0, 1, 32767, 3074, 0, 1, 32767)
    keys += (3075, 0, 1, 10, 3076, 0, 1, 9001, 3088, 34736, 1, 0, 3089, 34736, 1, 1)
    keys = (1, 1, 0, (len(keys) - 4) // 4, *keys[4:])
    place = Georeference((10.0, 0, 0.0, 0, -10.0, 0.0), "", 1.0, (keys, (9.0, 48.0), ""))
    found = json.loads(encode_text(HOLES, place, "wgs84"))
    assert "crs" not in found
    west, _, _, north = shape(found["features"][0]["geometry"]).bounds
    assert (west, north) == (pytest.approx(9, abs=1e-3), pytest.approx(48, abs=1e-3))
    with pytest.raises(ImageError, match=r"EPSG number; got one without a number\. Give --geojson-crs wgs84"):
        encode_text(HOLES, place, "keep")
    assert encode_text(HOLES, place, "pixels").startswith('{"type":"FeatureCollection","coordinate_system":"pixels')


@pytest.mark.parametrize("place", [Georeference(MAP.transform), Georeference(MAP.transform, "EPSG:1", 1.0)])
@pytest.mark.parametrize("choice", ["wgs84", "keep"])
def test_a_system_that_nobody_knows_is_refused(place: Georeference, choice: str) -> None:
    with pytest.raises(ImageError, match="GeoJSON needs a coordinate system"):
        encode_text(HOLES, place, choice)


def test_areas_are_those_of_the_table() -> None:
    place = Georeference((1.0, 0, 9.0, 0, -1.0, 60.0), "EPSG:4326", degrees=1.0)
    feature = json.loads(encode_text(np.ones((1, 1), np.uint8), place))["features"][0]
    assert feature["properties"]["area_m2"] == pytest.approx(6.3098e9, rel=1e-4)
