"""Black, white and no data of floats with extreme values."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.float_range import find_float_range
from segment.core.float_scale import FloatScale, choose_float_scale, describe_lost_steps


def make_values(*extremes: float, low: float = 10, high: float = 20, n: int = 5000) -> np.ndarray:
    """Make n values between two ends in random order, with some extreme ones among them."""
    values = np.random.default_rng(0).uniform(low, high, n)
    values[100 : 100 + len(extremes)] = extremes
    return values.astype(np.float32)[:, None]


def choose(values: np.ndarray) -> FloatScale:
    return choose_float_scale(find_float_range(values))


def test_usual_values_are_read_from_the_smallest_to_the_largest():
    for values in (make_values(), np.random.default_rng(1).normal(0, 1, (5000, 1)).astype(np.float32)):
        scale = choose(values)
        assert (scale.black, scale.white) == (values.min(), values.max())
        assert np.isnan(scale.low_nodata)


@pytest.mark.parametrize("extreme", [60_000.0, -60_000.5, 1e30])
@pytest.mark.parametrize("count", [1, 4])
def test_few_extreme_values_leave_most_of_the_scale_to_the_others(extreme, count):
    scale = choose(make_values(*[extreme] * count))
    assert scale.white - scale.black < 25
    assert (scale.black if extreme > 0 else scale.white) == pytest.approx(10 if extreme > 0 else 20, abs=0.1)
    assert f"{count} of 5000 " in scale.notes[0]
    assert np.isnan(scale.low_nodata)


def test_values_of_0_to_1_keep_their_scale_beside_an_extreme_one():
    scale = choose(make_values(60_000, low=0, high=0.6))
    assert (scale.black, scale.white) == (0, 1)


def test_extreme_values_of_more_than_a_thousandth_are_a_part_of_the_image():
    assert choose(make_values(*[500.0] * 20)).white == 500


@pytest.mark.parametrize("others", [(), (35.0,), (-1234567.5,)])
def test_a_hundredth_is_left_out_only_where_it_lies_very_far(others):
    scale = choose(make_values(*[60_000.0] * 40, *others))
    assert scale.white - scale.black < 30
    assert f"{40 + len(others)} of 5000 " in scale.notes[0]
    assert choose(make_values(*[60_000.0] * 60)).white == 60_000


@pytest.mark.parametrize("value", [-9999.0, -32768.0, -1000.0, -99.0])
def test_lone_minimum_stands_for_no_data(value):
    values = make_values(*[value] * 700, 60_000)
    scale = choose(values)
    assert scale.low_nodata == value
    assert scale.black == pytest.approx(10, abs=0.1)
    assert scale.white < 35
    assert f"14 % of the pixels have the value {value:g}" in scale.notes[0]


@pytest.mark.parametrize("value", [-9999.5, -5.0, 9999.0])
def test_other_extreme_values_are_data(value):
    assert np.isnan(choose(make_values(*[value] * 700)).low_nodata)


def test_minimum_that_other_values_come_near_is_data():
    values = make_values(-9999.0, low=-12000, high=3000)
    assert np.isnan(choose(values).low_nodata)
    assert np.isnan(choose(make_values(-999.0, -990.0)).low_nodata)


def test_values_that_no_sensor_has_stand_for_no_data():
    scale = choose(make_values(*[-3.4028235e38] * 100, 9.96921e36, np.inf))
    assert (scale.black, scale.white) == (pytest.approx(10, abs=0.1), pytest.approx(20, abs=0.1))
    assert scale.notes[0].startswith("2 % of the pixels have values beyond 9.9e+36")


def test_image_of_nothing_but_extreme_values_has_a_scale():
    scale = choose(np.full((9, 1), 1e38, np.float32))
    assert (scale.black, scale.white) == (0, 1)
    assert choose(np.full((9, 1), -9999, np.float32)).black == -9999
    assert choose(np.zeros((0, 1), np.float32)).notes == ()


def test_zeros_and_a_few_other_values_are_read_in_full():
    values = np.zeros((5000, 1), np.float32)
    values[:3] = 50
    assert choose(values).white == 50


@pytest.mark.parametrize("value", [2**31 - 1, 2**32 - 1, 2**63 - 1, 1e15, 1e20])
@pytest.mark.parametrize("low_fill", [(), (-9999.0,) * 700])
def test_largest_integers_and_fills_of_climate_data_stand_for_no_data(value, low_fill):
    scale = choose(make_values(*[value] * 300, *low_fill))
    assert scale.high_nodata == np.float32(value)
    assert (scale.black, scale.white) == (pytest.approx(10, abs=0.1), pytest.approx(20, abs=0.1))
    assert scale.notes[0].startswith("6 % of the pixels have the value ")
    assert np.isnan(scale.low_nodata) == (not low_fill)


def test_maximum_that_other_values_come_near_is_data():
    scale = choose(make_values(1e20, low=0, high=9e19))
    assert np.isnan(scale.high_nodata)
    assert scale.white == np.float32(1e20)


@pytest.mark.parametrize("value", [9999.0, 32767.0, 65535.0, 999999.0])
def test_values_that_may_stand_for_no_data_are_told(value):
    told = f"6 % of the pixels have the value {value:.0f}, far above all others"
    scale = choose(make_values(*[value] * 300))
    assert scale.notes[0] == f"{told}; if it stands for no data, give --nodata {value:.0f}"
    assert np.isnan(scale.high_nodata)
    assert scale.white == value
    # Few of them, others near them, or other bands with other values: nothing is told.
    silent = (make_values(*[value] * 4), make_values(*[value] * 300, high=0.9 * value))
    silent += (np.hstack([make_values(*[value] * 300), make_values()]),)
    assert not any("far above" in note for values in silent for note in choose(values).notes)


@pytest.mark.parametrize("n", [1, 5])
def test_dark_values_in_a_unit_keep_their_scale_beside_a_few_bright_ones(n):
    values = make_values(*[1.0] * n, low=1e-5, high=9e-5)
    scale = choose(values)
    assert scale.black == np.float32(1e-5) or scale.black == pytest.approx(1e-5, rel=0.01)
    assert scale.white < 2e-4
    assert choose(make_values(*[1.0] * 6, low=1e-5, high=9e-5)).white == 1
    spots = np.zeros((5000, 1), np.float32)
    spots[:3] = 0.5
    assert choose(spots).white == 1


def test_values_close_together_far_from_0_are_told_with_enough_digits():
    assert choose(make_values(low=1.7e9, high=1.7e9 + 900)).notes == (
        "values are read from 1700000000 (black) to 1700000896 (white)",
    )


@pytest.mark.parametrize(
    ("dtype", "low", "high", "n"),
    [
        ("float64", 1.7e9, 1.7e9 + 300, 1),
        ("int32", 2e9, 2e9 + 255 * 128, 1),
        ("int32", 2e9, 2e9 + 256 * 128, 0),
        ("float32", 1.7e9, 1.7e9 + 300, 0),
        ("int16", -2.0, 2.0, 0),
        ("float64", -1e-5, 1e-5, 0),
    ],
)
def test_steps_that_are_lost_are_told(dtype, low, high, n):
    notes = describe_lost_steps(np.dtype(dtype), low, high)
    assert len(notes) == n
    assert all("steps of 32-bit floats lie between black and white" in note for note in notes)
