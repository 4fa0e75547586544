"""Log densities as products of natural parameters with moments, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import make_random_model
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.gaussian_density import (
    compute_log_weights,
    compute_moments,
    compute_responsibilities,
    compute_squared_distances,
    invert_covariances,
    split_into_blocks,
    sum_expected_moments,
)
from segment.mixture.packed_matrices import pack


def test_many_covariances_are_inverted_as_few_are(rng: np.random.Generator) -> None:
    factors = rng.normal(size=(80, 3, 4)) * 10.0 ** rng.uniform(-3, 0, (80, 3, 1))
    covariances = factors @ factors.transpose(0, 2, 1)
    precisions, log_determinants = invert_covariances(covariances)
    # Relative to the diagonals, as features have very different variances.
    scale = np.sqrt(np.diagonal(precisions, axis1=1, axis2=2))
    expected = np.linalg.inv(covariances)
    np.testing.assert_allclose(
        precisions / (scale[:, :, None] * scale[:, None]), expected / (scale[:, :, None] * scale[:, None]), atol=1e-6
    )
    np.testing.assert_allclose(log_determinants, np.linalg.slogdet(covariances)[1], atol=1e-6)
    np.testing.assert_array_equal(precisions, precisions.transpose(0, 2, 1))


def test_parameters_times_moments_are_log_densities(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 3, 2)
    X = rng.normal(size=(20, 2))
    parameters = model.gaussian_terms.parameters
    expected = [
        np.log(w) + multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
    ]
    np.testing.assert_allclose(parameters @ compute_moments(make_point_cells(X)), expected)


def test_peaks_are_log_densities_at_the_means(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 3, 2)
    expected = np.diagonal(model.log_joint(model.means))
    np.testing.assert_allclose(model.gaussian_terms.log_peaks, expected)


def test_log_weights_of_empty_components_are_finite() -> None:
    assert compute_log_weights(np.array([1.0, 0.0])).tolist() == [0.0, -1e300]


def test_squared_distances_are_mahalanobis_distances_plus_the_scatter(rng: np.random.Generator) -> None:
    model = make_random_model(rng, 1, 3)
    mean, precision = model.means[0], np.linalg.inv(model.covariances[0])
    factors = rng.normal(size=(10, 3, 3))
    scatters = factors @ factors.swapaxes(1, 2)
    X = rng.normal(size=(10, 3))
    expected = cdist(X, mean[None], "mahalanobis", VI=precision)[:, 0] ** 2 + np.trace(
        precision @ scatters, axis1=1, axis2=2
    )
    found = compute_squared_distances(Cells(np.ones(10), X, pack(scatters)), mean, model.covariances[0])
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("n", [0, 1, 8192, 8193, 20_000])
def test_blocks_cover_all_cells_once(n: int) -> None:
    numbers = np.arange(n)
    blocks = [numbers[rows] for rows in split_into_blocks(n)]
    assert np.concatenate([numbers[:0], *blocks]).tolist() == numbers.tolist()
    assert all(0 < len(block) <= 8192 for block in blocks)


@pytest.mark.parametrize("shift", [None, -20.0])
def test_expected_moments_are_summed_as_responsibilities_are(shift: float | None, rng: np.random.Generator) -> None:
    model = make_random_model(rng, 30, 2)
    cells = make_point_cells(rng.normal(size=(50, 2)), rng.uniform(1, 9, size=50))
    parameters = model.gaussian_terms.parameters
    # The last component is nowhere near: its densities underflow.
    parameters[-1, 0] -= 900
    moments = compute_moments(cells)
    responsibilities, top, total = compute_responsibilities(parameters @ moments, cells.weights, 1)
    sums, log_likelihood = sum_expected_moments(parameters, cells.weights, moments, shift)
    np.testing.assert_allclose(sums, responsibilities @ moments.T, rtol=1e-10, atol=1e-200)
    np.testing.assert_allclose(log_likelihood, (top + np.log(total))[0] @ cells.weights)


@pytest.mark.parametrize("offset", [0.0, -900.0, 900.0])
def test_responsibilities_of_runs_sum_to_the_weights_however_far_the_cells(
    offset: float, rng: np.random.Generator
) -> None:
    joint, weights = rng.normal(size=(6, 5)) * 9, rng.uniform(1, 9, size=5)
    joint[:, 0] += offset
    responsibilities, top, total = compute_responsibilities(joint.copy(), weights, 2)
    for run, own in enumerate((slice(0, 3), slice(3, 6))):
        expected = np.logaddexp.reduce(joint[own])
        np.testing.assert_allclose(responsibilities[own], weights * np.exp(joint[own] - expected))
        np.testing.assert_allclose((top + np.log(total))[run], expected)
