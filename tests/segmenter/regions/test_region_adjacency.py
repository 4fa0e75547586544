"""Borders of regions and sums along them, beside them and inside regions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.segmenter.regions.region_adjacency import (
    Adjacency,
    find_adjacency,
    sum_beside_borders,
    sum_half_size_maps,
    sum_maps,
)


def test_adjacency_counts_sides_and_sums_maps():
    labels = np.array([[0, 0, 1], [2, 2, 1]])
    heights = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = find_adjacency(labels, 3, [heights])
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.borders.tolist() == [[1, 1.5], [2, 1.5 + 2.5], [1, 4.5]]
    joined = found.contract(np.array([0, 1, 0]), 2)
    assert joined.pairs.tolist() == [[0, 1]]
    assert joined.borders.tolist() == [[2, 6.0]]
    assert sum_maps(labels, 3, [heights]).tolist() == [[1], [7], [7]]


def test_pixels_without_a_region_have_no_borders():
    assert find_adjacency(np.array([[0, -1, 1]]), 2, []).pairs.size == 0


def test_sums_of_halved_maps_are_those_of_their_enlargement():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 4, (7, 9))
    maps = rng.random((3, 4, 5)).astype(np.float32)
    large = np.repeat(np.repeat(maps, 2, axis=1), 2, axis=2)[:, :7, :9]
    assert np.allclose(sum_half_size_maps(labels, 4, maps), sum_maps(labels, 4, list(large)), atol=1e-5)


def test_sums_beside_a_border_stay_in_their_region():
    # Region 1 is four pixels wide, so the farthest of the three places lies in another region and is not looked at.
    labels = np.repeat([[0] * 8 + [1] * 4 + [2] * 4], 2, axis=0)
    graph = find_adjacency(labels, 3, [])
    values = np.arange(8, dtype=np.float32)[None, None]
    found = sum_beside_borders(labels, graph, values)
    assert graph.pairs.tolist() == [[0, 1], [1, 2]]
    # Columns 7, 5, 3 and 8, 10; 11, 9 and 12, 14: at half the size 3, 2, 1 and 4, 5; 5, 4 and 6, 7; in two rows each.
    assert found[..., 0].tolist() == [[6, 4], [4, 4]]
    assert found[..., 1].tolist() == [[2 * (3 + 2 + 1), 2 * (4 + 5)], [2 * (5 + 4), 2 * (6 + 7)]]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_sums_beside_borders_do_not_depend_on_numbering_nor_turning(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.repeat(rng.integers(-1, 4, (3, 4)), 4, axis=0), 4, axis=1)
    maps = rng.random((2, 6, 8)).astype(np.float32)
    number = rng.permutation(4)
    graph = find_adjacency(labels, 4, [])
    sums = {}
    for new, values in (
        (labels, maps),
        (np.where(labels < 0, -1, number[labels]), maps),
        (labels.T, maps.swapaxes(1, 2)),
    ):
        other = find_adjacency(np.ascontiguousarray(new), 4, [])
        beside = sum_beside_borders(np.ascontiguousarray(new), other, values)
        back = np.argsort(number) if new.shape == labels.shape and new is not labels else np.arange(4)
        named = {}
        for pair, both in zip(back[other.pairs].tolist(), beside, strict=True):
            named[tuple(sorted(pair))] = both[::-1] if pair[0] > pair[1] else both
        sums = sums or named
        assert named.keys() == sums.keys()
        assert all(np.allclose(named[pair], sums[pair]) for pair in sums)
    assert len(graph.pairs) == len(sums)


def test_merged_regions_keep_their_side_of_a_border():
    beside = np.array([[[1.0], [2.0]], [[4.0], [8.0]]])
    graph = Adjacency(3, np.array([[0, 2], [1, 2]]), np.ones((2, 1)), beside)
    joined = graph.contract(np.array([0, 0, 1]), 2)
    assert joined.beside.tolist() == [[[5.0], [10.0]]]
    turned = graph.contract(np.array([1, 1, 0]), 2)
    assert turned.beside.tolist() == [[[10.0], [5.0]]]


def test_selected_pairs_have_their_borders_and_unknown_ones_none():
    graph = find_adjacency(np.array([[0, 0, 1, 2], [0, 1, 1, 2]]), 3, [])
    found = graph.select_pairs(np.array([[0, 1], [0, 2], [1, 2]]))
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.borders.tolist() == [[3], [0], [2]]
    assert graph.select_pairs(np.zeros((0, 2), int)).borders.shape == (0, 1)


def test_rows_are_found_in_either_order():
    graph = find_adjacency(np.array([[0, 3], [1, 2]]), 4, [])
    assert graph.pairs.tolist() == [[0, 1], [0, 3], [1, 2], [2, 3]]
    assert graph.find_rows(np.array([3, 2, 1]), np.array([0, 3, 0])).tolist() == [1, 3, 0]
