"""Counts of each color over many parts of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import find_runs, pack_codes, unpack_codes

__all__ = ["ColorCounts", "sum_counts"]


class ColorCounts:
    """Counts of each color over many parts of an image that is too large for memory.

    Parameters
    ----------
    dtype : {"uint8", "uint16"}
        Data type of the colors.
    n_channels : int
        Number of channels; a color has at most 24 bits.
    """

    def __init__(self, dtype: str, n_channels: int) -> None:
        self._dtype = np.dtype(dtype)
        self._bits = 8 * self._dtype.itemsize
        self._n_channels = n_channels
        self._counts = np.zeros(2 ** (self._bits * n_channels), dtype=np.int64)

    def add(self, colors: NDArray[Any], counts: NDArray[np.int64]) -> None:
        """Add the counts of some colors.

        Parameters
        ----------
        colors : ndarray of shape (m, n_channels), unsigned integers
            Distinct colors.
        counts : ndarray of shape (m,), int64
            Number of pixels of each color.
        """
        self._counts[pack_codes(colors, self._bits)] += counts

    def iterate_parts(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """Iterate over the distinct colors and their counts, in one part.

        Yields
        ------
        colors : ndarray of shape (m, n_channels), unsigned integers
            In ascending order of their codes.
        counts : ndarray of shape (m,), int64
            Number of pixels of each color.
        """
        codes = np.flatnonzero(self._counts)
        yield unpack_codes(codes, self._bits, self._n_channels).astype(self._dtype), self._counts[codes]

    def make_lookup(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Make a lookup table of a function of the color.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m,).

        Returns
        -------
        callable
            Takes counted colors, (m, n_channels), and returns the values of the function, (m,).
        """
        ((colors, _),) = self.iterate_parts()
        known = function(colors)
        values = np.zeros(len(self._counts), dtype=known.dtype)
        values[pack_codes(colors, self._bits)] = known
        bits = self._bits
        return lambda asked: values.take(pack_codes(asked, bits))


def sum_counts(
    parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Add up the counts of colors over parts.

    Parameters
    ----------
    parts : iterable of (colors, counts)
        At least one pair of arrays, of shape (m, c) and (m,), as an index of colors yields them. A color has at most 64
        bits.

    Returns
    -------
    colors : ndarray of shape (m, c), unsigned integers
        Each color once, in ascending order of their codes.
    counts : ndarray of shape (m,), int64
        Their counts.

    Examples
    --------
    >>> parts = [(np.array([[1], [5]], np.uint8), np.array([2, 1])), (np.array([[5]], np.uint8), np.array([4]))]
    >>> colors, counts = sum_counts(parts)
    >>> colors.tolist(), counts.tolist()
    ([[1], [5]], [2, 5])
    """
    colors, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    codes = pack_codes(colors, 8 * colors.dtype.itemsize)
    order = np.argsort(codes, kind="stable")
    _, starts = find_runs(codes[order])
    return colors[order[starts]], np.add.reduceat(counts[order], starts) if counts.size else counts
