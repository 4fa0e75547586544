"""One COCO file for a folder, read back as pycocotools indexes and decodes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image as PilImage

from segment.config.config import SegmentConfig
from segment.runs.batch.coco_file import COCO
from segment.runs.batch.folder_run import FolderRun, FolderSettings


def decode_mask(text: str, size: list[int]) -> np.ndarray:
    """Decode compressed run lengths as `rleFrString` and `rleDecode` of pycocotools' maskApi.c do."""
    counts: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            part = ord(text[place]) - 48
            value |= (part & 0x1F) << shift
            more = bool(part & 0x20)
            place, shift = place + 1, shift + 5
            if not more and part & 0x10:
                value |= -1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    flat = np.repeat(np.arange(len(counts)) % 2, counts)
    return flat.reshape(size[1], size[0]).T.astype(bool)


def test_numbers_are_unique_and_classes_of_one_name_are_one_category(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    for name, width in (("a.png", 5), ("below/a.png", 9)):
        pixels = np.repeat([[20, 200]], [width, 7], axis=1).astype(np.uint8).repeat(6, axis=0)
        PilImage.fromarray(pixels).save(folder / name)
    config = SegmentConfig(k=2, spatial="none", save="coco,labels", name="sky=brightest")
    with FolderRun(folder, tmp_path / "out", config, FolderSettings(n_workers=1, recursive=True)) as run:
        assert len(list(run.iterate_outcomes())) == 2
    document = json.loads((tmp_path / "out" / COCO).read_text())
    images = {image["id"]: image for image in document["images"]}
    categories = {category["id"]: category["name"] for category in document["categories"]}
    assert [image["file_name"] for image in images.values()] == ["a.png", "below/a.png"]
    assert categories == {1: "class 1", 2: "sky"}
    assert len({item["id"] for item in document["annotations"]}) == len(document["annotations"]) == 4
    for item in document["annotations"]:
        image = images[item["image_id"]]
        mask = decode_mask(item["segmentation"]["counts"], item["segmentation"]["size"])
        stem = image["file_name"].removesuffix(".png")
        with PilImage.open(tmp_path / "out" / f"{stem}_labels.png") as picture:
            labels = np.asarray(picture)
        assert mask.shape == (image["height"], image["width"])
        np.testing.assert_array_equal(mask, labels == (2 if categories[item["category_id"]] == "sky" else 1))
        assert item["area"] == mask.sum()
        left, top, width, height = item["bbox"]
        assert mask[top : top + height, left : left + width].sum() == mask.sum()


def test_the_pages_of_a_file_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, n_dark in (("a.tif", (4, 6, 9)), ("b.tif", (5,))):
        pages = np.stack([np.where(np.arange(12) < n, 20, 200).repeat(6).reshape(12, 6).T for n in n_dark])
        tifffile.imwrite(folder / name, pages.astype(np.uint8), photometric="minisblack")
    config = SegmentConfig(k=2, spatial="none", clean_up="none", save="coco", page="all")
    with FolderRun(folder, tmp_path / "out", config, FolderSettings(n_workers=1)) as run:
        assert len(list(run.iterate_outcomes())) == 2
    document = json.loads((tmp_path / "out" / COCO).read_text())
    dark = {item["image_id"]: item["area"] // 6 for item in document["annotations"] if item["category_id"] == 1}
    found = [(image["file_name"], image.get("page"), dark[image["id"]]) for image in document["images"]]
    assert found == [("a.tif", 1, 4), ("a.tif", 2, 6), ("a.tif", 3, 9), ("b.tif", None, 5)]
