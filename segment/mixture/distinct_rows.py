"""Find equal rows of an array: by sorting them, or, for whole numbers, by one integer code of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import count_codes

__all__ = ["count_integer_rows", "sort_equal_rows"]

Floats = NDArray[np.float64]

# Whole numbers below this are exact in double precision; and codes are below this, which 64 bits hold.
MAX_INTEGER, MAX_CODES = 2.0**53, 2.0**63


def sort_equal_rows(rows: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort rows, so that equal ones are beside each other.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float64
        NaN equals NaN.

    Returns
    -------
    order : ndarray of shape (n,), int
        The order that sorts the rows by their first column, then by the second, and so on; equal rows stay in order.
    starts : ndarray of shape (m,), int
        Where in it each group of equal rows begins.
    """
    order = np.lexsort(rows.T[::-1])
    placed = rows[order]
    # NaN equals NaN here.
    differ = (placed[1:] != placed[:-1]) & ~(np.isnan(placed[1:]) & np.isnan(placed[:-1]))
    return order, np.flatnonzero(np.r_[np.ones(min(1, len(rows)), dtype=bool), differ.any(axis=1)])


def count_integer_rows(rows: Floats) -> tuple[Floats, Floats] | None:
    """Count equal rows of whole numbers, such as the pixels of an image: a tenth of the time of sorting the rows.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float64
        n and d at least 1.

    Returns
    -------
    distinct : ndarray of shape (m, d), float64
        The distinct rows, sorted as by :func:`sort_equal_rows`.
    counts : ndarray of shape (m,), float64
        How many there are of each.
    None
        In place of both where a number is not whole, not finite, or too large for the codes.

    Examples
    --------
    >>> distinct, counts = count_integer_rows(np.array([[2.0, 1.0], [0.0, 5.0], [2.0, 1.0]]))
    >>> distinct.tolist(), counts.tolist()
    ([[0.0, 5.0], [2.0, 1.0]], [1.0, 2.0])
    >>> count_integer_rows(np.array([[0.5]])) is None
    True
    """
    columns = np.ascontiguousarray(rows.T)
    low, high = columns.min(axis=1), columns.max(axis=1)
    sizes = high - low + 1
    n_codes = float(np.prod(sizes))
    # Not for infinite or missing numbers, with which the comparisons are false.
    if not (n_codes <= MAX_CODES and np.abs([low, high]).max() < MAX_INTEGER):
        return None
    # A code is below the number of codes, and so is each of its digits; 32 bits are counted faster.
    dtype = np.dtype(np.uint32 if n_codes < 2**32 else np.uint64)
    codes: NDArray[Any] = np.zeros(len(rows), dtype)
    # The first column is the highest digit of the code: the order of the codes is that of the rows.
    for column, least, size in zip(columns, low, sizes, strict=True):
        digits = (column - least).astype(dtype)
        if least != np.rint(least) or (digits != column - least).any():
            return None
        codes *= dtype.type(size)
        codes += digits
    left, counts = count_codes(codes)
    distinct = np.empty((len(left), len(columns)))
    for number in reversed(range(len(columns))):
        left, digits = np.divmod(left, dtype.type(sizes[number]))
        distinct[:, number] = low[number] + digits
    return distinct, counts.astype(np.float64)
