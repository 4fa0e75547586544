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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as cocomask
from pycocotools.coco import COCO
from shapely.geometry import shape

from segment.core.georeference import NOWHERE, Georeference
from segment.output import outlines
from segment.output.outlines import trace_outlines
from segment.output.palette import pick_class_colors
from segment.output.vectors import coco, geojson, svg, trace_classes
from segment.postprocessor.connected_regions import number_regions

# NumPy 2 warns of pycocotools' own arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')
COLORS = pick_class_colors(4)
MAP = Georeference((0.3, 0.0, 500_000.1, 0.0, -0.3, 4_600_000.7), "EPSG:32632", 1.0)
TURNED = Georeference((3.0, 4.0, 100.0, -4.0, 3.0, 200.0), "EPSG:2056", 1.0)
HOLES = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 2, 2, 2, 2, 2, 1],
        [1, 2, 0, 0, 0, 2, 1],
        [1, 2, 0, 1, 0, 2, 1],
        [1, 2, 0, 0, 2, 2, 1],
        [1, 2, 2, 2, 2, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    dtype=np.uint8,
)
CHECKS = (np.indices((5, 6)).sum(axis=0) % 2 + 1).astype(np.uint8)
# A ring of pixels that touches itself at a corner, inside and outside.
PINCHED = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 1]], dtype=np.uint8)
any_labels = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3) | st.integers(0, 1)
)


def cases(test: Any) -> Any:
    """Run a test on the label images above and on many that Hypothesis makes."""
    for labels in (HOLES, CHECKS, PINCHED, np.zeros((2, 3), np.uint8), np.ones((1, 1), np.uint8)):
        test = example(labels)(test)
    return settings(deadline=None, max_examples=60)(given(any_labels)(test))  # the first run loads libraries


def text_of(labels: np.ndarray, place: Georeference = NOWHERE) -> str:
    return "".join(geojson(trace_classes(labels), NAMES, COLORS, place))


def features(labels: np.ndarray, place: Georeference = NOWHERE) -> dict[int, Any]:
    return {part["id"]: shape(part["geometry"]) for part in json.loads(text_of(labels, place))["features"]}


def painted(polygons: dict[int, Any], size: tuple[int, ...], place: Georeference = NOWHERE) -> np.ndarray:
    """The label image that the polygons make: the label at the center of every pixel. No two may overlap."""
    row, column = np.indices(size) + 0.5
    a, b, c, d, e, f = place.transform
    found = np.zeros(size, np.uint8)
    for label, polygon in polygons.items():
        inside = shapely.contains_xy(polygon, a * column + b * row + c, d * column + e * row + f)
        assert not found[inside].any()
        found[inside] = label
    return found


@cases
def test_polygons_paint_the_labels_that_were_written(labels: np.ndarray) -> None:
    polygons = features(labels)
    np.testing.assert_array_equal(painted(polygons, labels.shape), labels)
    for label, polygon in polygons.items():
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == np.count_nonzero(labels == label)
    assert sum(polygon.area for polygon in polygons.values()) == np.count_nonzero(labels)


@cases
def test_rings_wind_as_the_standard_asks_in_any_system(labels: np.ndarray) -> None:
    for place in (NOWHERE, MAP, TURNED):
        polygons = features(labels, place)
        np.testing.assert_array_equal(painted(polygons, labels.shape, place), labels)
        for part in (part for polygon in polygons.values() for part in polygon.geoms):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


@cases
def test_neighbors_share_every_vertex_of_their_border(labels: np.ndarray) -> None:
    for place in (NOWHERE, MAP):
        sides: Counter[tuple[Any, Any]] = Counter()
        for polygon in features(labels, place).values():
            for ring in (ring for part in polygon.geoms for ring in (part.exterior, *part.interiors)):
                sides.update(zip(ring.coords[:-1], ring.coords[1:], strict=True))
        assert set(sides.values()) <= {1}
        single = [side for side in sides if side[::-1] not in sides]  # such as have no class on their other side
        length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in single) / abs(place.transform[0])
        padded = np.pad(labels > 0, 1).astype(int)
        assert length == pytest.approx(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())


