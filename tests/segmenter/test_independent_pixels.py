"""Contrast, the interior of areas, and how many pixels are independent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.signal import correlate2d

from segment.segmenter.independent_pixels import (
    estimate_effective_size,
    mask_interior,
    measure_contrast,
    measure_correlation_area,
)


def all_valid(maps: np.ndarray) -> np.ndarray:
    return np.ones(maps.shape[:2], dtype=bool)


# Contrast and the interior of areas


def test_a_step_has_contrast_on_both_sides() -> None:
    picture = np.array([[5, 5, 5, 9, 9, 9]] * 3, dtype=np.uint8)[..., None]
    everywhere = np.ones((3, 6), dtype=bool)
    assert measure_contrast(picture, everywhere).tolist() == [[0, 0, 4, 4, 0, 0]] * 3
    assert mask_interior(picture, everywhere, edge_share=0.5).tolist() == [[True, True, False, False, True, True]] * 3


def test_contrast_equals_scipys_filters_in_the_channel_of_the_widest_range(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 65536, (9, 13, 3)).astype(np.uint16)
    window = (3, 3, 1)
    expected = maximum_filter(picture, window, mode="nearest").astype(float) - minimum_filter(
        picture, window, mode="nearest"
    )
    np.testing.assert_array_equal(measure_contrast(picture, np.ones((9, 13), dtype=bool)), expected.max(axis=2))


def test_invalid_pixels_make_no_contrast(rng: np.random.Generator) -> None:
    valid = rng.random((8, 9)) < 0.7
    picture = np.full((8, 9, 2), 7.0)
    picture[~valid] = rng.normal(size=(int((~valid).sum()), 2)) * 1e6
    assert not measure_contrast(picture, valid).any()
    np.testing.assert_array_equal(mask_interior(picture, valid, edge_share=0.2), valid)


def test_at_most_the_given_share_is_left_out(rng: np.random.Generator) -> None:
    picture, valid = rng.random((30, 40, 3)), rng.random((30, 40)) < 0.8
    for edges in (0.0, 0.2, 0.5):
        inside = mask_interior(picture, valid, edge_share=edges)
        assert not (inside & ~valid).any()
        assert 1 - edges <= inside.sum() / valid.sum() < 1 - edges + 0.01
        left_out = measure_contrast(picture, valid)[valid & ~inside]
        assert left_out.min(initial=np.inf) > measure_contrast(picture, valid)[inside].max()


def test_an_image_without_valid_pixels_has_no_interior() -> None:
    nothing = np.zeros((4, 3), dtype=bool)
    assert not mask_interior(np.ones((4, 3, 3)), nothing, edge_share=0.2).any()


# Independent pixels


def test_every_pixel_of_white_noise_is_independent(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(90, 70, 3))
    assert estimate_effective_size(maps, all_valid(maps)) == 90 * 70


@pytest.mark.parametrize("side", [3, 6])
def test_blocks_count_as_about_one_pixel_each(side: int, rng: np.random.Generator) -> None:
    maps = np.kron(rng.normal(size=(40, 30)), np.ones((side, side)))[..., None]
    found = estimate_effective_size(maps, all_valid(maps))
    assert 0.7 < found / (40 * 30) < 1.5


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_smooth_noise_has_the_area_of_its_correlation(sigma: float, rng: np.random.Generator) -> None:
    """A Gaussian filter leaves the correlation exp(-h^2 / (4 sigma^2)), whose integral in the plane is 4 pi sigma^2."""
    maps = np.stack([gaussian_filter(rng.normal(size=(300, 240)), sigma, mode="wrap") for _ in range(4)], axis=2)
    found = measure_correlation_area(maps, all_valid(maps))
    assert found == pytest.approx(4 * np.pi * sigma**2, rel=0.15)


def test_more_pixels_of_the_same_scene_count_no_more(rng: np.random.Generator) -> None:
    small = np.stack([gaussian_filter(rng.normal(size=(60, 80)), 3, mode="wrap") for _ in range(3)], axis=2)
    large = np.kron(small, np.ones((3, 3, 1)))
    first, second = (estimate_effective_size(maps, all_valid(maps)) for maps in (small, large))
    assert second == pytest.approx(first, rel=0.1)


def test_the_area_equals_a_direct_sum(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(14, 11)), 1.5)[..., None]
    valid = rng.random((14, 11)) < 0.8
    centered = np.where(valid, maps[..., 0] - maps[..., 0][valid].mean(), 0.0)
    products, pairs = correlate2d(centered, centered), correlate2d(valid * 1.0, valid * 1.0)
    rows, columns = np.indices(products.shape)
    distance = np.rint(np.hypot(rows - 13, columns - 10)).astype(int)
    rings = [products[distance == r].sum() / max(1, pairs[distance == r].sum()) for r in range(distance.max() + 1)]
    end = next(r for r, value in enumerate(rings) if value < 0.05 * rings[0])
    expected = products[distance < end].sum() / products[13, 10]
    assert end > 1
    assert measure_correlation_area(maps, valid) == pytest.approx(expected)


def test_invalid_pixels_do_not_change_the_area(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(50, 40)), 2)[..., None]
    valid = np.zeros((50, 40), dtype=bool)
    valid[10:45, 5:30] = True
    changed = np.where(valid[..., None], maps, 1e6 * rng.normal(size=maps.shape))
    assert measure_correlation_area(changed, valid) == pytest.approx(
        measure_correlation_area(maps[10:45, 5:30], np.ones((35, 25), bool))
    )


@pytest.mark.parametrize("value", [0.0, 7.3, 1e9])
def test_constant_maps_have_no_correlation(value: float) -> None:
    maps = np.full((9, 5, 2), value)
    assert measure_correlation_area(maps, all_valid(maps)) == 1
    assert estimate_effective_size(maps, all_valid(maps)) == 45


def test_scale_and_shift_do_not_matter(rng: np.random.Generator) -> None:
    maps = np.stack([gaussian_filter(rng.normal(size=(60, 50)), 2) for _ in range(2)], axis=2)
    found = measure_correlation_area(maps, all_valid(maps))
    assert measure_correlation_area(1e-6 * maps + 5, all_valid(maps)) == pytest.approx(found, rel=1e-4)
    assert measure_correlation_area(np.swapaxes(maps, 0, 1), all_valid(maps).T) == pytest.approx(found)


def test_the_effective_size_is_at_least_one() -> None:
    assert estimate_effective_size(np.zeros((4, 3, 2)), np.zeros((4, 3), dtype=bool)) == 1
    assert estimate_effective_size(np.ones((1, 1, 3)), np.ones((1, 1), dtype=bool)) == 1
