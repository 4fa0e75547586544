"""The few likeliest components of each cell, and EM with them."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.few_components import N_FEW, FewSpatialEM, choose_few
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.spatial_em import SpatialEM


def test_equal_components_are_chosen_in_their_order() -> None:
    assert choose_few(np.zeros((20, 1)))[0][:, 0].tolist() == list(range(N_FEW))


def test_components_without_weight_are_never_chosen() -> None:
    numbers, logs = choose_few(np.where(np.arange(20) % 2, 0.0, -1e300)[:, None])
    assert numbers[:, 0].tolist() == [1, 3, 5, 7, 9, 11]
    assert np.isfinite(logs).all()


@pytest.mark.parametrize("k", [30, 40])  # all at once, and block by block
def test_a_step_with_few_components_is_that_with_all(k: int) -> None:
    rng = np.random.default_rng(0)
    means = rng.uniform(0, 90, size=(k, 3))
    model = MixtureModel(rng.dirichlet(np.full(k, 9.0)), means, np.broadcast_to(np.diag([9.0, 4.0, 16.0]), (k, 3, 3)))
    cells = make_point_cells(means[rng.integers(k, size=9000)] + rng.normal(size=(9000, 3)) * [3, 2, 4])
    prior = Prior(np.eye(3), 5.0, np.zeros(3))
    odds = rng.uniform(0, 3, size=(k, 9000)).astype(np.float32)
    full, few = SpatialEM(cells, model, prior), FewSpatialEM(cells, model, prior)
    for _ in range(2):
        full.run_step(odds, np.arange(k))
        numbers = few.choose_components()
        few.run_step(few.compute_log_posteriors() + np.take_along_axis(odds, numbers, axis=0))
    np.testing.assert_allclose(few.model.means, full.model.means, atol=0.02)
    np.testing.assert_allclose(few.model.covariances, full.model.covariances, atol=0.1)
    assert abs(few.move - full.move) < 1e-3
