"""Drawings and masks, read back by pycocotools and an XML parser."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from xml.etree import ElementTree

import numpy as np
import pytest
from label_cases import HOLES, for_label_images
from pycocotools import mask as cocomask
from pycocotools.coco import COCO

from segment.output.palette import pick_class_colors
from segment.output.vectors import compute_run_lengths, encode_coco, encode_svg, trace_classes

# NumPy 2 warns of pycocotools' own arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')

COLORS = pick_class_colors(4)


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
    assert encode_coco(turned, NAMES, file_name="") == encode_coco(HOLES, NAMES, file_name="")


def test_run_lengths_go_down_the_columns() -> None:
    found = compute_run_lengths(np.array([[1, 0, 2], [1, 1, 0]]))
    assert {label: (counts.tolist(), box) for label, (counts, box) in found.items()} == {
        1: ([0, 2, 1, 1, 2], [0, 0, 2, 2]),
        2: ([4, 1, 1], [2, 0, 1, 1]),
    }
