"""Masks, read back by pycocotools."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import tifffile
from label_cases import HOLES, for_label_images
from pycocotools import mask as cocomask
from pycocotools.coco import COCO

import segment
from segment.output.coco import compute_run_lengths, encode_coco

# NumPy 2 warns of pycocotools' own arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')


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


def test_an_image_says_which_page_and_part_of_a_file_it_is(tmp_path: Path) -> None:
    pages = np.repeat(np.repeat([[[20, 200]], [[200, 20]]], 6, axis=2), 8, axis=1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    result = segment.segment_image(tmp_path / "a.tif", k=2, page=2, crop=(2, 1, 10, 8), save=("coco",))
    (path,) = result.save(tmp_path / "out", stem="a")
    document = json.loads(path.read_text())
    size = {"width": 8, "height": 7}
    assert document["images"] == [{"id": 1, **size, "file_name": "a.tif", "page": 2, "crop": "2,1,10,8"}]
