"""Clean-up with its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import label

import segment
from segment.config.config import SegmentConfig
from segment.pipeline.label_cleanup import CleanUpSizes, LabelCleaner, count_pixels_and_regions, resolve_sizes

NOWHERE = float("nan")


@pytest.fixture(scope="module")
def leaf() -> np.ndarray:
    """A leaf of 300 x 400 pixels with 35 lesions of 9 pixels across, a crack and noise."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:300, :400]
    lesion = np.zeros(rows.shape, dtype=bool)
    for row in range(30, 300, 60):
        for column in range(30, 400, 60):
            lesion |= (rows - row) ** 2 + (columns - column) ** 2 <= 16
    lesion[np.arange(300), 60 + np.arange(300) // 3] = True
    colors = np.where(lesion[..., None], (120, 80, 40), (80, 140, 60)) + rng.normal(0, 8, (300, 400, 3))
    return np.dstack([colors.clip(0, 255).astype(np.uint8), lesion])


def test_the_sizes_of_the_settings_become_shares() -> None:
    config = SegmentConfig(smooth_radius="5px", min_region="2ha", max_hole=0.03)
    assert resolve_sizes(config, (300, 400), 100.0) == CleanUpSizes(0.01, pytest.approx(200 / 120_000), 0.03)
    assert resolve_sizes(SegmentConfig(), (300, 400), NOWHERE) == CleanUpSizes(0.0, 0.0, 0.0)


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_small_things_stay_by_default_and_specks_go(leaf: np.ndarray, spatial: str) -> None:
    lesion = leaf[..., 3] > 0
    found = segment.segment_image(leaf[..., :3], k=2, spatial=spatial)
    labels = found.label_image if found.label_image[lesion].mean() > 1.5 else 3 - found.label_image
    assert np.mean(labels[lesion] == 2) >= 0.99
    assert np.mean(labels[~lesion] == 1) >= 0.9999
    # Sizes alone take them for specks.
    sizes = {"clean_up": "none", "smooth_radius": "1px", "min_region": 0.001, "max_hole": 0.001}
    blind = segment.segment_image(leaf[..., :3], k=2, spatial=spatial, **sizes)
    assert min(row.share for row in blind.classes) < 0.001
    assert any("clean-up" in warning for warning in blind.warnings)


def test_what_is_cleaned_up_is_chosen(leaf: np.ndarray) -> None:
    raw = segment.segment_image(leaf[..., :3], k=2, spatial="none", clean_up="none")
    assert raw.changed == 0
    # A size counts whatever is chosen; it is in pixels of the image, also where that is shrunk first.
    for extra in ({}, {"max_size": 200}):
        counts = []
        for min_region in ("40px", "70px"):
            found = segment.segment_image(leaf[..., :3], k=2, clean_up="none", min_region=min_region, **extra)
            counts.append(count_pixels_and_regions(found.label_image, 2, (300, 400))[1].sum())
        assert counts[0] >= 30
        assert counts[1] <= 3


def test_a_window_is_cleaned_as_the_whole_is(leaf: np.ndarray) -> None:
    found = segment.segment_image(leaf[..., :3], k=2, spatial="none", clean_up="none")
    image, space, shape = found.preprocessed, found.spatial.data.space, found.label_image.shape
    config, sizes = SegmentConfig(k=2, min_region="12px"), CleanUpSizes(0.0, 12 / 120_000, 0.0)
    cleaner = LabelCleaner(found.class_mixture, space, config, sizes, shape)
    whole = cleaner.clean(found.label_image, image)
    assert whole.changed > 0
    part = np.s_[40:200, 50:310]
    window = replace(image, pixels=image.pixels[part].copy(), valid=image.valid[part].copy())
    cleaned = cleaner.clean(found.label_image[part].copy(), window)
    inner = np.s_[20:-20, 20:-20]
    np.testing.assert_array_equal(cleaned.label_image[inner], whole.label_image[part][inner])


def test_the_smallest_regions_are_not_counted() -> None:
    labels = np.ones((600, 1000), dtype=np.uint8)
    labels[10:13, 10:13], labels[20:22, 20:24] = 2, 2  # 9 pixels, 8 pixels
    assert count_pixels_and_regions(labels, 2, (600, 800)).tolist() == [[600_000 - 17, 17], [1, 1]]
    # Of an image twice as large as its working copy.
    assert count_pixels_and_regions(labels, 2, (1200, 1800)).tolist() == [[600_000 - 17, 17], [1, 0]]


def test_texture_makes_no_specks(landscape: Path) -> None:
    """The meadow of the photograph has tufts of dark grass: 450 regions where each pixel counts as a witness."""
    found = segment.segment_image(landscape, k=4)
    assert sum(label(found.label_image == number)[1] for number in range(1, 5)) < 100


def test_small_things_stay_on_a_shaded_page() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:200, :240]
    dots = ((rows % 12 - 5) ** 2 + (columns % 12 - 5) ** 2 <= 2) & (
        rng.random((17, 20)).repeat(12, 0).repeat(12, 1) > 0.5
    )[:200]
    values = np.where(dots, 90, 200) * (1 - 0.35 * columns / 240) + rng.normal(0, 4, rows.shape)
    result = segment.segment_image(values.astype(np.uint8), k=2)
    assert np.mean((result.label_image == 1) == dots) > 0.995
