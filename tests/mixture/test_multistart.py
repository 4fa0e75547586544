"""Short runs side by side, and which of them are continued."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import (
    make_robust_mixture,
)

from segment.mixture.cells import make_point_cells
from segment.mixture.em import run_em
from segment.mixture.grid_bins import coarsen
from segment.mixture.initialization import build_clusters, draw_first_clusters
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.multistart import MANY_COMPONENTS, Runs, run_short_em, run_successive_halving, select_best_distinct
from segment.mixture.prior import Prior
from segment.mixture.robust import make_robust_steps


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("strength", [0.0, 30.0])
def test_runs_side_by_side_are_those_run_alone(covariance_type: str, strength: float, rng: np.random.Generator) -> None:
    cells = coarsen(make_point_cells(rng.normal(size=(500, 3)) + 4 * rng.integers(0, 2, (500, 1))), 10)
    prior = Prior(np.diag([1.0, 2.0, 0.5]), strength, np.zeros(3))
    starts = [
        MixtureModel(
            rng.dirichlet(np.ones(3)), 3 * rng.normal(size=(3, 3)), np.repeat(np.eye(3)[None], 3, 0), covariance_type
        )
        for _ in range(4)
    ]
    models, objectives = run_short_em(cells, Runs.from_models(starts), prior, n_iter=6)
    for start, model, objective in zip(starts, models, objectives, strict=True):
        alone = run_em(cells, start, prior, tol=0, max_iter=6, accelerate=False)
        np.testing.assert_allclose(model.weights, alone.model.weights, rtol=1e-9)
        np.testing.assert_allclose(model.means, alone.model.means, rtol=1e-9)
        np.testing.assert_allclose(model.covariances, alone.model.covariances, rtol=1e-9, atol=1e-12)
        assert objective == pytest.approx(alone.objectives[-1], rel=1e-7)  # a collapse leaves few digits


def test_only_the_better_half_of_the_runs_is_continued() -> None:
    rng = np.random.default_rng(3)
    cells = coarsen(make_point_cells(rng.normal(size=(600, 2)) + 6 * rng.integers(0, 3, (600, 1))), 12)
    prior = Prior(np.eye(2), 5.0, np.zeros(2))
    drawn = draw_first_clusters(cells, 3, "random", 5, np.eye(2), rng)
    starts = build_clusters(cells, drawn, 3, "full", prior)
    runs, reached, scores = run_successive_halving(cells, starts, prior, n_iter=9)
    early = run_short_em(cells, starts, prior, n_iter=3)[1]
    late = run_short_em(cells, starts, prior, n_iter=9)[1]
    better = np.argsort(-early)[:3]
    np.testing.assert_allclose(reached, late[better], rtol=1e-9)
    np.testing.assert_allclose(scores[better], late[better], rtol=1e-9)
    worse = np.setdiff1d(np.arange(5), better)
    np.testing.assert_allclose(scores[worse], early[worse], rtol=1e-9)
    assert len(list(runs)) == 3
    for run, model in enumerate(runs):
        alone = run_em(cells, starts[better[run]], prior, tol=0, max_iter=9, accelerate=False).model
        np.testing.assert_allclose(model.means, alone.means, rtol=1e-7, atol=1e-9)


def test_of_many_components_most_runs_end_early(rng: np.random.Generator) -> None:
    cells = coarsen(make_point_cells(rng.normal(size=(600, 2))), 12)
    prior = Prior(np.eye(2), 5.0, np.zeros(2))
    k = MANY_COMPONENTS
    starts = build_clusters(cells, draw_first_clusters(cells, k, "random", 16, np.eye(2), rng), k, "full", prior)
    runs, reached, scores = run_successive_halving(cells, starts, prior, n_iter=20)
    early, middle, late = (run_short_em(cells, starts, prior, n_iter=n)[1] for n in (2, 6, 20))
    some = np.argsort(-early)[:4]
    last = some[np.argsort(-middle[some])[:2]]
    expected = early.copy()
    expected[some], expected[last] = middle[some], late[last]
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    np.testing.assert_allclose(reached, late[last], rtol=1e-9)
    assert len(runs) == 2


def test_equal_starts_go_on_as_one(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.normal(size=(40, 2)))
    start = MixtureModel(np.full(2, 0.5), rng.normal(size=(2, 2)), np.repeat(np.eye(2)[None], 2, 0))
    prior = Prior(np.eye(2), 1.0, np.zeros(2))
    runs, objectives, scores = run_successive_halving(cells, Runs.from_models([start] * 8), prior, n_iter=30)
    assert len(runs) == len(objectives) == 1
    assert len(scores) == 8


def test_only_runs_with_different_optima_are_selected() -> None:
    objectives = np.array([-3.0, -1.0, -1.0005, -5.0, -1.4, -1.0])
    assert select_best_distinct(objectives, 3) == [1, 4, 0]
    assert select_best_distinct(objectives, 9) == [1, 4, 0, 3]
    assert select_best_distinct(objectives, 9, min_gap=1e-4) == [1, 2, 4, 0, 3]
    assert select_best_distinct(objectives, 9, max_gap=2.0) == [1, 4, 0]


@pytest.mark.parametrize(("noise", "student"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_stacked_short_runs_equal_separate_ones(
    covariance_type: str, noise: bool, student: bool, rng: np.random.Generator
) -> None:
    cells = make_point_cells(np.concatenate([rng.normal(size=(150, 2)), rng.uniform(-20, 20, (15, 2))]))
    prior = Prior(np.eye(2), 3.0, np.zeros(2))
    drawn = [make_robust_mixture(rng, 3, 2, noise=noise, student=student) for _ in range(4)]
    shares = rng.uniform(0.02, 0.2, 4) * noise
    starts = [
        replace(
            start,
            noise_share=float(share),
            covariance_type=covariance_type,
            covariances=np.repeat(start.covariances[:1], 3, axis=0),
        )
        for start, share in zip(drawn, shares, strict=True)
    ]
    together, objectives = run_short_em(cells, Runs.from_models(starts), prior, n_iter=7)
    steps = make_robust_steps(fixed_degrees=False)
    for start, found, value in zip(starts, together, objectives, strict=True):
        alone = run_em(cells, start, prior, tol=0, max_iter=7, accelerate=False, steps=steps)
        assert value == pytest.approx(alone.objectives[-1], rel=1e-9)
        assert found.noise_share == pytest.approx(alone.model.noise_share, rel=1e-8)
        np.testing.assert_allclose(found.means, alone.model.means, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.covariances, alone.model.covariances, rtol=1e-7)
        np.testing.assert_allclose(found.degrees_of_freedom, alone.model.degrees_of_freedom, rtol=1e-7)
