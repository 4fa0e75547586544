"""The boundary strength, and maps of other sizes."""

from __future__ import annotations

import numpy as np
import pytest

from segment.segmenter.regions.boundary_strength import compute_boundary_strengths, resize_map


def test_boundary_strength_is_highest_on_the_edge_and_zero_far_off():
    step = np.zeros((40, 60), np.float32)
    step[:, 30:] = 1
    for strength in compute_boundary_strengths([step], step.shape, sigmas=(1.5, 3.0)):
        assert set(strength.argmax(axis=1).tolist()) <= {29, 30}
        assert strength[:, :10].max() < 1e-4
        assert strength.max() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=0.15)  # the slope of a blurred step, x sigma


def test_an_edge_is_as_strong_in_each_of_four_directions():
    row, column = np.indices((40, 40), dtype=np.float32)
    steps = [(each > each[20, 20]).astype(np.float32) for each in (column, row + column, row, column - row)]
    found = [compute_boundary_strengths([step], step.shape, sigmas=(1.5,))[0][15:25, 15:25].max() for step in steps]
    np.testing.assert_allclose(found, found[0], rtol=0.1)


@pytest.mark.parametrize("shape", [(64, 48), (15, 15)])
def test_strengths_have_the_size_that_is_asked_for_and_add_up_where_maps_change_together(shape):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    one, both = (compute_boundary_strengths([values] * n, (32, 24), sigmas=(1.5, 3.0, 6.0)) for n in (1, 2))
    assert [each.shape for each in one] == [(32, 24)] * 3
    np.testing.assert_allclose(both, 2 * np.array(one), rtol=1e-5)


def test_resizing_averages_areas_and_keeps_the_same_size():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert resize_map(values, (2, 2)).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert resize_map(values, (4, 4)) is values
