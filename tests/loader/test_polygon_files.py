"""Regions of interest in GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segment.core.errors import ImageError
from segment.loader.polygon_files import read_polygons

SQUARE = [[[0, 0], [4, 0], [4, 4], [0, 0]]]


def geojson(tmp_path: Path, *features: dict[str, Any], **members: Any) -> str:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}), encoding="utf-8")
    return str(path)


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def test_polygons_have_names_and_a_system(tmp_path: Path) -> None:
    path = geojson(
        tmp_path,
        feature("Polygon", SQUARE, Name="plot"),
        feature("MultiPolygon", [SQUARE, SQUARE], name="plot"),
        feature("Polygon", SQUARE, id=7),
        feature("Polygon", SQUARE),
        crs={"type": "name", "properties": {"name": "EPSG:32632"}},
    )
    file = read_polygons(path)
    assert file.names == ("plot", "plot (2)", "7", "4")
    assert [len(rings) for rings in file.regions] == [1, 2, 1, 1]
    assert file.crs == "EPSG:32632"
    assert not file.is_in_pixels


def test_a_single_geometry_is_a_region(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = json.dumps({"type": "Polygon", "coordinates": SQUARE})
    path.write_text("\ufeff  " + text, encoding="utf-8")
    file = read_polygons(str(path))
    assert file.names == ("1",)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "1 to 65535 polygons; got 0"),
        ([feature("Point", [0, 0])], "regions of interest are polygons; got a Point"),
        ([feature("Polygon", [[[0, 0], [1, 1]]])], "at least three points"),
        ([feature("Polygon", [])], "a polygon has rings; got none"),
        ([feature("Polygon", 5)], "the GeoJSON is damaged"),
        ([{"type": "Feature"}], "1 to 65535 polygons; got 0"),
    ],
)
def test_wrong_geojson_is_refused(tmp_path: Path, features: list[dict[str, Any]], message: str) -> None:
    path = geojson(tmp_path, *features)
    with pytest.raises(ImageError, match=message) as error:
        read_polygons(path)
    assert str(error.value).startswith(path)


def test_json_that_is_no_geojson_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"shapes": [{"label": "leaf", "points": [[0, 0], [1, 1], [0, 1]]}]}', encoding="utf-8")
    with pytest.raises(ImageError, match=r"got other JSON\. Export them as GeoJSON"):
        read_polygons(str(path))
