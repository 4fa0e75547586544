"""Solutions of the field: with the few likeliest of many classes as with all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

import segment


def test_the_few_likeliest_of_many_classes_give_the_labels_and_posteriors_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PilImage.open(Path(__file__).parents[3] / "images" / "landscape.jpg") as image:
        pixels = np.asarray(image.resize((180, 120), PilImage.Resampling.LANCZOS))
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**14)
    result = segment.segment_image(pixels, k=20, n_init=1, shrinkage=1.5, max_iter=5)
    few = result.spatial.label(result.class_mixture)
    few_shares = few.shares.estimate(np.arange(20)) if few.shares else None
    posteriors = result.posteriors()
    monkeypatch.setattr("segment.segmenter.field.field_solver.MIN_CLASSES", 99)
    monkeypatch.setattr("segment.segmenter.field.field_solver.compute_weight_power", lambda *_: 1.0)
    full = result.spatial.label(result.class_mixture)
    full_shares = full.shares.estimate(np.arange(20)) if full.shares else None
    assert few_shares
    assert full_shares
    assert np.mean(few.label_image == full.label_image) > 0.999
    np.testing.assert_allclose(few_shares.shares, full_shares.shares, atol=1e-4)
    np.testing.assert_allclose(few_shares.deviations, full_shares.deviations, atol=1e-3)
    again = segment.segment_image(pixels, k=20, n_init=1, shrinkage=1.5, max_iter=5)
    assert np.mean(np.abs(again.posteriors() - posteriors)) < 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 0.7])
def test_a_small_class_keeps_its_area_in_noise(rng: np.random.Generator, smoothing: float) -> None:
    truth = np.zeros((128, 128), dtype=bool)
    for row, column in ((30, 30), (90, 40), (60, 100)):  # three discs, 4 % of the image
        truth |= np.hypot(*(np.indices(truth.shape) - np.array([row, column])[:, None, None])) < 9
    noise = rng.standard_normal(truth.shape)
    noise = gaussian_filter(noise, smoothing) if smoothing else noise
    pixels = (truth + 0.35 * noise / noise.std()).astype(np.float32)
    found = segment.segment_image(pixels, k=2).label_image == 2
    # With its weight counted at each pixel it would lose much of its area, or all of it where neighbors share noise.
    assert (found & truth).sum() > 0.9 * (found | truth).sum()
    assert found.sum() == pytest.approx(truth.sum(), rel=0.08)
