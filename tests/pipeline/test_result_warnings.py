"""Warnings of classes without pixels name the actual cause, and a remedy that helps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segment
from segment import SegmentConfig
from segment.core.georeference import Georeference
from segment.pipeline import result_warnings
from segment.pipeline.class_table import ClassRow
from segment.pipeline.result_warnings import (
    collect_result_warnings,
    find_labels_lost_in_cleanup,
    warn_of_cleanup,
    warn_of_kept_coordinates,
)
from segment.segmenter.field.field_labels import FieldLabeler
from segment.segmenter.field.share_sample import LabeledPixels
from segment.segmenter.regions.region_classes import RegionCells

PALE, DARK = (200, 190, 180), (30, 60, 50)


def draw_noisy_halves(spot: tuple[int, int, int] | None = None) -> np.ndarray:
    """Draw two noisy halves, and in one of them a spot of two pixels a side."""
    rng = np.random.default_rng(0)
    image = np.empty((60, 80, 3))
    image[:, :40], image[:, 40:] = PALE, DARK
    if spot:
        image[20:22, 20:22] = spot
    return (image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def collect_warnings(image: np.ndarray, **settings: Any) -> tuple[str, ...]:
    return segment.segment_image(image, **settings).warnings


def test_a_class_that_clean_up_removes() -> None:
    image = draw_noisy_halves((255, 0, 0))
    settings: dict[str, Any] = {"k": 3, "spatial": "none", "shrinkage": 0}
    (warning,) = collect_warnings(image, **settings, min_region=0.01)
    assert warning == (
        "class 2 is empty: clean-up gave all its pixels to other classes. Lower --min-region, or use fewer classes"
    )
    assert collect_warnings(image, **settings, clean_up="none") == ()


def test_shares_and_regions_that_clean_up_takes_are_told() -> None:
    before = np.array([[5000, 3000, 2000], [10, 5, 60]])
    after = np.array([[5100, 3080, 1820], [9, 5, 49]])
    small_move = np.array([[-50, -50, 100], [0, 0, 0]])
    assert warn_of_cleanup(before, after + small_move, SegmentConfig(min_region=0.1)) == ()
    assert warn_of_cleanup(before, after, SegmentConfig(min_region=0.1, smooth_radius="2px")) == (
        "clean-up changed class 3 from 20.0 to 18.2 % of the pixels. Lower --smooth-radius or --min-region to keep "
        "more",
    )
    # Specks of texture, many regions of few pixels, may go without a word; a tenth of the pixels of a class may not.
    specks = np.array([[60, 30, 25], [1, 1, 1]])
    assert warn_of_cleanup(before, after - specks, SegmentConfig()) == (
        "clean-up changed class 3 from 20.0 to 18.2 % of the pixels and from 60 to 48 regions. Lower --smoothness or "
        "give --clean-up none to keep more",
    )
    rare, kept = np.array([[9900, 100], [1, 20]]), np.array([[9930, 70], [1, 12]])
    assert warn_of_cleanup(rare, kept, SegmentConfig()) == (
        "clean-up changed class 2 from 20 to 12 regions. Lower --smoothness or give --clean-up none to keep more",
    )
    # Of so few regions, one is no share to speak of.
    few = np.array([[5000, 5000], [4, 1]])
    assert warn_of_cleanup(few, few - np.array([[0, 0], [3, 0]]), SegmentConfig()) == ()
    # One that has lost all its pixels has a warning of its own.
    emptied = before * np.array([[1, 1, 0]]) + np.array([[2000, 0, 0], [0, 0, 0]])
    assert warn_of_cleanup(before, emptied, SegmentConfig()) == (
        "clean-up changed class 1 from 50.0 to 70.0 % of the pixels. Lower --smoothness or give --clean-up none to "
        "keep more",
    )
    assert warn_of_cleanup(np.zeros((2, 2), int), np.zeros((2, 2), int), SegmentConfig()) == ()


def test_of_many_classes_that_clean_up_changes_the_largest_changes_are_told() -> None:
    before = np.array([np.arange(40, 48), np.full(8, 20)])
    (warning,) = warn_of_cleanup(before, before - np.array([range(10, 18), [8] * 8]), SegmentConfig())
    told = [f"class {number} from " for number in range(3, 9)]
    assert [words in warning for words in told] == [True] * 6
    assert warning.count("class ") == 6
    assert ", and 2 more. Lower --smoothness" in warning


def test_a_class_that_the_field_removes(monkeypatch: pytest.MonkeyPatch) -> None:
    ones = lambda _, image: LabeledPixels(np.ones(image.valid.shape, dtype=np.uint8))  # noqa: E731
    monkeypatch.setattr(FieldLabeler, "label", ones)
    (warning,) = collect_warnings(draw_noisy_halves(), k=2)
    assert warning == (
        "class 2 is empty: the random field gave all its pixels to other classes. Lower --smoothness, use fewer "
        "classes, or give --spatial none"
    )


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_an_image_that_is_rejected(spatial: str) -> None:
    (warning,) = collect_warnings(draw_noisy_halves(), k=2, reject=1.0, spatial=spatial)
    assert warning == "100.00 % of the pixels are rejected as unlikely and have no label. Lower --reject"


@pytest.mark.parametrize(
    ("spatial", "cure"), [("field", "--spatial none or --coherence pixel"), ("none", "--coherence pixel")]
)
def test_a_class_without_regions(monkeypatch: pytest.MonkeyPatch, spatial: str, cure: str) -> None:
    monkeypatch.setattr(
        RegionCells, "label_pixels", lambda self, *_, **__: np.ones(self.label_image.shape, dtype=np.uint8)
    )
    warning = collect_warnings(draw_noisy_halves((255, 0, 0)), k=2, coherence="region", spatial=spatial)[-1]
    assert warning == (
        f"class 2 is empty: each region is more probable in another class. Use fewer classes, or give {cure}"
    )


def test_too_few_regions_are_called_regions() -> None:
    plain = np.full((40, 50, 3), 90, np.uint8) + np.random.default_rng(0).integers(0, 9, (40, 50, 1), dtype=np.uint8)
    assert "fewer regions than the 9 classes asked for" in collect_warnings(plain, k=9, coherence="region")[0]


def make_flag(dtype: type = np.uint8) -> np.ndarray:
    """Of three colors, in 9 bands where there are 16 bits."""
    flag = np.empty((70, 90, 3), np.uint8)
    flag[:23], flag[23:46], flag[46:] = (174, 28, 40), (255, 255, 255), (33, 70, 139)
    return flag if dtype == np.uint8 else np.tile(flag.astype(dtype) * 257, (1, 1, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_few_colors_are_counted_on_the_image_and_not_on_its_smaller_copy(
    monkeypatch: pytest.MonkeyPatch, dtype: type
) -> None:
    """Between the stripes of a flag the copy has colors that the flag has not; of 9 bands of 16 bits, for a sample."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**10)
    result = segment.segment_image(make_flag(dtype), k=4)
    assert result.warnings[-1] == "the image has fewer distinct colors than the 4 classes asked for: it gets 3"
    assert [np.unique(result.labels[rows]).size for rows in (slice(23), slice(23, 46), slice(46, None))] == [1, 1, 1]


