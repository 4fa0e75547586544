"""One E-step and one M-step, by hand and side by side."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import draw_three_blobs, make_random_model

from segment.mixture.cells import make_point_cells
from segment.mixture.gaussian_steps import (
    compute_expectation,
    compute_standard_coordinates,
    maximize_posterior,
    prepare_blocks,
    prepare_e_step,
)
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.multistart import Runs
from segment.mixture.prior import Prior, make_flat_prior

UNCHANGED = np.zeros(3), np.ones(3)


def test_the_e_step_sums_moments_with_responsibilities(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 2, 3)
    X, weights = draw_three_blobs(rng, 30), rng.uniform(0.5, 2, 30)
    cells = make_point_cells(X, weights)
    statistics, log_likelihood = compute_expectation(prepare_blocks(cells, *UNCHANGED), model)
    responsibilities = model.posteriors(X) * weights[:, None]
    np.testing.assert_allclose(statistics[:, 0], responsibilities.sum(axis=0))
    np.testing.assert_allclose(statistics[:, 1:4], responsibilities.T @ X)
    np.testing.assert_allclose(statistics[:, 4], responsibilities.T @ X[:, 0] ** 2)
    assert log_likelihood.tolist() == pytest.approx([weights @ model.score_samples(X)])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_mixtures_side_by_side_make_the_steps_that_each_makes_alone(
    covariance_type: str, rng: np.random.Generator
) -> None:
    blocks = prepare_blocks(make_point_cells(draw_three_blobs(rng)), *UNCHANGED)
    prior = Prior(np.eye(3), 5.0, np.zeros(3))
    models = [make_random_model(rng, 2, 3, covariance_type) for _ in range(3)]
    stacked = Runs.from_models(models).stacked
    statistics, totals = compute_expectation(blocks, stacked, 3)
    together = Runs(maximize_posterior(statistics, stacked, prior, 3), np.zeros(3))
    for model, next_model, total in zip(models, together, totals, strict=True):
        own_statistics, own_total = compute_expectation(blocks, model)
        own_next = maximize_posterior(own_statistics, model, prior)
        assert total == pytest.approx(own_total[0])
        np.testing.assert_allclose(next_model.weights, own_next.weights)
        np.testing.assert_allclose(next_model.means, own_next.means)
        np.testing.assert_allclose(next_model.covariances, own_next.covariances)


def test_mixtures_in_several_products_make_the_step_of_one(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    blocks = prepare_blocks(make_point_cells(draw_three_blobs(rng)), *UNCHANGED)
    stacked = Runs.from_models([make_random_model(rng, 2, 3) for _ in range(5)]).stacked
    whole = compute_expectation(blocks, stacked, 5)
    monkeypatch.setattr("segment.mixture.gaussian_steps._MAX_PRODUCT", 2 * 2 * blocks[0][1].size)  # two mixtures
    for parts, expected in zip(compute_expectation(blocks, stacked, 5), whole, strict=True):
        np.testing.assert_allclose(parts, expected)


def test_an_empty_component_keeps_its_mean_and_covariance() -> None:
    previous = MixtureModel(np.array([1.0, 0.0]), np.array([[0.0], [50.0]]), np.array([[[1.0]], [[7.0]]]))
    statistics = np.array([[4.0, 8.0, 20.0], [0.0, 0.0, 0.0]])  # four observations of mean 2 and variance 1
    found = maximize_posterior(statistics, previous, make_flat_prior(1))
    assert found.weights.tolist() == [1.0, 0.0]
    assert found.means.tolist() == [[2.0], [50.0]]
    assert found.covariances.tolist() == [[[1.0]], [[7.0]]]


def test_the_prior_adds_observations_with_the_target_as_their_covariance() -> None:
    previous = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    statistics = np.array([[4.0, 8.0, 20.0]])
    found = maximize_posterior(statistics, previous, Prior(np.array([[9.0]]), 4.0, np.array([0.5])))
    assert found.covariances.item() == pytest.approx((4 * 1 + 4 * 9) / 8 + 0.5)


def test_standard_coordinates_give_mean_0_and_variances_1(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_three_blobs(rng) * [1, 10, 100])
    for covariance_type in ("full", "spherical"):
        shift, scale = compute_standard_coordinates(cells, covariance_type)
        standard = cells.rescale(shift, scale)
        np.testing.assert_allclose(standard.compute_center(), 0, atol=1e-12)
        variances = np.diagonal(standard.compute_second_moment())
        if covariance_type == "full":
            np.testing.assert_allclose(variances, 1)
        else:
            assert len(set(scale)) == 1
            assert variances.mean() == pytest.approx(1)


def test_missing_values_are_integrated_out_of_the_log_likelihood(rng: np.random.Generator) -> None:
    X = draw_three_blobs(rng, 50)
    X[::3, 1] = np.nan
    shift, scale = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.5, 4.0])
    model = make_random_model(rng, 2, 3)
    cells = make_point_cells(X)
    _, log_likelihood = prepare_e_step(cells, shift, scale)(model.rescale(shift, scale))
    expected = model.score_samples(X).sum() + len(X) * np.log(scale).sum()
    assert log_likelihood.tolist() == pytest.approx([expected])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_no_eigenvalue_is_below_the_bound_of_the_prior(covariance_type: str, rng: np.random.Generator) -> None:
    X = draw_three_blobs(rng)
    X[:, 2] = X[:, 0]  # without a prior the covariances would be singular
    model = make_random_model(rng, 3, 3, covariance_type)
    statistics, _ = compute_expectation(prepare_blocks(make_point_cells(X), *UNCHANGED), model)
    prior = Prior(np.diag([2.0, 1.0, 0.5]), 0.1, np.zeros(3))
    bound = prior.bound_eigenvalues(float(statistics[:, 0].max()))
    least = np.linalg.eigvalsh(maximize_posterior(statistics, model, prior).covariances).min()
    assert 0 < bound <= least
    # The bound must not reach up where only some components are near it.
    assert covariance_type != "full" or least < 3 * bound


def test_a_component_too_narrow_for_the_prior_is_widened() -> None:
    previous = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    statistics = np.array([[4.0, 8.0, 16.0]])  # four equal observations
    found = maximize_posterior(statistics, previous, Prior(np.eye(1), 1e-11, np.zeros(1)))
    assert found.covariances.item() == pytest.approx(1e-10)
