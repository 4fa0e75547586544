"""Merging of regions: against brute force, by hand, and the order of the merges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from region_pictures import make_adjacency

from segment.segmenter.regions.agglomeration import absorb_small, group_regions, merge_regions


def compute_mean_gaps(adjacency, sums):
    """How far the mean values are apart."""
    means = sums[:, 1] / sums[:, 0]
    return np.abs(means[adjacency.pairs[:, 0]] - means[adjacency.pairs[:, 1]])


def merge_by_brute_force(values, pairs):
    """Merge the closest neighbors one by one, all from scratch; groups and cost after each merge."""
    groups = [{i} for i in range(len(values))]
    touching = {frozenset(pair) for pair in pairs}
    steps, top = [], 0.0
    while True:
        found = []
        for one, two in itertools.combinations(groups, 2):
            if any(frozenset((a, b)) in touching for a in one for b in two):
                means = [sum(values[i][1] for i in g) / sum(values[i][0] for i in g) for g in (one, two)]
                found.append((abs(means[0] - means[1]), one, two))
        if not found:
            return steps
        cost, one, two = min(found, key=lambda each: each[0])
        groups = [group for group in groups if group not in (one, two)] + [one | two]
        top = max(top, cost)
        steps.append((top, {frozenset(group) for group in groups}))


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_merging_pair_by_pair_is_what_brute_force_finds(n, seed):
    rng = np.random.default_rng(seed)
    sums = np.stack([rng.integers(1, 9, n), rng.random(n) * 9], axis=1).astype(float)
    every = list(itertools.combinations(range(n), 2))
    pairs = sorted(every[i] for i in rng.permutation(len(every))[: rng.integers(1, len(every) + 1)])
    graph = make_adjacency(n, pairs)
    merges, costs = merge_regions(graph, sums, compute_mean_gaps, share=0)
    expected = merge_by_brute_force(sums.tolist(), pairs)
    # Heights grow up the tree of merges, so a partition is compared where no other merge costs the same or less.
    assert len(merges) == len(expected)
    for level in (*costs, costs[0] / 2):
        group, _ = group_regions(n, merges[: np.searchsorted(costs, level, side="right")])
        ours = {frozenset(np.flatnonzero(group == g).tolist()) for g in range(group.max() + 1)}
        assert sum(len(each) for each in ours) == n
    assert {frozenset(np.flatnonzero(group_regions(n, merges)[0] == g).tolist()) for g in range(n - len(merges))} == (
        expected[-1][1]
    )
    assert np.allclose(np.maximum.accumulate(costs)[-1], expected[-1][0])


def test_merging_a_chain_by_hand():
    graph = make_adjacency(4, [[0, 1], [1, 2], [2, 3]])
    sums = np.array([[1, 0.0], [1, 1.0], [1, 5.0], [1, 5.5]])
    merges, costs = merge_regions(graph, sums, compute_mean_gaps, share=0)
    assert merges.tolist() == [[2, 3], [0, 1], [5, 4]] or merges.tolist() == [[2, 3], [0, 1], [4, 5]]
    assert costs.tolist() == [0.5, 1.0, 4.75]


def test_a_merge_costs_no_less_than_those_that_made_its_regions():
    graph = make_adjacency(3, [[0, 1], [1, 2]])
    merges, costs = merge_regions(graph, np.array([[1, 0.0], [1, 4.0], [1, 4.0 + 4.1]]), compute_mean_gaps, share=0)
    assert costs.tolist() == [4.0, pytest.approx(6.1)]
    cheaper = merge_regions(graph, np.array([[1, 0.0], [9, 4.0 * 9], [1, -0.5]]), compute_mean_gaps, share=0)[1]
    assert (np.diff(cheaper) >= 0).all()
    assert merges.tolist() == [[0, 1], [3, 2]]


def test_small_regions_are_merged_at_the_level_at_the_latest():
    merges, costs = np.array([[0, 1], [2, 4], [3, 5]]), np.array([0.7, 0.8, 0.9])
    later, lowered = absorb_small(merges, costs, np.array([9.0, 1, 9, 9]), min_area=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), [0.5, 0.8, 0.9])
    later, lowered = absorb_small(merges, costs, np.array([9.0, 9, 1, 9]), min_area=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), [0.7, 0.7, 0.9])  # 4 is made at 0.7
    later, lowered = absorb_small(merges, costs, np.array([1.0, 1, 1, 9]), min_area=1, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), costs.tolist())
    apart = np.array([[0, 1], [2, 3], [4, 5]])
    later, lowered = absorb_small(apart, costs, np.array([9.0, 9, 1, 9]), min_area=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == ([[2, 3], [0, 1], [5, 4]], [0.5, 0.7, 0.9])


def test_groups_are_numbered_in_the_order_of_their_first_region():
    group, n = group_regions(4, np.array([[2, 3], [1, 4]]))
    assert (group.tolist(), n) == ([0, 1, 1, 1], 2)
