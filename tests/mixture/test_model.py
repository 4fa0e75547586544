"""Densities and posteriors of a mixture against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import make_random_model
from scipy.stats import multivariate_normal, multivariate_t

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack


def test_densities_are_those_of_scipy(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 4, 3)
    X = 5 * rng.normal(size=(50, 3))
    expected = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(X)
            for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(model.log_joint(X), expected, rtol=1e-10)
    np.testing.assert_allclose(model.score_samples(X), np.logaddexp.reduce(expected, axis=1), rtol=1e-10)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


def test_scatter_lowers_the_log_density(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 2, 3)
    factor = rng.normal(size=(3, 3))
    scatter = factor @ factor.T
    x = rng.normal(size=(1, 3))
    drop = np.trace(np.linalg.inv(model.covariances) @ scatter, axis1=1, axis2=2) / 2
    with_scatter = model.log_joint(Cells(np.ones(1), x, pack(scatter)[None]))
    np.testing.assert_allclose(with_scatter, model.log_joint(x) - drop, rtol=1e-10)


@pytest.mark.parametrize("degrees", [(), (3.0, 8.0)])
@given(st.integers(0, 1000), st.floats(-1e3, 1e3))
@settings(max_examples=20)
def test_densities_of_narrow_components_keep_their_digits(degrees: tuple[float, ...], seed: int, moved: float) -> None:
    """Deviations of 1e-6 a thousand apart: m' P m is 1e18, and no difference of such numbers knows a density."""
    rng = np.random.default_rng(seed)
    shift = np.round(moved * 1024) / 1024  # so that moving the data rounds nothing but the last digits of 1e-6
    factors = rng.normal(size=(2, 2, 2))
    covariances = 1e-12 * (factors @ np.swapaxes(factors, 1, 2) + np.eye(2))
    means = np.array([[0.0, 0.0], [1000.0, 0.0]]) + shift
    model = MixtureModel(np.array([0.4, 0.6]), means, covariances, degrees_of_freedom=np.array(degrees))
    X = np.concatenate([mean + 2e-6 * rng.normal(size=(20, 2)) for mean in means])
    found = model.log_joint(X)
    for j, own in enumerate((slice(20), slice(20, 40))):
        # The densities of SciPy around zero, where it loses nothing either
        law = (
            multivariate_t(np.zeros(2), covariances[j], degrees[j])
            if degrees
            else multivariate_normal(np.zeros(2), covariances[j])
        )
        expected = np.log(model.weights[j]) + law.logpdf(X[own] - means[j])
        np.testing.assert_allclose(found[own, j], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), np.repeat([0, 1], 20))


def test_scatter_lowers_the_density_of_narrow_components_too() -> None:
    model = MixtureModel(np.full(2, 0.5), np.array([[0.0], [1000.0]]), np.full((2, 1, 1), 1e-12))
    cell = Cells(np.ones(1), np.array([[1000.0]]), np.array([[4e-12]]))
    peak = np.log(0.5) - np.log(2 * np.pi * 1e-12) / 2
    assert model.log_joint(cell)[0, 1] == pytest.approx(peak - 2)


@pytest.mark.parametrize(("covariance_type", "free"), [("full", 29), ("tied", 17), ("diag", 20), ("spherical", 14)])
def test_free_parameters_are_counted_as_scikit_learn_counts_them(
    covariance_type: str, free: int, rng: np.random.Generator
) -> None:
    assert make_random_model(rng, 3, 3, covariance_type).n_parameters == free


def test_shapes_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^model: means are \(k, d\)"):
        MixtureModel(np.ones(1), np.zeros((2, 1)), np.ones((1, 1, 1)))
    with pytest.raises(SettingsError, match=r"^model: means are \(k, d\)"):
        MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 2)))
    with pytest.raises(SettingsError, match=r"^covariance_type: one of full, tied, diag, spherical; got 'round'"):
        MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), "round")


def test_another_number_of_features_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(SettingsError, match=r"^X: the mixture has 3 features; got 2"):
        make_random_model(rng, 2, 3).posteriors(np.zeros((4, 2)))


def test_standard_coordinates_give_mean_0_and_variances_1(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 3, 2)
    standard = model.rescale(*model.compute_standard_coordinates())
    np.testing.assert_allclose(standard.weights @ standard.means, 0, atol=1e-12)
    second = np.diagonal(standard.covariances, axis1=1, axis2=2) + standard.means**2
    np.testing.assert_allclose(standard.weights @ second, 1)
