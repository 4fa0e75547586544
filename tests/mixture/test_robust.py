"""Outliers: noise and t components against the equations of the paper, and images with outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import (
    make_robust_mixture,
)
from scipy.optimize import brentq
from scipy.special import psi
from scipy.stats import multivariate_t

import segment
from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.em import Fit, run_em
from segment.mixture.fitting import fit_mixture
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.robust import compute_noise_density, make_robust_steps


def run_robust_em(
    cells: Cells, start: MixtureModel, *, fixed: bool = False, strength: float = 0.0, **given_: object
) -> Fit:
    d = cells.n_features
    prior = Prior(np.eye(d), strength, np.zeros(d))
    return run_em(cells, start, prior, steps=make_robust_steps(fixed_degrees=fixed), **given_)  # type: ignore[arg-type]


def test_the_density_contains_the_noise(rng: np.random.Generator) -> None:
    model = make_robust_mixture(rng, 2, 2, noise=True, student=False)
    plain = MixtureModel(model.weights, model.means, model.covariances)
    X = 4 * rng.normal(size=(30, 2))
    density = 0.9 * np.exp(plain.score_samples(X)) + 0.1 * 0.01
    np.testing.assert_allclose(np.exp(model.score_samples(X)), density, rtol=1e-10)
    np.testing.assert_allclose(model.noise_posteriors(X), 0.001 / density, rtol=1e-10)
    np.testing.assert_allclose(model.posteriors(X), plain.posteriors(X), rtol=1e-10)
    np.testing.assert_array_equal(plain.noise_posteriors(X), 0)


@pytest.mark.parametrize(("noise", "student"), [(True, False), (False, True), (True, True)])
def test_densities_do_not_depend_on_units_or_order(noise: bool, student: bool, rng: np.random.Generator) -> None:
    model = make_robust_mixture(rng, 3, 2, noise=noise, student=student)
    X, shift, scale = rng.normal(size=(20, 2)), np.array([1.0, -2.0]), np.array([3.0, 0.5])
    moved = model.rescale(shift, scale).score_samples((X - shift) / scale)
    np.testing.assert_allclose(moved - np.log(scale).sum(), model.score_samples(X), rtol=1e-10)
    np.testing.assert_allclose(model.reorder([2, 0, 1]).log_joint(X), model.log_joint(X)[:, [2, 0, 1]], rtol=1e-10)
    assert model.n_parameters == MixtureModel(model.weights, model.means, model.covariances).n_parameters + (
        noise + 3 * student
    )


def test_without_noise_and_t_components_the_steps_are_gaussian(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.normal(size=(200, 2)))
    start = make_robust_mixture(rng, 2, 2, noise=False, student=False)
    robust = run_robust_em(cells, start, tol=0, max_iter=8)
    plain = run_em(cells, start, Prior(np.eye(2), 0, np.zeros(2)), tol=0, max_iter=8)
    np.testing.assert_allclose(robust.model.covariances, plain.model.covariances, rtol=1e-10)
    np.testing.assert_allclose(robust.objectives, plain.objectives, rtol=1e-12)


def test_one_step_equals_the_equations_of_the_paper(rng: np.random.Generator) -> None:
    """Peel & McLachlan (2000), equations 22 to 30, with noise, row by row and component by component."""
    X, model = 3 * rng.normal(size=(60, 2)), make_robust_mixture(rng, 2, 2, noise=True, student=True)
    nu, n = model.degrees_of_freedom, len(X)
    joint = np.stack(
        [0.9 * model.weights[j] * multivariate_t(model.means[j], model.covariances[j], df=nu[j]).pdf(X) for j in (0, 1)]
    )
    tau = joint / (joint.sum(axis=0) + 0.1 * 0.01)
    fit = run_robust_em(make_point_cells(X), model, tol=0, max_iter=1, accelerate=False)
    assert fit.model.noise_share == pytest.approx(1 - tau.sum() / n)
    for j in (0, 1):
        apart = X - model.means[j]
        u = (nu[j] + 2) / (nu[j] + np.einsum("ni,ij,nj->n", apart, np.linalg.inv(model.covariances[j]), apart))
        mean = (tau[j] * u) @ X / (tau[j] * u).sum()
        covariance = np.einsum("n,ni,nj->ij", tau[j] * u, X - mean, X - mean) / tau[j].sum()
        half = (nu[j] + 2) / 2
        known = 1 + (tau[j] * (np.log(u) - u)).sum() / tau[j].sum() + psi(half) - np.log(half)
        root = brentq(lambda v, known=known: np.log(v / 2) - psi(v / 2) + known, 0.01, 1e6)
        np.testing.assert_allclose(fit.model.weights[j], tau[j].sum() / tau.sum(), rtol=1e-9)
        np.testing.assert_allclose(fit.model.means[j], mean, rtol=1e-8)
        np.testing.assert_allclose(fit.model.covariances[j], covariance, rtol=1e-8)
        np.testing.assert_allclose(fit.model.degrees_of_freedom[j], np.clip(root, 1, 200), rtol=1e-7)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.floats(0, 40))
@settings(max_examples=25)
def test_the_objective_never_falls(
    covariance_type: str, seed: int, noise: bool, student: bool, fixed: bool, accelerate: bool, strength: float
) -> None:
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(150, 2)), rng.normal((4, 1), 0.5, (80, 2)), rng.uniform(-20, 20, (15, 2))])
    cells = coarsen(make_point_cells(X), 40)
    start = make_robust_mixture(rng, 2, 2, noise=noise, student=student)
    covariances = start.covariances[:1].repeat(2, axis=0)
    covariances = covariances[:, :1, :1] * np.eye(2) if covariance_type in ("diag", "spherical") else covariances
    start = MixtureModel(
        start.weights,
        start.means,
        covariances,
        covariance_type,
        start.noise_share,
        start.noise_density,
        start.degrees_of_freedom,
    )
    fit = run_robust_em(cells, start, fixed=fixed, strength=strength, tol=0, max_iter=40, accelerate=accelerate)
    smallest = np.linalg.eigvalsh(fit.model.covariances).min() / X.var()
    assert np.diff(fit.objectives).min() > -1e-10 - 1e-15 / smallest
    reached = cells.weights @ fit.model.score_samples(cells) / cells.total_weight
    assert reached == pytest.approx(fit.log_likelihoods[-1], rel=1e-8)
    if fixed:
        np.testing.assert_allclose(fit.model.degrees_of_freedom, start.degrees_of_freedom, rtol=1e-9)


def test_gaussian_data_have_many_degrees_of_freedom_and_no_noise(rng: np.random.Generator) -> None:
    X = rng.normal(size=(5000, 2))
    model = fit_mixture(make_point_cells(X), 1, tails="student", noise=True).model
    assert model.degrees_of_freedom.item() > 20
    assert model.noise_share < 0.01


def test_the_noise_density_is_one_over_the_volume_of_the_bounding_box() -> None:
    assert compute_noise_density(make_point_cells([[0.0, 0.0], [4.0, 1.0], [2.0, 5.0]])) == pytest.approx(1 / 20)
    stored = Cells(np.ones(2), np.array([[0.0], [255.0]]), np.full((2, 1), 1 / 12))
    assert compute_noise_density(stored) == pytest.approx(1 / 256)
    assert compute_noise_density(make_point_cells([[3.0, 1.0], [3.0, 3.0]])) == pytest.approx(1 / 2)


def make_image_with_outliers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image of three stripes of similar colors, its true labels, and the mask of a tenth of random pixels."""
    truth = np.repeat([1, 2, 3], 30)[None, :].repeat(60, axis=0)
    colors = np.array([[100, 100, 100], [120, 120, 150], [150, 130, 120]])[truth - 1]
    pixels = np.clip(colors + rng.normal(0, 4, colors.shape), 0, 255).astype(np.uint8)
    outlier = rng.random(truth.shape) < 0.1
    pixels[outlier] = rng.integers(0, 256, (int(outlier.sum()), 3))
    return pixels, truth, outlier


