"""Accelerated EM: the same optima as plain EM, in at most half the E-steps where plain EM is slow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import (
    draw_overlapping_classes,
    make_random_model,
    make_robust_mixture,
)
from scipy.linalg import logm

from segment.mixture.acceleration import Squarem, convert_from_coordinates, convert_to_coordinates
from segment.mixture.cells import Cells, make_distinct_cells
from segment.mixture.em import Fit, run_em
from segment.mixture.fitting import fit_mixture
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior, make_flat_prior

FLAT_PRIOR = make_flat_prior(2)


def run_plain_and_accelerated(cells: Cells, start: MixtureModel, prior: Prior, **settings_: float) -> tuple[Fit, Fit]:
    plain, fast = (
        run_em(cells, start, prior, max_iter=50_000, accelerate=accelerate, **settings_)  # type: ignore[arg-type]
        for accelerate in (False, True)
    )
    assert plain.converged
    assert fast.converged
    return plain, fast


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4), st.sampled_from(COVARIANCE_TYPES))
@settings(max_examples=50)
def test_conversion_to_coordinates_and_back_keeps_the_mixture(seed: int, k: int, d: int, covariance_type: str) -> None:
    model = make_random_model(np.random.default_rng(seed), k, d, covariance_type)
    back = convert_from_coordinates(convert_to_coordinates([model])[0], model)
    np.testing.assert_allclose(back.weights, model.weights, rtol=1e-9)
    np.testing.assert_allclose(back.means, model.means, rtol=1e-9)
    np.testing.assert_allclose(back.covariances, model.covariances, rtol=1e-8, atol=1e-9)


def test_the_last_coordinates_are_matrix_logarithms(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 1, 3)
    expected = logm(model.covariances[0])[np.triu_indices(3)]
    np.testing.assert_allclose(convert_to_coordinates([model])[0][4:], expected, atol=1e-10)


@given(st.integers(0, 10_000), st.sampled_from(COVARIANCE_TYPES), st.floats(-20, 20))
@settings(max_examples=50)
def test_every_point_is_a_mixture_of_the_same_type(seed: int, covariance_type: str, reach: float) -> None:
    rng = np.random.default_rng(seed)
    first, second = (make_random_model(rng, 3, 2, covariance_type) for _ in range(2))
    there = convert_from_coordinates(
        convert_to_coordinates([first])[0]
        + reach * (convert_to_coordinates([second])[0] - convert_to_coordinates([first])[0]),
        second,
    )
    assert there.weights.sum() == pytest.approx(1)
    assert np.linalg.eigvalsh(there.covariances).min() >= 0
    if covariance_type in ("diag", "spherical"):
        np.testing.assert_array_equal(there.covariances[:, 0, 1], 0)
    if covariance_type == "spherical":
        np.testing.assert_allclose(there.covariances[:, 0, 0], there.covariances[:, 1, 1])
    if covariance_type == "tied":
        np.testing.assert_allclose(there.covariances, there.covariances[:1].repeat(3, axis=0))


def test_empty_components_stay_empty(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 3, 2)
    model = MixtureModel(np.array([0.4, 0.0, 0.6]), model.means, model.covariances)
    np.testing.assert_allclose(
        convert_from_coordinates(convert_to_coordinates([model])[0], model).weights, model.weights
    )


def test_extrapolation_reaches_the_limit_of_a_geometric_sequence(rng: np.random.Generator) -> None:
    """With steps that shrink by a constant factor q, the step length 1 / (1 - q) leads to the limit itself."""
    limit, away = make_random_model(rng, 2, 2), 0.1 * rng.normal(size=12)
    squarem = Squarem()
    first, second, third = (
        convert_from_coordinates(convert_to_coordinates([limit])[0] + q * away, limit) for q in (1, 0.5, 0.25)
    )
    reached = third
    for _ in range(5):  # the first steps are short
        squarem.propose(first, second)
        reached = squarem.propose(second, third)
    # log weights are known up to a constant, which the mixture does not depend on
    np.testing.assert_allclose(reached.means, limit.means, atol=1e-9)
    np.testing.assert_allclose(reached.covariances, limit.covariances, atol=1e-9)


@pytest.mark.parametrize("distance", [1.0, 1.5])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_half_the_steps_are_enough_where_classes_overlap(
    covariance_type: str, distance: float, rng: np.random.Generator
) -> None:
    cells, start = draw_overlapping_classes(rng, covariance_type, distance)
    plain, fast = run_plain_and_accelerated(cells, start, FLAT_PRIOR, tol=1e-9)
    assert fast.objectives[-1] >= plain.objectives[-1] - 1e-8
    assert plain.n_evaluations > 100
    assert 2 * fast.n_evaluations <= plain.n_evaluations


def test_an_extrapolation_that_lowers_the_objective_is_rejected(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With extrapolations that always fail, what remains is plain EM."""
    cells, start = draw_overlapping_classes(rng, "full", 1.5)
    far_off = MixtureModel(start.weights, start.means + 50, start.covariances)
    monkeypatch.setattr("segment.mixture.acceleration.convert_from_coordinates", lambda *_: far_off)
    plain, fast = run_plain_and_accelerated(cells, start, FLAT_PRIOR, tol=1e-7)
    assert fast.n_evaluations > fast.n_iter + 1
    np.testing.assert_array_equal(fast.objectives, plain.objectives)
    np.testing.assert_array_equal(fast.model.means, plain.model.means)


def test_an_extrapolation_to_nan_is_rejected(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, start = draw_overlapping_classes(rng, "full", 1.5)
    not_a_number = MixtureModel(start.weights, start.means * np.nan, start.covariances)
    monkeypatch.setattr("segment.mixture.acceleration.convert_from_coordinates", lambda *_: not_a_number)
    plain, fast = run_plain_and_accelerated(cells, start, FLAT_PRIOR, tol=1e-7)
    np.testing.assert_array_equal(fast.objectives, plain.objectives)


@pytest.mark.parametrize("name", ["dandelions", "landscape", "lamps", "mountains", "sunset"])
def test_photographs_reach_the_same_optimum(name: str) -> None:
    from PIL import Image

    with Image.open(Path(__file__).parents[2] / "images" / f"{name}.jpg") as image:
        image.thumbnail((300, 300))
        cells = make_distinct_cells(np.asarray(image.convert("RGB")).reshape(-1, 3).astype(float))
    cells = coarsen(Cells(cells.weights, cells.means, cells.scatters + np.array([1, 0, 0, 1, 0, 1]) / 12))
    start = fit_mixture(cells, 6, n_init=1, max_iter=1, tol=0).model
    plain, fast = run_plain_and_accelerated(cells, start, Prior(np.eye(3), 0.0, np.zeros(3)), tol=1e-8)
    assert fast.objectives[-1] >= plain.objectives[-1] - 1e-6
    assert 1.5 * fast.n_evaluations <= plain.n_evaluations


def test_unconstrained_coordinates_of_robust_mixtures_convert_back(rng: np.random.Generator) -> None:
    model = make_robust_mixture(rng, 3, 2, noise=True, student=True)
    other = make_robust_mixture(rng, 3, 2, noise=True, student=True)
    back = convert_from_coordinates(convert_to_coordinates([model])[0], replace(other, noise_share=0.7))
    assert back.noise_share == pytest.approx(model.noise_share)
    np.testing.assert_allclose(back.degrees_of_freedom, model.degrees_of_freedom)
    np.testing.assert_allclose(back.covariances, model.covariances)
