"""The learned weights: they fit the cues, and are read once."""

from __future__ import annotations

import numpy as np
import pytest

from segment.segmenter.regions import edge_cues
from segment.segmenter.regions.merge_cues import CUES
from segment.segmenter.regions.merge_weights import load_perceptron


def test_the_weights_fit_the_cues():
    nowhere = np.zeros(0, int)
    n_edge_cues = edge_cues.compute_edge_cues(np.zeros((10, 4, 5, 5), np.float32), nowhere, nowhere).shape[1]
    for name, d in (("edges", n_edge_cues), ("pairs", len(CUES))):
        perceptron = load_perceptron(name)
        h = perceptron.hidden.shape[1]
        assert perceptron.means.shape == perceptron.scales.shape == (d,)
        assert perceptron.hidden.shape == (1 + d, h)
        assert perceptron.output.shape == (1 + d + h,)
        assert (perceptron.scales > 0).all()
        for weights in (perceptron.means, perceptron.scales, perceptron.hidden, perceptron.output):
            assert weights.dtype == np.float64
            assert np.isfinite(weights).all()


def test_the_weights_have_four_digits():
    for name in ("edges", "pairs"):
        for weights in vars(load_perceptron(name)).values():
            assert weights.ravel().tolist() == [float(f"{value:.4g}") for value in weights.ravel()]


def test_some_weights_are_those_that_were_learned():
    edges, pairs = load_perceptron("edges"), load_perceptron("pairs")
    assert edges.means[:3].tolist() == [0.8826, 1.003, 0.4005]
    assert edges.output[-4:].tolist() == [-0.5247, -0.4871, 0.5525, -0.5729]
    assert pairs.scales[:3].tolist() == [0.1299, 0.1524, 0.147]
    assert pairs.hidden[0].tolist() == [1.151, -1.073, -0.1645, 0.3229, -0.9874]


def test_the_weights_are_read_once():
    assert load_perceptron("edges") is load_perceptron("edges")


def test_an_unknown_perceptron_is_an_error():
    with pytest.raises(KeyError):
        load_perceptron("corners")
