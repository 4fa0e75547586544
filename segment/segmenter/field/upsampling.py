"""Look up values of a small copy of an image at the pixels of the image.

Both have the same extent: pixel i of m covers the interval from ``i / m`` to ``(i + 1) / m`` of an axis, whatever m is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BilinearUpsampler", "find_nearest_pixels"]

Values = NDArray[np.float32]
Columns = NDArray[np.intp] | None

CHUNK_PIXELS = 2**16  # whose positions are computed at once
STRIP_VALUES = 2**20  # of the pixels of the copy that are computed at once
BLOCK_VALUES = 2**18  # interpolated at once
KEPT_STRIPS = 4  # two for each of two threads, as places go on from one to the next


class BilinearUpsampler:
    """Bilinear interpolation from the pixels of a small copy to those of an image.

    The values are computed in strips of rows when they are asked for, and only those of the last strips are kept: ask
    in the order of rows.

    Parameters
    ----------
    compute_values : callable
        Takes a slice of rows of the copy, of which first and last are given, and returns n values at each of their
        pixels, (rows, w, n), float32, and which of these each of the k values is, (k,), int: None for n = k in order.
    size : (int, int, int)
        Height and width of the copy, and k.
    shape : (int, int)
        Height and width of the image.

    Examples
    --------
    Two pixels with the values 0 and 8, looked up in an image of four pixels:

    >>> values = np.array([[[0], [8]]], np.float32)
    >>> upsampler = BilinearUpsampler(lambda rows: (values[rows], None), values.shape, (1, 4))
    >>> upsampler.interpolate(np.zeros(4, dtype=int), np.arange(4)).ravel()
    array([0., 2., 6., 8.], dtype=float32)
    """

    def __init__(
        self,
        compute_values: Callable[[slice], tuple[Values, Columns]],
        size: tuple[int, int, int],
        shape: tuple[int, int],
    ) -> None:
        self._height, self._width, self._n_values = size
        self._down, self._across = (_find_positions(n, m) for n, m in zip(size[:2], shape, strict=True))
        self._compute_values = compute_values
        self._strip_rows = max(1, STRIP_VALUES // max(1, self._width * self._n_values))
        self._strips: dict[int, tuple[Values, Columns]] = {}

    def take(self, pixels: NDArray[np.intp]) -> Values:
        """Take the values at pixels of the copy.

        Parameters
        ----------
        pixels : ndarray of shape (n,), int
            Their numbers in row order.

        Returns
        -------
        ndarray of shape (n, k), float32
        """
        found = np.empty((len(pixels), self._n_values), dtype=np.float32)
        for number, where in self._split(pixels // self._width):
            values, columns = self._compute_strip(number)
            first = number * self._strip_rows * self._width
            own = values.take(pixels[where] - first, axis=0)
            found[where] = own if columns is None else own.take(columns, axis=1)
        return found

    def interpolate(
        self, row: NDArray[np.intp], column: NDArray[np.intp], planes: NDArray[np.intp] | None = None
    ) -> Values:
        """Interpolate the values at some pixels of the image.

        Parameters
        ----------
        row, column : ndarray of shape (n,), int
            Places of the pixels in the image.
        planes : ndarray of shape (n, m), int, optional
            The planes, 0..k-1, that are asked for at each of the pixels; all by default.

        Returns
        -------
        ndarray of shape (n, k) or (n, m), float32
            The values at each of the pixels.
        """
        m = self._n_values if planes is None else planes.shape[1]
        found, step = np.empty((len(row), m), dtype=np.float32), max(1, BLOCK_VALUES // max(1, m))
        for start in range(0, len(row), step):
            block = slice(start, start + step)
            some_rows, some_columns, out = row[block], column[block], found[block]
            some_planes = None if planes is None else planes[block]
            for number, where in self._split(self._down[0][some_rows]):
                own = None if some_planes is None else some_planes[where]
                out[where] = self._interpolate_in_strip(number, some_rows[where], some_columns[where], own)
        return found

    def _interpolate_in_strip(
        self, number: int, row: NDArray[np.intp], column: NDArray[np.intp], planes: NDArray[np.intp] | None
    ) -> Values:
        """Interpolate the values at pixels of the image whose upper neighbors in the copy lie in one strip."""
        above, down = self._down[0][row], self._down[1][row]
        left, across = self._across[0][column], self._across[1][column]
        values, columns = self._compute_strip(number)
        n = values.shape[1]
        at = (above - number * self._strip_rows).astype(np.intp) * self._width + left
        # A copy of one row or column has no pixels below or to the right.
        right, below = int(self._width > 1), self._width * (self._height > 1)
        if planes is not None:
            chosen = planes if columns is None else columns.take(planes)
            at, right, below, values = (at * n)[:, None] + chosen, right * n, below * n, values.reshape(-1, 1)
        # Repeated and not broadcast along the values, which takes twice as long.
        m = n if planes is None else planes.shape[1]
        down, across = (share.repeat(m).reshape(-1, m) for share in (down, across))

        def interpolate_across() -> Values:
            """Interpolate between the pixels that `at` points to and those to the right of them."""
            ends = (part.take(at, axis=0).reshape(-1, m) for part in (values, values[right:]))
            return np.asarray(next(ends) * (1 - across) + next(ends) * across)

        upper = interpolate_across()
        at += below
        found = np.asarray(upper * (1 - down) + interpolate_across() * down)
        return found if planes is not None or columns is None else found.take(columns, axis=1)

    def _compute_strip(self, number: int) -> tuple[Values, Columns]:
        """Compute the values of the pixels of a strip and of the row below it, or take those that are kept.

        Returned are n values of each pixel, (pixels, n), and which of these each of the k values is, (k,).
        """
        strip = self._strips.get(number)
        if strip is None:
            start, stop = number * self._strip_rows, (number + 1) * self._strip_rows + 1
            # The values of a pixel lie side by side: they are always looked up together.
            values, columns = self._compute_values(slice(start, min(stop, self._height)))
            strip = values.reshape(-1, values.shape[2]), columns
            # Several threads ask: the oldest may be gone already.
            for old in list(self._strips)[: 1 - KEPT_STRIPS]:
                self._strips.pop(old, None)
            self._strips[number] = strip
        return strip

    def _split(self, rows: NDArray[np.integer[Any]]) -> list[tuple[int, slice | NDArray[np.intp]]]:
        """Split rows of the copy, (n,), by strips: the number of each strip, and where its rows are."""
        first, last = (int(end) // self._strip_rows for end in (rows.min(), rows.max())) if rows.size else (0, 0)
        if first == last:
            return [(first, slice(None))]
        numbers = rows // self._strip_rows
        found = ((number, np.flatnonzero(numbers == number)) for number in range(first, last + 1))
        return [(number, where) for number, where in found if where.size]


def find_nearest_pixels(n: int, m: int) -> NDArray[np.intp]:
    """Find, along an axis, the pixel of a small copy in which the middle of each pixel of the image lies.

    Parameters
    ----------
    n, m : int
        Pixels of the copy, and of the image.

    Returns
    -------
    ndarray of shape (m,), int
        Indices 0..n-1.

    Examples
    --------
    >>> find_nearest_pixels(2, 5)
    array([0, 0, 1, 1, 1])
    """
    # floor((i + 1 / 2) * n / m), in whole numbers. In place: an axis may have as many pixels as the image.
    nearest = np.arange(1, 2 * m, 2)
    nearest *= n
    nearest //= 2 * m
    return nearest


def _find_positions(n: int, m: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find which two pixels of n each of m pixels along an axis lies between: the first, and the second's weight."""
    # In parts: an axis may have as many pixels as the image.
    first, weight = np.empty(m, np.int32), np.empty(m, np.float32)
    for start in range(0, m, CHUNK_PIXELS):
        part = slice(start, min(start + CHUNK_PIXELS, m))
        # In units of the copy's pixels, whose middles lie at whole numbers. Beyond the outermost middles there is no
        # neighbor to interpolate with, so positions are clipped to them.
        position = np.clip((np.arange(part.start, part.stop) + 0.5) * n / m - 0.5, 0, n - 1)
        first[part] = np.minimum(position, max(n - 2, 0))
        weight[part] = position - first[part]
    return first, weight
