"""Maps of a result: posteriors, uncertainty, confidence, log likelihood."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.stats import entropy, multivariate_normal

import segment
from segment import Image, segment_image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("settings", [{}, {"max_size": 12}, {"components_per_class": 2}, {"reject": 0.1}])
def test_confidence_is_the_posterior_of_the_own_class(
    rng: np.random.Generator, dtype: type, settings: dict[str, int]
) -> None:
    pixels = rng.random((24, 31, 3))
    array = (pixels if dtype == np.float32 else pixels * np.iinfo(dtype).max).astype(dtype)
    array[3:5] = 0
    alpha = np.full((24, 31, 1), 1 if dtype == np.float32 else np.iinfo(dtype).max, dtype)
    alpha[:, 4:9] = 0
    result = segment.segment_image(np.concatenate([array, alpha], axis=2), k=3, n_init=2, **settings)
    labels = result.label_image
    own = np.take_along_axis(result.posteriors(), np.maximum(labels, 1)[..., None].astype(int) - 1, axis=2)[..., 0]
    found = result.confidence()
    np.testing.assert_array_equal(np.isnan(found), labels == 0)
    np.testing.assert_allclose(found[labels > 0], own[labels > 0], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("max_size", [0, 60])
def test_uncertainty_is_the_entropy_of_the_posteriors(landscape: Path, max_size: int) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((120, 80)))
    valid = np.arange(9600).reshape(80, 120) > 500
    result = segment_image(Image.from_array(pixels, valid=valid), k=3, max_size=max_size)
    values = result.uncertainty()
    assert (values.shape, values.dtype) == ((80, 120), np.float32)
    np.testing.assert_array_equal(np.isnan(values), ~valid)
    posteriors = result.posteriors().astype(float)[valid]
    np.testing.assert_allclose(values[valid], entropy(posteriors, base=2, axis=1), atol=1e-5)
    assert 0 <= values[valid].min() <= values[valid].max() <= math.log2(3) + 1e-6


def test_posterior_maps_are_the_posteriors(quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4)
    np.testing.assert_array_equal(np.stack(list(result.posterior_maps()), 2), result.posteriors())


@pytest.mark.parametrize(("limit", "n_passes"), [(2**26, 1), (1, 4)])
def test_posterior_maps_are_made_together_where_they_fit(
    limit: int, n_passes: int, quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = segment_image(quadrants, k=4)
    look_up, asked = result.look_up_posteriors, []
    result.__dict__["look_up_posteriors"] = lambda at: asked.append(len(at)) or look_up(at)
    monkeypatch.setattr("segment.pipeline.result.MAX_MAP_VALUES", limit)
    maps = list(result.posterior_maps())
    np.testing.assert_array_equal(np.stack([part.reshape(-1) for part in maps], 1), look_up(np.arange(maps[0].size)))
    assert sum(asked) == n_passes * maps[0].size


def test_log_likelihood_is_the_log_density_of_scipy(quadrants: np.ndarray, rng: np.random.Generator) -> None:
    picture = np.clip(quadrants + rng.normal(0, 9, quadrants.shape), 0, 255).astype(np.uint8)
    result = segment_image(picture, k=2, features="rgb")
    model = result.model
    density = sum(
        w * multivariate_normal(m, c).pdf(picture.astype(float)) * np.exp(-np.trace(np.linalg.inv(c)) / 24)
        for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
    )
    values = result.log_likelihood()
    assert (values.shape, values.dtype) == ((12, 20), np.float32)
    np.testing.assert_allclose(values, np.log(density), rtol=1e-5)


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv", "intensity"])
def test_mean_log_likelihood_is_that_of_the_fit(features: str, landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((90, 60)))
    result = segment_image(pixels, k=3, features=features)
    expected = result.class_model.training.log_likelihood
    assert result.log_likelihood().mean(dtype=float) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("max_size", [0, 60])
def test_log_likelihood_has_the_size_of_the_image_and_is_nan_where_invalid(landscape: Path, max_size: int) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((120, 80)))
    mask = np.ones((80, 120), bool)
    mask[:40, :60] = False
    result = segment_image(Image.from_array(pixels, valid=mask), k=3, max_size=max_size)
    values = result.log_likelihood()
    assert values.shape == (80, 120)
    np.testing.assert_array_equal(np.isnan(values), ~mask)
    assert np.isnan(segment_image(Image.from_array(np.zeros((4, 6, 4), np.uint8), alpha=True)).log_likelihood()).all()


def test_an_unusual_pixel_has_the_lowest_log_likelihood(rng: np.random.Generator) -> None:
    picture = np.clip(rng.normal((60, 120, 60), 5, (50, 50, 3)), 0, 255).astype(np.uint8)
    picture[20, 30] = (250, 20, 200)
    result = segment_image(picture, k=1)  # with two it would be a class of its own
    values = result.log_likelihood()
    assert np.unravel_index(values.argmin(), values.shape) == (20, 30)
