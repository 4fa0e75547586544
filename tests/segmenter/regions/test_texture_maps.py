"""Maps of color and texture: against scikit-image, and on stripes."""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2lab

from segment.core.image import Image
from segment.segmenter.regions.texture_maps import (
    compute_color_maps,
    compute_derivatives,
    compute_texture_maps,
    smooth_maps,
)


def test_colors_are_those_of_scikit_image(rng):
    pixels = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    found = compute_color_maps(Image.from_array(pixels))
    np.testing.assert_allclose(np.moveaxis(found, 0, 2), rgb2lab(pixels), atol=0.3)


def test_a_gray_image_has_lightness_alone():
    found = compute_color_maps(Image.from_array(np.array([[0, 65535]], np.uint16)))
    np.testing.assert_allclose(found, [[[0, 100]]], atol=1e-3)


def test_smoothing_keeps_edges_and_removes_noise(rng):
    step = np.zeros((1, 20, 30), np.float32)
    step[..., 15:] = 80
    smooth = smooth_maps(step + rng.normal(0, 3, step.shape).astype(np.float32))
    assert np.abs(smooth - step).mean() < 2
    assert (smooth[..., 15] - smooth[..., 14]).min() > 70


def test_a_ramp_has_its_slope_times_the_scale():
    ramp = np.tile(np.arange(40, dtype=np.float32), (30, 1))
    across, down = compute_derivatives(ramp, 2.0)
    np.testing.assert_allclose(across[:, 10:-10], 2.0, rtol=1e-5)
    np.testing.assert_allclose(down, 0, atol=1e-5)


def test_texture_is_zero_where_nothing_varies_and_grows_with_contrast():
    stripes = np.tile((np.arange(60) // 2 % 2).astype(np.float32), (40, 1))
    assert compute_texture_maps(np.full((40, 60), 50, np.float32)).max() == 0
    weak, strong = (compute_texture_maps(contrast * stripes)[:, 20, 30] for contrast in (10, 50))
    assert (weak > 0.05).all()
    assert (strong > weak).all()
