"""The noise of images: its variance, images that are noisy and images that are not, and smoothing."""

from __future__ import annotations

import numpy as np
import pytest

from segment import Image
from segment.segmenter.field.noise_level import (
    MIN_NOISE_SHARE,
    are_planes_noisy,
    measure_noise_share,
    measure_noise_variances,
    smooth_noise,
)


def draw_halves(rng: np.random.Generator, sigma: float, channels: int = 3) -> Image:
    """Two halves of 80 and 160 in every channel, under noise."""
    clean = np.where(np.arange(120) < 60, 80.0, 160.0)[:, None] * np.ones((100, 1, channels))
    return Image.from_array(np.clip(np.rint(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("sigma", [5.0, 20.0])
def test_the_variance_of_the_noise_is_measured_beside_an_edge(rng: np.random.Generator, sigma: float) -> None:
    noise, total = measure_noise_variances(draw_halves(rng, sigma), "rgb")
    np.testing.assert_allclose(noise, sigma**2, rtol=0.15)
    np.testing.assert_allclose(total, sigma**2 + 40**2, rtol=0.1)


def test_invalid_pixels_have_no_part_in_the_measure(rng: np.random.Generator) -> None:
    image = draw_halves(rng, 5.0)
    valid = np.ones(image.valid.shape, dtype=bool)
    valid[::4] = False
    pixels = np.where(valid[..., None], image.pixels, rng.integers(0, 256, image.pixels.shape)).astype(np.uint8)
    noise, _ = measure_noise_variances(Image(pixels, valid, black=0, white=255), "rgb")
    np.testing.assert_allclose(noise, 25, rtol=0.2)


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (50, 2)])
def test_images_without_a_window_have_no_noise(shape: tuple[int, int]) -> None:
    image = Image.from_array(np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape))
    assert measure_noise_variances(image, "rgb")[0].tolist() == [0]
    assert smooth_noise(image, "rgb") is image


def test_white_noise_within_classes_is_noisy_and_shading_is_not(rng: np.random.Generator) -> None:
    whiten = np.eye(1) / 20
    assert measure_noise_share([draw_halves(rng, 20.0, channels=1)], "rgb", whiten) > MIN_NOISE_SHARE
    shading = np.tile(np.linspace(60, 130, 100), (80, 1))  # standard deviation 20, too
    assert measure_noise_share([Image.from_array(shading.astype(np.uint8))], "rgb", whiten) < MIN_NOISE_SHARE


def test_smoothing_leaves_a_small_share_of_noise(rng: np.random.Generator) -> None:
    image = draw_halves(rng, 30.0)
    after = smooth_noise(image, "rgb")
    # Inside of both halves, where no edge is blurred.
    for inside in (np.s_[:, 5:50], np.s_[:, 70:115]):
        assert after.pixels[inside].std() ** 2 < 0.03 * (30**2 + 40**2)
    clean = draw_halves(rng, 5.0)
    assert smooth_noise(clean, "rgb") is clean


@pytest.mark.parametrize(("sigma", "expected"), [(4.0, False), (6.0, True)])
def test_planes_of_features_have_the_noise_of_their_image(
    rng: np.random.Generator, sigma: float, expected: bool
) -> None:
    image, whiten = draw_halves(rng, sigma), np.eye(3) / 10  # noise of 0.4 and 0.6 standard deviations
    planes = np.moveaxis(image.pixels @ whiten, -1, 0)
    share = measure_noise_share([image], "rgb", whiten)
    assert are_planes_noisy(planes, image.valid) is (share >= MIN_NOISE_SHARE) is expected
    assert not are_planes_noisy(planes, np.zeros(image.valid.shape, dtype=bool))
