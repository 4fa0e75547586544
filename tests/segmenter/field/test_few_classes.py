"""Few classes at each pixel: the same field as with all, and how much is left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.few_components import N_FEW
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.few_classes import FewField, compute_few_log_posteriors
from segment.segmenter.field.mean_field import LONG_STEPS, SHORT_STEPS, solve_mean_field
from segment.segmenter.field.random_field import RandomField


def compute_planes(few: FewField, q: np.ndarray) -> np.ndarray:
    """The neighbor log odds of all classes, (k, h, w)."""
    log_odds, columns = few.compute_log_odds_of_rows(q, slice(0, q.shape[1]))
    return np.moveaxis(log_odds[..., columns], 2, 0)


def test_the_field_of_few_classes_is_that_of_all_where_there_are_no_others() -> None:
    rng = np.random.default_rng(0)
    logs = rng.normal(scale=3, size=(N_FEW, 40, 30)).astype(np.float32)
    field = RandomField(rng.random((40, 30), dtype=np.float32), smoothness=6.0, reach=2)
    order = rng.permuted(np.broadcast_to(np.arange(N_FEW)[:, None, None], logs.shape), axis=0)
    few = FewField(field, order.astype(np.uint8), N_FEW)
    own = np.take_along_axis(logs, order, axis=0)
    q = few.solve(own, n_iter=0)
    for _ in range(5):
        q = few.take_step(q, own, few.compute_log_odds(q))
    expected = solve_mean_field(logs, field, n_iter=5)
    np.testing.assert_allclose(q, np.take_along_axis(expected, order, axis=0), atol=2e-5)
    odds = field.compute_neighbor_log_odds(expected)
    np.testing.assert_allclose(compute_planes(few, q), odds, atol=2e-4)
    np.testing.assert_allclose(few.compute_log_odds(q), np.take_along_axis(odds, order, axis=0), atol=2e-4)


@pytest.mark.parametrize("smoothness", [6.0, 30.0])
def test_longer_steps_lead_to_the_solution_of_short_ones(smoothness: float) -> None:
    rng = np.random.default_rng(4)
    logs = cv2.blur(rng.normal(scale=20, size=(20, 24, N_FEW)), (5, 5)).transpose(2, 0, 1).astype(np.float32)
    field = RandomField(np.ones((20, 24), np.float32), smoothness=smoothness, reach=2)
    numbers = np.broadcast_to(np.arange(N_FEW, dtype=np.uint8)[:, None, None], logs.shape)
    few = FewField(field, numbers, N_FEW)
    end = solve_mean_field(logs, field, n_iter=200)
    assert np.abs(few.solve(logs, n_iter=100) - end).mean() < 1e-3
    n_long, length = LONG_STEPS.max_steps, LONG_STEPS.length
    damped = solve_mean_field(logs, field, n_iter=SHORT_STEPS.max_steps)
    for found in (few.solve(logs, n_iter=n_long), solve_mean_field(logs, field, n_iter=n_long, length=length)):
        assert np.abs(found - end).mean() < 1.05 * np.abs(damped - end).mean()


def test_what_is_left_out_is_no_larger_than_the_smallest_of_the_few() -> None:
    rng = np.random.default_rng(1)
    means = rng.uniform(0, 60, size=(40, 3))
    model = MixtureModel(np.full(40, 1 / 40), means, np.broadcast_to(np.diag([9.0, 4.0, 25.0]), (40, 3, 3)))
    classes = ClassMixture(model, np.arange(40))
    cells = make_point_cells(rng.uniform(0, 60, size=(500, 3)))
    found = compute_few_log_posteriors(classes, cells)
    numbers, logs = found[:, :N_FEW].astype(int), found[:, N_FEW:]
    full = np.exp(classes.compute_log_posteriors(cells))
    kept = np.take_along_axis(full, numbers, axis=1)
    left_out = full.copy()
    np.put_along_axis(left_out, numbers, 0, axis=1)
    assert (left_out.max(axis=1) <= kept.min(axis=1) * 1.001).all()
    np.testing.assert_allclose(np.exp(logs), kept / kept.sum(axis=1, keepdims=True), atol=1e-5)
    assert np.quantile(left_out.sum(axis=1), 0.99) < 0.01


def test_a_field_may_have_more_classes_than_opencv_has_channels() -> None:
    rng = np.random.default_rng(2)
    field = RandomField(np.ones((6, 5), np.float32), smoothness=6.0, reach=2)
    numbers = rng.permuted(np.broadcast_to(np.arange(200)[:, None, None], (200, 6, 5)), axis=0)[:N_FEW]
    q = rng.dirichlet(np.ones(N_FEW), size=(6, 5)).transpose(2, 0, 1).astype(np.float32)
    full = np.zeros((200, 6, 5), np.float32)
    np.put_along_axis(full, numbers, q, axis=0)
    found = compute_planes(FewField(field, numbers.astype(np.uint8), 200), q)
    np.testing.assert_allclose(found, field.compute_neighbor_log_odds(full), atol=1e-4)


def test_log_odds_of_some_pixels_are_those_of_all(rng: np.random.Generator) -> None:
    field = RandomField(rng.random((7, 9), dtype=np.float32), smoothness=6.0, reach=2)
    numbers = rng.permuted(np.broadcast_to(np.arange(30)[:, None, None], (30, 7, 9)), axis=0)[:N_FEW]
    few = FewField(field, numbers.astype(np.uint8), 30)
    q = rng.dirichlet(np.ones(N_FEW), size=(7, 9)).transpose(2, 0, 1).astype(np.float32)
    pixels = rng.permutation(63)[:50]
    expected = compute_planes(few, q).reshape(30, -1)[:, pixels]
    np.testing.assert_allclose(few.compute_log_odds_at(q, pixels).T, expected, atol=1e-5)
