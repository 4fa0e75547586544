"""The random field of an image: features in units of the classes, and edges, which weaken it."""

from __future__ import annotations

import numpy as np

from segment import Image
from segment.mixture.model import MixtureModel
from segment.segmenter.field.edge_field import build_field, compute_edge_strengths, compute_whitening_matrix


def test_whitened_features_have_variance_one_within_the_components(rng: np.random.Generator) -> None:
    A = rng.normal(size=(3, 3))
    covariances = np.stack([A @ A.T + np.eye(3)] * 2)
    model = MixtureModel(np.array([0.3, 0.7]), np.zeros((2, 3)), covariances)
    whiten = compute_whitening_matrix(model)
    np.testing.assert_allclose(whiten.T @ covariances[0] @ whiten, np.eye(3), atol=1e-9)


def test_an_edge_is_strong_and_a_flat_area_is_none() -> None:
    step = np.zeros((1, 20, 30), dtype=np.float32)
    step[:, :, 15:] = 10  # ten standard deviations
    strength = compute_edge_strengths(step, np.ones((20, 30), bool))
    assert (strength[:, 14:16] > 1).all()
    assert (strength[:, :11] == 0).all()


def test_invalid_pixels_make_no_edge() -> None:
    step = np.zeros((1, 20, 30), dtype=np.float32)
    step[:, :, 15:] = 10
    valid = np.ones((20, 30), bool)
    valid[:, 15:] = False
    assert (compute_edge_strengths(step, valid)[:, 12:] == 0).all()


def test_the_field_is_weak_across_an_edge() -> None:
    image = Image.from_array(np.zeros((20, 30), np.uint8))
    step = np.zeros((1, 20, 30), dtype=np.float32)
    step[:, :, 15:] = 10
    weights = build_field(image, step, 12.0).pixel_weights
    assert weights[:, 15].max() < 0.5 < weights[:, 5].min()
