"""Black and white of float pixels: from the range of nearly all values, without values that stand for no data.

The values are counted in a histogram whose bins do not depend on them. Histograms of parts of an image can be added, so
that an image in memory and a raster that is read tile by tile have the same black and white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_FLOAT_VALUE",
    "FloatRange",
    "FloatScale",
    "NodataNote",
    "choose_float_scale",
    "find_float_range",
    "format_share",
    "is_share",
]

MAX_FLOAT_VALUE = 9.9e36
"""Values from here on stand for no data, as -3.4e38 of GDAL and 9.97e36 of netCDF do."""

# A bin has the sign, the exponent and the upper 7 bits of the mantissa of a float32: it is less than 1 % wide.
_BIN_BITS = 16
N_BINS = 1 << _BIN_BITS
# Values counted at a time: copies of them stay small.
CHUNK_VALUES = 1 << 20

# Shares of the values at either end that may be far from the others and do not count for black and white; how far, in
# units of the range of the others. More of them, as hot pixels are, would hide a few nearer ones, and these them.
_TAIL_SHARE = 0.001
_TAILS = ((_TAIL_SHARE, 1.0), (0.01, 100.0), (_TAIL_SHARE, 1.0))
# Fewer values have no tails: each of them may be what the image shows.
_MIN_VALUES = 100

# The largest share of full light is not below it, even in the dark: one gray level of 8 bits.
MIN_FULL_LIGHT = 2**-8

# Usual values for no data. Another whole number must be farther from the other values.
_NODATA_VALUES = frozenset({-99.0, -999.0, -9999.0, -99999.0, -999999.0, -32767.0, -32768.0, -2147483648.0})
_MAX_OTHER_NODATA = -99.0
# How far the least value must lie below the others, in units of their range, to stand for no data.
_USUAL_GAP, _OTHER_GAP = 1.0, 10.0


@dataclass(frozen=True, eq=False)
class FloatRange:
    """What is known of the float values of an image, or of a part of it.

    Attributes
    ----------
    counts : ndarray of shape (N_BINS,), int64
        Number of values in each bin, in ascending order.
    low, second, high : float
        The smallest, the next larger and the largest value; NaN where there is none.
    n_low : int
        How many values are the smallest.
    n_pixels, n_low_pixels, n_beyond : int
        Number of pixels, of those that have the smallest value in a band, and of those that have a value in a band
        that is infinite or not less than `MAX_FLOAT_VALUE`; the last are not among the counts.
    """

    counts: NDArray[np.int64]
    low: float = math.nan
    second: float = math.nan
    high: float = math.nan
    n_low: int = 0
    n_pixels: int = 0
    n_low_pixels: int = 0
    n_beyond: int = 0

    def unite(self, other: FloatRange) -> FloatRange:
        """Return the range of two parts together.

        Parameters
        ----------
        other : FloatRange
            Of the other part.

        Returns
        -------
        FloatRange

        Examples
        --------
        >>> left, right = (find_float_range(np.float32([[a], [b]])) for a, b in ((1, 4), (0, 2)))
        >>> both = left.unite(right)
        >>> both.low, both.second, both.high
        (0.0, 1.0, 4.0)
        """
        low = float(np.fmin(self.low, other.low))
        parts = [part for part in (self, other) if part.low == low]
        # The next larger value is the smallest of all that are not the smallest themselves.
        above = [value for part in (self, other) for value in (part.low, part.second) if value > low]
        return FloatRange(
            self.counts + other.counts,
            low,
            min(above, default=math.nan),
            float(np.fmax(self.high, other.high)),
            sum(part.n_low for part in parts),
            self.n_pixels + other.n_pixels,
            sum(part.n_low_pixels for part in parts),
            self.n_beyond + other.n_beyond,
        )


class NodataNote(str):
    """Note of the value that was taken for no data in every band; it is left out where the user names that value.

    Parameters
    ----------
    text : str
        A sentence without its period.
    value : float
        The value.
    """

    value: float

    def __new__(cls, text: str, value: float) -> NodataNote:
        note = super().__new__(cls, text)
        note.value = value
        return note

    def __reduce__(self) -> tuple[type[NodataNote], tuple[str, float]]:
        return NodataNote, (str(self), self.value)


@dataclass(frozen=True)
class FloatScale:
    """How float values are read.

    Attributes
    ----------
    nodata : float
        The value that stands for no data; NaN where there is none.
    black, white : float
        The values of no light and of full light.
    notes : tuple of str
        A sentence for the user for each guess.
    """

    nodata: float
    black: float
    white: float
    notes: tuple[str, ...]


def find_float_range(pixels: NDArray[np.float32]) -> FloatRange:
    """Count the values of pixels and find the smallest and the largest.

    Parameters
    ----------
    pixels : ndarray of shape (n, bands), float32
        Pixels of which none is NaN in a band.

    Returns
    -------
    FloatRange

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
    is_low = values == low
    above = values[~is_low]
    return FloatRange(
        counts,
        float(low),
        float(above.min()) if above.size else math.nan,
        float(values.max()),
        int(np.count_nonzero(is_low)),
        len(pixels),
        int(np.count_nonzero(is_low.any(axis=1))),
        n_beyond,
    )


