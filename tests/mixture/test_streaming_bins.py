"""Cells in the bins of a fixed grid: independent of order and parts, with exact moments."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.streaming_bins import StreamingBins


def test_bins_do_not_depend_on_parts_or_order(rng: np.random.Generator) -> None:
    keys = rng.integers(0, 1000, (5000, 3))
    cells = make_point_cells(keys.astype(float))
    single = StreamingBins(3, 10, max_bins=300)
    single.add(keys, cells)
    order = rng.permutation(len(keys))
    first, second = StreamingBins(3, 10, max_bins=300), StreamingBins(3, 10, max_bins=300)
    first.add(keys[order[:40]], cells[order[:40]])
    second.add(keys[order[40:]], cells[order[40:]])
    first.merge(second)
    ours, theirs = first.to_cells(3), single.to_cells(3)
    assert 30 < len(ours) == len(theirs) <= 300
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-12)
    np.testing.assert_allclose(ours.compute_second_moment(), cells.compute_second_moment(), rtol=1e-12)


def test_few_values_are_kept_apart(rng: np.random.Generator) -> None:
    keys = rng.integers(0, 6, (4000, 2)) * 11_000
    bins = StreamingBins(2, 16, max_bins=64)
    bins.add(keys, make_point_cells(keys.astype(float)))
    found = bins.to_cells(2)
    assert len(found) == 36
    assert not found.scatters.any()


def test_keys_that_differ_in_their_lowest_bit_share_a_bin() -> None:
    keys = np.array([[0, 0], [1, 1], [2, 0], [3, 1]])
    bins = StreamingBins(2, 2, max_bins=2)
    bins.add(keys, make_point_cells(keys.astype(float)))
    assert bins.to_cells(2).means.tolist() == [[0.5, 0.5], [2.5, 0.5]]


def test_many_pending_cells_are_merged_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.mixture.streaming_bins._MIN_PENDING", 10)
    bins = StreamingBins(1, 4)
    for _ in range(5):
        bins.add(np.arange(4)[:, None], make_point_cells(np.arange(4.0)[:, None]))
    assert sum(len(cells) for cells in bins._cells) <= 12
    assert bins.to_cells(1).weights.tolist() == [5.0] * 4


def test_bins_of_nothing_are_no_cells() -> None:
    found = StreamingBins(3, 8).to_cells(3)
    assert len(found) == 0
    assert found.n_features == 3
