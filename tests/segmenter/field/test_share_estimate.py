"""How large the shares of classes are, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import segment
from segment.segmenter.field.calibration import temper_posteriors
from segment.segmenter.field.share_estimate import MIN_DEVIATION, compute_doubts, compute_share_deviations


def test_doubt_and_moves_make_shares_less_sure() -> None:
    posteriors = np.array([[0.99, 0.9], [0.01, 0.1]], np.float32)
    sure, unsure = (
        compute_doubts(temper_posteriors(posteriors, temperature)).mean(axis=1) for temperature in (1.0, 5.0)
    )
    assert (unsure > 2 * sure).all()
    still, shares = np.zeros(2), np.array([0.4, 0.6])
    assert compute_share_deviations(shares, still, 0.0, still, 0.5) == pytest.approx(MIN_DEVIATION)
    in_noise = compute_share_deviations(shares, sure, sure[0], still, -0.1)
    assert (in_noise > MIN_DEVIATION).all()
    assert (compute_share_deviations(shares, sure, sure[0], still, 0.9) > 2 * in_noise).all()
    assert (compute_share_deviations(shares, sure, sure[0], np.array([0.05, -0.05]), 0.0) > in_noise).all()
    # One class has all pixels, whatever happens.
    assert compute_share_deviations(np.ones(1), np.zeros(1), 0.0, np.zeros(1), 0.0) == 0


def test_no_share_deviates_more_than_one_between_none_and_all() -> None:
    shares, unsure = np.array([0.01, 0.99]), np.array([0.45, 0.45])
    found = compute_share_deviations(shares, unsure, 0.45, np.array([0.2, -0.2]), 1.0)
    assert found == pytest.approx(np.sqrt(0.01 * 0.99))


@pytest.mark.parametrize(("smoothing", "widest"), [(0.0, 0.01), (3.0, 0.2)])
def test_true_shares_lie_within_their_intervals(smoothing: float, widest: float, rng: np.random.Generator) -> None:
    """Under independent noise shares are sure; where whole areas deviate together they are not, and say so."""
    n_inside, deviations = 0, []
    for _ in range(4):
        rough = gaussian_filter(rng.standard_normal((96, 96)), 8)
        truth = np.searchsorted(np.quantile(rough, [0.35, 0.8]), rough)
        noise = gaussian_filter(rng.standard_normal(truth.shape), smoothing) if smoothing else rng.normal(size=(96, 96))
        pixels = np.clip(70 + 55 * truth + 15 * noise / noise.std(), 0, 255).astype(np.uint8)
        for row, true in zip(segment.segment_image(pixels, k=3).classes, (0.35, 0.45, 0.2), strict=True):
            n_inside += abs(row.expected_share - true) <= 1.645 * row.expected_share_sd
            deviations.append(row.expected_share_sd)
    assert n_inside >= 10
    assert max(deviations) < widest
    assert smoothing == 0 or min(deviations) > 0.01


def test_rejected_pixels_do_not_count() -> None:
    pixels = np.repeat(np.array([[20] * 30 + [200] * 30], np.uint8), 40, axis=0)
    pixels[:, -6:] = 255  # a tenth of the pixels
    noisy = np.clip(pixels + np.random.default_rng(0).normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
    result = segment.segment_image(noisy, k=2, reject=0.1)
    shares = [row.expected_share for row in result.classes]
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([row.share for row in result.classes], abs=0.01)


def test_classes_that_are_merged_have_the_sum_of_their_shares(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 2], [30, 20, 10])
    pixels = np.clip(60 + 30 * truth + rng.normal(0, 20, (60, 60)), 0, 255).astype(np.uint8)
    parts = segment.segment_image(pixels, k=3).classes
    land, sky = segment.segment_image(pixels, k=3, merge="land=1,2").classes
    assert land.expected_share == pytest.approx(parts[0].expected_share + parts[1].expected_share)
    # To the last digits: the sum by which shares are normalized has another order.
    assert sky.expected_share == pytest.approx(parts[2].expected_share, rel=1e-12)
    assert sky.expected_share_sd == pytest.approx(parts[2].expected_share_sd, rel=1e-12)
    # Pixels in doubt between the two are not in doubt about the whole.
    assert land.expected_share_sd == pytest.approx(sky.expected_share_sd, rel=1e-3)
    assert land.expected_share_sd < parts[0].expected_share_sd + parts[1].expected_share_sd
