"""Objects: regions of a class that lie near each other, or in one region of interest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from program_runs import read_rows
from raster_files import write
from rasterio import Affine

import segment
from segment.output.objects import group_regions, measure_objects, number_objects
from segment.output.result_tables import measure_result
from segment.postprocessor.connected_regions import number_regions


@pytest.mark.parametrize("sides", [(1.0, 1.0), (2.0, 1.0), (0.5, 1.3)])
def test_groups_are_those_of_all_pairs_of_pixels(sides: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    for distance in (1.5, 2.0, 3.0, 5.0):
        labels = (rng.random((24, 30)) < 0.06).astype(int) * rng.integers(1, 3, (24, 30))
        regions, label = number_regions(labels)
        points = [np.argwhere(regions == i + 1) * sides for i in range(len(label))]
        wanted = np.arange(len(label))
        for i in range(len(label)):
            for j in range(i):
                gap = np.linalg.norm(points[i][:, None] - points[j], axis=2).min()
                if label[i] == label[j] and gap <= distance:
                    wanted[wanted == wanted[i]] = wanted[j]
        found = group_regions(regions, label, distance, sides)
        # The same partition, whatever the numbers.
        assert len(set(zip(found.tolist(), wanted.tolist(), strict=True))) == len(set(found)) == len(set(wanted))


def make_plants() -> np.ndarray:
    """Two plants of two leaves each, 2 pixels apart within a plant and 10 between them."""
    labels = np.ones((12, 30), np.uint8)
    for left in (1, 6, 18, 23):
        labels[3:9, left : left + 4] = 2
    return labels


def test_leaves_that_do_not_touch_are_one_plant(tmp_path: Path) -> None:
    labels, image = make_plants(), np.zeros((12, 30), np.uint8)
    settings = {"background": "1", "name": "2=plant", "save": "objects,numbers"}
    result = segment.relabel_classes(labels, image, group_distance="3", **settings)
    paths = result.save(tmp_path, stem="a")
    rows = read_rows(paths[0])
    assert [(row["object"], row["name"], row["pixels"], row["regions"]) for row in rows] == [
        ("1", "plant", "48", "2"), ("2", "plant", "48", "2"),
    ]  # fmt: skip
    assert [float(row["left"]) for row in rows] == [1, 18]
    assert paths[1].name == "a_numbers.png"
    single = segment.relabel_classes(labels, image, **settings)
    assert number_objects(single)[1].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("way", ["size", "degrees"])
def test_a_distance_in_units_is_that_on_the_ground_whatever_the_shape_of_pixels(way: str, tmp_path: Path) -> None:
    """Leaves lie 3 pixels apart along a row and along a column; pixels are half as wide as high, as at 60 degrees."""
    labels = np.ones((20, 20), np.uint8)
    labels[2:6, 2:6] = labels[2:6, 8:12] = labels[8:12, 2:6] = 2
    settings = {"k": 2, "spatial": "none", "clean_up": "none", "background": "1", "save": "objects"}
    if way == "size":
        result = segment.segment_image(labels * np.uint8(80), pixel_size="5x10m", group_distance="20m", **settings)
    else:
        place = (0.0001, 0, 10, 0, -0.0001, 60)  # 5.6 m x 11.1 m
        source = write(tmp_path / "a.tif", labels * np.uint8(80), crs="EPSG:4326", transform=Affine(*place))
        result = segment.segment_image(source, group_distance="20m", **settings)
    objects, _, _ = number_objects(result)
    assert objects[3, 3] == objects[3, 9] != objects[9, 3]


def test_a_distance_in_units_needs_the_size_of_a_pixel() -> None:
    pixels = make_plants() * np.uint8(80)
    settings = {"k": 2, "spatial": "none", "save": "objects", "background": "1", "min_region": 0}
    result = segment.segment_image(pixels, group_distance="1.5mm", pixel_size="0.5mm", **settings)
    assert len(measure_objects(result, maps={})["object"]) == 2
    with pytest.raises(segment.SettingsError, match="Give --pixel-size"):
        measure_objects(segment.segment_image(pixels, group_distance="1.5mm", **settings), maps={})


def test_a_region_of_interest_holds_one_object_of_a_class() -> None:
    pixels = make_plants() * np.uint8(80)
    settings = {"k": 2, "spatial": "none", "save": "objects", "background": "1", "roi": "grid:1x2", "min_region": 0}
    table = measure_objects(segment.segment_image(pixels, **settings), maps={})
    assert table["roi"].tolist() == ["r1c1", "r1c2"]
    assert table["regions"].tolist() == [2, 2]
    assert table["share"].tolist() == [1, 1]
    near = measure_objects(segment.segment_image(pixels, group_distance="1px", **settings), maps={})
    assert near["roi"].tolist() == ["r1c1", "r1c1", "r1c2", "r1c2"]


def test_shares_of_objects_are_those_of_regions() -> None:
    pixels = make_plants() * np.uint8(80)
    settings = {"k": 2, "spatial": "none", "save": "objects", "min_region": 0, "group": "all=1,2"}
    result = segment.segment_image(pixels, roi="grid:2x1", group_distance="1px", **settings)
    table, regions = measure_objects(result, maps={}), measure_result(result)[1]
    for name in ("roi", "label", "pixels", "share", "group", "group_share"):
        assert table[name].tolist() == regions[name].tolist()
    assert table["share"].sum() == pytest.approx(2)
