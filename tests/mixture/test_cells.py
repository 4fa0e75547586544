"""Weighted cells: distinct rows, sums of cells and the moments that they keep."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import draw_three_gaussians

from segment import fit_mixture
from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, concatenate, make_distinct_cells, make_point_cells, sum_cells
from segment.mixture.grid_bins import coarsen
from segment.mixture.packed_matrices import pack


def test_equal_rows_are_one_cell_with_their_count() -> None:
    cells = make_distinct_cells([[2, 1], [0, 5], [2, 1], [2, 0]], [1.0, 2.0, 0.5, 0.0])
    assert cells.means.tolist() == [[0, 5], [2, 1]]
    assert cells.weights.tolist() == [2.0, 1.5]
    assert not cells.scatters.any()


def test_both_zeros_are_one_value() -> None:
    assert len(make_distinct_cells([[0.0], [-0.0]])) == 1


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_invalid_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(SettingsError, match="sample_weight"):
        make_distinct_cells([[1.0], [2.0]], weights)


def test_concatenated_cells_stand_side_by_side(rng: np.random.Generator) -> None:
    first, second = (
        make_point_cells(rng.normal(size=(4, 2))),
        make_point_cells(rng.normal(size=(3, 2)), [1.0, 2.0, 3.0]),
    )
    both = concatenate(first, second)
    assert both.weights.tolist() == [1, 1, 1, 1, 1, 2, 3]
    assert both.means[:4].tolist() == first.means.tolist()


def test_rescaled_cells_have_rescaled_moments(rng: np.random.Generator) -> None:
    factors = rng.normal(size=(5, 2, 2))
    cells = Cells(np.ones(5), rng.normal(size=(5, 2)), pack(factors @ np.swapaxes(factors, 1, 2)))
    shift, scale = cells.compute_center(), np.array([2.0, 5.0])
    expected = (cells.compute_second_moment() - np.outer(shift, shift)) / np.outer(scale, scale)
    np.testing.assert_allclose(cells.rescale(shift, scale).compute_second_moment(), expected)


def test_summed_cells_equal_the_cells_of_all_data(rng: np.random.Generator) -> None:
    X = np.round(draw_three_gaussians(rng, 3000))
    together = make_distinct_cells(X)
    united = sum_cells(make_distinct_cells(part) for part in np.array_split(X, 13))
    backwards = sum_cells(make_distinct_cells(part) for part in reversed(np.array_split(X, 7)))
    for cells in (united, backwards):
        np.testing.assert_array_equal(cells.means, together.means)
        np.testing.assert_array_equal(cells.weights, together.weights)
        np.testing.assert_array_equal(cells.scatters, 0)
    one, two = fit_mixture(united, 3, shrinkage=0.5), fit_mixture(together, 3, shrinkage=0.5)
    np.testing.assert_array_equal(one.model.means, two.model.means)
    np.testing.assert_array_equal(one.model.covariances, two.model.covariances)
    np.testing.assert_array_equal(one.finish.log_likelihoods, two.finish.log_likelihoods)


def test_sources_are_read_one_after_the_other(rng: np.random.Generator) -> None:
    sources_read: list[int] = []

    def sources() -> Iterator[Cells]:
        for number in range(5):
            sources_read.append(number)
            yield make_distinct_cells(rng.integers(0, 3, (100, 2)))

    found = sum_cells(sources())
    assert sources_read == [0, 1, 2, 3, 4]
    assert len(found) <= 9
    assert found.total_weight == 500


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=40)
def test_summing_keeps_the_moments(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)

    def source() -> Cells:
        n = int(rng.integers(1, 30))
        factors = rng.normal(size=(n, d, d))
        return Cells(rng.uniform(0.1, 3, n), rng.integers(0, 3, (n, d)) * 1.0, pack(factors @ factors.swapaxes(1, 2)))

    parts = [source() for _ in range(rng.integers(1, 5))]
    united, apart = sum_cells(parts), concatenate(*parts)
    assert len(np.unique(united.means, axis=0)) == len(united)
    assert united.total_weight == pytest.approx(apart.total_weight)
    np.testing.assert_allclose(united.compute_center(), apart.compute_center(), atol=1e-12)
    np.testing.assert_allclose(united.compute_second_moment(), apart.compute_second_moment(), atol=1e-9)


def test_cells_with_missing_values_and_coarse_cells_are_summed() -> None:
    cells = sum_cells([make_point_cells([[1.0, np.nan]]), make_point_cells([[1.0, np.nan], [2.0, 0.0]])])
    assert cells.weights.tolist() == [1.0, 2.0] or cells.weights.tolist() == [2.0, 1.0]
    line = make_point_cells(np.arange(100.0)[:, None])
    united = sum_cells([coarsen(line[:50], 4), coarsen(line[50:], 4)])
    np.testing.assert_allclose(united.compute_second_moment(), line.compute_second_moment())
