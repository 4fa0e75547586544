"""The random field on rasters: the labels of the whole image, however it is cut into tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from raster_files import KINDS, SIZE, build_image, make_scene, read, write

import segment

SETTINGS = {"k": 3, "n_init": 2, "clean_up": "none"}


@pytest.fixture(autouse=True)
def _small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working copies of 2048 pixels, so that small images are large beside them."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**11)


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    return make_scene(rng)


@pytest.mark.parametrize("tile", [37, 64, 1000])
@pytest.mark.parametrize("kind", ["8-bit RGB", "16-bit gray", "float RGB"])
def test_tiles_have_the_labels_of_the_whole(tmp_path: Path, scene: np.ndarray, kind: str, tile: int) -> None:
    pixels = KINDS[kind](scene)
    source = write(tmp_path / "a.tif", pixels)
    in_memory = segment.segment_image(build_image(pixels), **SETTINGS).label_image
    labels = read(segment.segment_raster(source, tmp_path / "out.tif", tile=tile, **SETTINGS).path)
    assert np.mean(labels == in_memory) >= 0.9999
    alone = read(segment.segment_raster(source, tmp_path / "alone.tif", tile=tile, spatial="none", **SETTINGS).path)
    assert np.mean(alone == in_memory) < 0.98


@pytest.mark.parametrize("kind", ["4 bands of 16 bits", "5 bands of 16 bits", "5 bands of 8 bits"])
def test_bands_are_labeled_alike_however_the_raster_is_cut(tmp_path: Path, scene: np.ndarray, kind: str) -> None:
    source = write(tmp_path / "a.tif", KINDS[kind](scene))
    one_tile = read(segment.segment_raster(source, tmp_path / "one_tile.tif", tile=1000, **SETTINGS).path)
    tiled = read(segment.segment_raster(source, tmp_path / "tiled.tif", tile=41, **SETTINGS).path)
    assert np.mean(tiled == one_tile) >= 0.9999
    rgb = segment.segment_image(build_image(KINDS["8-bit RGB"](scene)), **SETTINGS).label_image
    assert np.mean(one_tile == rgb) > 0.95  # the other bands have no more information


@pytest.mark.parametrize("kind", ["8-bit RGB", "float RGB"])
def test_masks_are_honored_by_the_field(tmp_path: Path, scene: np.ndarray, kind: str) -> None:
    pixels = KINDS[kind](scene)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    valid = (rows - 65) ** 2 + (columns - 60) ** 2 < 3600
    source = write(tmp_path / "a.tif", pixels, valid)
    in_memory = segment.segment_image(build_image(pixels, valid), **SETTINGS)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=45, **SETTINGS)
    labels = read(found.path)
    np.testing.assert_array_equal(labels == 0, ~valid)
    assert np.mean(labels == in_memory.label_image) >= 0.999
    for row, other in zip(found.classes, in_memory.classes, strict=True):
        assert row.expected_share == pytest.approx(other.expected_share, abs=1e-3)
        assert row.expected_share_sd == pytest.approx(other.expected_share_sd, rel=0.5)  # of few pixels a tile


def test_rejected_colors_have_no_label_with_the_field(tmp_path: Path, scene: np.ndarray) -> None:
    pixels = KINDS["8-bit RGB"](scene)
    in_memory = segment.segment_image(pixels, reject=0.1, **SETTINGS)
    source = write(tmp_path / "a.tif", pixels)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=50, reject=0.1, **SETTINGS)
    assert np.mean(read(found.path) == in_memory.label_image) >= 0.999
    assert found.rejected == pytest.approx(in_memory.rejected, abs=1e-3)
    assert found.warnings == in_memory.warnings


def test_scattered_pixels_are_labeled_by_color(tmp_path: Path, scene: np.ndarray) -> None:
    pixels = KINDS["8-bit RGB"](scene)
    valid = np.zeros(SIZE, dtype=bool)
    valid[::3, ::3] = True
    source = write(tmp_path / "a.tif", pixels, valid)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=50, **SETTINGS)
    assert found.warnings == (
        "88.7 % of the pixels are masked in the file: they get no label",
        "the valid pixels lie too far apart for a random field: they are labeled by color alone",
    )
    alone = segment.segment_raster(source, tmp_path / "alone.tif", tile=50, spatial="none", **SETTINGS)
    np.testing.assert_array_equal(read(found.path), read(alone.path))
