"""Coarse cells that follow the data: bins of a grid, and halves of bins that hold too much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.mixture.cells import make_point_cells
from segment.mixture.coarsening import coarsen_adaptively, coarsen_by_scatter, is_crowded, split_groups
from segment.mixture.grid_bins import coarsen


def draw_halves_and_far_values(rng: np.random.Generator, d: int = 3, share: float = 0.01) -> np.ndarray:
    """Two classes of unit variance, 12 apart in each feature, and a share of values 900 away."""
    X = rng.normal(size=(10_000, d)) + 12 * (np.arange(10_000) % 2)[:, None]
    X[: round(10_000 * share)] += 900
    return X


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 9), st.integers(1, 40))
def test_coarse_cells_keep_weight_mean_and_covariance(seed: int, d: int, n_bins: int, min_cells: int) -> None:
    rng = np.random.default_rng(seed)
    cells = make_point_cells(rng.standard_cauchy((50, d)).round(1), rng.integers(1, 9, 50))
    for coarse in (coarsen_adaptively(cells, n_bins, min_cells), coarsen_by_scatter(cells, min_cells)):
        assert len(coarse) <= len(cells)
        assert coarse.total_weight == pytest.approx(cells.total_weight)
        np.testing.assert_allclose(coarse.compute_center(), cells.compute_center(), atol=1e-9)
        np.testing.assert_allclose(coarse.compute_second_moment(), cells.compute_second_moment(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("d", [1, 3, 6])
def test_a_class_far_away_leaves_enough_and_not_too_many_cells(d: int, share: float, rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_halves_and_far_values(rng, d, share))
    assert len(coarsen(cells, 16)) <= 8
    coarse = coarsen_adaptively(cells, 16, 64)
    assert 200 < len(coarse) < 1000
    # Cells that hold values of two classes have next to no weight.
    assert coarse.weights[np.sqrt(coarse.scatters[:, 0]) > 3].sum() <= 0.01 * coarse.total_weight


def test_bins_of_a_grid_that_are_enough_stay(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.uniform(size=(5000, 2)))
    found, expected = coarsen_adaptively(cells, 16, 64), coarsen(cells, 16)
    np.testing.assert_array_equal(found.means, expected.means)
    np.testing.assert_array_equal(found.scatters, expected.scatters)


def test_many_features_make_no_more_cells_than_can_be_handled(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.uniform(size=(20_000, 6)))
    assert len(coarsen(cells, 8)) > 8192
    assert 64 <= len(coarsen_adaptively(cells, 8, 64)) <= 3 * 64


def test_groups_are_split_until_each_is_light_or_one_value(rng: np.random.Generator) -> None:
    rows = rng.integers(0, 4, (300, 2)).astype(float)
    group, n_groups = split_groups(make_point_cells(rows), 10.0)
    assert sorted(np.unique(group)) == list(range(n_groups))
    for number in range(n_groups):
        inside = group == number
        assert np.count_nonzero(inside) <= 10 or len(np.unique(rows[inside], axis=0)) == 1


def test_a_stretched_feature_is_not_the_only_one_that_is_split(rng: np.random.Generator) -> None:
    X = np.stack([rng.normal(size=4000), 0.001 * rng.normal(size=4000)], axis=1)
    X[0] = 1000.0, 0.0
    group, n_groups = split_groups(make_point_cells(X), 40.0)
    within = np.array([X[group == number].std(axis=0) for number in range(n_groups)])
    np.testing.assert_allclose(np.median(within, axis=0), [0.1, 0.0001], rtol=0.5)


@pytest.mark.parametrize("n_far", [1, 3, 30])
def test_few_far_cells_do_not_share_a_group_with_others(n_far: int, rng: np.random.Generator) -> None:
    X = rng.normal(size=(4000, 2))
    X[:n_far] += 500
    group, _ = split_groups(make_point_cells(X), 40.0)
    assert not np.isin(group[n_far:], group[:n_far]).any()


def test_a_grid_is_crowded_where_most_values_of_one_feature_share_a_bin(rng: np.random.Generator) -> None:
    values = rng.uniform(size=(1000, 2))
    assert not is_crowded(make_point_cells(values), 16)
    values[0, 1] = 100
    assert is_crowded(make_point_cells(values), 16)
