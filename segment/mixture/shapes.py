"""Matrices in the shapes that scikit-learn gives those of each covariance type."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["shaped", "whole"]

Floats = NDArray[np.float64]


def shaped(matrices: Floats, covariance_type: str) -> Floats:
    """Whole matrices (k, d, d) as (k, d, d), (d, d), (k, d) or (k,) for full, tied, diag and spherical ones."""
    if covariance_type == "tied":
        return np.asarray(matrices[0])
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    return np.asarray({"full": matrices, "diag": diagonals, "spherical": diagonals[:, 0]}[covariance_type])


def whole(given: ArrayLike, covariance_type: str, k: int, d: int) -> Floats:
    """The whole matrices (k, d, d) of what :func:`shaped` gives."""
    array = np.asarray(given, dtype=np.float64)
    return {
        "full": lambda: array,
        "tied": lambda: np.broadcast_to(array, (k, d, d)),
        "diag": lambda: array[:, :, None] * np.eye(d),
        "spherical": lambda: array[:, None, None] * np.eye(d),
    }[covariance_type]()
