"""The sample of posteriors that shares are estimated from."""

from __future__ import annotations

import numpy as np
import pytest

from segment.segmenter.field.share_sample import MAX_SAMPLE, draw_share_sample


def test_the_sample_has_pixels_that_count_and_the_shares_of_all(rng: np.random.Generator) -> None:
    posteriors = rng.dirichlet(np.ones(3), 400 * 400).T.astype(np.float32).reshape(3, 400, 400)
    logs = np.log(posteriors)
    counted = np.ones((400, 400), dtype=bool)
    counted[:, :100] = False
    posteriors[:, ~counted] = [[1], [0], [0]]
    sample = draw_share_sample(posteriors, logs, counted.astype(np.float32), 0.3)
    np.testing.assert_allclose(sample.shares, posteriors[:, counted].mean(axis=1, dtype=np.float64), atol=1e-6)
    assert MAX_SAMPLE / 2 < sample.posteriors.shape[1] < 2 * MAX_SAMPLE
    # Every s-th pixel: those of single columns alone would not be all.
    assert sample.posteriors[0].max() < 1
    assert np.unique(np.flatnonzero(np.isin(posteriors[0], sample.posteriors[0])) % 400).size == 300
    assert sample.moves == pytest.approx(np.zeros(3), abs=1e-6)
    assert sample.thin(1.0).posteriors is sample.posteriors
    assert sample.thin(0.1).posteriors.shape == (3, 1639)
