"""Weighted k-means and the drawing of its first centers."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import (
    draw_three_blobs,
)

from segment.mixture.cells import make_point_cells
from segment.mixture.kmeans import assign, draw_k_means_plus_plus, draw_random_cells, run_k_means


def test_k_means_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.cluster import KMeans

    X, weights = draw_three_blobs(rng), rng.uniform(0.2, 3, 400)
    start = X[[0, 1, 2]]
    ours = run_k_means(make_point_cells(X, weights), start, max_iter=300)
    theirs = KMeans(3, init=start, n_init=1, tol=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(ours.centers, theirs.cluster_centers_, rtol=1e-9)
    assert ours.inertia == pytest.approx(theirs.inertia_)


@pytest.mark.parametrize("trim", [0.0, 0.15])
def test_runs_side_by_side_are_those_run_alone(trim: float, rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.normal(size=(300, 2)) + 5 * rng.integers(0, 3, (300, 1)), rng.uniform(0.5, 2, 300))
    drawn = draw_random_cells(cells, 3, 6, rng)
    together = run_k_means(cells, drawn, trim=trim)
    for run, centers in enumerate(drawn):
        alone = run_k_means(cells, centers, trim=trim)
        np.testing.assert_allclose(together[run].centers, alone.centers, rtol=1e-12)
        np.testing.assert_array_equal(together[run].labels, alone.labels)
        np.testing.assert_allclose(together.inertia[run], alone.inertia, rtol=1e-9)


def test_the_farthest_share_of_the_weight_is_trimmed() -> None:
    cells = make_point_cells([[0.0], [1.0], [5.0], [99.0]])
    assert assign(cells, np.array([[0.0], [5.0]]), trim=0.25).labels.tolist() == [0, 0, 1, -1]


def test_cells_of_clusters_have_their_weights_and_means() -> None:
    cells = make_point_cells([[0.0], [3.0], [8.0]], [2.0, 1.0, 4.0])
    clusters = assign(cells, np.array([[1.0], [50.0], [8.0]])).make_cluster_cells(cells)
    assert clusters.weights.tolist() == [3.0, 4.0]
    assert clusters.means.tolist() == [[1.0], [8.0]]


def test_k_means_plus_plus_draws_by_weight(rng: np.random.Generator) -> None:
    cells = make_point_cells([[0.0], [1.0], [2.0]], [1e-9, 1.0, 1e-9])
    assert (draw_k_means_plus_plus(cells, 1, 20, rng) == 1.0).all()


def test_given_centers_come_first_and_the_rest_is_far_from_them(rng: np.random.Generator) -> None:
    cells = make_point_cells([[0.0], [1.0], [50.0], [100.0], [101.0]])
    centers = draw_k_means_plus_plus(cells, 3, 5, rng, given=np.array([[0.4], [100.0]]))
    np.testing.assert_array_equal(centers, [[[0.4], [100.0], [50.0]]] * 5)


def test_random_cells_differ_and_are_drawn_by_weight(rng: np.random.Generator) -> None:
    cells = make_point_cells([[0.0], [1.0], [2.0], [3.0]], [3.0, 1.0, 1.0, 1.0])
    drawn = draw_random_cells(cells, 2, 4000, rng)[..., 0]
    assert (drawn[:, 0] != drawn[:, 1]).all()
    # Of two cells without replacement, the heavy one is first with chance 1/2, and else second with chance 3/5.
    assert (drawn == 0).any(axis=1).mean() == pytest.approx(0.8, abs=0.03)


def test_trimmed_k_means_leaves_out_the_farthest_points() -> None:
    line = make_point_cells([[0.0], [1.0], [2.0], [20.0], [21.0], [22.0], [500.0]])
    found = run_k_means(line, np.array([[3.0], [15.0]]), trim=1 / 7)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert found.centers.ravel().tolist() == [1, 21]
    assert found.inertia == pytest.approx(4)
    assert assign(line, found.centers).labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
