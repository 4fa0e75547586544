"""First clusters, and the pooled covariance that the shrinkage pulls towards."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from segment.mixture.cells import make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.initialization import (
    build_clusters,
    compute_pooled_covariance,
    draw_first_clusters,
)
from segment.mixture.prior import make_flat_prior


def draw_two_groups(rng: np.random.Generator, n: int = 500) -> np.ndarray:
    """Two groups of unit variance, 20 apart in the first of two features."""
    return rng.normal(size=(2 * n, 2)) + np.repeat([[0.0, 0.0], [20.0, 0.0]], n, axis=0)


def test_clusters_become_components_with_their_moments(rng: np.random.Generator) -> None:
    X = rng.normal(size=(60, 2))
    labels = np.repeat([0, 1, 1], 20)
    (model,) = build_clusters(make_point_cells(X), labels[None], 2, "full", make_flat_prior(2))
    np.testing.assert_allclose(model.weights, [1 / 3, 2 / 3])
    for j in range(2):
        np.testing.assert_allclose(model.means[j], X[labels == j].mean(axis=0))
        np.testing.assert_allclose(model.covariances[j], np.cov(X[labels == j].T, bias=True))


def test_the_pooled_covariance_is_that_within_clusters(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_two_groups(rng))
    found = compute_pooled_covariance(cells, cells, 2, np.eye(2), 5)
    np.testing.assert_allclose(found, np.eye(2), atol=0.1)


def test_starts_from_ward_clusters_do_not_depend_on_the_seed(rng: np.random.Generator) -> None:
    truth = np.repeat(np.arange(5), 100)
    X = 10 * np.array([[0, 0], [1, 0], [0, 1], [2, 2], [3, 0]])[truth] + rng.normal(size=(500, 2))
    fits = [fit_mixture(make_point_cells(X), 5, init="ward", seed=seed) for seed in (0, 1)]
    assert adjusted_rand_score(truth, fits[0].model.predict(X)) > 0.99
    np.testing.assert_array_equal(fits[0].model.means, fits[1].model.means)
    assert len(fits[0].restarts) == 1


def test_starts_from_ward_clusters_of_many_cells(rng: np.random.Generator) -> None:
    X = rng.normal(size=(2200, 4)) + 8 * (rng.random(2200) < 0.3)[:, None]
    model = fit_mixture(make_point_cells(X), 2, init="ward").model
    np.testing.assert_allclose(np.sort(model.weights), [0.3, 0.7], atol=0.03)


def test_many_starts_are_drawn_in_batches(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.concatenate([rng.normal(center, 1, (100, 2)) for center in (0, 20, 40)])
    monkeypatch.setattr("segment.mixture.initialization._MAX_BATCH_SIZE", 2000)
    assert len(draw_first_clusters(make_point_cells(X), 3, "mixed", 7, np.eye(2), rng)) == 7
    fit = fit_mixture(make_point_cells(X), 3, n_init=7, shrinkage=0.1)
    np.testing.assert_allclose(np.sort(fit.model.means[:, 0]), [0, 20, 40], atol=0.5)


@pytest.mark.parametrize("n_outliers", [0, 800])
@pytest.mark.parametrize("seed", range(4))
def test_trimming_keeps_a_small_wide_class(n_outliers: int, seed: int) -> None:
    """The fifth that is farthest off is left out at first, and comes back but for what lies apart."""
    rng = np.random.default_rng(seed)
    narrow = np.concatenate([rng.normal(0, 1, (3000, 3)), rng.normal(25, 1, (3000, 3))])
    X = np.concatenate([narrow, rng.normal((0, 12, 0), 3, (800, 3))])
    plain = compute_pooled_covariance(make_point_cells(X), make_point_cells(X), 3, np.eye(3), 10)
    cells = make_point_cells(np.concatenate([X, rng.uniform(-300, 300, (n_outliers, 3))]))
    found = compute_pooled_covariance(cells, cells, 3, np.eye(3), 10, trim=0.2)
    np.testing.assert_allclose(found, plain, atol=0.2 if n_outliers else 0.02)


def test_trimming_a_single_value_does_not_divide_by_zero() -> None:
    cells = make_point_cells([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [100.0, 1.0, 1.0])
    np.testing.assert_allclose(
        compute_pooled_covariance(cells, cells, 1, np.eye(2), 2, trim=0.2), np.zeros((2, 2)), atol=1e-9
    )
