"""Single pixels of another class than all their neighbors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import segment
from segment.pipeline.noise_warnings import MIN_ISOLATED, N_BANDS, count_isolated_pixels, warn_of_isolated_pixels

TOLD = "as under salt-and-pepper noise. Give --denoise median"


def add_salt_and_pepper(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    draw = rng.uniform(size=pixels.shape)
    return np.where(draw < share / 2, 0, np.where(draw > 1 - share / 2, 255, pixels)).astype(np.uint8)


@pytest.fixture
def halves(rng: np.random.Generator) -> np.ndarray:
    """Two grays, with noise that clean-up copes with."""
    return (np.repeat([70, 180], 48)[:, None] + rng.normal(0, 8, (96, 96))).astype(np.uint8)


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_salt_and_pepper_is_told_and_its_remedy_removes_it(
    halves: np.ndarray, rng: np.random.Generator, spatial: str
) -> None:
    noisy, truth = add_salt_and_pepper(halves, 0.04, rng), np.repeat([1, 2], 48)[:, None]
    found = segment.segment_image(noisy, k=2, spatial=spatial)
    assert np.mean(found.labels == truth) < 0.99
    assert sum(TOLD in warning for warning in found.warnings) == 1
    cured = segment.segment_image(noisy, k=2, spatial=spatial, denoise="median")
    assert np.mean(cured.labels == truth) > 0.995
    assert not any("salt" in warning for warning in cured.warnings)


def test_more_than_the_filter_removes_asks_for_a_larger_one() -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[5:50:2, 5] = 2
    (warning,) = warn_of_isolated_pixels(labels, labels, segment.SegmentConfig(denoise="median"))
    assert warning.endswith("Raise --denoise-radius to remove it")


def test_photographs_and_gaussian_noise_are_not_told(
    landscape: Path, halves: np.ndarray, rng: np.random.Generator
) -> None:
    strong = np.clip(halves + rng.normal(0, 40, halves.shape), 0, 255).astype(np.uint8)
    for image in (landscape, halves, strong):
        assert not any("salt" in warning for warning in segment.segment_image(image, k=2).warnings)


def test_who_asks_for_no_clean_up_is_told_nothing(halves: np.ndarray, rng: np.random.Generator) -> None:
    noisy = add_salt_and_pepper(halves, 0.04, rng)
    assert not any("salt" in warning for warning in segment.segment_image(noisy, k=2, clean_up="none").warnings)


def test_a_few_single_pixels_of_a_drawing_are_part_of_it() -> None:
    drawing = np.full((40, 40), 50, np.uint8)
    at = np.arange(2, 2 + 3 * (MIN_ISOLATED // 4), 3)
    drawing[at, at] = 200
    found = segment.segment_image(drawing, k=2)
    assert [counts.sum() for counts in count_isolated_pixels(found.labels)] == [len(at), drawing.size]
    assert not found.warnings


@pytest.mark.parametrize("side", [0, 3])
def test_a_class_of_hot_pixels_is_told_and_its_remedy_removes_it(side: int, rng: np.random.Generator) -> None:
    truth = np.arange(210)[None] // 70 * np.ones((210, 1), dtype=int)
    values = 2000 + 300 * truth + rng.normal(0, 30, truth.shape)
    values[rng.uniform(size=truth.shape) < 0.001] = 65535
    values[50 : 50 + side, 100 : 100 + side] = 65535  # what clean-up leaves
    # A strong field and its clean-up take single pixels.
    found = segment.segment_image(values.astype(np.uint16), k=3, smoothness=12 if side else 60)
    (told,) = (warning for warning in found.warnings if "--denoise median" in warning)
    assert told.startswith("class 3 is made of single pixels, 0.1" if side else "class 3 is empty: clean-up gave all")
    cured = segment.segment_image(values.astype(np.uint16), k=3, denoise="median")
    assert side or np.mean(cured.labels - 1 == truth) > 0.99
    assert not any("--denoise median" in warning for warning in cured.warnings)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 3), (30, 20)])
def test_the_count_is_that_of_single_windows(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    labels = rng.integers(0, 12, shape).astype(np.uint8)
    height, width = shape
    windows = [labels[y - 1 : y + 2, x - 1 : x + 2] for y in range(1, height - 1) for x in range(1, width - 1)]
    isolated = [window.all() and np.count_nonzero(window == window[1, 1]) == 1 for window in windows]
    n_isolated, n_pixels = count_isolated_pixels(labels)
    inner = labels[1:-1, 1:-1].ravel()
    expected = np.bincount(inner[isolated], minlength=256) if any(isolated) else np.zeros(256)
    np.testing.assert_array_equal(n_isolated, expected)
    np.testing.assert_array_equal(n_pixels, np.bincount(labels[labels > 0], minlength=256))


def test_of_a_large_image_bands_are_looked_at(rng: np.random.Generator) -> None:
    labels = np.where(rng.uniform(size=(4000, 500)) < 0.01, 2, 1).astype(np.uint8)
    n_isolated, n_pixels = (counts.sum() for counts in count_isolated_pixels(labels))
    assert n_pixels < labels.size / N_BANDS
    assert n_isolated / n_pixels == pytest.approx(0.01 * 0.99**8, abs=0.002)