RAW = {"k": 3, "shrinkage": 0, "clean_up": "none"}


def test_outliers_break_the_plain_mixture_but_not_the_robust_ones(rng: np.random.Generator) -> None:
    pixels, truth, outlier = make_image_with_outliers(rng)
    right = {}
    for name, remedy in {"plain": {}, "noise": {"noise": True}, "student": {"tails": "student"}}.items():
        labels = segment.segment_image(pixels, **RAW, **remedy).label_image
        right[name] = (labels == truth)[~outlier].mean()
    assert right["plain"] < 0.8
    assert right["noise"] > 0.98
    assert right["student"] > 0.98


def test_salt_and_pepper_noise_makes_no_classes(rng: np.random.Generator) -> None:
    truth = make_image_with_outliers(rng)[1]
    gray = np.repeat([80, 110, 140], 30)[None, :].repeat(60, axis=0) + rng.normal(0, 5, truth.shape)
    corrupted = rng.random(truth.shape) < 0.08
    gray[corrupted] = rng.choice([0, 255], int(corrupted.sum()))
    image = np.clip(gray, 0, 255).astype(np.uint8)
    # The classes alone: a field hides how wide they are.
    plain = segment.segment_image(image, **RAW, spatial="none")
    noisy = segment.segment_image(image, **RAW, spatial="none", noise=True)
    assert (plain.label_image == truth)[~corrupted].mean() < 0.8
    assert (noisy.label_image == truth)[~corrupted].mean() > 0.95


