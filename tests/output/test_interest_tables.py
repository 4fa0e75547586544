"""Tables with a row for each region of interest and class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import segment
from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.output.interest_tables import (
    measure_classes_of_interest,
    measure_labels_of_interest,
    measure_regions_of_interest,
)
from segment.output.measurements import measure_labels
from segment.output.result_tables import measure_result
from segment.pipeline.class_table import tabulate_classes
from segment.pipeline.interest_table import tabulate_interest

NAMES = ("a", "b", "c")


@pytest.fixture
def image(rng: np.random.Generator) -> Image:
    """Noise with three regions of interest, the last one without a label."""
    interest = np.zeros((30, 40), np.uint16)
    interest[2:20, 3:20], interest[2:20, 20:37], interest[25:, :] = 1, 2, 3
    image = Image.from_array(rng.integers(0, 255, (30, 40, 3)).astype(np.uint8))
    return replace(image, interest=RegionsOfInterest(interest, ("north", "south", "none")))


@pytest.fixture
def labels(rng: np.random.Generator, image: Image) -> np.ndarray:
    labels = np.repeat(rng.integers(1, 4, (30, 8)), 5, axis=1)
    labels[image.interest.label_image == 3] = 0
    labels[image.interest.label_image == 0] = 0
    return labels


def test_each_row_is_that_of_the_region_alone(image: Image, labels: np.ndarray) -> None:
    maps = {"posterior": np.linspace(0, 1, labels.size).reshape(labels.shape)}
    table = measure_classes_of_interest(labels, image, NAMES, maps=maps)
    assert list(table)[:3] == ["roi", "label", "name"]
    assert table["roi"].tolist() == [name for name in ("north", "south", "none") for _ in NAMES]
    assert table["label"].tolist() == [1, 2, 3] * 3
    for number, name in enumerate(image.interest.names, start=1):
        alone = measure_labels(np.where(image.interest.label_image == number, labels, 0), image, maps=maps, n_labels=3)
        for column in alone:
            rows = table[column][table["roi"] == name]
            np.testing.assert_allclose(rows.astype(float), alone[column].astype(float), err_msg=column)


def test_regions_end_at_the_borders_of_regions_of_interest(image: Image) -> None:
    labels = np.where(image.interest.label_image > 0, 1, 0)
    labels[25:] = 0
    table = measure_regions_of_interest(labels, image, ["all"], maps={})
    assert table["roi"].tolist() == ["north", "south"]
    assert table["region"].tolist() == [1, 2]
    assert table["pixels"].tolist() == [18 * 17, 18 * 17]
    assert table["share"].tolist() == [1, 1]


def test_parts_of_regions_have_rows(image: Image) -> None:
    labels = np.where(image.interest.label_image > 0, 5, 0)
    table = measure_labels_of_interest(labels, image)
    assert table["roi"].tolist() == ["north", "south", "none"]
    assert table["label"].tolist() == [5, 5, 5]


def test_no_class_is_no_row(image: Image) -> None:
    nothing = np.zeros((30, 40), int)
    assert all(len(column) == 0 for column in measure_classes_of_interest(nothing, image, (), maps={}).values())
    assert all(len(column) == 0 for column in measure_regions_of_interest(nothing, image, (), maps={}).values())
    assert all(len(column) == 0 for column in measure_labels_of_interest(nothing, image).values())


def test_the_short_table_agrees_with_the_long_one(image: Image, labels: np.ndarray) -> None:
    rows = tabulate_interest(labels, image, tabulate_classes(labels, image, 3))
    table = measure_classes_of_interest(labels, image, NAMES, maps={})
    assert [item.roi for item in rows] == table["roi"].tolist()
    assert [item.row.pixels for item in rows] == table["pixels"].tolist()
    assert [item.row.share for item in rows] == pytest.approx(table["share"].tolist())
    means = [item.row.mean[1] if item.row.mean else np.nan for item in rows]
    np.testing.assert_allclose(means, table["mean_green"])


def test_a_result_has_a_column_only_where_regions_are_given(quadrants: np.ndarray) -> None:
    plain = segment.segment_image(quadrants, k=2)
    assert "roi" not in measure_result(plain)[0]
    result = segment.segment_image(quadrants, k=2, roi="grid:1x2")
    classes, regions = measure_result(result)
    assert len(classes["roi"]) == 4
    assert next(iter(regions)) == "roi"
    assert classes["pixels"].sum() == quadrants.shape[0] * quadrants.shape[1]
    assert "r1c2" in result.report()
