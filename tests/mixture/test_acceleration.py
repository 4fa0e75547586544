"""Accelerated EM: the same optima as plain EM, in at most half the E-steps where plain EM is slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import logm

from segment.mixture.acceleration import Squarem, convert_to_coordinates, convert_from_coordinates
from segment.mixture.cells import Cells, coarsen, make_distinct_cells, make_point_cells
from segment.mixture.em import Fit, run_em
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior

NO_PRIOR = Prior(np.eye(2), 0.0, np.zeros(2))


def a_mixture(rng: np.random.Generator, k: int, d: int, covariance_type: str = "full") -> MixtureModel:
    factors = rng.normal(size=(k, d, d))
    covariances = factors @ np.swapaxes(factors, 1, 2) + 0.1 * np.eye(d)
    covariances = {
        "full": covariances,
        "tied": np.repeat(covariances[:1], k, axis=0),
        "diag": covariances * np.eye(d),
        "spherical": covariances[:, :1, :1] * np.eye(d),
    }[covariance_type]
    return MixtureModel(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), covariances, covariance_type)


def overlapping(rng: np.random.Generator, covariance_type: str, distance: float) -> tuple[Cells, MixtureModel]:
    """Two classes that overlap much, on a fine grid of values, and a start that is far off."""
    X = rng.normal(size=(4000, 2))
    X[:1600] = X[:1600] * 0.8 + [distance, 0]
    covariances = np.repeat(np.eye(2)[None], 2, axis=0)
    start = MixtureModel(np.array([0.8, 0.2]), np.array([[0.0, 1.0], [1.0, -1.0]]), covariances, covariance_type)
    return make_distinct_cells(np.round(X, 1)), start


def both(cells: Cells, start: MixtureModel, prior: Prior, **settings_: float) -> tuple[Fit, Fit]:
    plain, fast = (
        run_em(cells, start, prior, max_iter=50_000, accelerate=accelerate, **settings_)  # type: ignore[arg-type]
        for accelerate in (False, True)
    )
    assert plain.converged
    assert fast.converged
    return plain, fast


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4), st.sampled_from(COVARIANCE_TYPES))
@settings(max_examples=50, deadline=None)
def test_coordinates_and_back_is_the_same_mixture(seed: int, k: int, d: int, covariance_type: str) -> None:
    model = a_mixture(np.random.default_rng(seed), k, d, covariance_type)
    back = convert_from_coordinates(convert_to_coordinates(model), model)
    np.testing.assert_allclose(back.weights, model.weights, rtol=1e-9)
    np.testing.assert_allclose(back.means, model.means, rtol=1e-9)
    np.testing.assert_allclose(back.covariances, model.covariances, rtol=1e-8, atol=1e-9)


def test_the_last_coordinates_are_matrix_logarithms(rng: np.random.Generator) -> None:
    model = a_mixture(rng, 1, 3)
    expected = logm(model.covariances[0])[np.triu_indices(3)]
    np.testing.assert_allclose(convert_to_coordinates(model)[4:], expected, atol=1e-10)


@given(st.integers(0, 10_000), st.sampled_from(COVARIANCE_TYPES), st.floats(-20, 20))
@settings(max_examples=50, deadline=None)
def test_any_point_between_and_beyond_two_mixtures_is_one_of_their_type(
    seed: int, covariance_type: str, reach: float
) -> None:
    rng = np.random.default_rng(seed)
    first, second = (a_mixture(rng, 3, 2, covariance_type) for _ in range(2))
    there = convert_from_coordinates(convert_to_coordinates(first) + reach * (convert_to_coordinates(second) - convert_to_coordinates(first)), second)
    assert there.weights.sum() == pytest.approx(1)
    assert np.linalg.eigvalsh(there.covariances).min() >= 0
    if covariance_type in ("diag", "spherical"):
        np.testing.assert_array_equal(there.covariances[:, 0, 1], 0)
    if covariance_type == "spherical":
        np.testing.assert_allclose(there.covariances[:, 0, 0], there.covariances[:, 1, 1])
    if covariance_type == "tied":
        np.testing.assert_allclose(there.covariances, there.covariances[:1].repeat(3, axis=0))


def test_empty_components_stay_empty(rng: np.random.Generator) -> None:
    model = a_mixture(rng, 3, 2)
    model = MixtureModel(np.array([0.4, 0.0, 0.6]), model.means, model.covariances)
    np.testing.assert_allclose(convert_from_coordinates(convert_to_coordinates(model), model).weights, model.weights)


def test_a_leap_lands_on_the_limit_of_a_geometric_sequence(rng: np.random.Generator) -> None:
    """With steps that shrink by a constant factor q, the leap's length 1 / (1 - q) leads to the limit itself."""
    limit, away = a_mixture(rng, 2, 2), 0.1 * rng.normal(size=12)
    squarem = Squarem()
    first, second, third = (convert_from_coordinates(convert_to_coordinates(limit) + q * away, limit) for q in (1, 0.5, 0.25))
    landed = third
    for _ in range(5):  # the first leaps are short
        squarem.propose(first, second)
        landed = squarem.propose(second, third)
    # log weights are known up to a constant, which the mixture does not depend on
    np.testing.assert_allclose(landed.means, limit.means, atol=1e-9)
    np.testing.assert_allclose(landed.covariances, limit.covariances, atol=1e-9)


