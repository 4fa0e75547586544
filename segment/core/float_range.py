"""The range of float pixels, from which black, white and the values for no data are chosen.

The values are counted in a histogram whose bins do not depend on them. Histograms of parts of an image can be added, so
that an image in memory and a raster that is read tile by tile have the same black and white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HIGH_HINT_VALUES",
    "HIGH_NODATA_VALUES",
    "MAX_FLOAT_VALUE",
    "FloatRange",
    "find_bin",
    "find_float_range",
    "get_lower_edge",
]

MAX_FLOAT_VALUE = 9.9e36
"""Values from here on stand for no data, as -3.4e38 of GDAL and 9.97e36 of netCDF do."""

# A bin has the sign, the exponent and the upper 7 bits of the mantissa of a float32: it is less than 1 % wide.
_BIN_BITS = 16
N_BINS = 1 << _BIN_BITS
# Values counted at a time: copies of them stay small.
CHUNK_VALUES = 1 << 20
# The largest value stands for no data where it is one of these, which no scene holds: the largest integers of 32 and 64
# bits, as float32 has them, and usual fills of climate data; it may do so where it is one of the others.
HIGH_NODATA_VALUES = frozenset(float(np.float32(value)) for value in (2**31, 2**32, 2**63, 2**64, 1e15, 1e20))
HIGH_HINT_VALUES = frozenset({9999.0, 32767.0, 65535.0, 99999.0, 999999.0})


@dataclass(frozen=True, eq=False)
class FloatRange:
    """What is known of the float values of an image, or of a part of it.

    Attributes
    ----------
    counts : ndarray of shape (N_BINS,), int64
        Number of values in each bin, in ascending order.
    low, second, below, high : float
        The smallest, the next larger, the next smaller and the largest value; NaN where there is none. The next smaller
        is known where the largest is one that may stand for no data.
    n_low, n_high : int
        How many values are the smallest, and the largest, if that may stand for no data.
    n_pixels, n_low_pixels, n_high_pixels, n_beyond : int
        Number of pixels, of those that have the smallest value in a band, of those that have the largest, and of those
        that have a value in a band that is infinite or not less than `MAX_FLOAT_VALUE`; the last are not among the
        counts.
    """

    counts: NDArray[np.int64]
    low: float = math.nan
    second: float = math.nan
    below: float = math.nan
    high: float = math.nan
    n_low: int = 0
    n_high: int = 0
    n_pixels: int = 0
    n_low_pixels: int = 0
    n_high_pixels: int = 0
    n_beyond: int = 0

    def unite(self, other: FloatRange) -> FloatRange:
        """Return the range of two parts together.

        Parameters
        ----------
        other : FloatRange
            Of the other part.

        Examples
        --------
        >>> left, right = (find_float_range(np.float32([[a], [b]])) for a, b in ((1, 4), (0, 2)))
        >>> both = left.unite(right)
        >>> both.low, both.second, both.high
        (0.0, 1.0, 4.0)
        """
        both = self, other
        low, high = float(np.fmin(self.low, other.low)), float(np.fmax(self.high, other.high))
        lows, highs = [part for part in both if part.low == low], [part for part in both if part.high == high]
        # The next larger value is the smallest of all that are not the smallest themselves.
        above = [value for part in both for value in (part.low, part.second) if value > low]
        beneath = [value for part in both for value in (part.high, part.below) if value < high]
        return FloatRange(
            self.counts + other.counts,
            low,
            min(above, default=math.nan),
            max(beneath, default=math.nan),
            high,
            sum(part.n_low for part in lows),
            sum(part.n_high for part in highs),
            self.n_pixels + other.n_pixels,
            sum(part.n_low_pixels for part in lows),
            sum(part.n_high_pixels for part in highs),
            self.n_beyond + other.n_beyond,
        )

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.counts.sum()) // max(1, self.n_pixels - self.n_beyond)

    def drop_low(self) -> FloatRange:
        """Return the range without the smallest value."""
        counts = self.counts.copy()
        counts[find_bin(self.low)] -= self.n_low
        return replace(self, counts=counts, low=self.second, second=math.nan, n_low=0, n_low_pixels=0)

    def drop_high(self) -> FloatRange:
        """Return the range without the largest value."""
        counts = self.counts.copy()
        counts[find_bin(self.high)] -= self.n_high
        return replace(self, counts=counts, high=self.below, below=math.nan, n_high=0, n_high_pixels=0)


def find_float_range(pixels: NDArray[np.float32]) -> FloatRange:
    """Count the values of pixels and find the smallest and the largest.

    Parameters
    ----------
    pixels : ndarray of shape (n, bands), float32
        Pixels of which none is NaN in a band.

    Returns
    -------
    FloatRange
        Of the pixels without those of a value beyond `MAX_FLOAT_VALUE`, which it counts.

    Examples
    --------
    >>> found = find_float_range(np.float32([[-9999], [0.5], [0.25], [3e38]]))
    >>> found.low, found.second, found.high, found.n_beyond
    (-9999.0, 0.25, 0.5, 1)
    """
    found = FloatRange(np.zeros(N_BINS, dtype=np.int64))
    step = max(1, CHUNK_VALUES // max(1, pixels.shape[1]))
    for start in range(0, len(pixels), step):
        found = found.unite(_find_range_of_chunk(pixels[start : start + step]))
    return found


def _find_range_of_chunk(pixels: NDArray[np.float32]) -> FloatRange:
    """Find the range of a few pixels (n, bands)."""
    is_usable = (np.abs(pixels) < MAX_FLOAT_VALUE).all(axis=1)
    values = pixels[is_usable]
    n_beyond = len(pixels) - len(values)
    counts = np.bincount(_find_bins(values.reshape(-1)), minlength=N_BINS)
    if values.size == 0:
        return FloatRange(counts, n_pixels=len(pixels), n_beyond=n_beyond)
    low = values.min()
    high = float(values.max())
    is_low = values == low
    above = values[~is_low]
    # Other largest values need not be counted.
    is_high = values == high if high in HIGH_NODATA_VALUES or high in HIGH_HINT_VALUES else np.zeros((0, 1), bool)
    beneath = values[~is_high] if is_high.size else values[:0]
    return FloatRange(
        counts,
        float(low),
        float(above.min()) if above.size else math.nan,
        float(beneath.max()) if beneath.size else math.nan,
        high,
        int(np.count_nonzero(is_low)),
        int(np.count_nonzero(is_high)),
        len(pixels),
        int(np.count_nonzero(is_low.any(axis=1))),
        int(np.count_nonzero(is_high.any(axis=1))),
        n_beyond,
    )


def _find_bins(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Find the bin of each value."""
    # Read as integers, positive floats are in their order and negative ones in the reverse order. With the sign bit set
    # for the former and all bits inverted for the latter, all are in one order.
    bits = np.ascontiguousarray(values).view(np.uint32)
    sign = np.uint32(1 << 31)
    return np.where(bits & sign, ~bits, bits | sign) >> np.uint32(32 - _BIN_BITS)


def find_bin(value: float) -> int:
    """Find the bin of a value.

    Parameters
    ----------
    value : float

    Returns
    -------
    int
        Place among the counts of a `FloatRange`.

    Examples
    --------
    >>> find_bin(-1.0) < find_bin(0.5) < find_bin(0.51)
    True
    """
    return int(_find_bins(np.array([value], dtype=np.float32))[0])


def get_lower_edge(index: int) -> float:
    """Get the smallest value of a bin, which is also the upper edge of the bin before.

    Parameters
    ----------
    index : int
        Place among the counts of a `FloatRange`.

    Examples
    --------
    >>> get_lower_edge(find_bin(0.5))
    0.5
    """
    key = index << (32 - _BIN_BITS)
    bits = key ^ (1 << 31) if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])
