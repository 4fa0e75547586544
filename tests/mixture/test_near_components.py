"""E-steps with the components near each block of cells: those of all components, but for a known share."""

from __future__ import annotations

import numpy as np

from segment.mixture.cells import make_point_cells
from segment.mixture.gaussian_steps import compute_expectation, prepare_blocks
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import MixtureModel
from segment.mixture.near_components import MAX_LEFT_OUT, NearBlocks

UNCHANGED = np.zeros(3), np.ones(3)


def test_what_a_component_loses_is_within_the_bound(rng: np.random.Generator) -> None:
    means = rng.uniform(0, 100, size=(60, 3))
    wide = np.einsum("kij,klj->kil", *[rng.normal(scale=3, size=(60, 3, 3))] * 2) + np.eye(3)
    model = MixtureModel(rng.dirichlet(np.full(60, 3.0)), means, wide)
    points = make_point_cells(means[rng.integers(60, size=8000)] + 4 * rng.normal(size=(8000, 3)))
    # Exact values, and cells with scatter.
    for cells in (points, coarsen(points, 24)):
        near = NearBlocks.from_cells(cells, *UNCHANGED)
        assert sum(len(weights) for weights, _ in near.blocks) == len(cells)
        full, likelihoods = compute_expectation(prepare_blocks(cells, *UNCHANGED), model)
        found, total = near.compute_expectation(model)
        assert abs(likelihoods[0] - total[0]) <= MAX_LEFT_OUT * cells.total_weight
        np.testing.assert_allclose(found[:, 0], full[:, 0], rtol=MAX_LEFT_OUT)
        np.testing.assert_allclose(found, full, rtol=1e-5, atol=1e-7 * np.abs(full).max())


def test_nothing_overflows_where_a_block_is_much_wider_than_its_components(rng: np.random.Generator) -> None:
    means = rng.uniform(0, 1e4, size=(20, 3))
    model = MixtureModel(np.full(20, 0.05), means, np.ones((20, 3, 3)) + np.eye(3))
    cells = make_point_cells(means[rng.integers(20, size=300)] + rng.normal(size=(300, 3)))
    expected = compute_expectation(prepare_blocks(cells, *UNCHANGED), model)
    for found, full in zip(NearBlocks.from_cells(cells, *UNCHANGED).compute_expectation(model), expected, strict=True):
        np.testing.assert_allclose(found, full, rtol=1e-9, atol=1e-200)


def test_a_component_of_next_to_no_weight_keeps_its_cells(rng: np.random.Generator) -> None:
    means = rng.uniform(0, 100, size=(50, 3))
    weights = np.full(50, 1 / 50)
    weights[7], weights[9] = 1e-25, 1e-12
    means[9] = 130.0
    variances = np.full(50, 25.0)
    variances[7] = 400
    model = MixtureModel(weights / weights.sum(), means, variances[:, None, None] * np.eye(3))
    cells = make_point_cells(rng.uniform(0, 100, size=(6000, 3)))
    expected = compute_expectation(prepare_blocks(cells, *UNCHANGED), model)[0]
    assert expected[[7, 9], 0].max() < 1e-9
    found = NearBlocks.from_cells(cells, *UNCHANGED).compute_expectation(model)[0]
    np.testing.assert_allclose(found[[7, 9]], expected[[7, 9]], rtol=1e-6)


def test_the_likeliest_components_of_each_cell_are_among_those_of_its_block(rng: np.random.Generator) -> None:
    means = rng.uniform(0, 100, size=(60, 3))
    variances = rng.uniform(4, 60, size=(60, 3))
    model = MixtureModel(rng.dirichlet(np.full(60, 0.3)), means, variances[:, None] * np.eye(3))
    cells = coarsen(make_point_cells(rng.uniform(0, 100, size=(6000, 3))), 30)
    near = NearBlocks.from_cells(cells, *UNCHANGED)
    candidates, joint = near.find_candidates(model, 5), model.log_joint(cells)
    assert candidates.mean() < 0.9
    for rows, is_candidate in zip(near.rows, candidates.T, strict=True):
        assert is_candidate[np.argsort(-joint[rows], axis=1)[:, :5]].all()
