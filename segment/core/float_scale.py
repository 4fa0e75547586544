"""Black and white of float pixels: from the range of nearly all values, without values that stand for no data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import format_percent
from segment.core.float_range import (
    HIGH_HINT_VALUES,
    HIGH_NODATA_VALUES,
    MAX_FLOAT_VALUE,
    FloatRange,
    find_bin,
    get_lower_edge,
)
from segment.core.nodata_notes import MIN_HINT_SHARE, NodataNote, describe_possible_nodata

__all__ = [
    "MIN_FULL_LIGHT",
    "NODATA_VALUES",
    "FloatScale",
    "ScaleNote",
    "are_shares",
    "choose_float_scale",
    "describe_lost_steps",
]

# Shares of the values at either end that may be far from the others and do not count for black and white; how far, in
# units of the range of the others. More of them, as hot pixels are, would hide a few nearer ones, and these them.
_TAIL_SHARE = 0.001
_TAILS = ((_TAIL_SHARE, 1.0), (0.01, 100.0), (_TAIL_SHARE, 1.0))
# Fewer values have no tails: each of them may be what the image shows.
_MIN_VALUES = 100

# The largest share of full light is not below it, even in the dark: one gray level of 8 bits.
MIN_FULL_LIGHT = 2**-8

# Usual values for no data. Another whole number must be farther from the other values.
NODATA_VALUES = frozenset({-99.0, -999.0, -9999.0, -99999.0, -999999.0, -32767.0, -32768.0, -2147483648.0})
_MAX_OTHER_NODATA = -99.0
# How far the least value must lie below the others, in units of their range, to stand for no data.
_USUAL_GAP, _OTHER_GAP = 1.0, 10.0
MIN_STEPS = 256  # of float32 between black and white, as many as gray levels of 8 bits


class ScaleNote(str):
    """Note that says what is black and white in an image; it is left out where several images decide that together."""

    __slots__ = ()


@dataclass(frozen=True)
class FloatScale:
    """How float values are read.

    Attributes
    ----------
    low_nodata, high_nodata : float
        The smallest and the largest value where they stand for no data; NaN where they do not.
    black, white : float
        The values of no light and of full light.
    notes : tuple of str
        A sentence for the user for each guess.
    """

    low_nodata: float
    high_nodata: float
    black: float
    white: float
    notes: tuple[str, ...]


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
    differ (usual ones such as -9999) or by more than ten times as much (-99 and less). So is the largest value where it
    is that of integers of 32 or 64 bits, or a usual fill such as 1e20, and lies as far above all others.

    Examples
    --------
    >>> from segment.core.float_range import find_float_range
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
        share = format_percent(found.n_beyond, found.n_pixels)
        notes += (f"{share} of the pixels have values beyond {MAX_FLOAT_VALUE:g}, which stand for no data",)
    low_nodata = high_nodata = math.nan
    # The largest value first: beside it a small one such as -9999 would not seem far from the others.
    if found.high in HIGH_NODATA_VALUES and _is_far_above(found):
        high_nodata = found.high
        notes += (_describe_nodata(found, high_nodata, found.n_high, found.n_high_pixels, "above"),)
        found = found.drop_high()
    elif found.high in HIGH_HINT_VALUES and _is_far_above(found):
        is_in_all_bands = found.n_high == found.n_bands * found.n_high_pixels
        if is_in_all_bands and found.n_high_pixels > MIN_HINT_SHARE * found.n_pixels:
            notes += (describe_possible_nodata(found.high, found.n_high_pixels, found.n_pixels),)
    if _is_far_below(found):
        low_nodata = found.low
        notes += (_describe_nodata(found, low_nodata, found.n_low, found.n_low_pixels, "below"),)
        found = found.drop_low()
    black, white, n_outside = _choose_ends(found.counts, found.low, found.high)
    if black == 0 and white == 1 and not n_outside:
        return FloatScale(low_nodata, high_nodata, 0.0, 1.0, notes)
    # Values that lie close together far from 0 need more digits to differ.
    digits = "g" if f"{black:g}" != f"{white:g}" else ".10g"
    note = f"values are read from {black:{digits}} (black) to {white:{digits}} (white)"
    if n_outside:
        verbs = ("lies", "counts") if n_outside == 1 else ("lie", "count")
        note += f": {n_outside} of {found.counts.sum()} {verbs[0]} beyond and {verbs[1]} as black or white"
    return FloatScale(low_nodata, high_nodata, black, white, (*notes, ScaleNote(note)))


def describe_lost_steps(dtype: np.dtype[Any], black: float, white: float) -> tuple[str, ...]:
    """Write a note where values lie so close together, so far from 0, that float32 merges many of them.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the values before they became float32.
    black, white : float
        The values of black and white.

    Returns
    -------
    tuple of str
        The note, or nothing.

    Examples
    --------
    >>> describe_lost_steps(np.dtype(float), 1.7e9, 1.7e9 + 300)[0].partition(":")[0]
    'only 2 steps of 32-bit floats lie between black and white, which the float64 values of the file are rounded to'
    >>> describe_lost_steps(np.dtype(float), 0.0, 300.0)
    ()
    """
    if dtype.itemsize < 4 or dtype == np.float32:
        return ()
    n = int((white - black) / float(np.spacing(np.float32(max(abs(black), abs(white))))))
    if n >= MIN_STEPS:
        return ()
    return (
        f"only {n} steps of 32-bit floats lie between black and white, which the {dtype} values of the file are "
        "rounded to: subtract a constant from them to keep more",
    )


def _describe_nodata(found: FloatRange, value: float, n: int, n_pixels: int, where: str) -> str:
    """Write a note on a value that stands for no data; how many values and pixels have it."""
    share = format_percent(n_pixels, found.n_pixels)
    note = f"{share} of the pixels have the value {value:g}, far {where} all others: it stands for no data"
    return NodataNote(note, (value,)) if n == found.n_bands * n_pixels else note


def are_shares(low: float, high: float, n_light: int, n: int) -> bool:
    """Say whether values are shares of full light, so that black is 0 and white is 1.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value.
    n_light : int
        How many are not below `MIN_FULL_LIGHT`.
    n : int
        How many there are.

    Returns
    -------
    bool
        False where all but a thousandth lie below 1/256, unless they are equal: such values are in a unit, and 16 bits
        between 0 and 1 would not tell them apart.

    Examples
    --------
    >>> are_shares(0.0, 0.2, 9, 9), are_shares(2e-5, 9e-5, 0, 9), are_shares(0.0, 1.5, 9, 9)
    (True, False, False)
    """
    return 0 <= low <= high <= 1 and (n_light > _count_tail(n) or low == high)


def _is_far_below(found: FloatRange) -> bool:
    """Say whether the smallest value stands for no data."""
    low = found.low
    if not (low < 0 and low == round(low)) or math.isnan(found.second):
        return False
    # A few large values must not hide the gap.
    _, end = _find_main_bins(found.drop_low().counts)
    spread = min(found.high, get_lower_edge(end + 1)) - found.second
    if low in NODATA_VALUES:
        return found.second - low > _USUAL_GAP * spread
    return low <= _MAX_OTHER_NODATA and found.second - low > _OTHER_GAP * spread


def _is_far_above(found: FloatRange) -> bool:
    """Say whether the largest value lies so far above the others that it may stand for no data."""
    if math.isnan(found.below):
        return False
    begin, _ = _find_main_bins(found.drop_high().counts)
    return found.high - found.below > _USUAL_GAP * (found.below - max(found.low, get_lower_edge(begin)))


def _find_main_bins(counts: NDArray[np.int64], share: float = _TAIL_SHARE) -> tuple[int, int]:
    """Find the first and the last bin of the values without the tails."""
    total = int(counts.sum())
    tail = _count_tail(total, share)
    up_to = np.cumsum(counts)
    return int(np.argmax(up_to > tail)), int(np.argmax(up_to >= total - tail))


def _choose_ends(counts: NDArray[np.int64], low: float, high: float) -> tuple[float, float, int]:
    """Choose black and white; return them and the number of the values that lie beyond."""
    n = int(counts.sum())
    if math.isnan(low) or are_shares(low, high, _count_light(counts), n):
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
        # Few bright spots on black, or a few values that are hardly brighter than 1/256.
        if low >= 0 and MIN_FULL_LIGHT <= high <= 1:
            return 0.0, 1.0, 0
        return low, high if high > low else low + max(1.0, abs(low)), 0
    begin, end = ends
    n_outside = n - int(inside.sum())
    kept_high = get_lower_edge(int(np.flatnonzero(inside)[-1]) + 1)
    if are_shares(low, kept_high, _count_light(inside), 0):
        return 0.0, 1.0, n_outside
    black = get_lower_edge(begin) if counts[:begin].any() else low
    white = get_lower_edge(end + 1) if counts[end + 1 :].any() else high
    return black, white, n_outside


def _count_light(counts: NDArray[np.int64]) -> int:
    """Count the values that are not below `MIN_FULL_LIGHT`, which is the edge of a bin."""
    return int(counts[find_bin(MIN_FULL_LIGHT) :].sum())


def _count_tail(n: int, share: float = _TAIL_SHARE) -> int:
    """Count the values at either end that may be far from the others, of n."""
    return max(1, int(share * n)) if n >= _MIN_VALUES else 0


def _find_kept_bins(
    counts: NDArray[np.int64], low: float, high: float, share: float, factor: float
) -> tuple[int, int] | None:
    """Find the first and the last bin that are not too far from the values without tails; None if all are near."""
    first, last = _find_main_bins(counts, share)
    main_low, main_high = max(low, get_lower_edge(first)), min(high, get_lower_edge(last + 1))
    spread = factor * (main_high - main_low)
    begin, end = find_bin(main_low - spread), find_bin(main_high + spread)
    # Zeros alone show nothing that a few other values could ruin.
    zeros = (find_bin(-0.0), find_bin(0.0))
    is_idle = not counts[:begin].any() and not counts[end + 1 :].any()
    return None if is_idle or (first in zeros and last in zeros) else (begin, end)
