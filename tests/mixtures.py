"""Mixtures and data that several tests of the mixture room share."""

from __future__ import annotations

import numpy as np

from segment.mixture.cells import Cells, make_distinct_cells
from segment.mixture.model import MixtureModel


def make_random_model(rng: np.random.Generator, k: int, d: int, covariance_type: str = "full") -> MixtureModel:
    factors = rng.normal(size=(k, d, d))
    covariances = factors @ np.swapaxes(factors, 1, 2) + np.eye(d)
    if covariance_type == "tied":
        covariances = np.broadcast_to(covariances[0], (k, d, d))
    if covariance_type == "diag":
        covariances = covariances * np.eye(d)
    if covariance_type == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    return MixtureModel(rng.dirichlet(np.ones(k)), 3 * rng.normal(size=(k, d)), covariances, covariance_type)


def draw_three_blobs(rng: np.random.Generator, n: int = 400) -> np.ndarray:
    centers = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, -2.0], [-3.0, 5.0, 2.0]])
    spread = np.array([[1.0, 0.5, 2.0], [2.0, 1.0, 0.5], [0.5, 0.5, 0.5]])
    which = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return centers[which] + spread[which] * rng.normal(size=(n, 3))


def draw_overlapping_classes(
    rng: np.random.Generator, covariance_type: str, distance: float
) -> tuple[Cells, MixtureModel]:
    """Two classes that overlap much, on a fine grid of values, and a start that is far off."""
    X = rng.normal(size=(4000, 2))
    X[:1600] = X[:1600] * 0.8 + [distance, 0]
    covariances = np.repeat(np.eye(2)[None], 2, axis=0)
    start = MixtureModel(np.array([0.8, 0.2]), np.array([[0.0, 1.0], [1.0, -1.0]]), covariances, covariance_type)
    return make_distinct_cells(np.round(X, 1)), start
