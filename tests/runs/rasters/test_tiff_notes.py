"""What is told of a TIFF that is read as a raster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from color_profiles import SRGB, WIDE_RGB
from raster_files import rasterio, write
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

from segment.core.errors import ImageError
from segment.loader.decoders.geotiff import LOST_PLACE
from segment.loader.loader import load_image
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster

RGB = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
TURNED = {"extratags": [(274, "H", 1, 6, True)]}
PROFILE, USUAL_PROFILE = {"iccprofile": WIDE_RGB}, {"iccprofile": SRGB}


def read_notes(path: Path, *others: Path, bands: tuple[int, ...] = ()) -> tuple[str, ...]:
    """The notes of a raster, or of one of several files."""
    with configure_rasterio():
        return open_raster([path, *others] if others else path, bands).notes


@pytest.mark.parametrize(
    ("pixels", "how", "begin"),
    [
        (RGB, {}, ""),
        (RGB, USUAL_PROFILE, ""),
        (RGB, TURNED, "rows and columns are as they are stored"),
        (RGB, PROFILE, 'the colors are not converted from the profile "Scanner 7"'),
        (np.stack([RGB, RGB]), {}, "page 1 of 2 is used"),
        (np.dstack([RGB, RGB[..., :1]]), {"extrasamples": ["ASSOCALPHA"]}, "the colors are multiplied by the opacity"),
        (np.dstack([RGB, RGB[..., :1]]), {"extrasamples": ["UNSPECIFIED"]}, "4 bands, each a feature as it is"),
    ],
)
def test_what_other_programs_would_do_is_told(tmp_path: Path, pixels: np.ndarray, how: Any, begin: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", **how)
    notes = read_notes(tmp_path / "a.tif")
    assert len(notes) == bool(begin)
    assert all(note.startswith(begin) for note in notes)


def test_a_channel_of_a_microscope_is_told_to_be_one_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB, -1, 0), imagej=True, metadata={"axes": "CYX"})
    assert read_notes(tmp_path / "a.tif")[0].startswith("page 1 of 3 is used: 'segment run' takes others")


def test_blank_tiles_of_a_sparse_file_are_told(tmp_path: Path) -> None:
    sparse = {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True}
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:16] = 9
    write(tmp_path / "a.tif", pixels, **sparse)
    told = ("2 of the 4 strips or tiles have no data in the file: they are blank",)
    assert read_notes(tmp_path / "a.tif") == told
    assert load_image(tmp_path / "a.tif").notes[:1] == told


def test_numbers_that_are_no_light_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="cielab")
    with pytest.raises(ImageError, match=r"a.tif: TIFF colors are gray, RGB, palette or CMYK; got CIELAB"):
        read_notes(tmp_path / "a.tif")


def scale_bands(path: Path, scales: tuple[float, ...], offsets: tuple[float, ...]) -> Path:
    """Write bands whose values are not in their unit."""
    pixels = np.dstack([RGB.astype(np.uint16)[..., 0]] * len(scales))
    write(path, pixels, photometric="MINISBLACK")
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = scales, offsets
    return path


def test_the_unit_of_stored_values_is_told_of_images_and_rasters(tmp_path: Path) -> None:
    path = scale_bands(tmp_path / "a.tif", (1e-4, 1e-4, 1), (-0.1, -0.1, 0))
    told = "means, models and --nodata have the values as they are stored; the file says that in their unit they are "
    one = (f"{told}0.0001 * value - 0.1",)
    some = (f"{told}0.0001 * value - 0.1 in some bands, and other in others",)
    for bands, expected in (((1, 2, 3), some), ((2,), one), ((3,), ())):
        assert read_notes(path, bands=bands)[:1] == expected
        assert tuple(note for note in load_image(path, bands=bands).notes if "unit" in note) == expected
    others = [scale_bands(tmp_path / f"{i}.tif", (0.5,), (3.0,)) for i in range(3)]
    assert f"{told}0.5 * value + 3" in read_notes(*others)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("how", ["control points", "polynomials", "a grid"])
def test_a_place_that_is_not_read_is_told_of_images_and_rasters(tmp_path: Path, dtype: str, how: str) -> None:
    corners = [GroundControlPoint(row, column, 10 + column, 50 - row) for row in (0, 12) for column in (0, 20)]
    offsets = dict.fromkeys(("height_off", "lat_off", "line_off", "long_off", "samp_off"), 9.0)
    scales = dict.fromkeys(("height_scale", "lat_scale", "line_scale", "long_scale", "samp_scale"), 5.0)
    factors = {f"{axis}_{part}_coeff": [1.0] + [0.0] * 19 for axis in ("line", "samp") for part in ("num", "den")}
    place: dict[str, Any] = {
        "control points": {"gcps": corners, "transform": None},
        "polynomials": {"rpcs": RPC(**offsets, **scales, **factors), "transform": None, "crs": None},
        "a grid": {},
    }[how]
    path = write(tmp_path / "a.tif", RGB.astype(dtype), **place)
    is_told = how != "a grid"
    assert (LOST_PLACE in read_notes(path)) == is_told
    assert (LOST_PLACE in load_image(path).notes) == is_told
