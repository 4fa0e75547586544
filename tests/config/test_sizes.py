"""Sizes of what is cleaned up, in three kinds of units."""

from __future__ import annotations

import math
import re

import pytest

from segment.config.config import SegmentConfig
from segment.config.sizes import AREA, LENGTH, compute_area_share, compute_radius_share
from segment.core.errors import SettingsError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, 0.25),
        ("50px", 0.01),
        ("2.5px", 0.0005),
        ("400m2", 0.02),
        ("0.5ha", 0.25),
        ("1km2", 50),
        ("4000000mm2", 0.0002),
    ],
)
def test_an_area_becomes_a_share(value: float | str, expected: float) -> None:
    assert compute_area_share(value, (50, 100), 4.0, "min_region") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.01, 0.01), ("5px", 0.1), ("5m", 0.05), ("30cm", 0.003), ("0.05km", 0.5)]
)
def test_a_radius_becomes_a_share_of_the_diagonal(value: float | str, expected: float) -> None:
    assert compute_radius_share(value, (30, 40), 4.0, "smooth_radius") == pytest.approx(expected)


def test_a_size_in_meters_needs_the_size_of_a_pixel() -> None:
    with pytest.raises(SettingsError, match=re.escape("max_hole (--max-hole): sizes in pixels (50px) or as a share")):
        compute_area_share("4mm2", (10, 10), math.nan, "max_hole")
    with pytest.raises(SettingsError, match="got 3m"):
        compute_radius_share("3m", (10, 10), math.nan, "smooth_radius")
    assert compute_area_share("7px", (10, 10), math.nan, "max_hole") == 0.07


@pytest.mark.parametrize("text", ["50px", ".5ha", "3.m2", "2km2", "4mm2", "9um2"])
def test_areas_are_accepted(text: str) -> None:
    assert re.fullmatch(AREA.pattern, text)
    assert SegmentConfig(min_region=text).min_region == text


@pytest.mark.parametrize("text", ["px", "-1px", "1e3px", "5 px", "5m", "5mm", "5ha2", "0.5 ha", "1e999px"])
def test_other_texts_are_no_areas(text: str) -> None:
    assert not re.fullmatch(AREA.pattern, text)
    with pytest.raises(SettingsError, match="a number from 0 to 1 or an area such as 50px"):
        SegmentConfig(min_region=text)


def test_a_radius_is_a_length() -> None:
    assert SegmentConfig(smooth_radius="2px").smooth_radius == "2px"
    assert not re.fullmatch(LENGTH.pattern, "2m2")
    # A share may be written as text too, as on the command line.
    assert SegmentConfig(smooth_radius="0.05").smooth_radius == 0.05
