"""The conjugate prior: its published formulae, its density by scipy.stats, and where its maximum lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import invgamma, invwishart, multivariate_normal

import segment
from segment import GaussianMixture, fit_mixture
from segment.core.errors import SettingsError
from segment.mixture.cells import make_point_cells
from segment.mixture.em import run_em
from segment.mixture.grid_bins import coarsen
from segment.mixture.incremental import start_stepwise_em, update_stepwise_em
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import make_conjugate_prior


def blobs(rng: np.random.Generator, n: int = 120) -> np.ndarray:
    centers = np.array([[0, 0, 0], [5, 1, -2], [-1, 4, 3]], dtype=float)
    return centers[rng.integers(0, 3, n)] + rng.normal(size=(n, 3)) * np.array([1.0, 0.5, 2.0])


def start_of(rng: np.random.Generator, X: np.ndarray, k: int, covariance_type: str) -> MixtureModel:
    covariances = np.repeat(np.eye(X.shape[1])[None] * 2, k, axis=0)
    return MixtureModel(
        rng.dirichlet(np.full(k, 5.0)), X[rng.choice(len(X), k, replace=False)], covariances, covariance_type
    )


def log_prior(model: MixtureModel, X: np.ndarray) -> float:
    """Log density of the prior of Fraley & Raftery (2007), written with scipy's distributions."""
    k, d = model.means.shape
    center, spread, degrees = X.mean(axis=0), np.cov(X.T, bias=True) / k ** (2 / d), d + 2
    variance = np.trace(spread) / d
    total = 0.0
    for j in range(k):
        covariance = model.covariances[j]
        total += multivariate_normal.logpdf(model.means[j], center, covariance / 0.01)
        if model.covariance_type == "full" or (model.covariance_type == "tied" and j == 0):
            total += invwishart.logpdf(covariance, degrees, spread)
        elif model.covariance_type == "diag":
            total += invgamma.logpdf(np.diag(covariance), degrees / 2, scale=variance / 2).sum()
        elif model.covariance_type == "spherical":
            total += invgamma.logpdf(covariance[0, 0], degrees / 2, scale=variance / 2)
    return float(total)


def perturbed(model: MixtureModel, rng: np.random.Generator, size: float) -> MixtureModel:
    """A mixture near another, of the same covariance type."""
    k, d = model.means.shape
    steps = rng.normal(size=(k, d, d))
    steps = np.repeat(steps[:1], k, axis=0) if model.covariance_type == "tied" else steps
    if model.covariance_type == "diag":
        steps = steps * np.eye(d)
    if model.covariance_type == "spherical":
        steps = steps[:, :1, :1] * np.eye(d)
    means = model.means + size * rng.normal(size=(k, d))
    covariances = model.covariances + size * (steps + np.swapaxes(steps, 1, 2))
    return MixtureModel(model.weights, means, covariances, model.covariance_type)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_density_is_that_of_scipy_up_to_a_constant(covariance_type: str, rng: np.random.Generator) -> None:
    X = blobs(rng)
    prior = make_conjugate_prior(make_point_cells(X), 3, covariance_type, np.zeros(3))
    one, two = (perturbed(start_of(rng, X, 3, covariance_type), rng, 0.1) for _ in range(2))
    ours = prior.log_density(one) - prior.log_density(two)
    np.testing.assert_allclose(ours, log_prior(one, X) - log_prior(two, X), rtol=1e-6)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_fit_is_a_maximum_of_the_posterior(covariance_type: str, rng: np.random.Generator) -> None:
    """The posterior, written with scipy's distributions, has no slope at the fit and is lower on all sides."""
    X = blobs(rng)
    settings_ = {"covariance_type": covariance_type, "prior": "conjugate", "tol": 1e-15, "tol_step": 1e-9}
    fit = fit_mixture(make_point_cells(X), 3, max_iter=3000, **settings_)  # type: ignore[arg-type]

    def posterior(model: MixtureModel) -> float:
        return float(model.score_samples(X).sum()) + log_prior(model, X)

    best = posterior(fit.model)
    for seed in range(10):
        near = [perturbed(fit.model, np.random.default_rng(seed), size) for size in (1e-3, -1e-3)]
        up, down = (posterior(model) for model in near)
        assert max(up, down) < best
        assert abs(up - down) < 0.05 * (2 * best - up - down)


def test_one_component_by_the_published_formulae(rng: np.random.Generator) -> None:
    """Fraley & Raftery (2007): equations for the mean, and table 1 for the covariances, with one component."""
    X = blobs(rng, 40) @ rng.normal(size=(3, 3))
    n, d = X.shape
    spread = np.cov(X.T, bias=True)
    scatter, variance = n * spread, np.trace(spread) / d
    by_hand = {
        "full": (spread + scatter) / (d + 2 + n + d + 2),
        "tied": (spread + scatter) / (d + 2 + n + d + 1 + 1),
        "diag": (variance * np.eye(d) + np.diag(np.diag(scatter))) / (d + 2 + n + 3),
        "spherical": np.eye(d) * (variance + np.trace(scatter)) / (d + 2 + (n + 1) * d + 2),
    }
    for covariance_type, covariance in by_hand.items():
        fit = fit_mixture(make_point_cells(X), 1, covariance_type=covariance_type, prior="conjugate", tol=1e-14)
        np.testing.assert_allclose(fit.model.means[0], X.mean(axis=0), rtol=1e-8)  # the center is the mean itself
        np.testing.assert_allclose(fit.model.covariances[0], covariance, rtol=1e-7, atol=1e-8)


