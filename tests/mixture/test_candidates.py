"""Merging of components against closed forms, and mixtures of several sizes and shrinkages."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.candidates import (
    coarsen_to_few,
    fit_nested_mixtures,
    fit_shrunk_mixtures,
    merge_closest_components,
)
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.levels import Levels
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import Prior

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [9.0, 1.0], [10.0, 3.0]])
COVARIANCES = np.array([[[1.0, 0.2], [0.2, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [[1.0, -0.3], [-0.3, 2.0]]])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_closest_two_components_are_merged_with_their_moments(
    covariance_type: str, rng: np.random.Generator
) -> None:
    """Cells that are the components themselves, far apart: the merged one has their joint mean and covariance."""
    means = 100 * MEANS
    cells = Cells(1000 * WEIGHTS, means, pack(COVARIANCES))
    start = MixtureModel(WEIGHTS, means, np.repeat(np.eye(2)[None], 3, axis=0), covariance_type)
    found = merge_closest_components(cells, start, Prior(np.eye(2), 0.0, np.zeros(2)))
    np.testing.assert_allclose(found.weights, [0.5, 0.5])
    np.testing.assert_allclose(found.means, [means[0], 0.6 * means[1] + 0.4 * means[2]], atol=1e-9)
    if covariance_type == "full":
        gaps = means[1] - means[2]
        joint = 0.6 * COVARIANCES[1] + 0.4 * COVARIANCES[2] + 0.24 * np.outer(gaps, gaps)
        np.testing.assert_allclose(found.covariances, [COVARIANCES[0], joint], rtol=1e-6, atol=1e-6)
    assert found.covariance_type == covariance_type


def test_an_empty_component_is_merged_first(rng: np.random.Generator) -> None:
    weights = np.array([0.6, 0.4, 0.0])
    found = merge_closest_components(
        make_point_cells(MEANS), MixtureModel(weights, MEANS, COVARIANCES), Prior(np.eye(2), 0.0, np.zeros(2))
    )
    assert found.n_components == 2
    assert (found.weights > 0.3).all()


def test_few_cells_are_left_as_they_are_and_many_are_coarsened(rng: np.random.Generator) -> None:
    many = make_point_cells(rng.normal(size=(3000, 2)))
    few = coarsen_to_few(many, 5)
    assert 64 <= len(few) < 2048
    assert coarsen_to_few(few, 5) is few


def test_many_cells_with_few_distinct_values_are_coarsened_to_these(rng: np.random.Generator) -> None:
    few = coarsen_to_few(make_point_cells(rng.normal(size=(4, 7)).repeat(1000, axis=0)), 12)
    assert len(few) == 4
    assert few.weights.tolist() == [1000] * 4


def test_far_values_do_not_leave_too_few_cells(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3000, 1))
    values[0] = 1e6
    assert len(coarsen_to_few(make_point_cells(values), 200)) >= 400


def test_nested_mixtures_come_in_the_order_of_their_numbers(rng: np.random.Generator) -> None:
    cells = make_point_cells(np.concatenate([rng.normal(center, 1, (100, 1)) for center in (0, 20, 40)]))
    models = fit_nested_mixtures(cells, [1, 3, 4])
    assert [model.n_components for model in models] == [1, 3, 4]
    np.testing.assert_allclose(np.sort(models[1].means.ravel()), [0, 20, 40], atol=0.5)


def test_stronger_shrinkage_makes_covariances_more_alike(rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(0, 1, (100, 1)), rng.normal(40, 5, (100, 1))])
    levels = Levels.from_cells(make_point_cells(X), 2)
    models = fit_shrunk_mixtures(levels, [0.01, 1.0, 100.0], covariance_type="full", init="mixed")
    ratios = [model.covariances.max() / model.covariances.min() for model in models]
    assert ratios[0] > 10
    assert ratios[0] > ratios[1] > ratios[2]
    assert ratios[2] < 1.1


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_the_quick_mixtures_equal_full_fits(covariance_type: str, rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(7, 2, (200, 2)), rng.normal((-6, 5), 0.5, (100, 2))])
    cells, metric = make_point_cells(X), np.eye(2)
    levels = Levels.from_cells(cells, 3, metric)
    found = fit_shrunk_mixtures(levels, (0.5, 20.0), covariance_type=covariance_type, init="mixed")
    for shrinkage, model in zip((0.5, 20.0), found, strict=True):
        full = fit_mixture(cells, 3, shrinkage=shrinkage, metric=metric, covariance_type=covariance_type).model
        order, other = np.argsort(model.means[:, 0]), np.argsort(full.means[:, 0])
        np.testing.assert_allclose(model.means[order], full.means[other], atol=0.05)
        np.testing.assert_allclose(model.covariances[order], full.covariances[other], rtol=0.1, atol=0.1)
