"""VRTs, and several files as the bands of one raster."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from raster_files import rasterio, write

import segment
from segment.core.errors import ImageError, SettingsError
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.tiles import Window

SIZE = (20, 30)
BAND = '<VRTRasterBand dataType="Byte" band="1">{}</VRTRasterBand>'
SOURCE = '<SimpleSource><SourceFilename relativeToVRT="{}">{}</SourceFilename></SimpleSource>'


def write_vrt(path: Path, inside: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'<VRTDataset rasterXSize="30" rasterYSize="20">{inside}</VRTDataset>')
    return path


@pytest.fixture
def bands(rng: np.random.Generator, tmp_path: Path) -> list[np.ndarray]:
    """Three bands, which are also in the files b1.tif to b3.tif."""
    values = [rng.integers(0, 200, SIZE).astype(np.uint8) for _ in range(3)]
    for number, band in enumerate(values, start=1):
        write(tmp_path / f"b{number}.tif", band)
    return values


def test_files_are_the_bands_of_one_raster(bands: list[np.ndarray], tmp_path: Path) -> None:
    paths = [tmp_path / f"b{number}.tif" for number in (3, 1, 2)]
    with configure_rasterio():
        raster = pickle.loads(pickle.dumps(open_raster(paths)))
        image = raster.read(Window(2, 3, 10, 20))
    np.testing.assert_array_equal(image.pixels, np.dstack([bands[2], bands[0], bands[1]])[2:12, 3:23])
    assert (raster.crs_name, raster.transform) == ("EPSG:32632", (10, 0, 500_000, 0, -10, 5_000_000))
    assert raster.notes == ("the 3 bands are those of 3 files, in their order",)
    whole = write(tmp_path / "whole.tif", np.dstack([bands[2], bands[0], bands[1]]))
    results = [
        segment.segment_raster(source, tmp_path / "labels.tif", k=3, overwrite=True) for source in (paths, whole)
    ]
    assert results[0].classes == results[1].classes


def test_files_that_are_no_bands_of_one_raster(bands: list[np.ndarray], tmp_path: Path) -> None:
    first = tmp_path / "b1.tif"
    write(tmp_path / "small.tif", bands[0][:10])
    with rasterio.open(first) as file:
        about = file.profile
    for name, change in {
        "moved": {"transform": rasterio.Affine(10, 0, 500_010, 0, -10, 5_000_000)},
        "zone": {"crs": "EPSG:32633"},
    }.items():
        with rasterio.open(tmp_path / f"{name}.tif", "w", **{**about, **change}) as file:
            file.write(bands[0], 1)
    for name, message in {
        "small": "one size; got 30 x 10 pixels beside 30 x 20 of .*b1.tif. Bring them to one grid",
        "moved": "one place on the map",
        "zone": "one coordinate system",
    }.items():
        with configure_rasterio(), pytest.raises(ImageError, match=message):
            open_raster([first, tmp_path / f"{name}.tif"])
    with configure_rasterio(), pytest.raises(SettingsError, match="each file of bands once"):
        open_raster([first, first])
    with pytest.raises(SettingsError, match="is the input"):
        segment.segment_raster([first, tmp_path / "b2.tif"], tmp_path / "b2.tif", k=2, overwrite=True)


def test_a_mosaic_reads_its_folder_alone(bands: list[np.ndarray], tmp_path: Path) -> None:
    inside = SOURCE.format(1, "b1.tif").replace(
        "</SimpleSource>",
        '<SrcRect xOff="0" yOff="0" xSize="15" ySize="20"/><DstRect xOff="15" yOff="0" xSize="15" ySize="20"/>'
        "</SimpleSource>",
    )
    path = write_vrt(tmp_path / "a.vrt", BAND.format("<NoDataValue>255</NoDataValue>" + inside))
    with configure_rasterio():
        raster = open_raster(path)
        image = raster.read(Window(0, 0, *SIZE))
    np.testing.assert_array_equal(image.pixels[:, 15:], bands[0][:, :15])
    assert raster.nodata == 255
    assert raster.sources == (os.path.realpath(tmp_path / "b1.tif"),)


def test_bands_with_values_of_their_own_for_no_data_are_noted(bands: list[np.ndarray], tmp_path: Path) -> None:
    inside = "".join(
        BAND.format(f"<NoDataValue>{value}</NoDataValue>{SOURCE.format(1, f'b{number}.tif')}").replace(
            'band="1"', f'band="{number}"'
        )
        for number, value in ((1, 255), (2, 254), (3, 254))
    )
    path = write_vrt(tmp_path / "a.vrt", inside)
    with configure_rasterio():
        every, alike = open_raster(path), open_raster(path, bands=(3, 2))
    assert every.notes == (
        "the bands have different values for no data: that of the first counts; --nodata gives one for each",
    )
    assert (every.nodata, alike.nodata) == (255, 254)  # the first of those that are used
    assert not any("no data" in note for note in alike.notes)


@pytest.mark.parametrize("kind", ["above", "absolute", "link"])
def test_sources_elsewhere_need_permission(kind: str, bands: list[np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.vrt"
    name = {"above": "../b1.tif", "absolute": str(tmp_path / "b1.tif"), "link": "link.tif"}[kind]
    write_vrt(path, BAND.format(SOURCE.format(int(kind != "absolute"), name)))
    if kind == "link":
        (tmp_path / "sub" / "link.tif").symlink_to(tmp_path / "b1.tif")
    with configure_rasterio():
        with pytest.raises(ImageError, match=r"in its own folder; got .*give --allow-vrt-sources"):
            open_raster(path)
        image = open_raster(path, allow_vrt_sources=True).read(Window(0, 0, *SIZE))
    np.testing.assert_array_equal(image.pixels, bands[0])


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (BAND.format(SOURCE.format(1, "a.vrt")), "from TIFF or JPEG 2000 files; got VRT"),
        (BAND.format(SOURCE.format(1, "missing.tif")), "files that are there; got missing.tif"),
        (BAND.format(SOURCE.format(0, "http://127.0.0.1:1/a.tif")), "got http://127.0.0.1:1/a.tif"),
        (BAND.format(SOURCE.format(0, "/vsicurl/http://127.0.0.1:1/a.tif")), "got /vsicurl/http"),
        (BAND.format(SOURCE.format(0, 'NETCDF:"a.nc":x')), "got NETCDF"),
        (BAND.format(SOURCE.format(1, "text.txt")), "text.txt: a raster is a TIFF"),
        (BAND.format("<KernelFilteredSource/>"), "got KernelFilteredSource"),
        ('<VRTRasterBand dataType="Byte" band="1" subClass="VRTDerivedRasterBand"/>', "got VRTDerivedRasterBand"),
        ('<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"/>', "got VRTRawRasterBand"),
        ("<GDALWarpOptions/>", "got GDALWarpOptions"),
        ("<MaskBand>" * 9 + "</MaskBand>" * 9, "got MaskBand"),
        ("<!DOCTYPE a>", "no declarations"),
        ("<a>", "damaged"),
    ],
)
def test_vrts_that_are_refused(inside: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("secret")
    path = write_vrt(tmp_path / "a.vrt", inside)
    with configure_rasterio(), pytest.raises(ImageError, match=message):
        open_raster(path, allow_vrt_sources=True)
