"""Maps of a small copy, looked up at the pixels of the large image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Upsampled", "nearest"]

Planes = NDArray[np.float32]


class Upsampled:
    """Planes (k, h, w) interpolated linearly to an image of another shape (H, W)."""

    def __init__(self, planes: Planes, shape: tuple[int, int]) -> None:
        self._rows = np.ascontiguousarray(np.moveaxis(planes, 0, 2)).reshape(-1, len(planes))
        self._width = planes.shape[2]
        self._down, self._across = (_positions(n, m) for n, m in zip(planes.shape[1:], shape, strict=True))

    def at(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> Planes:
        """The values at some pixels of the large image, given by their rows (n,) and columns (n,): (n, k)."""
        (above, below, down), (left, right, across) = (
            [part[at] for part in axis] for axis, at in ((self._down, row), (self._across, column))
        )
        k = self._rows.shape[1]
        down, across = (
            share.repeat(k).reshape(-1, k) for share in (down, across)
        )  # broadcast, they take twice as long
        above, below = above * self._width, below * self._width
        upper, lower = (
            self._rows.take(row + left, axis=0) * (1 - across) + self._rows.take(row + right, axis=0) * across
            for row in (above, below)
        )
        return np.asarray(upper * (1 - down) + lower * down)


def nearest(n: int, m: int) -> NDArray[np.intp]:
    """For each of m pixels along an axis the one of n that its middle lies in: (m,)."""
    return (2 * np.arange(m) + 1) * n // (2 * m)


def _positions(n: int, m: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Planes]:
    """For each of m pixels along an axis the two of n that it lies between, and the share of the second."""
    at = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    first = np.minimum(at.astype(np.intp), max(n - 2, 0))
    return first, np.minimum(first + 1, n - 1), (at - first).astype(np.float32)
