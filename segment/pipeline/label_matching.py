"""How far two divisions of the same things agree, and which class of one is which of the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["adjusted_rand_index", "assignment", "contingency", "distances", "matching"]

Floats = NDArray[np.float64]

_BLOCK = 2**20  # things counted at once


def contingency(
    first: NDArray[np.integer], second: NDArray[np.integer], k: int, weights: NDArray[Any] | None = None
) -> Floats:
    """How much of each class of one division lies in each class of the other.

    Parameters
    ----------
    first, second : ndarray of the same shape, integers 0..k - 1
    k : int
    weights : ndarray of the same shape, optional
        1 by default.

    Returns
    -------
    ndarray of shape (k, k), float64
        Rows are the classes of `first`, columns those of `second`.
    """
    one, two = first.reshape(-1), second.reshape(-1)
    table = np.zeros(k * k)
    for start in range(0, one.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        share = None if weights is None else weights.reshape(-1)[rows]
        table += np.bincount(one[rows].astype(np.intp) * k + two[rows], weights=share, minlength=k * k)
    return table.reshape(k, k)


def distances(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """Bhattacharyya distance of every Gaussian of one set from every one of another, in nats.

    Bhattacharyya 1943, Bull. Calcutta Math. Soc. 35; for Gaussians Fukunaga 1990, Statistical Pattern Recognition.

    Parameters
    ----------
    first, second : tuple of means (m, d) and covariances (m, d, d)

    Returns
    -------
    ndarray of shape (m of the first, m of the second), float64
    """
    gap = first[0][:, None] - second[0]
    middle = (first[1][:, None] + second[1]) / 2
    apart = np.einsum("ijd,ijd->ij", gap, np.linalg.solve(middle, gap[..., None])[..., 0]) / 8
    volumes = [np.linalg.slogdet(covariances)[1] for covariances in (first[1], second[1])]
    return np.asarray(apart + (np.linalg.slogdet(middle)[1] - (volumes[0][:, None] + volumes[1]) / 2) / 2)


def assignment(costs: Floats, limit: float) -> NDArray[np.intp]:
    """For each row the column that it is paired with, -1 for none: the pairs of least cost in all.

    No pair costs `limit` or more; leaving a row and a column without a partner counts as much as that.

    Parameters
    ----------
    costs : ndarray of shape (m, n), not below 0
    limit : float
    """
    rows, columns = linear_sum_assignment(np.minimum(costs, limit))
    partners = np.full(len(costs), -1, dtype=np.intp)
    paired = costs[rows, columns] < limit
    partners[rows[paired]] = columns[paired]
    return partners


def adjusted_rand_index(table: Floats) -> float:
    """Agreement of two divisions by pairs of things: 1 if they are the same, about 0 if they are independent.

    Hubert & Arabie 1985, J. Classif. 2, from a table as :func:`contingency` makes it.
    """

    def pairs(counts: Floats) -> float:
        return float((counts * (counts - 1) / 2).sum())

    together = pairs(table)
    rows, columns, everything = pairs(table.sum(axis=1)), pairs(table.sum(axis=0)), pairs(table.sum(keepdims=True))
    if everything == 0:
        return 1.0
    expected = rows * columns / everything
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def matching(table: Floats) -> NDArray[np.intp]:
    """For each class of the second division (columns) the class of the first that it shares most with, one to one.

    The assignment (k,) with the largest sum, found by the Hungarian method (Kuhn 1955).
    """
    columns, rows = linear_sum_assignment(table.T, maximize=True)
    return np.asarray(rows[np.argsort(columns)], dtype=np.intp)
