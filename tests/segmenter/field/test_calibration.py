"""How sure the posteriors of a random field may be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import segment
from segment.segmenter.field.calibration import (
    compute_part_effect,
    compute_temperature,
    measure_neighbor_correlation,
    measure_overlap,
    measure_residuals,
    temper_posteriors,
)


def test_residuals_are_deviations_from_the_mean_of_the_class() -> None:
    features = np.array([[[1, 3, 10], [2, 50, 14]]], np.float32)
    labels = np.array([[0, 0, 1], [0, 0, 1]])
    valid = np.array([[True, True, True], [True, False, True]])
    np.testing.assert_allclose(measure_residuals(features, labels, valid), [[[-1, 1, -2], [0, 0, 2]]])


def test_independent_noise_has_no_correlation_and_texture_has(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((2, 80, 80)).astype(np.float32)
    texture = gaussian_filter(noise, (0, 3, 3))
    valid = np.ones((80, 80), bool)
    assert abs(measure_neighbor_correlation(noise, valid, 2)) < 0.05
    assert measure_neighbor_correlation(texture, valid, 2) > 0.8
    assert measure_neighbor_correlation(0 * noise, valid, 2) == 0
    # Pixels that are not valid, and their residuals of 0, count for nothing.
    half = valid.copy()
    half[:, ::2] = False
    assert measure_neighbor_correlation(texture * half, half, 2) > 0.8


def test_a_slow_shade_hides_no_small_thing_and_texture_does(rng: np.random.Generator) -> None:
    valid = np.ones((64, 200), dtype=bool)
    noise = rng.standard_normal((1, 64, 200)).astype(np.float32)
    shade = np.linspace(-3, 3, 200, dtype=np.float32) * np.ones((1, 64, 1), np.float32)
    texture = gaussian_filter(noise, (0, 2, 2))
    for residuals, expected in ((noise, 8.0), (texture, 8.0), (shade + noise, pytest.approx(2.8, abs=0.3))):
        assert compute_part_effect(8.0, residuals.astype(np.float32), valid) == expected
    # Pixels that are not valid are 0 and take no part, and the effect is never below that of independent pixels.
    half = np.where(np.arange(200) < 100, shade + noise, 0).astype(np.float32)
    assert compute_part_effect(8.0, half, valid & (np.arange(200) < 100)) < 6
    assert compute_part_effect(1.2, shade, valid) == 1.0
    assert compute_part_effect(3.0, np.zeros_like(noise), valid) == 3.0


def test_the_temperature_rises_with_correlation_and_overlap() -> None:
    assert compute_temperature(-0.1, 0.0) == 1
    assert 1 < compute_temperature(0.0, 0.3) < compute_temperature(0.5, 0.3)
    assert measure_overlap(np.zeros((1, 2, 2), np.float32), np.zeros((2, 2), bool)) == 0


def test_tempered_posteriors_keep_their_order_and_sum(rng: np.random.Generator) -> None:
    posteriors = rng.dirichlet(np.ones(4) / 20, 500).T.astype(np.float32)
    for temperature in (1.0, 2.0, 10.0):
        tempered = temper_posteriors(posteriors, temperature)
        np.testing.assert_allclose(tempered.sum(axis=0), 1, atol=1e-5)
        np.testing.assert_array_equal(tempered.argmax(axis=0), posteriors.argmax(axis=0))
        assert (tempered.max(axis=0) <= posteriors.max(axis=0) + 1e-6).all()


def compute_doubt(texture: int, rng: np.random.Generator) -> tuple[float, float]:
    """Segment halves under noise, smoothed by this many pixels; return the expected and true shares of errors."""
    noise = gaussian_filter(rng.standard_normal((120, 120)), texture)
    truth = np.repeat([[0, 1]], 60, axis=1).repeat(120, axis=0)
    values = 128 + 25 * (2 * truth - 1) + 18 * noise / noise.std()
    posteriors = segment.segment_image(np.clip(values, 0, 255).astype(np.uint8), k=2).posteriors()
    return float(1 - posteriors.max(axis=2).mean()), float(np.mean(posteriors.argmax(axis=2) != truth))


def test_posteriors_are_not_too_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, true = compute_doubt(0, np.random.default_rng(0))
    assert expected == pytest.approx(true, abs=0.01)
    expected, true = compute_doubt(3, np.random.default_rng(0))
    assert expected > true > 0.02
    # As the mean field has them:
    monkeypatch.setattr("segment.segmenter.field.field_labels.compute_temperature", lambda *_: 1.0)
    assert compute_doubt(3, np.random.default_rng(0))[0] < true / 3
