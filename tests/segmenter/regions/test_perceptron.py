"""A perceptron computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segment.segmenter.regions.perceptron import Perceptron


def test_a_perceptron_by_hand():
    hidden = np.array([[0.5, 0.0], [1.0, -2.0], [0.0, 1.0]])
    net = Perceptron(np.array([1.0, 0.0]), np.array([2.0, 1.0]), hidden, np.array([0.1, 1.0, -1.0, 3.0, 4.0]))
    found = net.compute_log_odds(np.array([[3.0, -1.0], [1e9, 0.0], [13.0, 0.0]]))
    by_hand = 0.1 + 1 * 1 - 1 * -1 + 3 * math.tanh(0.5 + 1) + 4 * math.tanh(-2 - 1)
    assert found[0] == pytest.approx(by_hand)
    assert found[1] == found[2] == pytest.approx(0.1 + 6 + 3 * math.tanh(6.5) + 4 * math.tanh(-12))  # cut off at 6
