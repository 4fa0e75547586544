"""Units of projected systems, beside those of the EPSG registry in PROJ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segment.loader.decoders.geotiff_units import METERS_PER_EPSG_UNIT, find_unit
from segment.loader.loader import load_image

rasterio = pytest.importorskip("rasterio")


def test_units_are_those_of_the_registry() -> None:
    n_found = 0
    for number in range(1024, 32767):
        unit = find_unit(number)
        if unit is None:
            continue
        try:
            system = rasterio.crs.CRS.from_epsg(number)
        except rasterio.errors.CRSError:  # a number between two others that stands for nothing
            continue
        if not system.is_projected:  # such a number, too, may lie between two others
            continue
        n_found += 1
        assert system.linear_units_factor[1] == pytest.approx(METERS_PER_EPSG_UNIT[unit], rel=1e-9), number
    assert n_found > 400


@pytest.mark.parametrize(
    ("number", "area"), [(7415, 4.0), (5698, 4.0), (8706, 4 * 0.3048**2), (8719, 4 * (1200 / 3937) ** 2)]
)
def test_systems_with_heights_have_the_areas_of_their_horizontal_part(tmp_path: Path, number: int, area: float) -> None:
    try:
        system = rasterio.crs.CRS.from_epsg(number)
    except rasterio.errors.CRSError:
        pytest.skip("not in this version of the registry")
    about = {"count": 1, "dtype": "uint8", "width": 3, "height": 2, "crs": system}
    with rasterio.open(tmp_path / "a.tif", "w", transform=rasterio.Affine(2, 0, 1e5, 0, -2, 4e5), **about) as file:
        file.write(np.zeros((1, 2, 3), np.uint8))
    assert load_image(tmp_path / "a.tif").georeference.pixel_area == pytest.approx(area)
