"""Coarse cells of a grid, and the moments that they keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segment.mixture.cells import make_point_cells
from segment.mixture.grid_bins import coarsen

ROWS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(-50, 50).map(float)
)


@given(ROWS, st.integers(1, 8))
def test_coarse_cells_keep_weight_mean_and_covariance(rows: np.ndarray, n_bins: int) -> None:
    cells = make_point_cells(rows)
    coarse = coarsen(cells, n_bins)
    assert len(coarse) <= min(len(cells), n_bins ** rows.shape[1])
    assert coarse.total_weight == pytest.approx(cells.total_weight)
    np.testing.assert_allclose(coarse.compute_center(), cells.compute_center(), atol=1e-9)
    np.testing.assert_allclose(coarse.compute_second_moment(), cells.compute_second_moment(), atol=1e-8)


def test_coarse_cells_are_the_bins_of_the_grid() -> None:
    coarse = coarsen(make_point_cells([[0.0], [1.0], [2.0], [9.0], [10.0]]), 2)
    assert coarse.weights.tolist() == [3, 2]
    np.testing.assert_allclose(coarse.means, [[1.0], [9.5]])
    np.testing.assert_allclose(coarse.scatters, [[2 / 3], [0.25]])


def test_coarsening_many_features_sorts_instead_of_counting(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(300, 7))
    coarse = coarsen(make_point_cells(np.concatenate([rows, rows])), 32)
    assert len(coarse) <= 300
    np.testing.assert_allclose(
        coarse.compute_second_moment(), make_point_cells(rows).compute_second_moment(), atol=1e-12
    )
