"""Levels of coarse cells, their pooled covariance, and the metric in which clusters are tightest."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.initialization import compute_pooled_covariance
from segment.mixture.levels import Levels, coarsen_or_keep


def draw_classes(
    rng: np.random.Generator, means: list[list[float]], weights: list[float], n: int = 20_000
) -> np.ndarray:
    """Classes of unit variance, one after the other."""
    counts = (np.array(weights) * n).astype(int)
    return rng.normal(size=(counts.sum(), len(means[0]))) + np.repeat(means, counts, axis=0)


def test_cells_are_coarsened_only_where_that_saves_work(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_classes(rng, [[0, 0], [20, 0]], [0.5, 0.5], 1000))
    assert len(coarsen_or_keep(cells, 16, 2)) < 500
    assert coarsen_or_keep(cells, 16, 200) is cells
    few = cells[::5]
    assert coarsen_or_keep(few, 500, 2) is few


def test_a_weak_shrinkage_has_the_pooled_covariance_of_few_runs(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_classes(rng, [[0, 0], [20, 0]], [0.5, 0.5], 1000))
    found = Levels(cells, cells, 2, np.eye(2)).compute_target(0.1)
    np.testing.assert_array_equal(found, compute_pooled_covariance(cells, cells, 2, np.eye(2), 5))


# The first feature separates two classes, and a third class far away stretches it; the others are noise.
FAR = [[0.0, 0, 0], [6.0, 0, 0], [300.0, 0, 0]]


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_tightest_clusters_are_those_of_the_classes_where_one_is_far_away(
    share: float, rng: np.random.Generator
) -> None:
    cells = make_point_cells(draw_classes(rng, FAR, [(1 - share) / 2, (1 - share) / 2, share]))
    levels = Levels.from_cells(cells, 3)
    assert levels.compute_target(1.5)[0, 0] > 5
    assert levels.choose_clearly_tightest() is levels.tightest is not levels
    np.testing.assert_allclose(levels.tightest.compute_target(1.5), np.eye(3), atol=0.1)


@pytest.mark.parametrize("units", [(1, 1, 1), (1e-3, 1, 1e3)])
def test_units_of_the_features_do_not_change_the_gain(units: tuple[float, ...], rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_classes(rng, FAR, [0.495, 0.495, 0.01]) * units)
    assert Levels.from_cells(cells, 3).tightest.gain == pytest.approx(1.5, abs=0.5)


def test_the_given_metric_stays_where_its_clusters_are_the_tightest(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_classes(rng, [[0.0, 0], [30, 0], [0, 30]], [0.4, 0.3, 0.3]))
    levels = Levels.from_cells(cells, 3)
    assert levels.tightest.gain < 0.01
    assert Levels.from_cells(cells, 1).tightest.gain == 0
    line = Levels.from_cells(make_point_cells(rng.normal(size=(50, 1))), 2)
    assert line.tightest is line


def test_clusters_of_single_values_have_a_finite_gain() -> None:
    cells = make_point_cells([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    assert np.isfinite(Levels.from_cells(cells, 3).tightest.gain)
    assert np.isfinite(Levels.from_cells(make_point_cells([[0.0, 7.0], [1.0, 7.0], [5.0, 7.0]]), 2).tightest.gain)


@pytest.mark.parametrize("shrinkage", [0.0, 1.5])
def test_a_fit_finds_the_classes_where_one_is_far_away(shrinkage: float, rng: np.random.Generator) -> None:
    X = draw_classes(rng, FAR, [0.45, 0.45, 0.1])
    model = fit_mixture(make_point_cells(X), 3, shrinkage=shrinkage).model
    np.testing.assert_allclose(np.sort(model.means[:, 0]), [0, 6, 300], atol=0.2)
    np.testing.assert_allclose(np.sort(model.weights), [0.1, 0.45, 0.45], atol=0.01)