def test_means_are_drawn_to_the_center(rng: np.random.Generator) -> None:
    """Two pairs far apart: (n x + w c) / (n + w) for each, and the published scale matrix."""
    X = np.array([[-5.0], [-5.2], [5.0], [5.2]])
    fit = fit_mixture(make_point_cells(X), 2, prior="conjugate", tol=1e-15, tol_step=1e-9)
    own, w = np.array([-5.1, 5.1]), 0.01
    means = np.sort(fit.model.means.ravel())
    np.testing.assert_allclose(means, 2 * own / (2 + w), rtol=1e-4)
    scale = X.var() / 2**2
    variance = (scale + 2 * w / (2 + w) * own[0] ** 2 + 2 * 0.01) / (3 + 2 + 1 + 2)
    np.testing.assert_allclose(fit.model.covariances.ravel(), variance, rtol=1e-3)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans(), st.booleans(), st.floats(1, 500), st.floats(0, 100))
@settings(max_examples=20)
def test_the_objective_never_falls(
    covariance_type: str, seed: int, k: int, coarse: bool, accelerate: bool, n_effective: float, mean_strength: float
) -> None:
    rng = np.random.default_rng(seed)
    X = blobs(rng)
    cells = make_point_cells(X, rng.uniform(0.1, 5, len(X))).scale_weights(n_effective)
    cells = coarsen(cells, 6) if coarse else cells
    prior = replace(make_conjugate_prior(cells, k, covariance_type, np.zeros(3)), mean_strength=mean_strength)
    start = start_of(rng, X, k, covariance_type)
    if k > 1:  # an empty component, which stays where it is
        start = MixtureModel(np.r_[0.0, np.full(k - 1, 1 / (k - 1))], start.means, start.covariances, covariance_type)
    fit = run_em(cells, start, prior, tol=0, max_iter=30, accelerate=accelerate)
    assert np.diff(fit.objectives).min() > -1e-10 * max(1.0, np.abs(fit.objectives).max())


def test_no_component_collapses_and_the_scale_of_the_data_makes_no_difference() -> None:
    X = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [3.0, 4.0]])
    small = fit_mixture(make_point_cells(X), 2, prior="conjugate")
    large = fit_mixture(make_point_cells(1e6 * X), 2, prior="conjugate")
    assert np.linalg.eigvalsh(small.model.covariances).min() > 0
    np.testing.assert_allclose(large.model.means, 1e6 * small.model.means, rtol=1e-6)
    np.testing.assert_allclose(large.model.weights, small.model.weights, rtol=1e-6)
    constant = fit_mixture(make_point_cells(np.ones((3, 2))), 2, prior="conjugate")
    assert np.isfinite(constant.model.covariances).all()


def test_missing_values_noise_and_batches_take_the_same_prior(rng: np.random.Generator) -> None:
    X = blobs(rng)
    complete = fit_mixture(make_point_cells(X), 3, prior="conjugate", tol=1e-10, max_iter=500)
    noisy = fit_mixture(make_point_cells(X), 3, prior="conjugate", noise=True)
    assert noisy.model.noise_share < 0.2
    assert np.diff(noisy.finish.objectives).min() > -1e-10
    X[0, 0] = np.nan
    missing = fit_mixture(make_point_cells(X), 3, prior="conjugate", tol=1e-10, max_iter=500)
    assert np.diff(missing.finish.objectives).min() > -1e-10
    assert abs(missing.finish.objectives[-1] - complete.finish.objectives[-1]) < 0.1
    cells = make_point_cells(X[1:])
    fit = fit_mixture(cells, 3, prior="conjugate", tol=1e-13, tol_step=1e-9, max_iter=3000)
    state = update_stepwise_em(
        start_stepwise_em(fit.model, fit.prior.divide_strength(cells.total_weight)), cells, power=1.0, offset=0.0
    )
    np.testing.assert_allclose(state.model.covariances, fit.model.covariances, rtol=1e-4)
    np.testing.assert_allclose(state.model.means, fit.model.means, atol=1e-4)


def test_the_estimator_and_a_picture_take_it(rng: np.random.Generator, landscape: Path) -> None:
    X = blobs(rng)
    ours = GaussianMixture(3, prior="conjugate", reg_covar=0, random_state=0).fit(X)
    best = fit_mixture(make_point_cells(X), 3, prior="conjugate", n_init=20).model
    np.testing.assert_allclose(np.sort(ours.weights_), np.sort(best.weights), atol=1e-3)
    pooled = segment.segment_image(landscape, k=4, max_size=150)
    found = segment.segment_image(landscape, k=4, max_size=150, prior="conjugate")
    assert found.fit.prior.mean_strength == 0.01
    assert found.fit.prior.strength == 10
    assert (found.label_image != pooled.label_image).any()
    belief = found.fit.finish.log_likelihoods[-1] - found.fit.finish.objectives[-1]
    assert 0.1 < belief < 1  # nats a pixel: against some hundred independent pixels, not against all
    larger = segment.segment_image(landscape, k=4, max_size=300, prior="conjugate")
    small, large = (np.sort(result.model.weights) for result in (found, larger))
    np.testing.assert_allclose(small, large, atol=0.05)  # as strong for a photograph of any size


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": "flat"}, "prior: one of pooled, conjugate"),
        ({"prior": "conjugate", "tails": "student"}, "prior: conjugate only with the tails gaussian"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        fit_mixture(make_point_cells(np.eye(4)), 2, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"shrinkage": 1.0}, {"tails": "student"}])
def test_settings_that_would_be_ignored_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(change))} .*only with the prior pooled"):
        segment.SegmentConfig.from_values(prior="conjugate", **change)