def _find_bins(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Find the bin of each value."""
    # Read as integers, positive floats are in their order and negative ones in the reverse order. With the sign bit set
    # for the former and all bits inverted for the latter, all are in one order.
    bits = np.ascontiguousarray(values).view(np.uint32)
    sign = np.uint32(1 << 31)
    return np.where(bits & sign, ~bits, bits | sign) >> np.uint32(32 - _BIN_BITS)


def _find_bin(value: float) -> int:
    """Find the bin of a value."""
    return int(_find_bins(np.array([value], dtype=np.float32))[0])


def _get_lower_edge(index: int) -> float:
    """Get the smallest value of a bin, which is also the upper edge of the bin before."""
    key = index << (32 - _BIN_BITS)
    bits = key ^ (1 << 31) if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])


def choose_float_scale(found: FloatRange) -> FloatScale:
    """Choose black, white and the value for no data from the range of the values.

    Parameters
    ----------
    found : FloatRange
        Of all valid pixels.

    Returns
    -------
    FloatScale
        Black is 0 and white is 1 where the values lie in 0..1, the largest not below 1/256; else they are the smallest
        and the largest value. Where a few values lie far beyond all others, black and white lie beyond these others by
        as much as these differ.

    Notes
    -----
    A thousandth of the values at either end may lie far from the others. They count as black or white where they lie
    farther from the others than these differ; a hundredth, where they lie a hundred times as far.

    A whole negative number is no data where it is the smallest value and lies below all others by more than these
    differ (usual ones such as -9999) or by more than ten times as much (-99 and less).

    Examples
    --------
    >>> values = np.linspace(0, 0.5, 2000, dtype=np.float32)[:, None]
    >>> values[7] = 60000
    >>> scale = choose_float_scale(find_float_range(values))
    >>> scale.black, scale.white
    (0.0, 1.0)
    >>> scale.notes
    ('values are read from 0 (black) to 1 (white): 1 of 2000 lies beyond and counts as black or white',)
    """
    notes: tuple[str, ...] = ()
    if found.n_beyond:
        share = format_share(found.n_beyond, found.n_pixels)
        notes += (f"{share} of the pixels have values beyond {MAX_FLOAT_VALUE:g}, which stand for no data",)
    counts, low, nodata = found.counts, found.low, math.nan
    if _is_nodata(found):
        nodata, low = found.low, found.second
        counts = counts.copy()
        counts[_find_bin(nodata)] -= found.n_low
        share = format_share(found.n_low_pixels, found.n_pixels)
        note = f"{share} of the pixels have the value {nodata:g}, far below all others: it stands for no data"
        n_bands = found.counts.sum() // (found.n_pixels - found.n_beyond)
        notes += (NodataNote(note, nodata) if found.n_low == n_bands * found.n_low_pixels else note,)
    black, white, n_outside = _choose_ends(counts, low, found.high)
    if black == 0 and white == 1 and not n_outside:
        return FloatScale(nodata, 0.0, 1.0, notes)
    note = f"values are read from {black:g} (black) to {white:g} (white)"
    if n_outside:
        verbs = ("lies", "counts") if n_outside == 1 else ("lie", "count")
        note += f": {n_outside} of {counts.sum()} {verbs[0]} beyond and {verbs[1]} as black or white"
    return FloatScale(nodata, black, white, (*notes, note))


def is_share(low: float, high: float) -> bool:
    """Say whether values are shares of full light, so that black is 0 and white is 1.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value.

    Returns
    -------
    bool
        False where all lie below 1/256, unless they are equal: such values are in a unit, and 16 bits between 0 and 1
        would not tell them apart.

    Examples
    --------
    >>> is_share(0.0, 0.2), is_share(2e-5, 9e-5), is_share(0.0, 1.5)
    (True, False, False)
    """
    return 0 <= low <= high <= 1 and (high >= MIN_FULL_LIGHT or low == high)


def _is_nodata(found: FloatRange) -> bool:
    """Say whether the smallest value stands for no data."""
    low = found.low
    if not (low < 0 and low == round(low)) or math.isnan(found.second):
        return False
    others = found.counts.copy()
    others[_find_bin(low)] -= found.n_low
    # A few large values must not hide the gap.
    _, end = _find_main_bins(others)
    spread = min(found.high, _get_lower_edge(end + 1)) - found.second
    if low in _NODATA_VALUES:
        return found.second - low > _USUAL_GAP * spread
    return low <= _MAX_OTHER_NODATA and found.second - low > _OTHER_GAP * spread


def _find_main_bins(counts: NDArray[np.int64], share: float = _TAIL_SHARE) -> tuple[int, int]:
    """Find the first and the last bin of the values without the tails."""
    total = int(counts.sum())
    tail = max(1, int(share * total)) if total >= _MIN_VALUES else 0
    up_to = np.cumsum(counts)
    return int(np.argmax(up_to > tail)), int(np.argmax(up_to >= total - tail))


def _choose_ends(counts: NDArray[np.int64], low: float, high: float) -> tuple[float, float, int]:
    """Choose black and white; return them and the number of the values that lie beyond."""
    if math.isnan(low) or is_share(low, high):
        return 0.0, 1.0, 0
    inside, ends = counts, None
    for share, factor in _TAILS:
        bins = _find_kept_bins(inside, low, high, share, factor)
        if bins is not None:
            inside = np.zeros_like(counts)
            inside[bins[0] : bins[1] + 1] = counts[bins[0] : bins[1] + 1]
            kept = np.flatnonzero(inside)
            ends = bins if factor == 1 else (int(kept[0]), int(kept[-1]))
    if ends is None:
        return low, high if high > low else low + max(1.0, abs(low)), 0
    begin, end = ends
    n_outside = int(counts.sum() - inside.sum())
    kept_high = _get_lower_edge(int(np.flatnonzero(inside)[-1]) + 1)
    if is_share(low, kept_high):
        return 0.0, 1.0, n_outside
    black = _get_lower_edge(begin) if counts[:begin].any() else low
    white = _get_lower_edge(end + 1) if counts[end + 1 :].any() else high
    return black, white, n_outside


def _find_kept_bins(
    counts: NDArray[np.int64], low: float, high: float, share: float, factor: float
) -> tuple[int, int] | None:
    """Find the first and the last bin that are not too far from the values without tails; None if all are near."""
    first, last = _find_main_bins(counts, share)
    main_low, main_high = max(low, _get_lower_edge(first)), min(high, _get_lower_edge(last + 1))
    spread = factor * (main_high - main_low)
    begin, end = _find_bin(main_low - spread), _find_bin(main_high + spread)
    # Zeros alone show nothing that a few other values could ruin.
    zeros = (_find_bin(-0.0), _find_bin(0.0))
    is_idle = not counts[:begin].any() and not counts[end + 1 :].any()
    return None if is_idle or (first in zeros and last in zeros) else (begin, end)


def format_share(part: int, total: int) -> str:
    """Write a share in percent, with two digits.

    Parameters
    ----------
    part, total : int
        Numbers of pixels.

    Returns
    -------
    str

    Examples
    --------
    >>> format_share(600, 81920), format_share(3, 3), format_share(1, 10**7)
    ('0.73 %', '100 %', '1e-05 %')
    """
    percent = 100 * part / max(1, total)
    return f"{percent:.3g} %" if percent >= 10 else f"{percent:.2g} %"
