"""Changes of maps in four directions, and the boundary strength."""

from __future__ import annotations

import numpy as np
import pytest

from segment.segmenter.regions.boundary_strength import (
    compute_boundary_strengths,
    compute_directional_changes,
    resize_map,
)


def test_the_first_direction_is_to_the_right_and_the_others_follow_clockwise():
    row, column = np.indices((40, 40), dtype=np.float32)
    for number, step in enumerate((column, row + column, row, column - row)):
        found = compute_directional_changes([(step > step[20, 20]).astype(np.float32)], sigmas=(1.5,))[0]
        assert found[:, 20, 20].argmax() == number
        assert found[(number + 2) % 4, 20, 20] < 1e-5


def test_boundary_strength_is_highest_on_the_edge_and_zero_far_off():
    step = np.zeros((40, 60), np.float32)
    step[:, 30:] = 1
    for strength in compute_boundary_strengths(compute_directional_changes([step], sigmas=(1.5, 3.0)), step.shape):
        assert set(strength.argmax(axis=1).tolist()) <= {29, 30}
        assert strength[:, :10].max() < 1e-4
        assert strength.max() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=0.15)  # the slope of a blurred step, x sigma


def test_wide_gaussians_are_applied_to_smaller_copies():
    values = np.random.default_rng(0).random((64, 48), dtype=np.float32)
    shapes = [each.shape for each in compute_directional_changes([values], sigmas=(1.5, 3.0, 6.0))]
    assert shapes == [(4, 64, 48), (4, 32, 24), (4, 16, 12)]
    small = values[:15, :15]
    assert [each.shape for each in compute_directional_changes([small], sigmas=(3.0,))] == [(4, 15, 15)]


def test_changes_add_up_over_maps():
    one, other = np.random.default_rng(1).random((2, 20, 30), dtype=np.float32)
    both = compute_directional_changes([one, other], sigmas=(1.5,))[0]
    parts = [compute_directional_changes([each], sigmas=(1.5,))[0] for each in (one, other)]
    np.testing.assert_allclose(both, sum(parts), rtol=1e-6)


def test_resizing_averages_areas_and_keeps_the_same_size():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert resize_map(values, (2, 2)).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert resize_map(values, (4, 4)) is values
