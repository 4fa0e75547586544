"""Borders of regions and sums along them."""

from __future__ import annotations

import numpy as np

from segment.segmenter.regions.region_adjacency import find_adjacency


def test_adjacency_counts_sides_and_sums_maps():
    labels = np.array([[0, 0, 1], [2, 2, 1]])
    heights = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = find_adjacency(labels, 3, [heights])
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.borders.tolist() == [[1, 1.5], [2, 1.5 + 2.5], [1, 4.5]]
    joined = found.contract(np.array([0, 1, 0]), 2)
    assert joined.pairs.tolist() == [[0, 1]]
    assert joined.borders.tolist() == [[2, 6.0]]


def test_pixels_without_a_region_have_no_borders():
    assert find_adjacency(np.array([[0, -1, 1]]), 2, []).pairs.size == 0


def test_selected_pairs_have_their_borders_and_unknown_ones_none():
    graph = find_adjacency(np.array([[0, 0, 1, 2], [0, 1, 1, 2]]), 3, [])
    found = graph.select_pairs(np.array([[0, 1], [0, 2], [1, 2]]))
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.borders.tolist() == [[3], [0], [2]]
    assert graph.select_pairs(np.zeros((0, 2), int)).borders.shape == (0, 1)
