"""GeoTIFF tags: against rasterio, which wrote them, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from segment.core.georeference import Georeference
from segment.loader.decoders.geotiff import METERS_PER_EPSG_UNIT, find_unit, read_georeference
from segment.loader.loader import load_image

rasterio = pytest.importorskip("rasterio", reason="rasterio writes the GeoTIFFs to read")

PICTURE = np.arange(15).reshape(3, 5)
NORTH_UP = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_600_000.0)
ROTATED = (3.0, 4.0, 100.0, 4.0, -3.0, 200.0)
rasterio = pytest.importorskip("rasterio")


def write_geotiff(path: Path, transform: tuple[float, ...], crs: str, dtype: str = "uint8", **tags: str) -> Path:
    data = PICTURE.astype(dtype)
    size = {"height": data.shape[0], "width": data.shape[1], "count": 1, "dtype": dtype}
    where = {"transform": rasterio.Affine(*transform), "crs": crs or None}
    with rasterio.open(path, "w", driver="GTiff", **size, **where, **tags) as file:
        file.write(data, 1)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])  # read by Pillow, and by tifffile
@pytest.mark.parametrize("point", ["Area", "Point"])
@pytest.mark.parametrize("transform", [NORTH_UP, ROTATED])
def test_transform_and_system_are_those_of_rasterio(
    tmp_path: Path, dtype: str, point: str, transform: tuple[float, ...]
) -> None:
    path = write_geotiff(tmp_path / "a.tif", transform, "EPSG:32632", dtype)
    with rasterio.open(path, "r+") as file:
        file.update_tags(AREA_OR_POINT=point)
    with rasterio.open(path) as file:
        expected = tuple(file.transform)[:6]
    found = load_image(path).georeference
    assert found.transform == pytest.approx(expected, abs=1e-9)
    assert (found.crs, found.meters) == ("EPSG:32632", 1.0)
    assert found.pixel_area == pytest.approx(abs(transform[0] * transform[4] - transform[1] * transform[3]))


@pytest.mark.parametrize(
    ("crs", "meters"), [("EPSG:2263", 1200 / 3937), ("EPSG:4326", 0.0), ("EPSG:25832", 1.0), ("", 0.0)]
)
def test_length_of_the_unit_in_meters(tmp_path: Path, crs: str, meters: float) -> None:
    found = load_image(write_geotiff(tmp_path / "a.tif", NORTH_UP, crs)).georeference
    assert (found.crs, found.meters, found.transform) == (crs, pytest.approx(meters), NORTH_UP)
    assert np.isnan(found.pixel_area) == (meters == 0)


@pytest.mark.parametrize("crs", ["ESRI:102100", "EPSG:900913"])
def test_web_mercator_without_a_number_is_not_longitude_and_latitude(tmp_path: Path, crs: str) -> None:
    # GDAL writes the number of the geographic system that it is projected from, and the system itself as text.
    found = load_image(write_geotiff(tmp_path / "a.tif", NORTH_UP, crs)).georeference
    assert found.is_web_mercator
    assert (found.meters, found.degrees) == (1.0, 0.0)


def test_kilometers_are_known(tmp_path: Path) -> None:
    crs = "+proj=tmerc +lon_0=9 +units=km +datum=WGS84"
    assert load_image(write_geotiff(tmp_path / "a.tif", NORTH_UP, crs)).georeference.meters == 1000


def test_picture_without_tags_has_no_georeference(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PICTURE)
    found = load_image(tmp_path / "a.tif").georeference
    assert not found
    assert found.transform == (1, 0, 0, 0, 1, 0)


@pytest.mark.parametrize(
    "tags",
    [
        {33550: (0.0, 0.0, 0.0), 33922: (0, 0, 0, 1, 2, 0)},
        {33550: (float("nan"), 1.0, 0.0), 33922: (0, 0, 0, 1, 2, 0)},
        {33550: (1.0,), 33922: (0, 0)},
        {34264: (1.0, 2.0)},
        {34264: ("x",) * 16},
        {34264: 5},
        {33550: (1.0, 1.0, 0.0), 33922: (0, 0, 0, 1, 2, 0), 34735: (1, 1, 0, 9, 1024)},
        {34735: (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32632)},  # a coordinate system, and no place in it
        {33550: (1e300, 1e300, 0.0), 33922: (0, 0, 0, 1, 2, 0)},
    ],
)
def test_damaged_tags_are_no_georeference(tags: dict[int, object]) -> None:
    assert read_georeference(tags.get) == Georeference()


def test_system_without_number_is_known_by_its_text() -> None:
    wkt = 'PROJCS["mine"]'
    text = f"ESRI PE String = {wkt}|"
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 32767, 1026, 34737, len(text), 0)
    tags = {33550: (2.0, 2.0, 0.0), 33922: (0, 0, 0, 1, 2, 0), 34735: keys, 34737: text}
    found = read_georeference(tags.get)
    assert (found.transform, found.crs, found.meters) == ((2, 0, 1, 0, -2, 2), wkt, 0.0)


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
