"""A window is preprocessed as a part of the whole raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from raster_files import write

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.preprocessor.logarithms import to_log_scale
from segment.preprocessor.preprocessor import denoise, to_grayscale
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.tile_preprocessing import compute_filter_halo, read_preprocessed
from segment.runs.rasters.tiles import Window


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize("method", ["none", "gaussian", "median"])
@pytest.mark.parametrize("window", [Window(0, 0, 60, 80), Window(20, 31, 17, 23), Window(0, 60, 25, 20)])
def test_a_window_is_that_of_the_preprocessed_raster(
    tmp_path: Path, rng: np.random.Generator, method: str, window: Window, log_scale: bool
) -> None:
    pixels = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    radius = 0.02 if method != "none" else 0.005
    config = SegmentConfig(greyscale=True, log_scale=log_scale, denoise=method, denoise_radius=radius)
    gray = to_grayscale(Image.from_array(pixels))
    expected = denoise(to_log_scale(gray) if log_scale else gray, method=method, radius=radius)
    path = write(tmp_path / "a.tif", pixels)
    with configure_rasterio():
        image = read_preprocessed(open_raster(path), window, config)
    # Filters of floats round otherwise where a part of an image begins.
    np.testing.assert_allclose(image.pixels, expected.pixels[window.slices], rtol=1e-6 if log_scale else 0)
    assert image.valid.shape == (window.height, window.width)


def test_only_a_noise_filter_needs_a_halo(tmp_path: Path) -> None:
    with configure_rasterio():
        raster = open_raster(write(tmp_path / "a.tif", np.zeros((30, 40), dtype=np.uint8)))
    assert compute_filter_halo(raster, SegmentConfig()) == 0
    # 4 sigmas of 0.02 times the diagonal of 50 pixels, and 2
    assert compute_filter_halo(raster, SegmentConfig(denoise="gaussian", denoise_radius=0.02)) == 6
