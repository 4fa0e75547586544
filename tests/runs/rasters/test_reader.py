"""Rasters are described and read window by window."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from raster_files import write
from rasterio import Affine

from segment.core.errors import DependencyError, ImageError, SettingsError
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window

SIZE = (30, 40)


@pytest.fixture
def gray(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 200, SIZE).astype(np.uint8)


def describe(path: Path, *bands: int) -> Raster:
    with configure_rasterio():
        return open_raster(path, bands)


def test_a_raster_is_described_and_can_be_sent_to_a_worker(tmp_path: Path, gray: np.ndarray) -> None:
    raster = describe(write(tmp_path / "a.tif", np.dstack([gray, gray, gray]), nodata=3))
    assert (raster.height, raster.width, raster.bands, raster.n_channels) == (30, 40, (1, 2, 3), 3)
    assert (raster.dtype, raster.kind, raster.black, raster.white, raster.nodata) == ("uint8", "uint8", 0, 255, 3)
    assert raster.is_scale_known
    assert raster.may_have_gaps
    assert raster.crs.startswith("PROJCS")
    assert raster.transform == (10, 0, 500_000, 0, -10, 5_000_000)
    assert repr(pickle.loads(pickle.dumps(raster))) == repr(raster)  # NaN is not equal to itself


def test_a_window_is_read_alone(tmp_path: Path, gray: np.ndarray) -> None:
    window = Window(5, 7, 11, 20)
    path = write(tmp_path / "a.tif", gray)
    with configure_rasterio():
        raster = open_raster(path)
        image = raster.read(window)
        np.testing.assert_array_equal(image.pixels, gray[window.slices])
        assert image.valid.all()
        np.testing.assert_array_equal(raster.read_values(window)[0], gray[window.slices].reshape(-1, 1))


def test_pixels_without_a_value_are_not_valid_and_have_no_values(tmp_path: Path, gray: np.ndarray) -> None:
    gray[:10] = 250
    path = write(tmp_path / "a.tif", gray, nodata=250)
    everything = Window(0, 0, *SIZE)
    with configure_rasterio():
        raster = open_raster(path)
        image = raster.read(everything)
        values, _ = raster.read_values(everything)
    np.testing.assert_array_equal(image.valid, gray != 250)
    assert not image.pixels[:10].any()
    assert values.shape == (20 * 40, 1)


def test_a_thumbnail_has_at_most_so_many_pixels(tmp_path: Path, gray: np.ndarray) -> None:
    path = write(tmp_path / "a.tif", gray)
    with configure_rasterio():
        raster = open_raster(path)
        image = raster.read_thumbnail(20)
        assert (image.height, image.width) == (15, 20)
        averages = gray.reshape(15, 2, 20, 2).mean(axis=(1, 3))
        assert np.abs(image.pixels - averages).max() <= 1
        np.testing.assert_array_equal(raster.read_thumbnail(1000).pixels, gray)


@pytest.mark.parametrize(
    ("bands", "message"),
    [((1, 4), "each of the bands 1 to 3 at most once; got 4"), ((2, 2), "at most once; got 2")],
)
def test_bands_that_do_not_exist_or_repeat_are_refused(
    tmp_path: Path, gray: np.ndarray, bands: tuple[int, ...], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        describe(write(tmp_path / "a.tif", np.dstack([gray] * 3)), *bands)


def test_a_pixel_has_an_area_where_coordinates_are_lengths(tmp_path: Path, gray: np.ndarray) -> None:
    place = Affine(10, 0, 0, 0, -5, 0)
    areas = [
        describe(write(tmp_path / f"{number}.tif", gray, crs=crs, transform=place)).pixel_area
        for number, crs in enumerate(("EPSG:32632", "EPSG:4326", None))
    ]
    assert areas[0] == 50
    assert areas[1] > 0  # on the ellipsoid
    assert np.isnan(areas[2])


def test_cmyk_is_refused(tmp_path: Path, gray: np.ndarray) -> None:
    # GDAL converts CMYK of 8 bits to RGB by itself.
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([gray] * 4).astype(np.uint16), photometric="separated")
    with pytest.raises(ImageError, match=r"a\.tif: raster colors are bands, gray, RGB or a palette; got CMYK"):
        describe(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing.tif", "cannot be opened"), (".", "regular file"), ("a.png", "got JPEG. Give it to 'segment run'")],
)
def test_anything_but_a_tiff_is_refused(tmp_path: Path, landscape: Path, name: str, message: str) -> None:
    (tmp_path / "a.png").write_bytes(landscape.read_bytes())
    with pytest.raises(ImageError, match=message):
        describe(tmp_path / name)


def test_without_rasterio_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    with (
        pytest.raises(DependencyError, match=r"need rasterio, .* Run: pip install 'gmm-segment\[geo\]'\."),
        configure_rasterio(),
    ):
        pass
