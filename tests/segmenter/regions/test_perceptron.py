"""A perceptron computed by hand, and the learned one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segment.segmenter.regions.merge_cues import CUES
from segment.segmenter.regions.perceptron import Perceptron, load_perceptron


def test_a_perceptron_by_hand():
    hidden = np.array([[0.5, 0.0], [1.0, -2.0], [0.0, 1.0]])
    net = Perceptron(np.array([1.0, 0.0]), np.array([2.0, 1.0]), hidden, np.array([0.1, 1.0, -1.0, 3.0, 4.0]))
    found = net.compute_log_odds(np.array([[3.0, -1.0], [1e9, 0.0], [13.0, 0.0]]))
    by_hand = 0.1 + 1 * 1 - 1 * -1 + 3 * math.tanh(0.5 + 1) + 4 * math.tanh(-2 - 1)
    assert found[0] == pytest.approx(by_hand)
    assert found[1] == found[2] == pytest.approx(0.1 + 6 + 3 * math.tanh(6.5) + 4 * math.tanh(-12))  # cut off at 6


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