@pytest.mark.parametrize("distance", [1.0, 1.5])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_where_classes_overlap_half_the_steps_are_enough(
    covariance_type: str, distance: float, rng: np.random.Generator
) -> None:
    cells, start = overlapping(rng, covariance_type, distance)
    plain, fast = both(cells, start, NO_PRIOR, tol=1e-9)
    assert fast.objectives[-1] >= plain.objectives[-1] - 1e-8
    assert plain.n_evaluations > 100
    assert 2 * fast.n_evaluations <= plain.n_evaluations


def test_a_leap_that_loses_is_taken_back(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With leaps that always fail, what remains is plain EM."""
    cells, start = overlapping(rng, "full", 1.5)
    nowhere = MixtureModel(start.weights, start.means + 50, start.covariances)
    monkeypatch.setattr("segment.mixture.acceleration.convert_from_coordinates", lambda *_: nowhere)
    plain, fast = both(cells, start, NO_PRIOR, tol=1e-7)
    assert fast.n_evaluations > fast.n_iter + 1
    np.testing.assert_array_equal(fast.objectives, plain.objectives)
    np.testing.assert_array_equal(fast.model.means, plain.model.means)


def test_a_leap_to_no_mixture_is_taken_back(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, start = overlapping(rng, "full", 1.5)
    nothing = MixtureModel(start.weights, start.means * np.nan, start.covariances)
    monkeypatch.setattr("segment.mixture.acceleration.convert_from_coordinates", lambda *_: nothing)
    plain, fast = both(cells, start, NO_PRIOR, tol=1e-7)
    np.testing.assert_array_equal(fast.objectives, plain.objectives)


def test_running_out_of_steps_leaves_the_best_mixture_so_far(rng: np.random.Generator) -> None:
    cells, start = overlapping(rng, "full", 1.0)
    for max_iter in range(30):
        fit = run_em(cells, start, NO_PRIOR, tol=0, max_iter=max_iter)
        reached = cells.weights @ fit.model.score_samples(cells) / cells.total_weight
        assert reached == pytest.approx(fit.objectives.max(), rel=1e-9)
        assert fit.n_evaluations == max_iter + 1


def test_standing_still_means_the_parameters_too(rng: np.random.Generator) -> None:
    cells, start = overlapping(rng, "full", 1.0)
    hasty, patient = (
        run_em(cells, start, NO_PRIOR, tol=1e-3, tol_step=tol_step, max_iter=5000, accelerate=False)
        for tol_step in (np.inf, 1e-4)
    )
    assert hasty.n_iter < patient.n_iter
    after = run_em(cells, patient.model, NO_PRIOR, tol=0, max_iter=1, accelerate=False).model
    assert np.abs(after.means - patient.model.means).max() < 1.5e-4
    before = run_em(cells, hasty.model, NO_PRIOR, tol=0, max_iter=1, accelerate=False).model
    assert np.abs(before.means - hasty.model.means).max() > 1.5e-4


@pytest.mark.parametrize("name", ["dandelions", "landscape", "lamps", "mountains", "sunset"])
def test_photographs_reach_the_same_optimum(name: str) -> None:
    from PIL import Image

    with Image.open(Path(__file__).parents[2] / "images" / f"{name}.jpg") as image:
        image.thumbnail((300, 300))
        cells = make_distinct_cells(np.asarray(image.convert("RGB")).reshape(-1, 3).astype(float))
    cells = coarsen(Cells(cells.weights, cells.means, cells.scatters + np.array([1, 0, 0, 1, 0, 1]) / 12))
    start = fit_mixture(cells, 6, n_init=1, max_iter=1, tol=0).model
    plain, fast = both(cells, start, Prior(np.eye(3), 0.0, np.zeros(3)), tol=1e-8)
    assert fast.objectives[-1] >= plain.objectives[-1] - 1e-6
    assert 1.5 * fast.n_evaluations <= plain.n_evaluations


def test_acceleration_can_be_left_out_of_a_whole_fit(rng: np.random.Generator) -> None:
    cells = make_point_cells(np.concatenate([rng.normal(size=(300, 2)), rng.normal(1.5, 1, (300, 2))]))
    slow, fast = (
        fit_mixture(cells, 2, tol=1e-10, max_iter=5000, accelerate=accelerate) for accelerate in (False, True)
    )
    assert slow.finish.n_evaluations == slow.finish.n_iter + 1
    assert fast.finish.n_evaluations < slow.finish.n_evaluations
    assert fast.finish.objectives[-1] >= slow.finish.objectives[-1] - 1e-8
