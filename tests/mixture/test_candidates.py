"""One component less: joined moments, costs against a closed form, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.candidates import compute_merge_costs, merge_closest_components
from segment.mixture.cells import Cells, make_point_cells, pack
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [9.0, 1.0], [10.0, 3.0]])
COVARIANCES = np.array([[[1.0, 0.2], [0.2, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, -0.3], [-0.3, 2.0]]])


def test_costs_are_those_of_the_joined_moments() -> None:
    costs = compute_merge_costs(MixtureModel(WEIGHTS, MEANS, COVARIANCES))
    for i in range(3):
        for j in range(i + 1, 3):
            w = WEIGHTS[[i, j]]
            mean = w @ MEANS[[i, j]] / w.sum()
            apart = MEANS[[i, j]] - mean
            joint = (
                np.einsum("k,kab->ab", w, COVARIANCES[[i, j]]) + np.einsum("k,ka,kb->ab", w, apart, apart)
            ) / w.sum()
            log_det = [np.log(np.linalg.det(COVARIANCES[at])) for at in (i, j)]
            assert costs[i, j] == pytest.approx((w.sum() * np.log(np.linalg.det(joint)) - w @ log_det) / 2)
    assert np.isinf(costs[np.tril_indices(3)]).all()
    assert np.unravel_index(costs.argmin(), costs.shape) == (1, 2)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_closest_two_become_one_with_their_moments(covariance_type: str, rng: np.random.Generator) -> None:
    """Cells that are the components themselves, far apart: what is joined has their joint mean and covariance."""
    means = 100 * MEANS
    cells = Cells(1000 * WEIGHTS, means, pack(COVARIANCES))
    start = MixtureModel(WEIGHTS, means, np.repeat(np.eye(2)[None], 3, axis=0), covariance_type)
    found = merge_closest_components(cells, start, Prior(np.eye(2), 0.0, np.zeros(2)))
    np.testing.assert_allclose(found.weights, [0.5, 0.5])
    np.testing.assert_allclose(found.means, [means[0], 0.6 * means[1] + 0.4 * means[2]], atol=1e-9)
    if covariance_type == "full":
        apart = means[1] - means[2]
        joint = 0.6 * COVARIANCES[1] + 0.4 * COVARIANCES[2] + 0.24 * np.outer(apart, apart)
        np.testing.assert_allclose(found.covariances, [COVARIANCES[0], joint], rtol=1e-6, atol=1e-6)
    assert found.covariance_type == covariance_type


def test_an_empty_component_goes_first(rng: np.random.Generator) -> None:
    weights = np.array([0.6, 0.4, 0.0])
    found = merge_closest_components(
        make_point_cells(MEANS), MixtureModel(weights, MEANS, COVARIANCES), Prior(np.eye(2), 0.0, np.zeros(2))
    )
    assert found.n_components == 2
    assert (found.weights > 0.3).all()
