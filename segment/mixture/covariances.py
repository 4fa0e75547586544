"""Covariance matrices: constrain them to their type, bound their eigenvalues, and convert between storage forms.

The M-step computes sums of squares around the mean of all data, so a component that is narrow in a wide range loses
digits. No component therefore gets a standard deviation below 1e-5 of that of the data. Such a component is still
distinguished from the others. Densities under a given mixture have no such limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MANY_MATRICES",
    "MIN_EIGENVALUE",
    "compress_covariances",
    "constrain_covariances",
    "expand_covariances",
    "limit_eigenvalues",
]


Floats = NDArray[np.float64]

MIN_EIGENVALUE = 1e-10
"""Smallest eigenvalue, as a share of the data's variance: anything smaller cannot be distinguished from rounding."""

MANY_MATRICES = 64
"""Matrices from which on it is faster to eliminate or invert all at once: LAPACK takes one after the other."""


def constrain_covariances(covariances: Floats, covariance_type: str) -> Floats:
    """Set to zero, or average, the entries that a covariance type does not leave free.

    Parameters
    ----------
    covariances : ndarray of shape (k, d, d), float64
    covariance_type : {"full", "tied", "diag", "spherical"}
        "full" and "tied" change nothing here: tied matrices are pooled by the M-step.

    Returns
    -------
    ndarray of shape (k, d, d), float64
    """
    d = covariances.shape[-1]
    if covariance_type == "diag":
        return covariances * np.eye(d)
    if covariance_type == "spherical":
        return np.asarray(np.trace(covariances, axis1=1, axis2=2)[:, None, None] / d * np.eye(d))
    return covariances


def limit_eigenvalues(covariances: Floats) -> Floats:
    """Raise the eigenvalues that are below the smallest one allowed, and keep the eigenvectors.

    Of all matrices within this bound, the result has the highest likelihood.

    Parameters
    ----------
    covariances : ndarray of shape (k, d, d), float64
        Of data whose features have variance 1.

    Returns
    -------
    ndarray of shape (k, d, d), float64
    """
    # Nearly always nothing has to change. Elimination shows it in a small part of the time of the eigenvalues.
    if _are_positive_definite(covariances - MIN_EIGENVALUE * np.eye(covariances.shape[-1])):
        return covariances
    values, vectors = np.linalg.eigh(covariances)
    return np.asarray((vectors * np.maximum(values, MIN_EIGENVALUE)[:, None, :]) @ np.swapaxes(vectors, 1, 2))


def _are_positive_definite(matrices: Floats) -> bool:
    """Check whether symmetric matrices (k, d, d) are positive definite: whether their pivots are positive."""
    if len(matrices) < MANY_MATRICES:
        try:
            np.linalg.cholesky(matrices)
        except np.linalg.LinAlgError:
            return False
        return True
    # Matrices last: each operation is one loop over all of them.
    left = matrices.transpose(1, 2, 0).copy()
    for i in range(len(left)):
        pivot = left[i, i]
        if not (pivot > 0).all():
            return False
        left[i + 1 :, i + 1 :] -= left[i + 1 :, i, None] * (left[i, i + 1 :] / pivot)
    return True


def compress_covariances(matrices: Floats, covariance_type: str) -> Floats:
    """Keep only the free entries of full matrices, in the shapes that scikit-learn uses.

    Parameters
    ----------
    matrices : ndarray of shape (k, d, d), float64
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    ndarray of shape (k, d, d), (d, d), (k, d) or (k,), float64
        For full, tied, diag and spherical matrices in turn.

    Examples
    --------
    >>> import numpy as np
    >>> compress_covariances(np.array([[[1.0, 0.0], [0.0, 4.0]]]), "diag")
    array([[1., 4.]])
    """
    if covariance_type == "tied":
        return np.asarray(matrices[0])
    # Off-diagonal entries of diagonal and spherical matrices are zero and are not kept.
    diagonals = np.diagonal(matrices, axis1=1, axis2=2)
    return np.asarray({"full": matrices, "diag": diagonals, "spherical": diagonals[:, 0]}[covariance_type])


def expand_covariances(compressed: ArrayLike, covariance_type: str, k: int, d: int) -> Floats:
    """Restore the full matrices: the inverse of :func:`compress_covariances`.

    Parameters
    ----------
    compressed : array_like of shape (k, d, d), (d, d), (k, d) or (k,)
        For full, tied, diag and spherical matrices in turn.
    covariance_type : {"full", "tied", "diag", "spherical"}
    k, d : int
        Numbers of components and of features.

    Returns
    -------
    ndarray of shape (k, d, d), float64
    """
    array = np.asarray(compressed, dtype=np.float64)
    if covariance_type == "tied":
        return np.broadcast_to(array, (k, d, d))
    if covariance_type == "diag":
        return array[:, :, None] * np.eye(d)
    if covariance_type == "spherical":
        return array[:, None, None] * np.eye(d)
    return array
