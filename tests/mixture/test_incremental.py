"""Stepwise EM against a reference implementation, EM itself and the laws of mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import THREE_GAUSSIANS, draw_three_gaussians
from scipy.stats import multivariate_normal

from segment import MixtureModel, SettingsError, fit_mixture
from segment.mixture.cells import make_point_cells
from segment.mixture.em import run_em
from segment.mixture.incremental import start_stepwise_em, update_stepwise_em
from segment.mixture.model import COVARIANCE_TYPES
from segment.mixture.prior import Prior

NO_PRIOR = Prior(np.eye(2), 0.0, np.zeros(2))


def assert_same_mixture(first: MixtureModel, second: MixtureModel, tolerance: float = 1e-9) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=tolerance, atol=tolerance)


def run_reference_steps(batches: list[np.ndarray], model: MixtureModel, power: float, offset: float) -> MixtureModel:
    """Cappe & Moulines (2009), equations 16 and 17, in the coordinates of the data, with the densities of SciPy."""
    weights, means, covariances = model.weights, model.means, model.covariances
    s0, s1 = weights, weights[:, None] * means
    s2 = weights[:, None, None] * (covariances + means[:, :, None] * means[:, None, :])
    for t, X in enumerate(batches, start=1):
        joint = np.stack(
            [w * multivariate_normal(m, c).pdf(X) for w, m, c in zip(weights, means, covariances, strict=True)], 1
        )
        r = joint / joint.sum(1, keepdims=True) / len(X)
        eta = (t + offset) ** -power
        s0 = (1 - eta) * s0 + eta * r.sum(0)
        s1 = (1 - eta) * s1 + eta * r.T @ X
        s2 = (1 - eta) * s2 + eta * np.einsum("nk,ni,nj->kij", r, X, X)
        weights, means = s0 / s0.sum(), s1 / s0[:, None]
        covariances = s2 / s0[:, None, None] - means[:, :, None] * means[:, None, :]
    return MixtureModel(weights, means, covariances)


@pytest.mark.parametrize(("power", "offset"), [(0.7, 2.0), (1.0, 0.0), (0.51, 10.0)])
def test_steps_equal_those_of_the_reference(power: float, offset: float, rng: np.random.Generator) -> None:
    batches = [1000 + 50 * draw_three_gaussians(rng, 80) for _ in range(6)]
    start = fit_mixture(make_point_cells(batches[0]), 3).model
    state = start_stepwise_em(start, NO_PRIOR)
    for batch in batches:
        state = update_stepwise_em(state, make_point_cells(batch), power=power, offset=offset)
    assert_same_mixture(state.model, run_reference_steps(batches, start, power, offset), 1e-7)
    assert state.n_batches == 6


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_step_of_size_one_is_an_iteration_of_em(covariance_type: str, rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_three_gaussians(rng, 300) * (1, 20))
    fit = fit_mixture(cells, 3, covariance_type=covariance_type, shrinkage=0.4, max_iter=2, tol=0)
    prior = Prior(fit.prior.target, 0.4 / 3, np.zeros(2))
    stepped = update_stepwise_em(start_stepwise_em(fit.model, prior), cells, power=1, offset=0)
    iterated = run_em(cells, fit.model, fit.prior, tol=0, max_iter=1)
    assert_same_mixture(stepped.model, iterated.model)
    assert stepped.log_likelihood == pytest.approx(iterated.log_likelihoods[0])


def test_steps_keep_a_mixture_at_which_em_has_converged(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_three_gaussians(rng, 500))
    model = fit_mixture(cells, 3, tol=1e-14, max_iter=3000).model
    state = start_stepwise_em(model, NO_PRIOR)
    for _ in range(5):
        state = update_stepwise_em(state, cells)
    assert_same_mixture(state.model, model, 1e-4)


def test_many_batches_come_close_to_the_fit_of_all_data(rng: np.random.Generator) -> None:
    batches = [draw_three_gaussians(rng, 300) for _ in range(60)]
    X = np.concatenate(batches)
    best = fit_mixture(make_point_cells(X), 3).model.score_samples(X).mean()
    state = start_stepwise_em(fit_mixture(make_point_cells(batches[0]), 3).model, NO_PRIOR)
    first = state.model.score_samples(X).mean()
    for batch in batches[1:]:
        state = update_stepwise_em(state, make_point_cells(batch))
    last = state.model.score_samples(X).mean()
    assert first < last <= best + 1e-9
    assert best - last < 0.1 * (best - first)


@given(st.integers(0, 10_000), st.sampled_from(COVARIANCE_TYPES), st.floats(0.51, 1), st.floats(0, 20))
@settings(max_examples=30)
def test_every_step_gives_a_valid_mixture(seed: int, covariance_type: str, power: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(30, 2)) * 10 ** rng.uniform(-3, 3, 2)
    fit = fit_mixture(make_point_cells(first), 3, covariance_type=covariance_type, n_init=1, shrinkage=0.1, max_iter=5)
    state = start_stepwise_em(fit.model, Prior(fit.prior.target, 0.1 / 3, np.zeros(2)))
    for _ in range(3):
        state = update_stepwise_em(
            state, make_point_cells(rng.normal(size=(10, 2)) * first.std(axis=0)), power=power, offset=offset
        )
    model = state.model
    assert model.weights.sum() == pytest.approx(1)
    assert (np.linalg.eigvalsh(model.covariances) > 0).all()
    assert model.covariance_type == covariance_type


def test_batches_may_have_missing_values(rng: np.random.Generator) -> None:
    batches = [np.where(rng.random((400, 2)) < 0.2, np.nan, draw_three_gaussians(rng, 400)) for _ in range(30)]
    state = start_stepwise_em(fit_mixture(make_point_cells(batches[0]), 3).model, NO_PRIOR)
    for batch in batches[1:]:
        state = update_stepwise_em(state, make_point_cells(batch))
    order = np.argsort(-state.model.weights)
    np.testing.assert_allclose(state.model.means[order], THREE_GAUSSIANS.means, atol=0.2)


def test_invalid_step_settings_raise() -> None:
    state = start_stepwise_em(THREE_GAUSSIANS, NO_PRIOR)
    cells = make_point_cells([[0.0, 0.0]])
    with pytest.raises(SettingsError, match="power"):
        update_stepwise_em(state, cells, power=0.5)
    with pytest.raises(SettingsError, match="offset"):
        update_stepwise_em(state, cells, offset=-1)
    with pytest.raises(SettingsError, match="features"):
        update_stepwise_em(state, make_point_cells([[0.0]]))
