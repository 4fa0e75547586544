"""Georeferences: areas, and pixels that keep their place when they are turned upright."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.georeference import NOWHERE, Georeference
from segment.loader.decoders.orientation import apply_orientation

PICTURE = np.arange(15).reshape(3, 5)
ROTATED = (3.0, 4.0, 100.0, 4.0, -3.0, 200.0)


def test_no_georeference_is_false_and_its_coordinates_are_pixels() -> None:
    assert not NOWHERE
    assert Georeference() == NOWHERE
    assert NOWHERE.determinant == 1
    assert np.isnan(NOWHERE.pixel_area)


def test_area_of_a_pixel() -> None:
    feet = Georeference((2.0, 0.0, 7.0, 0.0, -3.0, 8.0), "EPSG:2263", meters=0.3048)
    assert feet.determinant == -6
    assert feet.pixel_area == pytest.approx(6 * 0.3048**2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_pixel_keeps_its_place_when_it_is_turned_upright(orientation: int) -> None:
    stored = Georeference(ROTATED, "EPSG:32632", 1.0)
    seen = apply_orientation(PICTURE, orientation)
    place = stored.apply_orientation(orientation, *seen.shape)

    def center(where: Georeference, row: int, column: int) -> tuple[float, float]:
        a, b, c, d, e, f = where.transform
        return a * (column + 0.5) + b * (row + 0.5) + c, d * (column + 0.5) + e * (row + 0.5) + f

    for value in PICTURE.ravel():
        (old,), (new,) = np.argwhere(value == PICTURE), np.argwhere(seen == value)
        assert center(place, *new) == pytest.approx(center(stored, *old))


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_upright_pixels_keep_their_georeference(orientation: int) -> None:
    stored = Georeference(ROTATED)
    assert stored.apply_orientation(orientation, 3, 5) is stored
