"""Polygons and masks, read back by shapely, pycocotools and an XML parser."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from contextlib import redirect_stdout
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from label_cases import HOLES, for_label_images
from pycocotools import mask as cocomask
from pycocotools.coco import COCO
from shapely.geometry import shape

from segment.core.georeference import NOWHERE, Georeference
from segment.output.palette import pick_class_colors
from segment.output.vectors import compute_run_lengths, encode_coco, encode_geojson, encode_svg, trace_classes

# NumPy 2 warns of pycocotools' own arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')

COLORS = pick_class_colors(4)

MAP = Georeference((0.3, 0.0, 500_000.1, 0.0, -0.3, 4_600_000.7), "EPSG:32632", 1.0)

TURNED = Georeference((3.0, 4.0, 100.0, -4.0, 3.0, 200.0), "EPSG:2056", 1.0)


def encode_text(labels: np.ndarray, place: Georeference = NOWHERE) -> str:
    """Encode a label image as GeoJSON."""
    return "".join(encode_geojson(trace_classes(labels), NAMES, COLORS, place))


def read_polygons(labels: np.ndarray, place: Georeference = NOWHERE) -> dict[int, Any]:
    """Read the polygon of each label back from GeoJSON."""
    return {part["id"]: shape(part["geometry"]) for part in json.loads(encode_text(labels, place))["features"]}


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
    assert sky["square_metres"] == pytest.approx(25 * 0.09)
    assert [part["properties"]["name"] for part in found["features"]] == list(NAMES[:2])
    plain = json.loads(encode_text(HOLES))
    assert "crs" not in plain
    assert plain["coordinate_system"].startswith("pixels")
    assert "square_metres" not in plain["features"][0]["properties"]
    assert "crs" not in json.loads(encode_text(HOLES, Georeference((0.1, 0, 9, 0, -0.1, 50), "EPSG:4326")))
    assert not {"coordinates", "geometry", "properties"} & set(plain)  # which RFC 7946 forbids there


def paint_svg(root: ElementTree.Element, size: tuple[int, ...]) -> np.ndarray:
    """Paint SVG paths as a label image: a pixel is inside if an odd number of sides is above it."""
    found = np.zeros(size, np.uint8)
    for path in root.findall("{*}path"):
        crossings = np.zeros((size[0] + 1, size[1]), int)
        x = y = 0
        for letter, numbers in re.findall("([Mhvz])([-0-9 ]*)", path.attrib["d"]):
            if letter == "M":
                x, y = (int(number) for number in numbers.split())
            elif letter == "h":
                low, high = sorted((x, x + int(numbers)))
                crossings[y, low:high] += 1
                x += int(numbers)
            elif letter == "v":
                y += int(numbers)
        inside = (np.cumsum(crossings, axis=0)[:-1] % 2).astype(bool)
        assert not found[inside].any()
        found[inside] = int(path.attrib["id"].removeprefix("class-"))
    return found


@for_label_images
def test_svg_paths_paint_the_labels(labels: np.ndarray) -> None:
    root = ElementTree.fromstring("".join(encode_svg(trace_classes(labels), NAMES, COLORS, title="a \x07 <b>")))
    assert root.attrib["viewBox"] == f"0 0 {labels.shape[1]} {labels.shape[0]}"
    assert root.attrib["fill-rule"] == "evenodd"
    assert root.find("{*}title").text == r"a \x07 <b>"
    np.testing.assert_array_equal(paint_svg(root, labels.shape), labels)
    for path in root.findall("{*}path"):
        label = int(path.attrib["id"].removeprefix("class-"))
        assert path.find("{*}title").text == NAMES[label - 1].replace("\x1b", r"\x1b")
        assert path.attrib["fill"] == "#" + bytes(COLORS[label - 1]).hex()
        for sides in re.findall("M[^z]*z", path.attrib["d"]):
            assert re.fullmatch(r"M\d+ \d+(h-?\d+v-?\d+)*h-?\d+z", sides)  # every vertex is a corner


def read_coco(labels: np.ndarray) -> COCO:
    """Read the annotations of a label image back with pycocotools."""
    found = COCO()
    found.dataset = json.loads(encode_coco(labels, NAMES, file_name="a.png"))
    with redirect_stdout(io.StringIO()):
        found.createIndex()
    return found


@for_label_images
def test_coco_masks_are_the_classes(labels: np.ndarray) -> None:
    found = read_coco(labels)
    masks = np.zeros(labels.shape, np.uint8)
    for annotation in found.loadAnns(found.getAnnIds()):
        mask = found.annToMask(annotation)
        np.testing.assert_array_equal(mask, labels == annotation["category_id"])
        assert annotation["area"] == cocomask.area(annotation["segmentation"]) == mask.sum()
        assert annotation["bbox"] == cocomask.toBbox(annotation["segmentation"]).tolist()
        theirs = cocomask.encode(np.asfortranarray(mask))
        assert annotation["segmentation"]["counts"].encode() == theirs["counts"]
        masks += mask * np.uint8(annotation["category_id"])
    np.testing.assert_array_equal(masks, labels)


def test_coco_names_and_long_runs() -> None:
    labels = np.zeros((700, 900), np.uint8)
    labels[5, 7], labels[:, 400:], labels[699, 899] = 1, 2, 1
    found = read_coco(labels)
    assert [category["name"] for category in found.loadCats(found.getCatIds())] == list(NAMES)
    assert found.loadImgs(1) == [{"id": 1, "width": 900, "height": 700, "file_name": "a.png"}]
    for annotation in found.loadAnns(found.getAnnIds()):
        np.testing.assert_array_equal(found.annToMask(annotation), labels == annotation["category_id"])


def test_memory_order_does_not_matter() -> None:
    turned = np.asfortranarray(HOLES)
    assert encode_text(turned) == encode_text(HOLES)
    assert encode_coco(turned, NAMES, file_name="") == encode_coco(HOLES, NAMES, file_name="")


def test_run_lengths_go_down_the_columns() -> None:
    found = compute_run_lengths(np.array([[1, 0, 2], [1, 1, 0]]))
    assert {label: (counts.tolist(), box) for label, (counts, box) in found.items()} == {
        1: ([0, 2, 1, 1, 2], [0, 0, 2, 2]),
        2: ([4, 1, 1], [2, 0, 1, 1]),
    }
