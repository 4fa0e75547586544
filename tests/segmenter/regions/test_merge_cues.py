"""Cues of pairs of regions, and the cost of merging them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segment.segmenter.regions.merge_cues import (
    CUES,
    Perceptron,
    compute_merge_costs,
    compute_merge_cues,
    load_perceptron,
)
from segment.segmenter.regions.region_adjacency import Adjacency


def test_cues_are_finite_and_symmetric():
    rng = np.random.default_rng(2)
    sums = np.abs(rng.random((5, 73))) * 10 + 1
    sums[:, 0] = [1, 50, 7, 900, 3]
    pairs = np.array([[0, 1], [0, 2], [1, 3], [2, 4], [3, 4]])
    graph = Adjacency(5, pairs, rng.random((5, 14)) + 1)
    cues = compute_merge_cues(graph, sums)
    assert cues.shape == (5, len(CUES))
    assert np.isfinite(cues).all()
    swap = np.array([4, 3, 2, 1, 0])
    order = np.array(sorted(range(5), key=lambda i: sorted(swap[pairs[i]].tolist())))
    turned = Adjacency(5, np.sort(swap[pairs], axis=1)[order], graph.borders[order])
    assert np.allclose(compute_merge_cues(turned, sums[swap]), cues[order])
    assert ((compute_merge_costs(graph, sums) >= 0) & (compute_merge_costs(graph, sums) <= 1)).all()


def test_regions_that_differ_more_cost_more():
    # Two regions of 100 pixels with one component of each mixture, the same one or two different ones.
    costs = []
    for component in (0, 1):
        sums = np.zeros((2, 73))
        sums[:, 0] = 100
        for first in (1, 9, 25):
            sums[0, first] = sums[1, first + component] = 100
        parted = [0.1 + 8 * component] * 4  # along 10 pixel sides
        borders = np.array([[10, *[8.0 * component] * 8, 6.4 * component, *parted]])
        costs.append(compute_merge_costs(Adjacency(2, np.array([[0, 1]]), borders), sums).item())
    assert costs[0] < 0.5 < costs[1]


def test_the_descriptor_cues_are_the_distance_of_means_and_their_spread_over_the_image():
    sums = np.ones((3, 73))
    sums[:, 0] = areas = np.array([100, 300, 600])
    means = np.random.default_rng(3).random((3, 16))
    sums[:, 57:] = means * areas[:, None]
    cues = compute_merge_cues(Adjacency(3, np.array([[0, 1], [1, 2]]), np.ones((2, 14))), sums)
    np.testing.assert_allclose(cues[0, CUES.index("descriptor")], np.linalg.norm(means[0] - means[1]))
    np.testing.assert_allclose(cues[1, CUES.index("descriptor")], np.linalg.norm(means[1] - means[2]))
    pixels = np.repeat(means, areas, axis=0)
    np.testing.assert_allclose(cues[:, CUES.index("spread")], np.sqrt(pixels.var(axis=0).sum()))


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
