"""Places along borders and the changes around them: by hand, turned and mirrored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.segmenter.regions.edge_cues import compute_edge_cues, find_edge_places, sum_edge_odds
from segment.segmenter.regions.perceptron import Perceptron
from segment.segmenter.regions.region_adjacency import find_adjacency

EVERYWHERE = [each.ravel() for each in np.indices((24, 24))]


def test_places_lie_at_half_the_size_and_count_their_sides():
    labels = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 2, -1, 1]])
    found = find_edge_places(labels, find_adjacency(labels, 3, []))
    sides = zip(found.pair.tolist(), found.row.tolist(), found.column.tolist(), found.sides.tolist(), strict=True)
    assert list(sides) == [(0, 0, 1, 2), (1, 0, 1, 1), (1, 1, 0, 1)]


@pytest.mark.parametrize("across", range(4))
def test_edge_cues_by_hand(across):
    # An edge at a place, another kind of change at an angle to it there, and one beyond it.
    changes = np.zeros((3, 4, 20, 20), np.float32)
    changes[0, across, 10, 10] = 9
    right, down = ((1, 0), (1, 1), (0, 1), (-1, 1))[across]
    far = 5 if across % 2 else 7  # 7 steps along a slope are 5 to the right and 5 down
    changes[2, across, 10 + far * down, 10 + far * right] = 4
    changes[2, (across + 1) % 4, 10, 10] = 16
    cues = compute_edge_cues(changes, np.array([10]), np.array([10])).reshape(33, 3)
    expected = np.zeros((33, 3))
    expected[0, 0] = 3
    expected[1, 2] = 4 / 2
    expected[3 + 2 * 10, 2] = 2 / 2
    np.testing.assert_allclose(cues, expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_cues_do_not_depend_on_how_the_image_lies(seed):
    changes = np.random.default_rng(seed).random((3, 4, 24, 24), dtype=np.float32)
    cues = compute_edge_cues(changes, *EVERYWHERE).reshape(24, 24, -1)
    turned = np.rot90(np.roll(changes, 2, axis=1), axes=(2, 3))
    np.testing.assert_allclose(compute_edge_cues(turned, *EVERYWHERE).reshape(24, 24, -1), np.rot90(cues), rtol=1e-5)
    mirrored = changes[:, [0, 3, 2, 1], :, ::-1]
    np.testing.assert_allclose(compute_edge_cues(mirrored, *EVERYWHERE).reshape(24, 24, -1), cues[:, ::-1], rtol=1e-5)


def test_sums_are_over_the_sides_of_each_border():
    labels = np.repeat(np.repeat(np.array([[0, 1], [2, 2]]), 9, axis=0), 7, axis=1)
    graph = find_adjacency(labels, 3, [])
    changes = np.random.default_rng(1).random((2, 4, 9, 7), dtype=np.float32)
    constant = Perceptron(np.zeros(66), np.ones(66), np.zeros((67, 0)), np.array([0.5, *np.zeros(66)]))
    found = sum_edge_odds(labels, graph, changes, constant)
    np.testing.assert_allclose(found, graph.borders * [0.5, 1 / (1 + np.exp(-0.5))])
    center = Perceptron(np.zeros(66), np.ones(66), np.zeros((67, 0)), np.eye(67)[1])
    strongest = np.sqrt(changes[0])[changes.sum(axis=0).argmax(axis=0), *np.indices((9, 7))]
    by_hand = [2 * strongest[:4, 3].sum() + strongest[4, 3]]  # nine sides lie in five rows of half the size
    np.testing.assert_allclose(sum_edge_odds(labels, graph, changes, center)[0, 0], by_hand)


def test_without_borders_there_are_no_places():
    labels = np.zeros((5, 4), int)
    judge = Perceptron(np.zeros(66), np.ones(66), np.zeros((67, 0)), np.zeros(67))
    changes = np.zeros((2, 4, 3, 2), np.float32)
    assert sum_edge_odds(labels, find_adjacency(labels, 1, []), changes, judge).shape == (0, 2)