def test_too_few_colors_for_classes_of_regions_are_told() -> None:
    is_first = np.random.default_rng(0).random((70, 90, 1)) < 0.5
    warning = collect_warnings(np.where(is_first, make_flag(), 255 - make_flag()), k=9, coherence="region")[0]
    assert "the image has only 6 distinct colors. Use no more classes" in warning


@pytest.mark.parametrize(
    ("rejected", "lost", "n_colors", "expected"),
    [
        (0.0, [], 0, ["classes 2, 3 are empty: they took all their pixels"]),
        (
            0.0,
            [3],
            0,
            [
                "class 3 is empty: clean-up gave all its pixels to other classes. Lower --smoothness or",
                "class 2 is empty: they took all its pixels",
            ],
        ),
        (0.1, [], 0, ["10.00 % of the pixels are rejected", "classes 2, 3 are empty: all their pixels were rejected"]),
        (0.0, [], 2, ["classes 2, 3 are empty: the image has only 2 distinct colors"]),
    ],
)
def test_each_cause_has_its_words(rejected: float, lost: list[int], n_colors: int, expected: list[str]) -> None:
    rows = [ClassRow(1, 9, 1.0, (5.0,)), ClassRow(2, 0, 0.0, ()), ClassRow(3, 0, 0.0, ())]
    reason = "they took all its pixels"
    warnings = collect_result_warnings(
        rows, SegmentConfig(), rejected=rejected, lost=lost, reason=reason, n_colors=n_colors
    )
    assert len(warnings) == len(expected)
    assert all(warning.startswith(words) for warning, words in zip(warnings, expected, strict=True))


def test_labels_lost_in_cleanup_had_pixels_before_it() -> None:
    rows = [ClassRow(1, 4, 1.0, (5.0,)), ClassRow(2, 0, 0.0, ()), ClassRow(3, 0, 0.0, ())]
    assert find_labels_lost_in_cleanup(np.array([[1, 1], [1, 2]]), rows) == (2,)


def test_polygons_that_stay_in_their_system_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Georeference((1.0, 0, 5e5, 0, -1.0, 4e6), "EPSG:32632", 1.0)
    config = SegmentConfig(save=("geojson",))
    assert warn_of_kept_coordinates(config, place) == ()
    monkeypatch.setattr(result_warnings, "find_spec", lambda _: None)
    (note,) = warn_of_kept_coordinates(config, place)
    assert note == "GeoJSON stays in EPSG:32632: longitude and latitude need rasterio (pip install 'gmm-segment[geo]')"
    assert warn_of_kept_coordinates(SegmentConfig(save=("geojson",), geojson_crs="keep"), place) == ()
