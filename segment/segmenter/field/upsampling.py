"""Look up values of a small copy of an image at the pixels of the image.

Both have the same extent: pixel i of m covers the interval from ``i / m`` to ``(i + 1) / m`` of an axis, whatever m is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BilinearUpsampler", "find_nearest_pixels"]

Planes = NDArray[np.float32]

CHUNK_PIXELS = 2**16  # whose positions are computed at once


class BilinearUpsampler:
    """Bilinear interpolation from the pixels of a small copy to those of an image.

    Parameters
    ----------
    planes : ndarray of shape (k, h, w), float32
        k values at each pixel of the copy.
    shape : (int, int)
        Height and width of the image.

    Examples
    --------
    Two pixels with the values 0 and 8, looked up in an image of four pixels:

    >>> upsampler = BilinearUpsampler(np.array([[[0, 8]]], np.float32), (1, 4))
    >>> upsampler.interpolate(np.zeros(4, dtype=int), np.arange(4)).ravel()
    array([0., 2., 6., 8.], dtype=float32)
    """

    def __init__(self, planes: Planes, shape: tuple[int, int]) -> None:
        # The k values of a pixel lie side by side: they are always looked up together.
        self._values = np.ascontiguousarray(np.moveaxis(planes, 0, 2)).reshape(-1, len(planes))
        self._height, self._width = planes.shape[1:]
        self._down, self._across = (_find_positions(n, m) for n, m in zip(planes.shape[1:], shape, strict=True))

    def take(self, pixels: NDArray[np.intp]) -> Planes:
        """Take the values at pixels of the copy.

        Parameters
        ----------
        pixels : ndarray of shape (n,), int
            Their numbers in row order.

        Returns
        -------
        ndarray of shape (n, k), float32
        """
        return self._values.take(pixels, axis=0)

    def interpolate(
        self, row: NDArray[np.intp], column: NDArray[np.intp], planes: NDArray[np.intp] | None = None
    ) -> Planes:
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
        (above, down), (left, across) = (
            [part[at] for part in axis] for axis, at in ((self._down, row), (self._across, column))
        )
        below, right = np.minimum(above + 1, self._height - 1), np.minimum(left + 1, self._width - 1)
        # Repeated and not broadcast along the values, which takes twice as long.
        k = self._values.shape[1]
        m = k if planes is None else planes.shape[1]
        down, across = (share.repeat(m).reshape(-1, m) for share in (down, across))
        above, below = above * self._width, below * self._width

        def take(pixels: NDArray[np.integer[Any]]) -> Planes:
            """Take the values of these pixels of the copy."""
            if planes is None:
                return self._values.take(pixels, axis=0)
            return self._values.reshape(-1).take((pixels.astype(np.intp) * k)[:, None] + planes)

        upper, lower = (take(start + left) * (1 - across) + take(start + right) * across for start in (above, below))
        return np.asarray(upper * (1 - down) + lower * down)


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
