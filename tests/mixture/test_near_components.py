"""E-steps with the components near each block of cells: those of all components, but for a known share."""

from __future__ import annotations

import numpy as np

from segment.mixture.cells import coarsen, make_point_cells
from segment.mixture.gaussian_steps import compute_expectation, prepare_blocks
from segment.mixture.model import MixtureModel
from segment.mixture.near_components import MAX_LEFT_OUT, NearBlocks


def test_what_is_left_out_is_within_the_bound() -> None:
    rng = np.random.default_rng(0)
    means = rng.uniform(0, 100, size=(60, 3))
    wide = np.einsum("kij,klj->kil", *[rng.normal(scale=3, size=(60, 3, 3))] * 2) + np.eye(3)
    model = MixtureModel(rng.dirichlet(np.full(60, 3.0)), means, wide)
    points = make_point_cells(means[rng.integers(60, size=20000)] + 4 * rng.normal(size=(20000, 3)))
    shift, scale = np.zeros(3), np.ones(3)
    # Exact values, and cells with scatter.
    for cells in (points, coarsen(points, 24)):
        near = NearBlocks.from_cells(cells, shift, scale)
        assert sum(len(weights) for weights, _ in near.blocks) == len(cells)
        full, likelihoods = compute_expectation(prepare_blocks(cells, shift, scale), model)
        found, total = near.compute_expectation(model)
        assert 0 <= (likelihoods[0] - total[0]) / cells.total_weight + 1e-12 <= MAX_LEFT_OUT
        np.testing.assert_allclose(found[:, 0], full[:, 0], atol=MAX_LEFT_OUT * cells.total_weight)
        np.testing.assert_allclose(found, full, rtol=1e-5, atol=1e-5 * np.abs(full).max())