@cases
def test_every_region_has_one_outer_ring_and_simple_rings(labels: np.ndarray) -> None:
    regions, label = number_regions(labels)
    found = trace_outlines(regions)
    assert found.region[~found.is_hole].tolist() == list(range(1, len(label) + 1))
    area = np.bincount(found.region, found.areas, minlength=len(label) + 1)
    np.testing.assert_array_equal(area[1:], np.bincount(regions.ravel())[1 : len(label) + 1])
    for a, b in zip(found.starts[:-1], found.starts[1:], strict=True):
        assert len({tuple(point) for point in found.points[a:b].tolist()}) == b - a


def test_blocks_of_rows_make_no_difference(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    regions, _ = number_regions(rng.integers(0, 3, (23, 9)))
    whole = trace_outlines(regions)
    for block in (1, 18, 50):
        monkeypatch.setattr(outlines, "_BLOCK", block)
        found = trace_outlines(regions)
        assert found.points.tolist() == whole.points.tolist()
        assert found.starts.tolist() == whole.starts.tolist()


def test_outlines_written_out() -> None:
    found = trace_outlines(np.array([[1, 1, 2]]))
    assert found.points.tolist() == [[0, 0], [2, 0], [2, 1], [0, 1], [2, 0], [3, 0], [3, 1], [2, 1]]
    assert found.starts.tolist() == [0, 4, 8]
    tee = trace_outlines(np.array([[1, 1], [2, 3]]))  # where two borders meet, the straight side has a vertex too
    assert [1, 1] in tee.points[: tee.starts[1]].tolist()


def test_what_a_feature_says() -> None:
    found = json.loads(text_of(HOLES, MAP))
    assert found["crs"] == {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    sky = found["features"][0]["properties"]
    assert (sky["label"], sky["name"], sky["fill"], sky["pixels"]) == (1, "sky", "#0072b2", 25)
    assert sky["square_metres"] == pytest.approx(25 * 0.09)
    assert [part["properties"]["name"] for part in found["features"]] == list(NAMES[:2])
    plain = json.loads(text_of(HOLES))
    assert "crs" not in plain
    assert plain["coordinate_system"].startswith("pixels")
    assert "square_metres" not in plain["features"][0]["properties"]
    assert "crs" not in json.loads(text_of(HOLES, Georeference((0.1, 0, 9, 0, -0.1, 50), "EPSG:4326")))
    assert not {"coordinates", "geometry", "properties"} & set(plain)  # which RFC 7946 forbids there


def painted_svg(root: ElementTree.Element, size: tuple[int, ...]) -> np.ndarray:
    """The label image of the paths, filled row by row: a pixel is inside where an odd number of sides lies above."""
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


@cases
def test_svg_paths_paint_the_labels(labels: np.ndarray) -> None:
    root = ElementTree.fromstring("".join(svg(trace_classes(labels), NAMES, COLORS, title="a \x07 <b>")))
    assert root.attrib["viewBox"] == f"0 0 {labels.shape[1]} {labels.shape[0]}"
    assert root.attrib["fill-rule"] == "evenodd"
    assert root.find("{*}title").text == r"a \x07 <b>"
    np.testing.assert_array_equal(painted_svg(root, labels.shape), labels)
    for path in root.findall("{*}path"):
        label = int(path.attrib["id"].removeprefix("class-"))
        assert path.find("{*}title").text == NAMES[label - 1].replace("\x1b", r"\x1b")
        assert path.attrib["fill"] == "#" + bytes(COLORS[label - 1]).hex()
        for sides in re.findall("M[^z]*z", path.attrib["d"]):
            assert re.fullmatch(r"M\d+ \d+(h-?\d+v-?\d+)*h-?\d+z", sides)  # every vertex is a corner


def read_coco(labels: np.ndarray) -> COCO:
    found = COCO()
    found.dataset = json.loads(coco(labels, NAMES, file_name="a.png"))
    with redirect_stdout(io.StringIO()):
        found.createIndex()
    return found


@cases
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
    assert text_of(turned) == text_of(HOLES)
    assert coco(turned, NAMES, file_name="") == coco(HOLES, NAMES, file_name="")
