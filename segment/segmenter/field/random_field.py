"""A hidden Markov random field (Potts model) over the classes of pixels: neighbors are more likely to share a class.

The labels z have the log probability, up to a constant, of ``sum_i log p(z_i, x_i) + sum_(i<j) w_ij [z_i = z_j]`` with
``w_ij = smoothness * a_i * a_j * g(i - j)``. The kernel g is a binomial one, close to a Gaussian, without its center,
and sums to 1; a is the weight of a pixel in the field: 0 where it is not valid, less at a strong edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["Margins", "RandomField", "compute_pixel_weights", "split_rows"]

Planes = NDArray[np.float32]
Margins = tuple[Planes, Planes]

_STRIP_ROWS = 96  # updated at once, so that their planes stay in the cache
_STRIP_VALUES, _MIN_STRIP_ROWS = 2**20, 8  # of many classes, fewer rows


@dataclass(frozen=True)
class RandomField:
    """The neighborhoods of the pixels of one image, and their weights.

    Attributes
    ----------
    pixel_weights : ndarray of shape (H, W), float32, 0 to 1
        Weight of each pixel in the field, as a neighbor and for its neighbors. A pixel of weight 0 has no neighbors.
    smoothness : float, >= 0
        Log odds (nats) that neighbors all of one class give a pixel for that class. Raised: larger, rounder regions.
    reach : int, >= 1
        Neighbors are at most this many rows and columns away. Their weights are close to those of a Gaussian of
        standard deviation ``sqrt(reach / 2)`` pixels.
    """

    pixel_weights: Planes
    smoothness: float
    reach: int

    @cached_property
    def taps(self) -> Planes:
        """The kernel along one axis with its center, shape (2 * reach + 1,): its outer product sums to 1."""
        n = 2 * self.reach
        return np.array([comb(n, i) for i in range(n + 1)], dtype=np.float32) / np.float32(2.0**n)

    @property
    def center_weight(self) -> float:
        """Weight of the center of the kernel, which is taken out, as a share of what is left."""
        middle = float(self.taps[self.reach]) ** 2
        return middle / (1 - middle)

    def compute_neighbor_log_odds(self, q: Planes) -> Planes:
        """Compute what the neighbors of each pixel add to the log odds of its classes.

        Parameters
        ----------
        q : ndarray of shape (k, H, W), float32
            Posteriors of the k classes at each pixel.

        Returns
        -------
        ndarray of shape (k, H, W), float32
            In nats, 0 to `smoothness`; 0 where a pixel has no neighbors.

        Examples
        --------
        All neighbors of the middle pixel are surely of the only class, which gives it the whole smoothness:

        >>> field = RandomField(np.ones((3, 3), np.float32), smoothness=4.0, reach=1)
        >>> float(field.compute_neighbor_log_odds(np.ones((1, 3, 3), np.float32))[0, 1, 1])
        4.0
        """
        log_odds = np.empty_like(q)
        for rows in split_rows(q.shape):
            log_odds[:, rows] = self.compute_log_odds_of_rows(q, rows)
        return log_odds

    def compute_log_odds_of_rows(self, q: Planes, rows: slice, margins: Margins | None = None) -> Planes:
        """Compute the neighbor log odds of some rows only.

        Parameters
        ----------
        q : ndarray of shape (k, H, W), float32
            Posteriors at each pixel of the image.
        rows : slice
            First row and the row after the last, both given.
        margins : (ndarray, ndarray), optional
            The rows of `q` above and below as :meth:`take_margins` takes them, where `q` itself may have others by now.

        Returns
        -------
        ndarray of shape (k, rows, W), float32
            In nats.
        """
        cv2 = load_cv2()
        height = q.shape[1]
        # The rows with as many above and below as the kernel reaches.
        top, bottom = max(rows.start - self.reach, 0), min(rows.stop + self.reach, height)
        inner = slice(rows.start - top, rows.stop - top)
        above, below = margins or self.take_margins(q, rows)
        weights_around, own_weights = self.pixel_weights[top:bottom], self.pixel_weights[rows]
        # Without its center the kernel sums to 1 / (1 + center_weight); this factor makes that the smoothness.
        factor = np.float32(self.smoothness * (1 + self.center_weight))
        middle = np.float32(self.taps[self.reach] ** 2)
        weighted = np.empty((len(q), bottom - top, q.shape[2]), dtype=np.float32)
        places = slice(0, inner.start), inner, slice(inner.stop, None)
        for part, place in zip((above, q[:, rows], below), places, strict=True):
            np.multiply(part, weights_around[place], out=weighted[:, place])
        # The kernel with its center is separable, which is fast; what the center adds is subtracted afterwards.
        summed = np.empty_like(weighted)
        for plane, out in zip(weighted, summed, strict=True):
            cv2.sepFilter2D(plane, -1, self.taps, self.taps, dst=out, borderType=cv2.BORDER_CONSTANT)
        log_odds = weighted[:, inner] * -middle
        log_odds += summed[:, inner]
        log_odds *= own_weights * factor
        return log_odds

    def take_margins(self, q: Planes, rows: slice) -> Margins:
        """Take the rows of posteriors (k, H, W) above and below some rows that the kernel reaches, as views.

        Parameters
        ----------
        q : ndarray of shape (k, H, W), float32
            Posteriors at each pixel of the image.
        rows : slice
            First row and the row after the last, both given.

        Returns
        -------
        above, below : ndarray of shape (k, m, W), float32
            Views; `reach` rows, fewer at the upper and the lower side of the image.
        """
        top, bottom = max(rows.start - self.reach, 0), min(rows.stop + self.reach, q.shape[1])
        return q[:, top : rows.start], q[:, rows.stop : bottom]


def compute_pixel_weights(valid: NDArray[np.bool_], edges: Planes | None = None) -> Planes:
    """Compute the weight of each pixel in the random field.

    Parameters
    ----------
    valid : ndarray of shape (H, W), bool
        Pixels that count. All others have weight 0.
    edges : ndarray of shape (H, W), float32, >= 0, optional
        Squared strength of the edge at each pixel: one of 1 halves the weight, a stronger one lessens it more.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        For :class:`RandomField`.

    Examples
    --------
    A plain pixel, one at an edge, and one that is not valid:

    >>> compute_pixel_weights(np.array([[True, True, False]]), np.array([[0, 1, 0]], np.float32))
    array([[1. , 0.5, 0. ]], dtype=float32)
    """
    weights = valid.astype(np.float32)
    if edges is not None:
        weights /= 1 + edges
    return weights


def split_rows(shape: tuple[int, ...]) -> list[slice]:
    """Split the rows of planes into strips that are updated at once.

    Parameters
    ----------
    shape : (k, H, W)
        Of the planes.

    Returns
    -------
    list of slice
    """
    k, height, width = shape
    step = min(_STRIP_ROWS, max(_MIN_STRIP_ROWS, _STRIP_VALUES // max(1, k * width)))
    return [slice(start, min(start + step, height)) for start in range(0, height, step)]
