"""Pictures of what was fitted on a logarithmic scale show that scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from raster_files import write

import segment
from segment import SegmentConfig
from segment.runs.image_job import run_job
from segment.runs.job import Job
from segment.runs.rasters.raster_job import segment_raster_job


@pytest.fixture
def powers() -> np.ndarray:
    """Stripes of 1, 10, 100 and 1000: three of four are nearly black as they are."""
    rng = np.random.default_rng(3)
    return np.float32(10.0 ** np.repeat(np.arange(4), 20) * np.exp(0.05 * rng.standard_normal((40, 80))))


def test_equal_ratios_are_equal_steps(powers: np.ndarray) -> None:
    # With one class there is no border in the picture, nothing but the image.
    result = segment.segment_image(powers, k=1, log_scale=True)
    lightness = [stripe.mean() for stripe in np.split(result.contours().astype(float), 4, axis=1)]
    step = 255 * np.log(10) / np.log(2**16)
    np.testing.assert_allclose(np.diff(lightness), step, atol=1)
    means = segment.segment_image(powers, k=4, log_scale=True).mean_colors
    np.testing.assert_allclose(np.diff(means[:, 0].astype(float)), step, atol=1)
    # The image of the result has the values of the file.
    assert result.image.white == powers.max()


def test_every_picture_shows_them(powers: np.ndarray) -> None:
    lightness = {}
    for log_scale in (False, True):
        result = segment.segment_image(powers, k=2, log_scale=log_scale)
        regions = segment.segment_regions(powers, regions=2, log_scale=log_scale)
        explored = segment.explore(powers, k_range=(2, 3), log_scale=log_scale)
        compared = segment.compare_image(powers, k=2, log_scale=log_scale)
        pictures = [shown.panel() for shown in (result, regions, explored, compared)]
        pictures += [result.overlay(), result.contours(), regions.numbers()]
        lightness[log_scale] = np.array([picture.mean() for picture in pictures])
        assert ("is shown on a logarithmic scale" in result.report()) == log_scale
    # The original is about 0.37 of its range lighter: a small part of the sheets, and tinted in the overlay.
    assert (lightness[True] - lightness[False] > 5).all(), lightness


def test_a_model_and_a_raster_show_them(powers: np.ndarray, tmp_path: Path) -> None:
    result = segment.segment_image(powers, k=4, log_scale=True)
    applied = segment.apply_classes(result.class_model, powers)
    np.testing.assert_array_equal(applied.overlay(), result.overlay())
    source = write(tmp_path / "a.tif", powers)
    config = SegmentConfig(k=4, log_scale=True, save=("labels", "panel"), labels_format="tif")
    run_job(Job(source, tmp_path / "out", "a"), config, segment_raster_job, debug=True)
    with PilImage.open(tmp_path / "out" / "a_panel.png") as panel:
        np.testing.assert_array_equal(np.asarray(panel), segment.segment_image(source, config).panel())
