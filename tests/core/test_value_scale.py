"""Black and white by the values of the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.value_scale import infer_scale, infer_scale_of_pixels


@pytest.mark.parametrize(
    ("dtype", "high", "expected"),
    [
        ("uint8", 9, (0, 255, 0)),
        ("uint16", 900, (0, 1023, 1)),
        ("uint16", 60_000, (0, 65535, 0)),
        ("uint16", np.nan, (0, 65535, 0)),
        ("float32", np.nan, (0, 1, 0)),
    ],
)
def test_white_of_integers_follows_from_the_largest_value(dtype, high, expected):
    black, white, notes = infer_scale(dtype, high)
    assert (black, white, len(notes)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.4], (0, 1, 0)),
        ([0, 0.0039], (0, 0.0039, 1)),  # in some unit: as shares of full light they would be alike
        ([0, 0.004], (0, 1, 0)),
        ([0.001, 0.001], (0, 1, 0)),
        ([-2, 6], (-2, 6, 1)),
        ([5, 5], (5, 10, 1)),
        ([-9999, 3, 5], (3, 5, 2)),
        ([3, 5, 1e38], (3, 5, 2)),
    ],
)
def test_floats_are_scaled_from_the_smallest_to_the_largest(values, expected):
    pixels = np.array([values], dtype=np.float32)
    black, white, is_data, notes = infer_scale_of_pixels(pixels, np.ones(pixels.shape, bool))
    assert (black, pytest.approx(white), len(notes)) == expected
    assert is_data.tolist() == [[-9999 < value < 1e38 for value in values]]


def test_pixels_that_are_not_valid_have_no_effect():
    pixels = np.array([[0, 70_00, 100]], dtype=np.uint16)
    black, white, _, _ = infer_scale_of_pixels(pixels, np.array([[True, False, True]]))
    assert (black, white) == (0, 255)
    black, white, _, notes = infer_scale_of_pixels(pixels, np.zeros((1, 3), bool))
    assert (black, white, notes) == (0, 65535, ())


@pytest.mark.parametrize("full", [32767, 65535])
def test_many_pixels_of_the_largest_value_far_above_all_others_are_told(full):
    scene = np.random.default_rng(0).integers(300, int(0.7 * full), (50, 60, 2), dtype=np.uint16)
    scene[10:14, 20:30] = full
    everywhere = np.ones((50, 60), bool)
    *_, notes = infer_scale_of_pixels(scene, everywhere)
    told = (
        f"1.3 % of the pixels have the value {full}, far above all others; if it stands for no data, give "
        f"--nodata {full}"
    )
    assert notes[-1] == told
    # Where they do not count, where few do, and where others come near it, nothing is told.
    few = everywhere.copy()
    few[10:14, 20:30] = False
    few[10, 20:22] = True
    silent = [infer_scale_of_pixels(scene, scene[..., 0] < full), infer_scale_of_pixels(scene, few)]
    scene[20] = int(0.8 * full)
    silent.append(infer_scale_of_pixels(scene, everywhere))
    # In one of two bands only: a value like any other.
    scene[20], scene[10:14, 20:30, 0] = 500, 2000
    silent.append(infer_scale_of_pixels(scene, everywhere))
    assert not any("far above" in note for *_, notes in silent for note in notes)


def test_overexposed_pictures_are_not_told_to_have_no_data():
    light = np.random.default_rng(0).normal(0.5, 0.3, (60, 80)).clip(0, 1)
    deep = np.rint(65535 * light).astype(np.uint16)
    assert np.mean(deep == 65535) > 0.02
    assert infer_scale_of_pixels(deep, np.ones((60, 80), bool))[3] == ()
    # An 8-bit drawing on white, written in 16 bits.
    drawing = np.full((60, 80), 65535, np.uint16)
    drawing[20:40, 20:60] = 20 * 257
    assert infer_scale_of_pixels(drawing, np.ones((60, 80), bool))[3] == ()
