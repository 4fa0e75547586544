"""Components of a fitted mixture are moved to where they are needed more."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.component_moves import compute_merge_costs, improve_by_moves, move_components
from segment.mixture.em import run_em
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from tests.mixtures import make_random_model

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [9.0, 1.0], [10.0, 3.0]])
COVARIANCES = np.array([[[1.0, 0.2], [0.2, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, -0.3], [-0.3, 2.0]]])


def test_costs_are_those_of_the_merged_moments() -> None:
    costs = compute_merge_costs(MixtureModel(WEIGHTS, MEANS, COVARIANCES))
    for i in range(3):
        for j in range(i + 1, 3):
            w = WEIGHTS[[i, j]]
            mean = w @ MEANS[[i, j]] / w.sum()
            gaps = MEANS[[i, j]] - mean
            joint = (np.einsum("k,kab->ab", w, COVARIANCES[[i, j]]) + np.einsum("k,ka,kb->ab", w, gaps, gaps)) / w.sum()
            log_det = [np.log(np.linalg.det(COVARIANCES[at])) for at in (i, j)]
            assert costs[i, j] == pytest.approx((w.sum() * np.log(np.linalg.det(joint)) - w @ log_det) / 2)
    assert np.isinf(costs[np.tril_indices(3)]).all()
    assert np.unravel_index(costs.argmin(), costs.shape) == (1, 2)


def compute_moments(model: MixtureModel) -> tuple[np.ndarray, np.ndarray]:
    mean = model.weights @ model.means
    second = model.covariances + model.means[:, :, None] * model.means[:, None, :]
    return mean, np.tensordot(model.weights, second, axes=1)


@pytest.mark.parametrize("n_moves", [1, 3])
def test_mean_and_covariance_of_the_mixture_stay(n_moves: int, rng: np.random.Generator) -> None:
    model = make_random_model(rng, 12, 3)
    moved = move_components(model, n_moves)
    for before, after in zip(compute_moments(model), compute_moments(moved), strict=True):
        np.testing.assert_allclose(after, before)
    # Each move changes the component that takes in another, the one that was free, and the one that is halved.
    changed = (moved.means != model.means).any(axis=1)
    assert np.count_nonzero(changed) == 3 * n_moves
    assert moved.weights.sum() == pytest.approx(1)
    assert (np.linalg.eigvalsh(moved.covariances) > 0).all()


def test_components_of_no_weight_halve_the_widest() -> None:
    weights = np.array([0.5, 0.5 - 1e-9, 1e-9, 0.0])
    covariances = np.array([1.0, 9.0, 1.0, 1.0])[:, None, None]
    moved = move_components(MixtureModel(weights, np.array([[0.0], [20.0], [50.0], [60.0]]), covariances), 1)
    np.testing.assert_allclose(moved.weights, [0.5, 0.25, 1e-9, 0.25], rtol=1e-6)
    np.testing.assert_allclose(moved.means[:, 0], [0.0, 17.9, 50.0, 22.1], rtol=1e-6)


def test_a_component_leaves_a_mode_that_two_share_for_a_mode_that_has_none(rng: np.random.Generator) -> None:
    modes = 20.0 * np.arange(8)
    cells = make_point_cells(rng.normal(modes, 1.0, size=(200, 8)).reshape(-1, 1))
    # Two components in the first mode, one between the last two.
    means = np.concatenate([[-1.0, 1.0], modes[1:6], [modes[6:].mean()]])[:, None]
    prior = Prior(np.eye(1), 1.0, np.zeros(1))
    start = MixtureModel(np.full(8, 1 / 8), means, np.r_[np.ones(7), 100.0][:, None, None])
    stuck = run_em(cells, start, prior)
    assert np.abs(np.sort(stuck.model.means[:, 0]) - modes).max() > 5
    found = improve_by_moves(stuck, lambda model: run_em(cells, model, prior))
    assert found.objectives[-1] > stuck.objectives[-1]
    np.testing.assert_allclose(np.sort(found.model.means[:, 0]), modes, atol=0.5)
    assert improve_by_moves(found, lambda model: run_em(cells, model, prior)) is found


def test_components_of_a_given_mixture_are_not_moved(rng: np.random.Generator) -> None:
    modes = 20.0 * np.arange(16)
    X = rng.normal(modes, 1.0, size=(1000, 16)).reshape(-1, 1)
    means = np.concatenate([[-1.0, 1.0], modes[1:14], [modes[14:].mean()], [400.0]])[:, None]
    start = MixtureModel(np.full(17, 1 / 17), means, np.r_[np.ones(15), 100.0, 1.0][:, None, None])
    fitted = fit_mixture(make_point_cells(X), 17, init=start).model
    np.testing.assert_allclose(fitted.means[:, 0], means[:, 0], atol=2.0)
    free = fit_mixture(make_point_cells(X), 17).model
    np.testing.assert_allclose(np.sort(np.abs(free.means - modes).min(axis=0)), 0.0, atol=0.5)
