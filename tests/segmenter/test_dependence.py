"""How many independent pixels an image is worth: white noise, blocks, a known correlation, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d

from segment.segmenter.class_count import correlation_area, effective_size


def everywhere(maps: np.ndarray) -> np.ndarray:
    return np.ones(maps.shape[:2], dtype=bool)


def test_white_noise_is_worth_all_its_pixels(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(90, 70, 3))
    assert effective_size(maps, everywhere(maps)) == 90 * 70


@pytest.mark.parametrize("side", [3, 6])
def test_blocks_are_worth_about_one_pixel_each(side: int, rng: np.random.Generator) -> None:
    maps = np.kron(rng.normal(size=(40, 30)), np.ones((side, side)))[..., None]
    found = effective_size(maps, everywhere(maps))
    assert 0.7 < found / (40 * 30) < 1.5


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_smooth_noise_has_the_area_of_its_correlation(sigma: float, rng: np.random.Generator) -> None:
    """A Gaussian filter leaves the correlation exp(-h^2 / (4 sigma^2)), whose integral in the plane is 4 pi sigma^2."""
    maps = np.stack([gaussian_filter(rng.normal(size=(300, 240)), sigma, mode="wrap") for _ in range(4)], axis=2)
    found = correlation_area(maps, everywhere(maps))
    assert found == pytest.approx(4 * np.pi * sigma**2, rel=0.15)


def test_more_pixels_of_the_same_scene_are_worth_no_more(rng: np.random.Generator) -> None:
    small = np.stack([gaussian_filter(rng.normal(size=(60, 80)), 3, mode="wrap") for _ in range(3)], axis=2)
    large = np.kron(small, np.ones((3, 3, 1)))
    first, second = (effective_size(maps, everywhere(maps)) for maps in (small, large))
    assert second == pytest.approx(first, rel=0.1)


def test_the_sums_are_those_of_brute_force(rng: np.random.Generator) -> None:
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
    assert correlation_area(maps, valid) == pytest.approx(expected)


def test_pixels_that_are_not_valid_have_no_say(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(50, 40)), 2)[..., None]
    valid = np.zeros((50, 40), dtype=bool)
    valid[10:45, 5:30] = True
    changed = np.where(valid[..., None], maps, 1e6 * rng.normal(size=maps.shape))
    assert correlation_area(changed, valid) == pytest.approx(
        correlation_area(maps[10:45, 5:30], np.ones((35, 25), bool))
    )


@pytest.mark.parametrize("value", [0.0, 7.3, 1e9])
def test_what_does_not_vary_is_not_dependent(value: float) -> None:
    maps = np.full((9, 5, 2), value)
    assert correlation_area(maps, everywhere(maps)) == 1
    assert effective_size(maps, everywhere(maps)) == 45


def test_scale_and_shift_do_not_matter(rng: np.random.Generator) -> None:
    maps = np.stack([gaussian_filter(rng.normal(size=(60, 50)), 2) for _ in range(2)], axis=2)
    found = correlation_area(maps, everywhere(maps))
    assert correlation_area(1e-6 * maps + 5, everywhere(maps)) == pytest.approx(found, rel=1e-4)
    assert correlation_area(np.swapaxes(maps, 0, 1), everywhere(maps).T) == pytest.approx(found)


def test_no_pixel_is_worth_one() -> None:
    assert effective_size(np.zeros((4, 3, 2)), np.zeros((4, 3), dtype=bool)) == 1
    assert effective_size(np.ones((1, 1, 3)), np.ones((1, 1), dtype=bool)) == 1
