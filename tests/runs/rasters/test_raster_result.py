"""The summary of a segmented raster."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from raster_files import read, write

import segment


def test_areas_and_shares_are_those_of_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = np.repeat([[20, 120, 220]], [30, 20, 10], axis=1).repeat(40, axis=0)
    pixels = (pixels + rng.normal(0, 4, pixels.shape)).astype(np.uint8)
    pixels[:4] = 1
    source = write(tmp_path / "a.tif", pixels, nodata=1)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=17, reject=0.05, spatial="none")
    labels = read(found.path)
    counts = np.bincount(labels.ravel(), minlength=4)
    assert [row.pixels for row in found.classes] == counts[1:].tolist()
    assert sum(row.share for row in found.classes) == pytest.approx(1)
    valid = pixels[4:].size
    assert 0 < found.rejected <= 0.05
    assert counts[0] <= pixels.size - valid + round(found.rejected * valid)  # clean-up fills some
    assert (found.height, found.width, found.bands) == (40, 60, (1,))
    assert found.names == ("class 1", "class 2", "class 3")
    assert found.choice == ""
    assert found.model.n_components == len(found.groups) == 3
    assert pickle.loads(pickle.dumps(found)) == found != replace(found, changed=0.5)


@pytest.mark.parametrize("how", ["transparent", "masked in the file"])
def test_the_share_of_hidden_pixels_is_told_as_of_an_image(tmp_path: Path, rng: np.random.Generator, how: str) -> None:
    pixels = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    shown = np.full((40, 60), 255, np.uint8)
    shown[:10] = 0
    if how == "transparent":
        source = write(tmp_path / "a.tif", np.dstack([pixels, shown]), photometric="RGB", alpha="yes")
    else:
        source = write(tmp_path / "a.tif", pixels, mask=shown)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=17, spatial="none")
    told = f"25 % of the pixels are {how}: they get no label"
    assert told in found.warnings
    assert told in segment.segment_image(source, k=2, spatial="none").warnings


def test_a_raster_is_not_written_under_the_name_of_another_format(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(segment.SettingsError, match=r"got .*b\.png\. Name it .*b\.tif\.$"):
        segment.segment_raster(source, tmp_path / "b.png", k=1)


@pytest.mark.parametrize(("dtype", "is_told"), [("uint16", True), ("int16", True), ("float32", False)])
def test_pixels_without_data_in_some_bands_are_told_as_of_an_image(
    tmp_path: Path, rng: np.random.Generator, dtype: str, is_told: bool
) -> None:
    """In the last band a tenth of the columns has no data; floats far below all others have none in any band."""
    pixels = rng.integers(1000, 5000, (40, 60, 4)).astype(dtype)
    nodata = -9999 if dtype == "float32" else 0
    pixels[:, :6, 3] = pixels[:4] = nodata
    source = write(tmp_path / "a.tif", pixels, nodata=nodata)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=17, spatial="none")
    told = (
        f"9 % of the pixels have the value for no data, {nodata}, in some bands only: they count with it. Leave out "
        "these bands (--bands) or pixels (--mask)"
    )
    assert (told in found.warnings) == is_told
    assert (told in segment.segment_image(source, k=2, spatial="none").warnings) == is_told
    chosen = segment.segment_image(source, k=2, spatial="none", bands=(1, 2, 3))
    assert not [note for note in chosen.warnings if "no data" in note]


def test_pixels_that_are_nan_in_some_bands_are_told_as_of_an_image(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.random((40, 60, 3)).astype(np.float32)
    pixels[:, :6, 2] = pixels[:4] = np.nan
    source = write(tmp_path / "a.tif", pixels)
    told = "9 % of the pixels have no value in some bands only: they get no label. Leave out these bands (--bands)"
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=17, spatial="none")
    assert told in found.warnings
    assert told in segment.segment_image(source, k=2, spatial="none").warnings
    chosen = segment.segment_raster(source, tmp_path / "chosen.tif", k=2, tile=17, spatial="none", bands=(1, 2))
    assert chosen.classes[0].pixels + chosen.classes[1].pixels == 36 * 60
    assert told not in chosen.warnings


@pytest.mark.parametrize("settings", [{"denoise": "median"}, {"greyscale": True}, {"log_scale": True}])
def test_means_are_those_of_the_file_however_it_is_preprocessed(
    tmp_path: Path, rng: np.random.Generator, settings: dict[str, Any]
) -> None:
    pixels = np.repeat([[[20, 40, 60], [90, 140, 120]]], 30, axis=1).repeat(40, axis=0).astype(np.uint8)
    pixels[rng.random((40, 60)) < 0.02] = 255
    source = write(tmp_path / "a.tif", pixels)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=17, roi="grid:1x2", **settings)
    labels = read(found.path)
    for row in found.classes:
        assert row.mean == pytest.approx(tuple(pixels[labels == row.label].mean(axis=0)))


def test_labels_hold_what_relabeling_needs_to_know(tmp_path: Path) -> None:
    pixels = np.repeat([[[20, 40, 60], [90, 140, 120], [250, 240, 230]]], 20, axis=1).repeat(40, axis=0)
    source = write(tmp_path / "a.tif", pixels.astype(np.uint8))
    settings = {"crop": (10, 5, 60, 40), "bands": (3, 1), "pixel_size": "2x3m"}
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, name={3: "schnee \u2603"}, **settings)
    relabeled = segment.relabel_classes(found.path, source, merge="1,2")
    assert relabeled.names == ("class 1", "schnee \u2603")
    assert relabeled.image.pixels.shape == (35, 50, 2)
    assert [row.area for row in relabeled.classes] == [30 * 35 * 6, 20 * 35 * 6]
    plain = segment.segment_raster(source, tmp_path / "plain.tif", k=3)
    with tifffile.TiffFile(plain.path) as file:
        assert "ImageDescription" not in file.pages[0].tags
