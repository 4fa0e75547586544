"""The random field: its neighbors and their weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from segment.segmenter.field.random_field import RandomField, compute_pixel_weights


def test_the_log_odds_are_the_weighted_sum_over_the_neighbors(rng: np.random.Generator) -> None:
    q, weights = rng.random((3, 5, 4), dtype=np.float32), rng.random((5, 4), dtype=np.float32)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(float)
    kernel[2, 2] = 0
    expected = [
        2.5 * weights * ndimage.convolve(weights * plane, kernel / kernel.sum(), mode="constant") for plane in q
    ]
    np.testing.assert_allclose(RandomField(weights, 2.5, 2).compute_neighbor_log_odds(q), expected, atol=1e-5)


def test_neighbors_all_of_one_class_give_the_smoothness() -> None:
    field = RandomField(np.ones((9, 9), np.float32), 7.0, 2)
    assert field.compute_neighbor_log_odds(np.ones((1, 9, 9), np.float32))[0, 4, 4] == pytest.approx(7, rel=1e-5)


def test_edges_lower_the_weights() -> None:
    valid = np.ones((2, 2), bool)
    edges = np.array([[0, 1], [3, 0]], np.float32)
    np.testing.assert_allclose(compute_pixel_weights(valid, edges), [[1, 0.5], [0.25, 1]])
