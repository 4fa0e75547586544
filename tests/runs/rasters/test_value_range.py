"""Black and white of rasters of deep values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from raster_files import write

from segment.core.value_scale import FullPixels
from segment.loader.loader import load_image
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window
from segment.runs.rasters.value_range import ValueRange, apply_scale, find_value_range


def measure(path: Path, pixels: np.ndarray) -> tuple[Raster, ValueRange]:
    """Write pixels as a raster, and find the range of all its values."""
    with configure_rasterio():
        raster = open_raster(write(path, pixels))
        return raster, find_value_range(raster, Window(0, 0, *pixels.shape))


@pytest.mark.parametrize(
    ("values", "dtype", "scale"),
    [
        ([0, 1000], "uint16", ("uint16", 0, 1023)),
        ([0, 60_000], "uint16", ("uint16", 0, 65_535)),
        ([0, 10 * 257], "uint16", ("uint16", 0, 65_535)),  # a dark 8-bit picture, spread over 16 bits
        ([0, 200], "int16", ("uint8", 0, 255)),
        ([0, 3000], "int32", ("uint16", 0, 4095)),
        ([-5, 3000], "int32", ("float32", -5, 3000)),
        ([0.25, 0.75], "float32", ("float32", 0, 1)),
    ],
)
def test_the_scale_follows_from_the_range(
    tmp_path: Path, values: list[float], dtype: str, scale: tuple[str, float, float]
) -> None:
    raster, found = measure(tmp_path / "a.tif", np.array([values] * 3, dtype=dtype))
    assert (found.low, found.high) == tuple(values)
    scaled = apply_scale(raster, found)
    assert (scaled.kind, scaled.black, scaled.white) == scale


def test_the_range_of_two_parts_is_that_of_all(tmp_path: Path) -> None:
    pixels = np.array([[256, 512], [257, 1024]], dtype=np.uint16)
    _, first = measure(tmp_path / "a.tif", pixels[:1])
    _, second = measure(tmp_path / "b.tif", pixels[1:])
    _, both = measure(tmp_path / "c.tif", pixels)
    assert first.unite(second) == both
    assert both == ValueRange(256, 1024, by_256=False, by_257=False, full=(FullPixels(n_pixels=4),) * 2)
    assert first.by_256


def test_a_part_without_a_value_changes_nothing(tmp_path: Path) -> None:
    _, nothing = measure(tmp_path / "a.tif", np.full((2, 3), np.nan, dtype=np.float32))
    assert math.isnan(nothing.low)
    assert ValueRange(3.0, 8.0, by_256=False).unite(nothing) == ValueRange(3.0, 8.0, by_256=False)


@pytest.mark.parametrize(("dtype", "full"), [("uint16", 65535), ("int32", 65535), ("int16", 32767), ("uint16", 32767)])
def test_the_largest_value_of_16_bits_far_above_all_others_is_told(tmp_path: Path, dtype: str, full: int) -> None:
    pixels = np.full((20, 30), 900, dtype)
    pixels[:4, :3] = full
    told = (
        f"2 % of the pixels have the value {full}, far above all others; if it stands for no data, give --nodata {full}"
    )
    assert apply_scale(*measure(tmp_path / "a.tif", pixels)).notes[-1] == told
    pixels[10] = int(0.8 * full)
    assert not any("far above" in note for note in apply_scale(*measure(tmp_path / "b.tif", pixels)).notes)


def test_the_largest_value_may_be_in_one_part_alone(tmp_path: Path) -> None:
    pixels = np.full((20, 30), 20_000, np.uint16)
    pixels[:4] = 65535
    raster, first = measure(tmp_path / "a.tif", pixels[:4])
    _, second = measure(tmp_path / "b.tif", pixels[4:])
    assert apply_scale(raster, first.unite(second)).notes[0].startswith("20 % of the pixels have the value 65535")


def test_the_scale_of_values_whose_0_is_white_is_that_of_inverted_values(tmp_path: Path) -> None:
    pixels = np.array([[100, 3000], [900, 2000]], dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    with configure_rasterio():
        raster = open_raster(tmp_path / "a.tif")
        found = find_value_range(raster, Window(0, 0, 2, 2))
        scaled = apply_scale(raster, found)
        image = scaled.read(Window(0, 0, 2, 2))
    assert (scaled.black, scaled.white) == (0, 65535)
    np.testing.assert_array_equal(image.pixels, 65535 - pixels)


def test_steps_that_are_lost_are_told_of_images_and_rasters(tmp_path: Path) -> None:
    pixels = 1.7e9 + np.arange(12.0).reshape(3, 4) * 100
    notes = apply_scale(*measure(tmp_path / "a.tif", pixels)).notes
    assert notes == load_image(tmp_path / "a.tif").notes
    assert notes[-1].startswith("only 9 steps of 32-bit floats lie between black and white")
