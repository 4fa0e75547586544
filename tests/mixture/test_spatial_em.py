"""EM in a random field: without an effect of the neighbors it is plain EM; their log odds act as class weights."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import draw_three_gaussians, make_robust_mixture

from segment.mixture import spatial_em
from segment.mixture.cells import make_point_cells
from segment.mixture.em import run_em
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.robust import make_robust_steps
from segment.mixture.spatial_em import SpatialEM, compute_class_log_posteriors, fit_with_neighbors

NO_PRIOR = Prior(np.eye(2), 0.0, np.zeros(2))


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("is_kept", [True, False])
def test_steps_without_neighbors_are_those_of_em(
    noise: bool, student: bool, is_kept: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the moments of the cells are kept for all steps, or computed anew for each as those of many cells are."""
    monkeypatch.setattr(spatial_em, "MAX_KEPT_MOMENTS", spatial_em.MAX_KEPT_MOMENTS if is_kept else 0)
    cells = make_point_cells(draw_three_gaussians(rng, 200))
    start = make_robust_mixture(rng, 3, 2, noise=noise, student=student)
    em = SpatialEM(cells, start, NO_PRIOR)
    for _ in range(3):
        em.run_step(np.zeros((3, 200), dtype=np.float32), np.arange(3))
    steps = make_robust_steps(fixed_degrees=True)
    plain = run_em(cells, start, NO_PRIOR, tol=0, max_iter=3, accelerate=False, steps=steps).model
    np.testing.assert_allclose(em.model.weights, plain.weights, rtol=1e-9)
    np.testing.assert_allclose(em.model.means, plain.means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(em.model.covariances, plain.covariances, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("noise", [False, True])
def test_posteriors_divide_the_noise_by_the_weights(noise: bool, rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_three_gaussians(rng, 50))
    model = make_robust_mixture(rng, 3, 2, noise=noise, student=True)
    share = model.noise_posteriors(cells)[:, None]
    expected = (1 - share) * model.posteriors(cells) + share * model.weights
    found = SpatialEM(cells, model, NO_PRIOR).compute_log_posteriors(np.arange(3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.exp(found.T), expected, rtol=1e-5, atol=1e-6)
    logs = compute_class_log_posteriors(model, np.array([0, 1, 0]), cells)
    np.testing.assert_allclose(np.exp(logs), np.stack([expected[:, 0] + expected[:, 2], expected[:, 1]], 1), rtol=1e-5)


def test_log_odds_of_the_neighbors_decide_where_classes_are_alike() -> None:
    """Two equal components; the neighbors assign the first half of the cells to class 0, the others to class 1."""
    X = np.concatenate([np.linspace(-1, 0.5, 30), np.linspace(-0.5, 1, 30)])[:, None]
    model = MixtureModel(np.full(2, 0.5), np.zeros((2, 1)), np.ones((2, 1, 1)))
    odds = np.zeros((2, 60), dtype=np.float32)
    odds[0, :30] = odds[1, 30:] = 50
    em = SpatialEM(make_point_cells(X), model, Prior(np.eye(1), 0.0, np.zeros(1)))
    fitted = fit_with_neighbors(em, np.array([0, 1]), lambda _: odds)
    np.testing.assert_allclose(fitted.means.ravel(), [X[:30].mean(), X[30:].mean()], atol=1e-6)
    assert em.move < 0.01


def test_components_of_a_class_share_the_log_odds() -> None:
    seen = []

    def compute_log_odds(logs: np.ndarray) -> np.ndarray:
        seen.append(logs)
        return np.zeros_like(logs)

    model = MixtureModel(np.full(3, 1 / 3), np.array([[0.0], [5.0], [9.0]]), np.ones((3, 1, 1)))
    em = SpatialEM(make_point_cells([[0.0], [5.0], [9.0]]), model, Prior(np.eye(1), 1.0, np.zeros(1)))
    fit_with_neighbors(em, np.array([0, 1, 1]), compute_log_odds)
    assert seen[0].shape == (2, 3)
    np.testing.assert_allclose(np.exp(seen[0]).sum(axis=0), 1, rtol=1e-5)
    assert np.exp(seen[0]).argmax(axis=0).tolist() == [0, 1, 1]
