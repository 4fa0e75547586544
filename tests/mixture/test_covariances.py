"""Covariance matrices of every type, their storage forms and the bound of their eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import make_random_model

from segment.mixture.covariances import (
    compress_covariances,
    constrain_covariances,
    expand_covariances,
    limit_eigenvalues,
)
from segment.mixture.model import COVARIANCE_TYPES


@pytest.mark.parametrize(
    ("covariance_type", "shape"), [("full", (4, 3, 3)), ("tied", (3, 3)), ("diag", (4, 3)), ("spherical", (4,))]
)
def test_storage_forms_have_the_shapes_of_scikit_learn_and_lead_back(
    covariance_type: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    covariances = make_random_model(rng, 4, 3, covariance_type).covariances
    compressed = compress_covariances(covariances, covariance_type)
    assert compressed.shape == shape
    np.testing.assert_array_equal(expand_covariances(compressed, covariance_type, 4, 3), covariances)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_matrices_of_their_type_are_left_alone(covariance_type: str, rng: np.random.Generator) -> None:
    covariances = make_random_model(rng, 4, 3, covariance_type).covariances
    np.testing.assert_allclose(constrain_covariances(covariances, covariance_type), covariances)


def test_constraints_zero_and_average() -> None:
    matrix = np.array([[[1.0, 0.5], [0.5, 3.0]]])
    assert constrain_covariances(matrix, "diag").tolist() == [[[1, 0], [0, 3]]]
    assert constrain_covariances(matrix, "spherical").tolist() == [[[2, 0], [0, 2]]]


def test_only_eigenvalues_below_the_bound_are_raised() -> None:
    usual = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert limit_eigenvalues(usual[None]) is not usual
    np.testing.assert_array_equal(limit_eigenvalues(usual[None])[0], usual)
    singular = np.array([[1.0, 1.0], [1.0, 1.0]])
    values, vectors = np.linalg.eigh(limit_eigenvalues(singular[None])[0])
    np.testing.assert_allclose(values, [1e-10, 2.0], rtol=1e-5)
    np.testing.assert_allclose(np.abs(vectors), np.sqrt(0.5))
