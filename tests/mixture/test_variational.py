"""Variational Bayes: scikit-learn's from the same start, exact evidence, and components that die out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_t
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.cells import coarsen, make_distinct_cells, make_point_cells
from segment.mixture.model import MixtureModel
from segment.mixture.selection import choose_n_components
from segment.mixture.variational import MixturePosterior, VariationalFit, make_default_prior, fit_variational_posterior
from segment.mixture.variational_pruning import fit_variational_mixture, prune_components

K = 6


def three_clouds(rng: np.random.Generator) -> np.ndarray:
    wide, narrow = rng.normal([4, 4], [1, 2], (80, 2)), rng.normal([-4, 6], 0.5, (40, 2))
    return np.concatenate([rng.normal(0, 1, (120, 2)), wide, narrow])


def start_of(rng: np.random.Generator, X: np.ndarray, k: int = K) -> MixtureModel:
    means = X[rng.choice(len(X), k, replace=False)]
    return MixtureModel(np.full(k, 1 / k), means, np.repeat(np.cov(X.T)[None] / 4, k, axis=0))


def belief_of(X: np.ndarray, k: int = K) -> MixturePosterior:
    ones = np.ones(k)
    return MixturePosterior(0.2 * ones, 0.7 * ones, np.tile(X.mean(axis=0), (k, 1)), 4 * ones, np.tile(np.cov(X.T), (k, 1, 1)))


class Started(BayesianGaussianMixture):
    """scikit-learn's mixture from given responsibilities."""

    def _initialize_parameters(self, X: np.ndarray, random_state: object, xp: object = None) -> None:  # noqa: ARG002
        self._initialize(X, self.first)


def scikit_learns(X: np.ndarray, first: np.ndarray, n_iter: int) -> Started:
    theirs = Started(
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
def test_the_same_posterior_as_scikit_learn(n_iter: int, rng: np.random.Generator) -> None:
    X = three_clouds(rng)
    start = start_of(rng, X)
    theirs = scikit_learns(X, start.posteriors(X), n_iter)
    ours = fit_variational_posterior(make_point_cells(X), start, belief_of(X), tol=-1, max_iter=n_iter).posterior
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


def test_bounds_differ_from_scikit_learns_by_a_constant(rng: np.random.Generator) -> None:
    """It leaves out what does not depend on the fit."""
    X = three_clouds(rng)
    starts = [start_of(np.random.default_rng(seed), X) for seed in range(2)]
    theirs = [scikit_learns(X, start.posteriors(X), 300).lower_bound_ for start in starts]
    ours = [
        fit_variational_posterior(make_point_cells(X), start, belief_of(X), tol=-1, max_iter=300).bounds[-1] for start in starts
    ]
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), atol=1e-6)


def test_the_bound_of_one_component_is_the_evidence_itself(rng: np.random.Generator) -> None:
    """Which the chain rule gives as a product of Student-t densities, each row given those before it."""
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
    prior = MixturePosterior(np.ones(1), np.array([strength]), center[None], np.array([degrees]), scale[None])
    fit = fit_variational_posterior(make_point_cells(X), MixtureModel(np.ones(1), np.zeros((1, 2)), np.eye(2)[None]), prior)
    np.testing.assert_allclose(fit.bounds, evidence, rtol=1e-10)


