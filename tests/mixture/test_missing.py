"""Missing values: a reference implementation, numerical integrals, complete data in the limit, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import (
    compute_log_marginal,
    make_random_model,
    remove_values,
    run_reference_em_with_missing_values,
)
from scipy.integrate import quad

from segment import MixtureModel, SettingsError, fit_mixture
from segment.mixture.cells import Cells, make_distinct_cells, make_point_cells
from segment.mixture.em import run_em
from segment.mixture.missing import coarsen_patterns, group_by_pattern
from segment.mixture.model import COVARIANCE_TYPES
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import Prior, make_flat_prior

NAN = np.nan


def draw_samples(rng: np.random.Generator, model: MixtureModel, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.choice(model.n_components, n, p=model.weights)
    X = np.stack([rng.multivariate_normal(model.means[c], model.covariances[c]) for c in labels])
    return X, labels


def test_em_equals_the_reference(rng: np.random.Generator) -> None:
    X = 10 + 50 * remove_values(rng, rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3)), 0.4)
    X[:2] = NAN
    w = rng.uniform(0.5, 3, 60)
    start = MixtureModel(
        np.array([0.4, 0.6]), np.array([[0.0] * 3, [30.0] * 3]), np.repeat(2500 * np.eye(3)[None], 2, 0)
    )
    fit = run_em(make_point_cells(X, w), start, make_flat_prior(3), tol=0, max_iter=8, accelerate=False)
    model, trace = run_reference_em_with_missing_values(X, start, 8, w)
    np.testing.assert_allclose(fit.log_likelihoods, trace, rtol=1e-10)
    np.testing.assert_allclose(fit.model.weights, model.weights, rtol=1e-8)
    np.testing.assert_allclose(fit.model.means, model.means, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(fit.model.covariances, model.covariances, rtol=1e-8, atol=1e-6)


def test_a_missing_feature_is_integrated_out(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 3, 2)

    def integral(x: float, function: object, at: int) -> float:
        def integrand(t: float) -> float:
            row = [x, t] if at == 1 else [t, x]
            return float(np.exp(model.score_samples([row])[0])) * function(t)  # type: ignore[operator]

        return quad(integrand, -60, 60, points=sorted(model.means[:, at]), limit=200)[0]

    for at in (0, 1):
        for x in (-2.0, 0.5, 4.0):
            row = np.array([[x, NAN] if at == 1 else [NAN, x]])
            density = integral(x, lambda _: 1.0, at)
            assert np.exp(model.score_samples(row)[0]) == pytest.approx(density, rel=1e-6)
            assert model.impute(row)[0, at] == pytest.approx(integral(x, lambda t: t, at) / density, rel=1e-6)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_densities_equal_those_of_scipy_for_the_observed_features(
    covariance_type: str, rng: np.random.Generator
) -> None:
    model = make_random_model(rng, 3, 4, covariance_type)
    X = remove_values(rng, 3 * rng.normal(size=(40, 4)), 0.5)
    expected = np.zeros((40, 3))
    for row, x in enumerate(X):
        o = np.flatnonzero(~np.isnan(x))
        for c in range(3):
            there = compute_log_marginal(x[o], model.means[c], model.covariances[c], o)
            expected[row, c] = np.log(model.weights[c]) + there
    np.testing.assert_allclose(model.log_joint(X), expected, rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(X), np.log(np.exp(expected).sum(1)), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(1))


def test_one_missing_value_of_tiny_weight_changes_nothing(rng: np.random.Generator) -> None:
    X, _ = draw_samples(rng, make_random_model(rng, 3, 3), 500)
    start = make_random_model(rng, 3, 3)
    plain = run_em(make_point_cells(X), start, make_flat_prior(3), tol=0, max_iter=10, accelerate=False)
    # One row with a missing value and next to no weight: nearly the same result, by the E-step for missing values.
    cells = make_point_cells(np.vstack([X, [0.0, NAN, 0.0]]), np.r_[np.ones(500), 1e-12])
    other = run_em(cells, start, make_flat_prior(3), tol=0, max_iter=10, accelerate=False)
    np.testing.assert_allclose(other.log_likelihoods, plain.log_likelihoods, rtol=1e-10)
    np.testing.assert_allclose(other.model.covariances, plain.model.covariances, rtol=1e-7, atol=1e-9)


def test_the_fit_converges_to_that_of_complete_data(rng: np.random.Generator) -> None:
    truth = MixtureModel(
        np.array([0.5, 0.3, 0.2]),
        np.array([[0.0, 0, 0], [6, 6, 0], [0, 7, 7]]),
        np.repeat((np.eye(3) + 0.6)[None], 3, 0),
    )
    X, _ = draw_samples(rng, truth, 3000)
    complete = fit_mixture(make_point_cells(X), 3).model
    key = np.array([1, 2, 4])
    complete = complete.reorder(np.argsort(complete.means @ key))
    distances = []
    for share in (0.4, 0.1, 0.01, 0.0003):
        model = fit_mixture(make_point_cells(remove_values(rng, X, share)), 3).model
        distances.append(np.abs(model.means[np.argsort(model.means @ key)] - complete.means).max())
    assert distances[0] < 0.3
    assert distances[-1] < 0.01
    assert distances[-1] < distances[0]


def test_the_fit_is_closer_to_the_truth_than_filling_in_or_dropping(rng: np.random.Generator) -> None:
    truth = MixtureModel(
        np.array([0.5, 0.5]), np.array([[0.0, 0, 0], [3, 3, 3]]), np.repeat((0.4 * np.eye(3) + 0.9)[None], 2, 0)
    )
    X, _ = draw_samples(rng, truth, 2000)
    # The third feature is missing more often where the first is large: the complete rows are no random sample.
    mask = np.zeros(X.shape, bool)
    mask[:, 2] = rng.random(2000) < 1 / (1 + np.exp(3 - 2 * X[:, 0]))
    incomplete = np.where(mask, NAN, X)

    def error(rows: np.ndarray) -> float:
        model = fit_mixture(make_point_cells(rows), 2).model
        order = np.argsort(model.means[:, 0])
        return float(
            np.abs(model.means[order] - truth.means).max() + np.abs(model.covariances[order] - truth.covariances).max()
        )

    ours = error(incomplete)
    assert ours < error(np.where(mask, np.nanmean(incomplete, axis=0), X)) / 2
    assert ours < error(np.where(mask, 0.0, X)) / 2
    assert ours < error(X[~mask.any(axis=1)]) / 1.5


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4), st.sampled_from(COVARIANCE_TYPES), st.booleans())
@settings(max_examples=40)
def test_the_objective_never_falls(seed: int, k: int, d: int, covariance_type: str, shrunk: bool) -> None:
    rng = np.random.default_rng(seed)
    X = remove_values(rng, rng.normal(size=(80, d)) * 10 ** rng.uniform(-2, 3, d), rng.uniform(0.05, 0.8))
    X[0] = 1.0  # every feature has a value
    factors = rng.normal(size=(80, d, d)) * rng.random()
    cells = Cells(rng.uniform(0.1, 4, 80), X, pack(factors @ np.swapaxes(factors, 1, 2)))
    start = make_random_model(rng, k, d, covariance_type)
    strength = 5.0 if shrunk and covariance_type == "full" else 0.0
    fit = run_em(cells, start, Prior(np.eye(d), strength, np.zeros(d)), tol=0, max_iter=15)
    assert (np.diff(fit.objectives) >= -1e-9 * np.abs(fit.objectives[1:]).clip(1)).all()


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=60)
def test_posteriors_and_imputed_values_obey_their_laws(seed: int, k: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    model = make_random_model(rng, k, d)
    X = remove_values(rng, 5 * rng.normal(size=(20, d)), 0.5)
    X[0] = NAN
    posteriors = model.posteriors(X)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    np.testing.assert_allclose(posteriors[0], model.weights)
    assert model.score_samples(X)[0] == pytest.approx(0, abs=1e-12)
    filled = model.impute(X)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    np.testing.assert_allclose(filled[0], model.weights @ model.means)
    order = rng.permutation(d)
    np.testing.assert_allclose(model.marginalize(order).score_samples(X[:, order]), model.score_samples(X), atol=1e-9)
    np.testing.assert_allclose(model.marginalize(order).impute(X[:, order]), filled[:, order], atol=1e-9)


def test_rows_without_values_do_not_change_the_optimum(rng: np.random.Generator) -> None:
    X = remove_values(rng, rng.normal(size=(100, 2)), 0.3)
    X = X[~np.isnan(X).all(axis=1)]
    start = make_random_model(rng, 2, 2)
    one = run_em(make_point_cells(X), start, make_flat_prior(2), tol=0, max_iter=1)
    two = run_em(make_point_cells(np.vstack([X, [[NAN, NAN]] * 50])), start, make_flat_prior(2), tol=0, max_iter=1)
    # A row without values has density 1. In the M-step it counts for the present weights, which slows EM down but does
    # not change its optimum.
    n = len(X)
    assert two.log_likelihoods[0] * (n + 50) == pytest.approx(one.log_likelihoods[0] * n)
    expected = (n * one.model.weights + 50 * start.weights) / (n + 50)
    np.testing.assert_allclose(two.model.weights, expected)


def test_cells_are_grouped_by_their_observed_features() -> None:
    X = np.array([[1.0, NAN], [NAN, NAN], [2.0, 3.0], [4.0, NAN]])
    cells = Cells(np.arange(1.0, 5), X, np.arange(12.0).reshape(4, 3))
    found = [
        (part.observed.tolist(), part.rows.tolist(), part.cells.means.tolist(), part.cells.scatters.tolist())
        for part in group_by_pattern(cells)
    ]
    assert found == [
        ([], [1], [[]], [[]]),
        ([0], [0, 3], [[1.0], [4.0]], [[0.0], [9.0]]),
        ([0, 1], [2], [[2.0, 3.0]], [[6.0, 7.0, 8.0]]),
    ]


def test_equal_rows_with_missing_values_are_one_cell() -> None:
    cells = make_distinct_cells([[1.0, NAN], [NAN, 1.0], [1.0, NAN], [1.0, 2.0], [NAN, NAN], [NAN, NAN]])
    rows = {tuple(map(str, row)): weight for row, weight in zip(cells.means, cells.weights, strict=True)}
    assert rows == {("1.0", "nan"): 2, ("nan", "1.0"): 1, ("1.0", "2.0"): 1, ("nan", "nan"): 2}


def test_coarse_cells_keep_the_moments_of_each_pattern_and_bound_the_likelihood(rng: np.random.Generator) -> None:
    X = remove_values(rng, rng.normal(size=(4000, 3)), 0.3)
    cells, coarse = make_point_cells(X), coarsen_patterns(make_point_cells(X), 8)
    assert len(coarse) < 1200
    for fine, rough in zip(group_by_pattern(cells), group_by_pattern(coarse), strict=True):
        assert fine.observed.tolist() == rough.observed.tolist()
        assert fine.cells.total_weight == rough.cells.total_weight
        if len(fine.observed):
            np.testing.assert_allclose(fine.cells.compute_second_moment(), rough.cells.compute_second_moment())
    model = make_random_model(rng, 3, 3)
    exact, bound = (cell.weights @ model.score_samples(cell) for cell in (cells, coarse))
    assert bound <= exact


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_all_covariance_types_can_be_fitted(covariance_type: str, rng: np.random.Generator) -> None:
    truth = MixtureModel(
        np.array([0.6, 0.4]), np.array([[0.0, 0, 0], [9, 9, 9]]), np.repeat(np.eye(3)[None], 2, 0), covariance_type
    )
    X, _ = draw_samples(rng, truth, 800)
    model = fit_mixture(make_point_cells(remove_values(rng, X, 0.4)), 2, covariance_type=covariance_type).model
    order = np.argsort(model.means[:, 0])
    np.testing.assert_allclose(model.means[order], truth.means, atol=0.25)
    np.testing.assert_allclose(model.covariances[order], truth.covariances, atol=0.35)
    assert model.covariance_type == covariance_type


def test_em_starts_from_a_given_mixture(rng: np.random.Generator) -> None:
    truth = make_random_model(rng, 2, 2)
    X = remove_values(rng, draw_samples(rng, truth, 300)[0], 0.3)
    fit = fit_mixture(make_point_cells(X), 2, init=truth)
    assert fit.finish.objectives[-1] >= truth.score_samples(X).mean()
    given_means = fit_mixture(make_point_cells(X), 2, init=truth.means)
    assert len(given_means.restarts) == 1


@pytest.mark.parametrize("accelerate", [True, False])
def test_acceleration_is_as_asked_for(accelerate: bool, rng: np.random.Generator) -> None:
    truth = make_random_model(rng, 2, 2)
    cells = make_point_cells(remove_values(rng, draw_samples(rng, truth, 100)[0], 0.3))
    fit = fit_mixture(cells, 2, init=truth, max_iter=6, accelerate=accelerate)
    expected = [run_em(cells, truth, fit.prior, max_iter=6, accelerate=each).objectives[-1] for each in (True, False)]
    assert expected[0] != expected[1]
    assert fit.restarts.tolist() == [expected[not accelerate]]


def test_a_feature_without_values_raises() -> None:
    with pytest.raises(SettingsError, match="feature 1 has no value"):
        fit_mixture(make_point_cells([[1.0, NAN], [2.0, NAN], [3.0, NAN]]), 1)