@pytest.mark.parametrize("remedy", [{"noise": True}, {"tails": "student"}, {"noise": True, "tails": "student"}])
@pytest.mark.parametrize("outliers", ["uniform", "salt and pepper", "grey"])
def test_the_pooled_covariance_is_robust_against_outliers(
    outliers: str, remedy: dict[str, object], rng: np.random.Generator
) -> None:
    """With the default shrinkage: outliers in the pooled covariance would make every class as wide as their range."""
    pixels, truth, outlier = make_image_with_outliers(rng)
    if outliers == "salt and pepper":
        pixels[outlier] = rng.choice([0, 255], (int(outlier.sum()), 1))
    elif outliers == "grey":
        gray = np.repeat([80, 110, 140], 30)[None, :].repeat(60, axis=0) + rng.normal(0, 5, truth.shape)
        gray[outlier] = rng.choice([0, 255], int(outlier.sum()))
        pixels = np.clip(gray, 0, 255).astype(np.uint8)
    result = segment.segment_image(pixels, k=3, clean_up="none", **remedy)
    assert (result.label_image == truth)[~outlier].mean() > 0.98


def test_the_noise_share_is_estimated(rng: np.random.Generator) -> None:
    pixels, _, outlier = make_image_with_outliers(rng)
    model = segment.segment_image(pixels, **RAW, noise=True).model
    assert model.noise_share == pytest.approx(outlier.mean(), abs=0.01)


def test_the_least_probable_pixels_are_rejected_with_a_warning(rng: np.random.Generator) -> None:
    pixels, _, outlier = make_image_with_outliers(rng)
    result = segment.segment_image(pixels, **RAW, noise=True, reject=0.08)
    rejected = result.label_image == 0
    assert 0.07 < result.rejected <= 0.08
    assert rejected.mean() == pytest.approx(result.rejected)
    assert outlier[rejected].mean() > 0.99
    assert any(
        "rejected" in warning and f"{100 * result.rejected:.2f} % of the pixels" in warning
        for warning in result.warnings
    )
    kept = segment.segment_image(pixels, **RAW)
    assert kept.rejected == 0
    assert not any("rejected" in warning for warning in kept.warnings)


def test_unknown_tails_raise() -> None:
    with pytest.raises(SettingsError, match="tails: one of gaussian, student; got 'fat'"):
        fit_mixture(make_point_cells([[0.0], [1.0]]), 1, tails="fat")
    with pytest.raises(SettingsError, match="degrees_of_freedom"):
        fit_mixture(make_point_cells([[0.0], [1.0]]), 1, tails="student", degrees_of_freedom=-1)


def test_noise_of_a_given_mixture_is_dropped_without_the_setting(rng: np.random.Generator) -> None:
    X = rng.normal(size=(200, 2))
    model = fit_mixture(make_point_cells(X), 2, init=make_robust_mixture(rng, 2, 2, noise=True, student=True)).model
    assert (model.noise_share, model.noise_density, model.degrees_of_freedom.size) == (0, 0, 0)


@pytest.mark.parametrize("robustness", [{"noise": True}, {"tails": "student"}])
@pytest.mark.parametrize("scales", [(1e148, 1e-68, 1e106), (1e-60, 1e100, 1e-90)])
def test_few_values_of_extreme_scales_have_a_robust_fit(robustness: dict[str, Any], scales: tuple[float, ...]) -> None:
    X = np.array([[0.0, 1.0, -2.0], [2.0, 0.0, 1.0]]) * scales
    model = fit_mixture(make_point_cells(X), 1, shrinkage=1.5, **robustness).model
    assert np.isfinite(model.means).all()
    variances = np.diagonal(model.covariances[0])
    assert ((variances > 0) & (variances < 1e3 * np.square(scales))).all()
