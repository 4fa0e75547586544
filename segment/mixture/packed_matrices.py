"""Symmetric matrices packed as their upper triangles, row by row."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["get_triangle_indices", "pack", "unpack"]

Floats = NDArray[np.float64]


def pack(matrices: ArrayLike) -> Floats:
    """Pack the upper triangles of symmetric matrices, row by row.

    Parameters
    ----------
    matrices : array_like of shape (..., d, d)

    Returns
    -------
    ndarray of shape (..., d * (d + 1) / 2), float64

    Examples
    --------
    >>> pack([[1, 2], [2, 5]])
    array([1., 2., 5.])
    """
    full = np.asarray(matrices, dtype=np.float64)
    rows, columns = get_triangle_indices(full.shape[-1])
    return np.asarray(full[..., rows, columns])


def unpack(triangles: Floats) -> Floats:
    """Unpack upper triangles to symmetric matrices: the inverse of :func:`pack`.

    Parameters
    ----------
    triangles : ndarray of shape (..., d * (d + 1) / 2), float64

    Returns
    -------
    ndarray of shape (..., d, d), float64
    """
    # d (d + 1) lies between d**2 and (d + 1)**2.
    d = math.isqrt(2 * triangles.shape[-1])
    rows, columns = get_triangle_indices(d)
    full = np.empty((*triangles.shape[:-1], d, d))
    full[..., rows, columns] = triangles
    full[..., columns, rows] = triangles
    return full


@cache
def get_triangle_indices(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of an upper triangle; cached, as small matrices are packed often.

    Parameters
    ----------
    d : int
        Rows of the matrix.

    Returns
    -------
    rows, columns : ndarray of shape (d * (d + 1) / 2,), int
    """
    return np.triu_indices(d)