@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(1e-3, 10), st.floats(2, 1e4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_bound_never_falls(seed: int, k: int, concentration: float, worth: float, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    X = three_clouds(rng)
    cells = make_point_cells(X, rng.uniform(0.5, 2, len(X))).scale_weights(worth)
    cells = coarsen(cells, 8) if coarse else cells
    given_ = make_default_prior(cells, k)
    prior = MixturePosterior(np.full(k, concentration), given_.mean_strengths, given_.means, given_.degrees, given_.scales)
    fit = fit_variational_posterior(cells, start_of(rng, X, k), prior, tol=0, max_iter=60)
    assert np.diff(fit.bounds).min(initial=0) > -1e-9 * max(1.0, np.abs(fit.bounds).max())
    np.testing.assert_allclose(fit.counts.sum(), worth)


def test_units_and_repetitions_make_no_difference(rng: np.random.Generator) -> None:
    X = three_clouds(rng).round(1)
    start, stretch = start_of(rng, X), np.array([1e3, 1e-3])
    rows = fit_variational_posterior(make_point_cells(X), start, belief_of(X))
    weighted = fit_variational_posterior(make_distinct_cells(X), start, belief_of(X))
    np.testing.assert_allclose(rows.bounds, weighted.bounds, rtol=1e-9)
    shift = np.array([7.0, -1.0])
    stretched = fit_variational_posterior(
        make_point_cells((X - shift) / stretch), start.rescale(shift, stretch), belief_of(X).rescale(shift, stretch)
    )
    jacobian = len(X) * np.log(stretch).sum()
    np.testing.assert_allclose(stretched.bounds, rows.bounds + jacobian, rtol=1e-7)


def test_surplus_components_die_out_only_where_observations_are_few(rng: np.random.Generator) -> None:
    """A thousand dependent rows that are worth a hundred show what a hundred show; taken for more they show details."""
    X = np.concatenate([rng.uniform(0, 1, (600, 2)), rng.uniform(3, 4, (400, 2))])
    alive = [len(fit_variational_mixture(make_point_cells(X).scale_weights(worth), 8).active_components) for worth in (100, 20_000)]
    assert alive[0] == 2
    assert alive[1] > 4


def test_pruning_ends_at_the_least_number_and_compares_like_with_like(rng: np.random.Generator) -> None:
    X = three_clouds(rng)
    cells = make_point_cells(X)
    fits: list[VariationalFit] = prune_components(cells, start_of(rng, X), make_default_prior(cells, K))
    numbers = [len(fit.active_components) for fit in fits]
    assert numbers == sorted(set(numbers), reverse=True)
    assert numbers[-1] == 1
    assert numbers[int(np.argmax([fit.bounds[-1] for fit in fits]))] == 3
    for fit in fits:  # components that are not used have gone back to the prior
        unused = fit.counts == 0
        np.testing.assert_allclose(fit.posterior.degrees[unused], 4)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_number_of_clouds_is_found(k: int, rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(8 * j, 1 + j, (150, 2)) * [1, (-1) ** j] for j in range(k)])
    selection = choose_n_components(make_point_cells(X), (1, 8), criterion="variational")
    assert selection.chosen == k
    assert selection.criterion == "variational"
    assert [row.n_classes for row in selection.candidates] == sorted(row.n_classes for row in selection.candidates)
    assert "bound of -2 log evidence" in selection.reason
    least = min(selection.candidates, key=lambda row: row.value)
    assert least.n_classes == k


def test_the_range_is_kept(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.normal(size=(200, 2)))
    assert choose_n_components(cells, (3, 5), criterion="variational").chosen == 3
    assert choose_n_components(cells, (4, 4), criterion="variational", n_effective=8).chosen == 4


def test_the_estimator_prunes_too(rng: np.random.Generator) -> None:
    X = three_clouds(rng)
    ours = GaussianMixture(8, prior="dirichlet", random_state=0).fit(X)
    assert (ours.weights_ > 0.02).sum() == 3
    assert (np.diff(ours.lower_bounds_) > -1e-9).all()
    assert ours.converged_
    labels = ours.predict(X)
    assert len(np.unique(labels)) == 3
    assert np.mean(labels[:120] == np.bincount(labels[:120]).argmax()) > 0.95


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"covariance_type": "diag"}, "covariance_type: full for the criterion variational"),
        ({"components_per_class": 2}, "components_per_class: at least 1, and 1 for"),
    ],
)
def test_what_cannot_be_chosen_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        choose_n_components(make_point_cells(np.eye(3)), (1, 2), criterion="variational", **values)  # type: ignore[arg-type]


def test_what_cannot_be_fitted_is_refused(rng: np.random.Generator) -> None:
    X = three_clouds(rng)
    with pytest.raises(SettingsError, match="dirichlet only with the covariance_type full"):
        GaussianMixture(2, prior="dirichlet", covariance_type="tied").fit(X)
    start = MixtureModel(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], "diag")
    with pytest.raises(SettingsError, match="full for variational Bayes; got diag"):
        fit_variational_posterior(make_point_cells(X), start, belief_of(X, 1))
    X[0, 0] = np.nan
    with pytest.raises(SettingsError, match="missing values"):
        fit_variational_posterior(make_point_cells(X), start_of(rng, X, 1), belief_of(X, 1))
