"""Compare and match two partitions of the same pixels or cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.threads import IMPORT_LOCK

__all__ = ["assign_pairs", "compute_adjusted_rand_index", "compute_class_distances", "count_overlaps", "match_labels"]

Floats = NDArray[np.float64]

CHUNK_SIZE = 2**20  # pixels or cells counted at once


def count_overlaps(
    first: NDArray[np.integer], second: NDArray[np.integer], k: int, weights: NDArray[Any] | None = None
) -> Floats:
    """Count how much of each class of one partition lies in each class of the other.

    Parameters
    ----------
    first, second : ndarray of the same shape, integers 0..k - 1
        The class of each pixel or cell.
    k : int
        Number of classes.
    weights : ndarray of the same shape, optional
        1 by default.

    Returns
    -------
    ndarray of shape (k, k), float64
        Rows are the classes of `first`, columns those of `second`.
    """
    one, two = first.reshape(-1), second.reshape(-1)
    table = np.zeros(k * k)
    for start in range(0, one.size, CHUNK_SIZE):
        rows = slice(start, start + CHUNK_SIZE)
        share = None if weights is None else weights.reshape(-1)[rows]
        table += np.bincount(one[rows].astype(np.intp) * k + two[rows], weights=share, minlength=k * k)
    return table.reshape(k, k)


def compute_class_distances(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """Compute the Bhattacharyya distance of every Gaussian of one set from every one of another, in nats.

    Parameters
    ----------
    first, second : tuple of means (m, d) and covariances (m, d, d)

    Returns
    -------
    ndarray of shape (m of the first, m of the second), float64

    References
    ----------
    Bhattacharyya 1943, Bull. Calcutta Math. Soc. 35; for Gaussians Fukunaga 1990, Statistical Pattern Recognition.
    """
    # D = gap' C^-1 gap / 8 + log(det C / sqrt(det C1 det C2)) / 2, where C is the mean of the two covariances.
    gap = first[0][:, None] - second[0]
    middle = (first[1][:, None] + second[1]) / 2
    apart = np.einsum("ijd,ijd->ij", gap, np.linalg.solve(middle, gap[..., None])[..., 0]) / 8
    volumes = [np.linalg.slogdet(covariances)[1] for covariances in (first[1], second[1])]
    return np.asarray(apart + (np.linalg.slogdet(middle)[1] - (volumes[0][:, None] + volumes[1]) / 2) / 2)


def assign_pairs(costs: Floats, limit: float) -> NDArray[np.intp]:
    """Pair rows with columns so that the sum of the costs is least.

    No pair costs `limit` or more: leaving a row and a column without a partner counts as much as that.

    Parameters
    ----------
    costs : ndarray of shape (m, n), float, >= 0
        Cost of each pair.
    limit : float
        Cost of no pair.

    Returns
    -------
    ndarray of shape (m,), int
        The column of each row; -1 for none.

    Examples
    --------
    >>> assign_pairs(np.array([[0.1, 5.0], [0.2, 9.0]]), limit=3.0)
    array([ 0, -1])
    """
    # Loaded here and below: it takes as long as a small image, and most runs match nothing.
    with IMPORT_LOCK:
        from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.minimum(costs, limit))
    partners = np.full(len(costs), -1, dtype=np.intp)
    paired = costs[rows, columns] < limit
    partners[rows[paired]] = columns[paired]
    return partners


def compute_adjusted_rand_index(table: Floats) -> float:
    """Compute the adjusted Rand index of two partitions: 1 if they are the same, about 0 if they are independent.

    Parameters
    ----------
    table : ndarray of shape (k, k), float
        As :func:`count_overlaps` makes it.

    Returns
    -------
    float
        At most 1.

    References
    ----------
    Hubert & Arabie 1985, J. Classif. 2.

    Examples
    --------
    >>> compute_adjusted_rand_index(np.diag([3.0, 4.0]))
    1.0
    """

    def count_pairs(counts: Floats) -> float:
        return float((counts * (counts - 1) / 2).sum())

    together = count_pairs(table)
    rows, columns, everything = (
        count_pairs(table.sum(axis=1)),
        count_pairs(table.sum(axis=0)),
        count_pairs(table.sum(keepdims=True)),
    )
    if everything == 0:
        return 1.0
    expected = rows * columns / everything
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def match_labels(table: Floats) -> NDArray[np.intp]:
    """Match each class of the second partition (columns) to one of the first (rows), one to one.

    Parameters
    ----------
    table : ndarray of shape (k, k), float
        As :func:`count_overlaps` makes it.

    Returns
    -------
    ndarray of shape (k,), int
        The row of each column: the assignment with the largest overlap, by the Hungarian method (Kuhn 1955).

    Examples
    --------
    >>> match_labels(np.array([[1.0, 5.0], [6.0, 0.0]]))
    array([1, 0])
    """
    with IMPORT_LOCK:
        from scipy.optimize import linear_sum_assignment

    columns, rows = linear_sum_assignment(table.T, maximize=True)
    return np.asarray(rows[np.argsort(columns)], dtype=np.intp)
