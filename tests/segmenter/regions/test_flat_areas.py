"""Drawings of flat areas: which images are such, and that areas of clearly different colors stay apart."""

from __future__ import annotations

import numpy as np
import pytest

import segment
from segment.segmenter.regions.flat_areas import find_flat_pixels, raise_flat_costs, sum_flat_colors


def draw_tiles(n: int, side: int, seed: int) -> np.ndarray:
    """Tiles n x n of random colors."""
    colors = np.random.default_rng(seed).integers(0, 256, (n, n, 3))
    return np.kron(colors, np.ones((side, side, 1))).astype(np.uint8)


@pytest.mark.parametrize(("n", "side"), [(8, 32), (8, 16), (3, 20)])
def test_each_tile_is_a_region(n, side):
    labels = segment.region_hierarchy(draw_tiles(n, side, seed=1)).cut()
    tiles = np.kron(np.arange(1, n * n + 1).reshape(n, n), np.ones((side, side), int))
    assert labels.max() == n * n
    assert (labels == tiles).mean() > 0.995


def test_areas_of_one_color_are_parted_by_a_line_but_not_by_less():
    image = draw_tiles(2, 40, seed=0)
    image[:] = image[0, 0]
    assert segment.region_hierarchy(image).cut().max() == 1
    image[38:42] = 255 - image[0, 0]
    assert segment.region_hierarchy(image).cut().max() == 3


def test_a_photograph_on_a_flat_ground_keeps_the_regions_within_it(rng):
    image = np.zeros((240, 240, 3), np.uint8)
    scene = draw_tiles(2, 40, seed=2) + rng.normal(0, 4, (80, 80, 3))
    image[80:160, 80:160] = np.clip(scene, 1, 255)
    assert find_flat_pixels(segment.Image.from_array(image)) is not None
    labels = segment.region_hierarchy(image).cut()
    assert labels.max() == 5
    assert len({labels[100, 100], labels[100, 140], labels[140, 100], labels[140, 140], labels[0, 0]}) == 5


def test_noise_and_gradients_are_no_drawing(rng):
    noisy = draw_tiles(4, 32, seed=0) // 2 + rng.integers(0, 2, (128, 128, 3), np.uint8)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (60, 1))
    for image in (noisy, ramp):
        assert find_flat_pixels(segment.Image.from_array(image)) is None


def test_flat_pixels_are_equal_to_those_around_them_and_valid():
    image = np.zeros((9, 9), np.uint8)
    image[4:, :] = 50
    valid = np.ones((9, 9), bool)
    valid[0] = False
    expected = valid.copy()
    expected[3:5] = False
    found = find_flat_pixels(segment.Image.from_array(image, valid=valid))
    np.testing.assert_array_equal(found, expected)


def test_only_flat_and_different_pairs_are_raised():
    image = segment.Image.from_array(np.repeat([0, 0, 128, 130], 5)[None].repeat(4, axis=0).astype(np.uint8))
    labels = np.repeat([0, 1, 2, 3], 5)[None].repeat(4, axis=0)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])  # the last region has no flat pixel
    sums = sum_flat_colors(image, np.ones((4, 20), bool), labels, 5)
    costs = np.array([0.2, 0.1, 0.3, 0.4])
    np.testing.assert_allclose(raise_flat_costs(costs, pairs, sums), [0.2, 0.91, 0.3, 0.4])
    # A region of two colors is not flat.
    mixed = sums.copy()
    mixed[1] += sums[2]
    np.testing.assert_allclose(raise_flat_costs(costs, pairs, mixed), costs)
