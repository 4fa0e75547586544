"""The working copy, made block by block."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from raster_files import KINDS, build_image, make_scene, write

from segment.config.config import SegmentConfig
from segment.preprocessor.working_copy import make_working_copy
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.tiles import Window
from segment.runs.rasters.working_copy import CopyBlock, assemble_copy, make_copy_block, plan_copy_blocks

SIZE = (130, 170)


@pytest.fixture(autouse=True)
def _small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working copies of 2048 pixels, so that small images are large beside them."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [SIZE, (61, 129), (128, 64), (3, 900)])
def test_the_working_copy_is_that_of_the_image_in_memory(
    tmp_path: Path, kind: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    scene = make_scene(rng)
    pixels = np.resize(KINDS[kind](scene), (*shape, *KINDS[kind](scene).shape[2:]))
    valid = np.kron(rng.random((shape[0] // 9 + 1, shape[1] // 9 + 1)) < 0.8, np.ones((9, 9), bool)) > 0
    valid = valid[: shape[0], : shape[1]]
    path = write(tmp_path / "a.tif", pixels, valid)
    expected = make_working_copy(build_image(pixels, valid))
    with configure_rasterio():
        raster = open_raster(path)
        blocks = plan_copy_blocks(raster, 50)
        whole = assemble_copy(raster, [make_copy_block(raster, block, SegmentConfig()) for block in blocks])
    copy = whole.image
    assert len(blocks) > 2
    np.testing.assert_array_equal(copy.valid, expected.valid)
    assert whole.n_valid == pytest.approx(valid.mean() * copy.valid.size)
    step = 1e-5 if pixels.dtype == np.float32 else 1  # of rounding; where gaps are filled, of equally near pixels
    near = np.abs(copy.pixels.astype(float) - expected.pixels) <= step
    assert near.mean() > 0.99
    full = make_working_copy(build_image(pixels))  # away from gaps
    same = (full.pixels == expected.pixels) & near
    assert same.mean() > 0.3


def test_a_copy_that_has_lost_most_pixels_is_scattered(rng: np.random.Generator) -> None:
    copy = make_working_copy(build_image(np.full((20, 30), 9, dtype=np.uint8)))
    part = partial(CopyBlock, Window(0, 0, 20, 30), copy, colors=None)
    assert not part(n_valid=1.5 * copy.valid.size).is_scattered
    assert part(n_valid=2 * copy.valid.size + 1).is_scattered
