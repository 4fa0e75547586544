"""What covariance matrices may be: of their type, and never so small that rounding decides.

The M-step's sums of squares are those around the mean of all data, so what is narrow in a wide range loses digits: a
component has no standard deviation below a hundred thousandth of that of the data, however narrow it is. It is still
told from others. Densities under a given mixture have no such limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["constrained", "floored", "shaped", "whole"]


Floats = NDArray[np.float64]
# Covariances have no eigenvalue below this share of the data's own variance: less cannot be told from rounding.
_FLOOR = 1e-10


def constrain_covariances(covariances: Floats, covariance_type: str) -> Floats:
    """The covariances (k, d, d) with what their type does not allow taken out."""
    d = covariances.shape[-1]
    if covariance_type == "diag":
        return covariances * np.eye(d)
    if covariance_type == "spherical":
        return np.asarray(np.trace(covariances, axis1=1, axis2=2)[:, None, None] / d * np.eye(d))
    return covariances


def limit_eigenvalues(covariances: Floats) -> Floats:
    """The covariances, of data of unit variances, with no eigenvalue below the floor: the best under that bound."""
    try:  # in a third of the time that the eigenvalues take
        np.linalg.cholesky(covariances - _FLOOR * np.eye(covariances.shape[-1]))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariances)
    else:
        return covariances
    return np.asarray((vectors * np.maximum(values, _FLOOR)[:, None, :]) @ np.swapaxes(vectors, 1, 2))


def compress_covariances(matrices: Floats, covariance_type: str) -> Floats:
    """Whole matrices (k, d, d) as (k, d, d), (d, d), (k, d) or (k,) for full, tied, diag and spherical ones."""
    if covariance_type == "tied":
        return np.asarray(matrices[0])
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    return np.asarray({"full": matrices, "diag": diagonals, "spherical": diagonals[:, 0]}[covariance_type])


def expand_covariances(given: ArrayLike, covariance_type: str, k: int, d: int) -> Floats:
    """The whole matrices (k, d, d) of what :func:`compress_covariances` gives."""
    array = np.asarray(given, dtype=np.float64)
    return {
        "full": lambda: array,
        "tied": lambda: np.broadcast_to(array, (k, d, d)),
        "diag": lambda: array[:, :, None] * np.eye(d),
        "spherical": lambda: array[:, None, None] * np.eye(d),
    }[covariance_type]()
