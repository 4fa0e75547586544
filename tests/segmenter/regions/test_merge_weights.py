"""The learned weights: they fit the cues, and are read once."""

from __future__ import annotations

import numpy as np

from segment.segmenter.regions.merge_cues import CUES
from segment.segmenter.regions.merge_weights import load_perceptron


def test_the_weights_fit_the_cues():
    perceptron, d = load_perceptron(), len(CUES)
    h = perceptron.hidden.shape[1]
    assert perceptron.means.shape == perceptron.scales.shape == (d,)
    assert perceptron.hidden.shape == (1 + d, h)
    assert perceptron.output.shape == (1 + d + h,)
    assert (perceptron.scales > 0).all()
    for weights in vars(perceptron).values():
        assert weights.dtype == np.float64
        assert np.isfinite(weights).all()
        assert weights.ravel().tolist() == [float(f"{value:.4g}") for value in weights.ravel()]


def test_the_weights_are_read_once():
    assert load_perceptron() is load_perceptron()
