"""Pixels inside areas: contrast that one can see, and a second implementation."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from segment.segmenter.class_count import contrast, interior


def test_a_step_has_contrast_on_both_sides() -> None:
    picture = np.array([[5, 5, 5, 9, 9, 9]] * 3, dtype=np.uint8)[..., None]
    everywhere = np.ones((3, 6), dtype=bool)
    assert contrast(picture, everywhere).tolist() == [[0, 0, 4, 4, 0, 0]] * 3
    assert interior(picture, everywhere, edges=0.5).tolist() == [[True, True, False, False, True, True]] * 3


def test_contrast_is_that_of_scipy_in_the_channel_where_it_is_greatest(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 65536, (9, 13, 3)).astype(np.uint16)
    window = (3, 3, 1)
    expected = maximum_filter(picture, window, mode="nearest").astype(float) - minimum_filter(
        picture, window, mode="nearest"
    )
    np.testing.assert_array_equal(contrast(picture, np.ones((9, 13), dtype=bool)), expected.max(axis=2))


def test_pixels_that_are_not_valid_make_no_contrast(rng: np.random.Generator) -> None:
    valid = rng.random((8, 9)) < 0.7
    picture = np.full((8, 9, 2), 7.0)
    picture[~valid] = rng.normal(size=(int((~valid).sum()), 2)) * 1e6
    assert not contrast(picture, valid).any()
    np.testing.assert_array_equal(interior(picture, valid, edges=0.2), valid)


def test_no_more_than_the_share_is_left_out(rng: np.random.Generator) -> None:
    picture, valid = rng.random((30, 40, 3)), rng.random((30, 40)) < 0.8
    for edges in (0.0, 0.2, 0.5):
        inside = interior(picture, valid, edges=edges)
        assert not (inside & ~valid).any()
        assert 1 - edges <= inside.sum() / valid.sum() < 1 - edges + 0.01
        left_out = contrast(picture, valid)[valid & ~inside]
        assert left_out.min(initial=np.inf) > contrast(picture, valid)[inside].max()


def test_nothing_valid_has_no_inside() -> None:
    nothing = np.zeros((4, 3), dtype=bool)
    assert not interior(np.ones((4, 3, 3)), nothing, edges=0.2).any()
