"""An even sample of the pixels of an image with many bands, whose colors are too many to count or to merge.

Colors of few bits are counted, and those of some more are merged in the bins of a grid. With many bands a grid that
memory holds has steps so wide that classes share its bins: 13 bands of 16 bits leave four bits for each. So classes are
fitted to pixels, which a hash of their places chooses: evenly, and the same ones in whatever parts they come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import view_as_bytes
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells

__all__ = ["PixelSample", "is_sampled"]

CODE_BITS = 64  # of the largest integer that stands for a color
# Pixels of a sample: at most, and at least for each band. In between, few enough for products of all pairs of bands.
MAX_PIXELS, MIN_PIXELS_PER_BAND, MAX_PRODUCTS = 2**17, 64, 2**26


def is_sampled(bits: int, n_channels: int) -> bool:
    """Say whether colors have so many bits that pixels are sampled.

    Parameters
    ----------
    bits : int
        Of a channel.
    n_channels : int
    """
    return bits * n_channels > CODE_BITS


class PixelSample:
    """An even sample of pixels, which come in parts of any size and order.

    Parameters
    ----------
    n_channels : int
        Of each pixel.
    max_pixels : int, >= 1, optional
        By default as many as a fit in so many dimensions takes seconds for.

    Attributes
    ----------
    n_pixels : int
        How many pixels were added.

    Examples
    --------
    >>> sample = PixelSample(2, max_pixels=3)
    >>> pixels = np.arange(20, dtype=np.uint16).reshape(10, 2)
    >>> for at in (7, 0, 3):
    ...     sample.add(pixels[at : at + 3], np.arange(at, at + 3))
    >>> cells = sample.to_cells(FeatureSpace("rgb", 2, 0.0, 255.0))
    >>> len(cells), cells.total_weight
    (3, 9.0)
    """

    def __init__(self, n_channels: int, *, max_pixels: int | None = None) -> None:
        usual = max(MIN_PIXELS_PER_BAND * n_channels, MAX_PRODUCTS // n_channels**2)
        self._max_pixels = max_pixels or min(MAX_PIXELS, usual)
        self._ranks: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._colors: NDArray[Any] = np.zeros((0, n_channels), dtype=np.uint8)
        self.n_pixels = 0

    def add(self, colors: NDArray[Any], places: NDArray[np.integer]) -> None:
        """Add pixels.

        Parameters
        ----------
        colors : ndarray of shape (n, n_channels), unsigned integers
            The pixels; only those that are kept are copied.
        places : ndarray of shape (n,), integers
            A number for each, which no other pixel of the image has.
        """
        ranks = _hash_places(places)
        self.n_pixels += len(ranks)
        if len(self._ranks) == self._max_pixels:
            kept = np.flatnonzero(ranks < self._ranks.max())
            colors, ranks = colors[kept], ranks[kept]
        self._keep_lowest(ranks, colors)

    def merge(self, other: PixelSample) -> None:
        """Add all pixels that another sample of the same kind was given."""
        self.n_pixels += other.n_pixels
        self._keep_lowest(other._ranks, other._colors)

    def to_cells(self, space: FeatureSpace) -> Cells:
        """Return one cell for each distinct color of the sample; their weights sum to the number of all pixels.

        Parameters
        ----------
        space : FeatureSpace
            How a color becomes a feature vector.
        """
        _, first, counts = np.unique(view_as_bytes(self._colors), return_index=True, return_counts=True)
        return space.make_cells(self._colors[first], counts * (self.n_pixels / max(1, len(self._colors))))

    def _keep_lowest(self, ranks: NDArray[np.uint64], colors: NDArray[Any]) -> None:
        """Keep the pixels of the lowest ranks, among those so far and some more."""
        ranks = np.concatenate([self._ranks, ranks])
        colors = np.concatenate([self._colors, colors]) if len(self._colors) else colors
        if len(ranks) > self._max_pixels:
            lowest = np.argpartition(ranks, self._max_pixels - 1)[: self._max_pixels]
            ranks, colors = ranks[lowest], colors[lowest]
        self._ranks, self._colors = ranks, colors


def _hash_places(places: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Map distinct numbers to distinct 64-bit integers without a pattern (SplitMix64: Steele, Lea & Flood 2014)."""
    mixed = places.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
