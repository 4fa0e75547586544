"""Infer which pixel values are black and white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.float_range import MAX_FLOAT_VALUE, find_float_range
from segment.core.float_scale import MIN_FULL_LIGHT, ScaleNote, are_shares, choose_float_scale
from segment.core.nodata_notes import MIN_HINT_SHARE, NodataNote, describe_possible_nodata

__all__ = ["FULL_VALUES", "HIGH_SHARE", "FullPixels", "count_full_pixels", "infer_scale", "infer_scale_of_pixels"]

FULL_VALUES = (32767, 65535)  # the largest of 16 bits, with a sign and without
# Other pixels above three quarters of it, for each that holds it: none where a fill value lies far above all others,
# .028 and more in overexposed photographs, whose highlights fade (BSDS500, four exposures, gray; .24 in color).
HIGH_SHARE = 0.75
MAX_HIGH_PIXELS = 0.01


@dataclass(frozen=True)
class FullPixels:
    """How many pixels of integers hold the largest value of 16 bits, and how many come near it.

    Attributes
    ----------
    n_full : int
        Pixels of that value in every band.
    n_high : int
        Others that have more than three quarters of it in a band.
    n_pixels : int
        All pixels.
    """

    n_full: int = 0
    n_high: int = 0
    n_pixels: int = 0

    def unite(self, other: FullPixels) -> FullPixels:
        """Return the counts of two parts together.

        Parameters
        ----------
        other : FullPixels
            Of the other part.
        """
        return FullPixels(self.n_full + other.n_full, self.n_high + other.n_high, self.n_pixels + other.n_pixels)

    def describe(self, value: int) -> tuple[NodataNote, ...]:
        """Say where so many pixels lie so far above all others that they may stand for no data.

        Parameters
        ----------
        value : int
            That was counted.

        Returns
        -------
        tuple of NodataNote
            A note, if there are.
        """
        is_fill = self.n_full > MIN_HINT_SHARE * self.n_pixels and self.n_high <= MAX_HIGH_PIXELS * self.n_full
        return (describe_possible_nodata(float(value), self.n_full, self.n_pixels),) if is_fill else ()


def count_full_pixels(pixels: NDArray[np.integer], value: int) -> FullPixels:
    """Count the pixels that hold the largest value, and those that come near it.

    Parameters
    ----------
    pixels : ndarray of shape (n,) or (n, bands), integers
    value : int
        One of `FULL_VALUES`.

    Returns
    -------
    FullPixels
        Those that come near it lie above three quarters of it in a band, and are no full ones.

    Examples
    --------
    >>> count_full_pixels(np.array([[65535, 65535], [900, 50_000], [900, 800]]), 65535)
    FullPixels(n_full=1, n_high=1, n_pixels=3)
    """
    bands = pixels.reshape(len(pixels), -1).T
    bound = int(HIGH_SHARE * value)
    is_full, is_high = bands[0] == value, bands[0] > bound
    for band in bands[1:]:
        is_full &= band == value
        is_high |= band > bound
    n_full = int(np.count_nonzero(is_full))
    return FullPixels(n_full, int(np.count_nonzero(is_high)) - n_full, len(pixels))


def infer_scale_of_pixels(
    pixels: NDArray[Any], valid: NDArray[np.bool_]
) -> tuple[float, float, NDArray[np.bool_], tuple[str, ...]]:
    """Infer black and white from the valid pixels, and find those that stand for no data.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C), uint8, uint16 or float32
        No valid one is NaN.
    valid : ndarray of shape (H, W), bool
        True where a pixel counts.

    Returns
    -------
    black, white : float
        As `infer_scale` and :func:`segment.core.float_scale.choose_float_scale` say.
    is_data : ndarray of shape (H, W), bool
        False where a value stands for no data, which only floats do.
    notes : tuple of str
        A sentence for the user for each guess.

    Examples
    --------
    >>> black, white, is_data, _ = infer_scale_of_pixels(np.float32([[-9999, 3, 5]]), np.ones((1, 3), dtype=bool))
    >>> black, white, is_data.tolist()
    (3.0, 5.0, [[False, True, True]])
    """
    everywhere = np.broadcast_to(np.True_, valid.shape)  # takes no memory
    if not valid.any():
        black, white, _ = infer_scale(pixels.dtype.name, math.nan)
        return black, white, everywhere, ()
    if pixels.dtype == np.uint8:
        return 0.0, 255.0, everywhere, ()
    used = pixels if valid.all() else pixels[valid]
    if pixels.dtype.kind == "u":
        highest = int(used.max())
        black, white, notes = infer_scale(pixels.dtype.name, float(highest), is_spread=_is_spread(used))
        # 8-bit values that are written in 16 bits have 65535 as their white.
        if highest in FULL_VALUES and (highest != FULL_VALUES[1] or np.any(used % np.uint16(257))):
            full = count_full_pixels(used.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[2]), highest)
            notes += full.describe(highest)
        return black, white, everywhere, notes
    # The histogram takes longer than this: most float images lie within 0..1.
    low, high = float(used.min()), float(used.max())
    n_light = int(np.count_nonzero(used >= MIN_FULL_LIGHT)) if low >= 0 and high <= 1 else 0
    if are_shares(low, high, n_light, used.size):
        return 0.0, 1.0, everywhere, ()
    scale = choose_float_scale(find_float_range(used.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[2])))
    is_nodata = ~(np.abs(pixels) < MAX_FLOAT_VALUE)
    for value in (scale.low_nodata, scale.high_nodata):
        is_nodata |= pixels == np.float32(value)
    is_data = ~(is_nodata if is_nodata.ndim == 2 else is_nodata.any(axis=2))
    return scale.black, scale.white, is_data, scale.notes


def infer_scale(dtype: str, high: float, *, is_spread: bool = False) -> tuple[float, float, tuple[str, ...]]:
    """Infer the values of black and white of integers from the largest pixel.

    Parameters
    ----------
    dtype : {"uint8", "uint16", "float32"}
        The type of the pixels. Floats have black 0 and white 1 here; see `infer_scale_of_pixels`.
    high : float
        The largest value of a valid pixel; NaN if no pixel is valid.
    is_spread : bool
        Whether 16-bit values are 8-bit values times 256 or 257: a dark 8-bit picture, not a 10-bit one.

    Returns
    -------
    black, white : float
        ``white`` is always above ``black``.
    notes : tuple of str
        A sentence for the user if the scale is not the usual one of the type.

    Examples
    --------
    >>> infer_scale("uint16", 1000)
    (0.0, 1023.0, ('16-bit values, none above 1023, are read as 10-bit: white is 1023, no value is changed',))
    """
    if dtype != "uint16":
        return 0.0, 255.0 if dtype == "uint8" else 1.0, ()
    if math.isnan(high):
        return 0.0, 65535.0, ()
    depth = 16 if is_spread else next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    white = 2**depth - 1
    # The largest value is not named: the pages of a stack have others, and would say the same in other words.
    note = f"16-bit values, none above {white}, are read as {depth}-bit: white is {white}, no value is changed"
    return 0.0, float(white), (ScaleNote(note),) if depth < 16 else ()


def _is_spread(pixels: NDArray[Any]) -> bool:
    """Whether all 16-bit values are multiples of 256 or of 257."""
    high = int(pixels.max())
    # Below 256 only 0 is a multiple; from 2**14 on the depth is 16 bits in any case.
    if not 255 < high < 2**14:
        return False
    return any(high % factor == 0 and not np.any(pixels % np.uint16(factor)) for factor in (257, 256))
