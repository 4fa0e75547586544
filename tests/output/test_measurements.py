"""Measurements, compared with those of scikit-image, which measures each label by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops_table

import segment
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.core.pixel_grid import PixelSize
from segment.output import measurements
from segment.output.measurements import measure_classes, measure_labels, measure_parts, measure_regions
from segment.output.result_tables import measure_result
from segment.pipeline.class_table import tabulate_classes
from segment.pipeline.interest_table import tabulate_interest

LABELS = np.array([[1, 1, 2, 0], [1, 2, 2, 4]], dtype=np.uint8)
GRAY = Image.from_array(np.array([[10, 20, 5, 99], [30, 6, 10, 200]], dtype=np.uint8))
NAMES = {
    **{"label": "label", "pixels": "area", "perimeter": "perimeter"},
    **{"centroid_row": "centroid-0", "centroid_column": "centroid-1"},
    **{"top": "bbox-0", "left": "bbox-1", "bottom": "bbox-2", "right": "bbox-3"},
}
PROPERTIES = ("label", "area", "perimeter", "centroid", "bbox")


def compare_with_scikit_image(labels: np.ndarray, image: Image) -> None:
    """Compare every column with scikit-image, and the deviations with NumPy."""
    chance = np.linspace(0, 1, labels.size, dtype=np.float32).reshape(labels.shape)
    found = measure_labels(labels, image, maps={"chance": chance})
    expected = regionprops_table(
        labels,
        intensity_image=np.dstack([image.pixels, chance]).astype(float),
        properties=(*PROPERTIES, "intensity_mean"),
    )
    present = found["pixels"] > 0
    assert found["label"].tolist() == list(range(1, int(labels.max()) + 1))
    for ours, theirs in NAMES.items():
        np.testing.assert_allclose(found[ours][present], expected[theirs], err_msg=ours)
    channels = ["gray"] if image.is_gray else ["red", "green", "blue"]
    values = image.pixels.reshape(*labels.shape, -1)
    for i, name in enumerate(channels):
        np.testing.assert_allclose(found[f"mean_{name}"][present], expected[f"intensity_mean-{i}"], rtol=1e-9)
        deviations = [values[labels == label][:, i].std(dtype=float) for label in found["label"][present]]
        np.testing.assert_allclose(found[f"deviation_{name}"][present], deviations, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["chance"][present], expected[f"intensity_mean-{len(channels)}"], rtol=1e-6)
    assert found["pixels"].sum() == np.count_nonzero(labels)
    assert found["share"].sum() == pytest.approx(float(labels.any()))


def test_a_small_table_is_known() -> None:
    found = {name: column.tolist() for name, column in measure_labels(LABELS, GRAY, maps={}).items()}
    assert found["pixels"] == [3, 3, 0, 1]
    assert found["share"] == [3 / 7, 3 / 7, 0, 1 / 7]
    assert found["centroid_row"][:2] == [1 / 3, 2 / 3]
    assert found["centroid_column"][3] == 3
    assert [found[side] for side in ("top", "left", "bottom", "right")] == [
        [0, 0, 0, 1],
        [0, 1, 0, 3],
        [2, 2, 0, 2],
        [2, 3, 0, 4],
    ]
    assert found["mean_gray"][:2] == [20, 7]
    assert found["deviation_gray"][0] == pytest.approx(np.std([10, 20, 30]))
    assert np.isnan([found[name][2] for name in ("centroid_row", "perimeter", "mean_gray", "deviation_gray")]).all()
    assert "area_m2" not in found


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.booleans(),
)
def test_numbers_are_those_of_scikit_image(labels: np.ndarray, dtype: type, gray: bool) -> None:
    rng = np.random.default_rng(labels.sum())
    pixels = rng.random((*labels.shape, *(() if gray else (3,)))) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    compare_with_scikit_image(labels, Image.from_array(pixels.astype(dtype)))


def test_many_regions_in_many_chunks(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.kron(rng.integers(0, 400, (13, 17)), np.ones((3, 4), int)).astype(np.int32)
    image = Image.from_array(rng.integers(0, 256, (*labels.shape, 3), dtype=np.uint8))
    expected = measure_labels(labels, image, maps={})
    compare_with_scikit_image(labels, image)
    monkeypatch.setattr(measurements, "_CHUNK_PIXELS", 100)
    compare_with_scikit_image(labels, image)
    for name, column in measure_labels(labels, image, maps={}).items():
        np.testing.assert_allclose(column, expected[name], rtol=1e-12, err_msg=name)


def test_a_flat_area_has_no_deviation() -> None:
    image = Image.from_array(np.full((50, 50), 65535, np.uint16))
    (deviation,) = measure_labels(np.ones((50, 50), np.uint8), image, maps={})["deviation_gray"]
    assert deviation == 0


def test_georeferenced_areas_and_places() -> None:
    image = replace(GRAY, georeference=Georeference((10.0, 0.0, 500.0, 0.0, -10.0, 900.0), "EPSG:32632", 0.5))
    found = measure_labels(LABELS, image, maps={})
    assert found["area_m2"].tolist() == [75, 75, 0, 25]  # 3 pixels of 10 by 10 units of half a meter
    assert (found["centroid_x"][3], found["centroid_y"][3]) == (535, 885)
    np.testing.assert_allclose(found["perimeter_m"], 5 * found["perimeter"])
    unknown = replace(GRAY, georeference=Georeference((0.1, 0.0, 9.0, 0.0, -0.1, 50.0), ""))
    assert not {"area_m2", "perimeter_m"} & set(measure_labels(LABELS, unknown, maps={}))


def test_areas_in_degrees_are_those_on_the_ellipsoid() -> None:
    degrees = replace(GRAY, georeference=Georeference((0.1, 0.0, 9.0, 0.0, -0.1, 50.0), "EPSG:4326", degrees=1.0))
    areas = measure_labels(LABELS, degrees, maps={})["area_m2"]
    # 0.1 by 0.1 degrees at 49.95 and at 49.85 degrees north, in square kilometers, by GeographicLib.
    high, low = 79.8284890, 79.9922675
    np.testing.assert_allclose(areas / 1e6, [2 * high + low, high + 2 * low, 0, low], rtol=1e-6)


def test_sides_of_pixels_that_are_no_squares() -> None:
    rectangle = np.pad(np.ones((5, 9), np.uint8), 2)
    image = replace(Image.from_array(rectangle), pixel_size=PixelSize(0.002, 0.003, "mm"))
    found = measure_labels(rectangle, image, maps={})
    assert found["area_mm2"] == pytest.approx([5 * 9 * 6])
    assert found["perimeter"] == pytest.approx([2 * 8 + 2 * 4])
    assert found["perimeter_mm"] == pytest.approx([2 * 8 * 2 + 2 * 4 * 3])


def test_no_label_at_all_and_labels_that_do_not_occur() -> None:
    nothing = np.zeros((2, 4), np.uint8)
    assert {len(column) for column in measure_labels(nothing, GRAY, maps={}).values()} == {0}
    found = measure_labels(nothing, GRAY, maps={}, n_labels=2)
    assert found["pixels"].tolist() == [0, 0]
    assert found["share"].tolist() == [0, 0]
    assert measure_labels(LABELS, GRAY, maps={}, n_labels=6)["label"].tolist() == [1, 2, 3, 4, 5, 6]


def test_memory_order_does_not_matter() -> None:
    expected = measure_labels(LABELS, GRAY, maps={})
    for name, column in measure_labels(np.asfortranarray(LABELS).astype(np.int64), GRAY, maps={}).items():
        np.testing.assert_array_equal(column, expected[name])


CLASSES = ("a", "b", "c")


@pytest.fixture
def divided(rng: np.random.Generator) -> Image:
    """Noise with three regions of interest, the last one without a label."""
    interest = np.zeros((30, 40), np.uint16)
    interest[2:20, 3:20], interest[2:20, 20:37], interest[25:, :] = 1, 2, 3
    image = Image.from_array(rng.integers(0, 255, (30, 40, 3)).astype(np.uint8))
    return replace(image, interest=RegionsOfInterest(interest, ("north", "south", "none")))


@pytest.fixture
def divided_labels(rng: np.random.Generator, divided: Image) -> np.ndarray:
    labels = np.repeat(rng.integers(1, 4, (30, 8)), 5, axis=1)
    labels[divided.interest.label_image == 3] = 0
    labels[divided.interest.label_image == 0] = 0
    return labels


def test_each_row_is_that_of_the_region_alone(divided: Image, divided_labels: np.ndarray) -> None:
    maps = {"posterior": np.linspace(0, 1, divided_labels.size).reshape(divided_labels.shape)}
    table = measure_classes(divided_labels, divided, CLASSES, maps=maps)
    assert list(table)[:3] == ["roi", "label", "name"]
    assert table["roi"].tolist() == [name for name in ("north", "south", "none") for _ in CLASSES]
    assert table["label"].tolist() == [1, 2, 3] * 3
    for number, name in enumerate(divided.interest.names, start=1):
        part = np.where(divided.interest.label_image == number, divided_labels, 0)
        alone = measure_labels(part, divided, maps=maps, n_labels=3)
        for column in alone:
            rows = table[column][table["roi"] == name]
            np.testing.assert_allclose(rows.astype(float), alone[column].astype(float), err_msg=column)


def test_regions_end_at_the_borders_of_regions_of_interest(divided: Image) -> None:
    labels = np.where(divided.interest.label_image > 0, 1, 0)
    labels[25:] = 0
    table = measure_regions(labels, divided, ["all"], maps={})
    assert table["roi"].tolist() == ["north", "south"]
    assert table["region"].tolist() == [1, 2]
    assert table["pixels"].tolist() == [18 * 17, 18 * 17]
    assert table["share"].tolist() == [1, 1]


def test_parts_of_regions_have_rows(divided: Image) -> None:
    labels = np.where(divided.interest.label_image > 0, 5, 0)
    table = measure_parts(labels, divided)
    assert table["roi"].tolist() == ["north", "south", "none"]
    assert table["label"].tolist() == [5, 5, 5]


def test_no_class_is_no_row(divided: Image) -> None:
    nothing = np.zeros((30, 40), int)
    assert all(len(column) == 0 for column in measure_classes(nothing, divided, (), maps={}).values())
    assert all(len(column) == 0 for column in measure_regions(nothing, divided, (), maps={}).values())
    assert all(len(column) == 0 for column in measure_parts(nothing, divided).values())


def test_the_short_table_agrees_with_the_long_one(divided: Image, divided_labels: np.ndarray) -> None:
    rows = tabulate_interest(divided_labels, divided, tabulate_classes(divided_labels, divided, 3))
    table = measure_classes(divided_labels, divided, CLASSES, maps={})
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
