"""Samples of the pixels of images with many bands."""

from __future__ import annotations

import numpy as np
import pytest

import segment
from segment.core.errors import SettingsError
from segment.features.color_index import ColorIndex
from segment.features.color_space import MAX_BANDS, FeatureSpace
from segment.features.pixel_features import PixelFeatures, extract_features
from segment.features.pixel_sample import PixelSample, is_sampled
from segment.mixture.cells import Cells

SPACE = FeatureSpace("rgb", 5, 0.0, 65535.0)


def make_bands(rng: np.random.Generator, n_bands: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Three stripes that differ by one to three standard deviations in each band, and a cloud far above them."""
    truth = np.repeat(np.arange(3), side // 3)[:, None] + np.zeros(side, int)
    means = 1000 + 150 * rng.uniform(-1, 1, (3, n_bands))
    pixels = means[truth] + rng.normal(0, 50, (*truth.shape, n_bands))
    pixels[: side // 12, : side // 12], truth[: side // 12, : side // 12] = 11000, 3
    return pixels.astype(np.uint16), truth


def test_classes_of_many_bands_stay_apart_under_a_cloud(rng: np.random.Generator) -> None:
    # In a grid that memory holds, the bins of 13 bands are 1024 values wide, and three classes share one.
    pixels, truth = make_bands(rng, 13, 60)
    labels = segment.segment_image(pixels, k=4).labels
    for number in range(4):
        found, counts = np.unique(labels[truth == number], return_counts=True)
        assert counts.max() > 0.98 * counts.sum()
        assert np.mean(truth[labels == found[counts.argmax()]] == number) > 0.98


def test_only_colors_that_no_integer_holds_are_sampled() -> None:
    found = [is_sampled(bits, n) for bits, n in ((8, 8), (8, 9), (16, 4), (16, 5))]
    assert found == [False, True, False, True]


def test_a_sample_depends_on_no_division_into_parts(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, (500, 5)).astype(np.uint16)
    places = rng.permutation(500)
    together = PixelSample(5, max_pixels=40)
    together.add(pixels, places)
    first, second = PixelSample(5, max_pixels=40), PixelSample(5, max_pixels=40)
    for at in range(0, 500, 70):
        (first if at % 140 else second).add(pixels[at : at + 70], places[at : at + 70])
    first.merge(second)
    ours, theirs = first.to_cells(SPACE), together.to_cells(SPACE)
    np.testing.assert_array_equal(ours.means, theirs.means)
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    assert (len(ours), ours.total_weight) == (40, pytest.approx(500))


def test_a_sample_is_even(rng: np.random.Generator) -> None:
    # Three stripes of 40, 40 and 20 percent of the places, and a pattern of every second one.
    places = np.arange(100_000)
    colors = np.zeros((100_000, 5), np.uint16)
    colors[:, 0] = np.searchsorted([40_000, 80_000], places, side="right")
    colors[:, 1] = places % 2
    sample = PixelSample(5, max_pixels=10_000)
    sample.add(colors, places)
    cells = sample.to_cells(SPACE)
    shares = cells.weights / cells.total_weight
    np.testing.assert_allclose(shares, [0.2, 0.2, 0.2, 0.2, 0.1, 0.1], atol=0.012)  # three standard deviations


def test_a_sample_that_holds_all_pixels_counts_them(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 3, (20, 30, 5)).astype(np.uint16)
    features = extract_features(segment.Image.from_array(pixels), "rgb")
    distinct, counts = np.unique(pixels.reshape(-1, 5), axis=0, return_counts=True)
    expected = features.space.make_cells(distinct, counts)
    order, theirs = (np.lexsort(cells.means.T) for cells in (features.cells, expected))
    np.testing.assert_array_equal(features.cells.means[order], expected.means[theirs])
    np.testing.assert_array_equal(features.cells.weights[order], expected.weights[theirs])


def test_pixels_that_do_not_count_are_not_sampled(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 9, (40, 50, 6)).astype(np.uint16)
    valid = rng.uniform(size=(40, 50)) < 0.3
    pixels[~valid] = 999
    image = segment.Image.from_array(pixels)
    features = PixelFeatures(image, ColorIndex(image), FeatureSpace("rgb", 6, 0.0, 65535.0))
    assert 999 * 255 / 65535 in features.sample_cells(50).means
    masked = segment.segment_image(pixels, k=2, mask=valid)
    cells: Cells = masked.spatial.data.cells
    assert cells.total_weight == pytest.approx(np.count_nonzero(valid))


def test_more_bands_than_time_and_memory_allow_are_refused(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (80, 80, MAX_BANDS + 1)).astype(np.uint8)
    with pytest.raises(SettingsError, match=r"bands \(--bands\): at most 64 at once.* got 65\. Choose some"):
        segment.segment_image(pixels, k=2)
    assert segment.segment_image(pixels, k=2, bands=(1, 2, 3)).k == 2
