"""Variational Bayes against scikit-learn and the exact evidence of one component."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import (
    draw_start,
    draw_three_clouds,
)
from scipy.stats import multivariate_t
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.cells import make_distinct_cells, make_point_cells
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import MixtureModel
from segment.mixture.variational import (
    ParameterDistribution,
    fit_variational_posterior,
    make_default_prior,
)


def make_prior(X: np.ndarray, k: int = 6) -> ParameterDistribution:
    ones = np.ones(k)
    return ParameterDistribution(
        0.2 * ones, 0.7 * ones, np.tile(X.mean(axis=0), (k, 1)), 4 * ones, np.tile(np.cov(X.T), (k, 1, 1))
    )


class StartedMixture(BayesianGaussianMixture):
    """Mixture of scikit-learn that starts from given responsibilities."""

    def _initialize_parameters(self, X: np.ndarray, random_state: object, xp: object = None) -> None:  # noqa: ARG002
        self._initialize(X, self.first)


def fit_with_scikit_learn(X: np.ndarray, first: np.ndarray, n_iter: int) -> StartedMixture:
    theirs = StartedMixture(
        n_components=first.shape[1],
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.2,
        mean_precision_prior=0.7,
        mean_prior=X.mean(axis=0),
        degrees_of_freedom_prior=4,
        covariance_prior=np.cov(X.T),
        reg_covar=0,
        tol=0,
        max_iter=n_iter,
    )
    theirs.first = first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return theirs.fit(X)


@pytest.mark.parametrize("n_iter", [1, 10, 200])
def test_the_posterior_equals_that_of_scikit_learn(n_iter: int, rng: np.random.Generator) -> None:
    X = draw_three_clouds(rng)
    start = draw_start(rng, X)
    theirs = fit_with_scikit_learn(X, start.posteriors(X), n_iter)
    ours = fit_variational_posterior(make_point_cells(X), start, make_prior(X), tol=-1, max_iter=n_iter).posterior
    np.testing.assert_allclose(ours.concentrations, theirs.weight_concentration_, rtol=1e-9)
    np.testing.assert_allclose(ours.mean_strengths, theirs.mean_precision_, rtol=1e-9)
    np.testing.assert_allclose(ours.means, theirs.means_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.degrees, theirs.degrees_of_freedom_, rtol=1e-9)
    np.testing.assert_allclose(ours.mixture.covariances, theirs.covariances_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.mixture.weights, theirs.weights_, rtol=1e-9)
    joint = ours.expected.log_joint(X)
    np.testing.assert_allclose(
        np.exp(joint - joint.max(axis=1, keepdims=True))
        / np.exp(joint - joint.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True),
        theirs.predict_proba(X),
        atol=1e-9,
    )


def test_bounds_differ_from_those_of_scikit_learn_by_a_constant(rng: np.random.Generator) -> None:
    """scikit-learn leaves out the terms that do not depend on the fit."""
    X = draw_three_clouds(rng)
    starts = [draw_start(np.random.default_rng(seed), X) for seed in range(2)]
    theirs = [fit_with_scikit_learn(X, start.posteriors(X), 300).lower_bound_ for start in starts]
    ours = [
        fit_variational_posterior(make_point_cells(X), start, make_prior(X), tol=-1, max_iter=300).bounds[-1]
        for start in starts
    ]
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), atol=1e-6)


def test_the_bound_of_one_component_is_the_exact_evidence(rng: np.random.Generator) -> None:
    """The evidence is a product of Student-t densities, of each row given those before it."""
    X = rng.normal(size=(25, 2)) @ np.array([[1.0, 0.4], [0.0, 2.0]])
    strength, degrees, center, scale = 0.7, 4.0, np.array([0.3, 0.1]), np.array([[2.0, 0.3], [0.3, 1.0]])
    evidence = 0.0
    for n in range(len(X)):
        seen = X[:n]
        own = seen.mean(axis=0) if n else center
        between = strength * n / (strength + n) * np.outer(own - center, own - center)
        mean = (strength * center + n * own) / (strength + n)
        spread = scale + (seen - own).T @ (seen - own) + between
        free = degrees + n - 1
        evidence += multivariate_t.logpdf(X[n], mean, spread * (strength + n + 1) / ((strength + n) * free), free)
    prior = ParameterDistribution(np.ones(1), np.array([strength]), center[None], np.array([degrees]), scale[None])
    fit = fit_variational_posterior(
        make_point_cells(X), MixtureModel(np.ones(1), np.zeros((1, 2)), np.eye(2)[None]), prior
    )
    np.testing.assert_allclose(fit.bounds, evidence, rtol=1e-10)


@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(1e-3, 10), st.floats(2, 1e4), st.booleans())
@settings(max_examples=40)
def test_the_bound_never_falls(seed: int, k: int, concentration: float, total: float, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    X = draw_three_clouds(rng)
    cells = make_point_cells(X, rng.uniform(0.5, 2, len(X))).scale_weights(total)
    cells = coarsen(cells, 8) if coarse else cells
    given_ = make_default_prior(cells, k)
    prior = ParameterDistribution(
        np.full(k, concentration), given_.mean_strengths, given_.means, given_.degrees, given_.scales
    )
    fit = fit_variational_posterior(cells, draw_start(rng, X, k), prior, tol=0, max_iter=60)
    assert np.diff(fit.bounds).min(initial=0) > -1e-9 * max(1.0, np.abs(fit.bounds).max())
    np.testing.assert_allclose(fit.counts.sum(), total)


def test_units_and_repeated_rows_do_not_change_the_fit(rng: np.random.Generator) -> None:
    X = draw_three_clouds(rng).round(1)
    start, stretch = draw_start(rng, X), np.array([1e3, 1e-3])
    rows = fit_variational_posterior(make_point_cells(X), start, make_prior(X))
    weighted = fit_variational_posterior(make_distinct_cells(X), start, make_prior(X))
    np.testing.assert_allclose(rows.bounds, weighted.bounds, rtol=1e-9)
    shift = np.array([7.0, -1.0])
    stretched = fit_variational_posterior(
        make_point_cells((X - shift) / stretch), start.rescale(shift, stretch), make_prior(X).rescale(shift, stretch)
    )
    jacobian = len(X) * np.log(stretch).sum()
    np.testing.assert_allclose(stretched.bounds, rows.bounds + jacobian, rtol=1e-7)


def test_unsupported_input_raises(rng: np.random.Generator) -> None:
    X = draw_three_clouds(rng)
    with pytest.raises(SettingsError, match="dirichlet only with the covariance_type full"):
        GaussianMixture(2, prior="dirichlet", covariance_type="tied").fit(X)
    start = MixtureModel(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], "diag")
    with pytest.raises(SettingsError, match="full for variational Bayes; got diag"):
        fit_variational_posterior(make_point_cells(X), start, make_prior(X, 1))
    X[0, 0] = np.nan
    with pytest.raises(SettingsError, match="missing values"):
        fit_variational_posterior(make_point_cells(X), draw_start(rng, X, 1), make_prior(X, 1))
