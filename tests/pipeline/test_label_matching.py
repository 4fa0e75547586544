"""Compare and match two partitions; scikit-learn and written-out tables are the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from segment.pipeline.label_matching import (
    assign_pairs,
    compute_adjusted_rand_index,
    compute_class_distances,
    count_overlaps,
    match_labels,
)


def test_overlaps_are_counted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.pipeline.label_matching.CHUNK_SIZE", 2)
    first, second = np.array([0, 0, 1, 1, 1]), np.array([1, 0, 1, 1, 0])
    np.testing.assert_array_equal(count_overlaps(first, second, 2), [[1, 1], [1, 2]])
    np.testing.assert_array_equal(count_overlaps(first, second, 2, np.array([5, 1, 1, 1, 1])), [[1, 5], [1, 2]])


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40))
def test_the_adjusted_rand_index_is_that_of_scikit_learn(seed: int, k: int, n: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, k, (2, n))
    ours = compute_adjusted_rand_index(count_overlaps(first, second, k))
    assert ours == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


def test_classes_are_matched_one_to_one_by_their_overlap() -> None:
    np.testing.assert_array_equal(
        match_labels(np.array([[0.0, 9.0, 8.0], [5.0, 0.0, 0.0], [0.0, 1.0, 7.0]])), [1, 0, 2]
    )


def test_no_pair_costs_the_limit() -> None:
    np.testing.assert_array_equal(assign_pairs(np.array([[0.5, 3.0], [9.0, 9.0]]), limit=3.0), [0, -1])


def test_the_distance_of_equal_shapes_grows_with_the_square_of_the_gap() -> None:
    shape = (np.array([[0.0], [2.0], [4.0]]), np.ones((3, 1, 1)))
    distances = compute_class_distances(shape, shape)
    np.testing.assert_allclose(distances[0], [0, 4 / 8, 16 / 8], atol=1e-12)
