"""The random field on rasters: the labels of the whole image, however it is cut into tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_files import read, write

import segment
from segment.config.config import SegmentConfig
from segment.preprocessor.preprocessor import make_working_copy
from segment.runs.rasters.reader import configure_rasterio, open_raster
from segment.runs.rasters.working_copy import assemble_copy, make_copy_block, plan_copy_blocks

SIZE = (130, 170)
SETTINGS = {"k": 3, "n_init": 2, "smooth_radius": 0.0, "min_region": 0.0, "max_hole": 0.0}


@pytest.fixture(autouse=True)
def _small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working copies of 2048 pixels, so that small images are large beside them."""
    monkeypatch.setattr("segment.preprocessor.preprocessor.WORKING_PIXELS", 2**11)


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """Three noisy areas whose colors overlap, and one band that tells nothing: 12 bits, four bands."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    area = np.where(columns + 20 * np.sin(rows / 17) > 90, 2, np.where(rows > 60, 1, 0))
    near = np.array([[60, 90, 140], [120, 100, 70], [150, 180, 190]])[area]
    noisy = np.clip(near + rng.normal(0, 45, (*SIZE, 3)), 0, 255) * 16
    return np.dstack([noisy, rng.normal(2000, 30, SIZE)]).astype(np.uint16)


KINDS: dict[str, Any] = {
    "8-bit RGB": lambda scene: (scene[..., :3] // 16).astype(np.uint8),
    "16-bit gray": lambda scene: scene[..., 0],
    "float RGB": lambda scene: (scene[..., :3] / 4095).astype(np.float32),
    "4 bands of 16 bits": lambda scene: scene,
    "5 bands of 16 bits": lambda scene: np.dstack([scene, scene[..., :1]]),
    "5 bands of 8 bits": lambda scene: (np.dstack([scene, scene[..., :1]]) // 16).astype(np.uint8),
}


def build_image(pixels: np.ndarray, valid: np.ndarray | None = None) -> segment.Image:
    """Build an image in memory, with the scale that rasters of such values have."""
    white = {"uint8": 255.0, "uint16": 4095.0, "float32": 1.0}[pixels.dtype.name]
    valid = np.ones(pixels.shape[:2], dtype=bool) if valid is None else valid
    pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
    return segment.Image(pixels, valid, 0.0, white)


@pytest.mark.parametrize("tile", [37, 64, 1000])
@pytest.mark.parametrize("kind", ["8-bit RGB", "16-bit gray", "float RGB"])
def test_tiles_have_the_labels_of_the_whole(tmp_path: Path, scene: np.ndarray, kind: str, tile: int) -> None:
    pixels = KINDS[kind](scene)
    source = write(tmp_path / "a.tif", pixels)
    whole = segment.segment_image(build_image(pixels), **SETTINGS).label_image
    labels = read(segment.segment_raster(source, tmp_path / "out.tif", tile=tile, **SETTINGS).path)
    assert np.mean(labels == whole) >= 0.9999
    alone = read(segment.segment_raster(source, tmp_path / "alone.tif", tile=tile, spatial="none", **SETTINGS).path)
    assert np.mean(alone == whole) < 0.98


@pytest.mark.parametrize("kind", ["4 bands of 16 bits", "5 bands of 16 bits", "5 bands of 8 bits"])
def test_bands_are_labeled_alike_however_the_raster_is_cut(tmp_path: Path, scene: np.ndarray, kind: str) -> None:
    source = write(tmp_path / "a.tif", KINDS[kind](scene))
    whole = read(segment.segment_raster(source, tmp_path / "whole.tif", tile=1000, **SETTINGS).path)
    tiled = read(segment.segment_raster(source, tmp_path / "tiled.tif", tile=41, **SETTINGS).path)
    assert np.mean(tiled == whole) >= 0.9999
    rgb = segment.segment_image(build_image(KINDS["8-bit RGB"](scene)), **SETTINGS).label_image
    assert np.mean(whole == rgb) > 0.95  # the other bands tell nothing new


@pytest.mark.parametrize("kind", ["8-bit RGB", "float RGB"])
def test_masks_are_honored_by_the_field(tmp_path: Path, scene: np.ndarray, kind: str) -> None:
    pixels = KINDS[kind](scene)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    valid = (rows - 65) ** 2 + (columns - 60) ** 2 < 3600
    source = write(tmp_path / "a.tif", pixels, valid)
    whole = segment.segment_image(build_image(pixels, valid), **SETTINGS)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=45, **SETTINGS)
    labels = read(found.path)
    np.testing.assert_array_equal(labels == 0, ~valid)
    assert np.mean(labels == whole.label_image) >= 0.999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [SIZE, (61, 129), (128, 64), (3, 900)])
def test_the_working_copy_is_that_of_the_whole(
    tmp_path: Path, scene: np.ndarray, kind: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    pixels = np.resize(KINDS[kind](scene), (*shape, *KINDS[kind](scene).shape[2:]))
    valid = np.kron(rng.random((shape[0] // 9 + 1, shape[1] // 9 + 1)) < 0.8, np.ones((9, 9), bool)) > 0
    valid = valid[: shape[0], : shape[1]]
    path = write(tmp_path / "a.tif", pixels, valid)
    expected = make_working_copy(build_image(pixels, valid))
    with configure_rasterio():
        raster = open_raster(path)
        blocks = plan_copy_blocks(raster, 50)
        copy, n_valid = assemble_copy(raster, [make_copy_block(raster, block, SegmentConfig()) for block in blocks])
    assert len(blocks) > 2
    np.testing.assert_array_equal(copy.valid, expected.valid)
    assert n_valid == pytest.approx(valid.mean() * copy.valid.size)
    step = 1e-5 if pixels.dtype == np.float32 else 1  # of rounding; where gaps are filled, of equally near pixels
    near = np.abs(copy.pixels.astype(float) - expected.pixels) <= step
    assert near.mean() > 0.99
    full = make_working_copy(build_image(pixels))  # away from gaps
    same = (full.pixels == expected.pixels) & near
    assert same.mean() > 0.3


def test_rejected_colors_have_no_label_with_the_field(tmp_path: Path, scene: np.ndarray) -> None:
    pixels = KINDS["8-bit RGB"](scene)
    whole = segment.segment_image(pixels, reject=0.1, **SETTINGS)
    source = write(tmp_path / "a.tif", pixels)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=50, reject=0.1, **SETTINGS)
    assert np.mean(read(found.path) == whole.label_image) >= 0.999
    assert found.rejected == pytest.approx(whole.rejected, abs=1e-3)
    assert found.warnings == whole.warnings


def test_scattered_pixels_are_labeled_by_color(tmp_path: Path, scene: np.ndarray) -> None:
    pixels = KINDS["8-bit RGB"](scene)
    valid = np.zeros(SIZE, dtype=bool)
    valid[::3, ::3] = True
    source = write(tmp_path / "a.tif", pixels, valid)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=50, **SETTINGS)
    assert found.warnings == ("the valid pixels lie too far apart for a random field: they are labeled by color alone",)
    alone = segment.segment_raster(source, tmp_path / "alone.tif", tile=50, spatial="none", **SETTINGS)
    np.testing.assert_array_equal(read(found.path), read(alone.path))
