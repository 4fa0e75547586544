"""Files beside an image that are not read: those that could matter are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from raster_files import write

import segment
from segment.loader.side_files import describe_side_files


def make_aux(body: str) -> str:
    return f"<PAMDataset><PAMRasterBand band='1'>{body}</PAMRasterBand></PAMDataset>"


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        ("<NoDataValue>20</NoDataValue>", True),
        ("<Scale>0.1</Scale>", True),
        ("<Metadata><MDI key='STATISTICS_MEAN'>100</MDI></Metadata>", False),
    ],
)
def test_metadata_of_gdal_are_told_where_they_matter(body: str, is_told: bool, tmp_path: Path) -> None:
    (tmp_path / "a.tif.aux.xml").write_text(make_aux(body))
    notes = describe_side_files(str(tmp_path / "a.tif"), has_mask=False, has_place=False)
    told = "a.tif.aux.xml beside it is not read: gdal_translate writes what it says into a new image"
    assert notes == ((told,) if is_told else ())


def test_a_mask_and_a_place_beside_an_image_are_told_unless_it_has_them(tmp_path: Path) -> None:
    pixels = np.repeat([[20, 200]], [5, 7], axis=1).repeat(10, axis=0).astype(np.uint8)
    mask = np.repeat([0, 255], [4, 6])[:, None].repeat(12, axis=1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tifffile.imwrite(tmp_path / "a.tif.msk", mask)
    (tmp_path / "a.tfw").write_text("10\n0\n0\n-10\n400000\n5000000\n")
    about_mask = "a.tif.msk beside it is not read: give it with --mask"
    about_place = "a.tfw beside it is not read: gdal_translate writes the place into a new image"
    settings = {"k": 2, "spatial": "none"}
    assert segment.segment_image(tmp_path / "a.tif", **settings).warnings == (about_mask, about_place)
    masked = segment.segment_image(tmp_path / "a.tif", mask=tmp_path / "a.tif.msk", **settings)
    assert masked.warnings == (about_place,)
    assert not masked.labels[:4].any()
    assert masked.labels[4:].all()
    write(tmp_path / "a.tif", pixels)
    assert segment.segment_image(tmp_path / "a.tif", mask=mask, **settings).warnings == ()
