"""Notes that a value stands for no data, or may do so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import format_percent

__all__ = [
    "MIN_HINT_SHARE",
    "NodataNote",
    "count_partial_nodata",
    "describe_incomplete",
    "describe_partial_nodata",
    "describe_possible_nodata",
]

MIN_HINT_SHARE = 0.001  # of the pixels, whose value may stand for no data: fewer do no harm


class NodataNote(str):
    """Note of a value that stands for no data, or may do so; it is left out where the user names that value.

    Parameters
    ----------
    text : str
        A sentence without its period.
    values : sequence of float
        The value in each band, or one for all.

    Attributes
    ----------
    values : tuple of float
        One where all bands have the same.
    """

    values: tuple[float, ...]

    def __new__(cls, text: str, values: Sequence[float]) -> NodataNote:
        note = super().__new__(cls, text)
        note.values = tuple(values) if len(set(values)) > 1 else tuple(values[:1])
        return note

    def __reduce__(self) -> tuple[type[NodataNote], tuple[str, tuple[float, ...]]]:
        return NodataNote, (str(self), self.values)

    def is_about(self, values: Sequence[float]) -> bool:
        """Return whether the note is of a value.

        Parameters
        ----------
        values : sequence of float
            In each band, or one for all.
        """
        return self.values == NodataNote("", values).values


def describe_possible_nodata(value: float, n: int, n_pixels: int) -> NodataNote:
    """Write a note that a value, which lies far above all others, may stand for no data.

    Parameters
    ----------
    value : float
    n, n_pixels : int
        How many pixels have it, of how many.

    Examples
    --------
    >>> describe_possible_nodata(9999.0, 3, 12)
    '25 % of the pixels have the value 9999, far above all others; if it stands for no data, give --nodata 9999'
    """
    text = f"{value:.10g}"
    return NodataNote(
        f"{format_percent(n, n_pixels)} of the pixels have the value {text}, far above all others; if it stands for no "
        f"data, give --nodata {text}",
        (value,),
    )


def count_partial_nodata(pixels: NDArray[np.generic], value: float, valid: NDArray[np.bool_]) -> int:
    """Count the pixels that have the value for no data in some bands, and a value in others.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, bands)
    value : float
        Of the file; NaN where it names none.
    valid : ndarray of shape (H, W), bool
        False where all bands have the value, or a pixel does not count for another reason.

    Returns
    -------
    int
        0 in colors of 8 bits, where 0 and 255 are usual in one channel.

    Examples
    --------
    >>> pixels = np.array([[[0, 0], [0, 7], [5, 7]]], np.uint16)
    >>> count_partial_nodata(pixels, 0, pixels.any(axis=2))
    1
    """
    if np.isnan(value) or pixels.ndim == 2 or (pixels.dtype == np.uint8 and pixels.shape[2] <= 3):
        return 0
    has_value = np.zeros(valid.shape, dtype=bool)
    for band in np.moveaxis(pixels, 2, 0):
        has_value |= band == value
    return int(np.count_nonzero(has_value & valid))


def describe_partial_nodata(value: float, n: int, n_pixels: int) -> tuple[str, ...]:
    """Write a note that pixels with the value for no data in some bands count.

    Parameters
    ----------
    value : float
    n, n_pixels : int
        How many pixels have it in some bands, of how many.

    Returns
    -------
    tuple of str
        Empty where they are so few that they do no harm.

    Examples
    --------
    >>> describe_partial_nodata(65535.0, 1, 20)[0]
    '5 % of the pixels have the value for no data, 65535, in some bands only: they count with it. Leave out these bands (--bands) or pixels (--mask)'
    """  # noqa: E501  a doctest cannot break the line
    if n <= MIN_HINT_SHARE * n_pixels:
        return ()
    return (
        f"{format_percent(n, n_pixels)} of the pixels have the value for no data, {value:.10g}, in some bands only: "
        "they count with it. Leave out these bands (--bands) or pixels (--mask)",
    )


def describe_incomplete(n: int, n_pixels: int) -> tuple[str, ...]:
    """Write a note that pixels do not count that are NaN, or masked, in some bands only.

    Parameters
    ----------
    n, n_pixels : int
        How many pixels lack a value in some bands, of how many.

    Returns
    -------
    tuple of str
        Empty where they are so few that they do no harm.

    Examples
    --------
    >>> describe_incomplete(9, 20)[0]
    '45 % of the pixels have no value in some bands only: they get no label. Leave out these bands (--bands)'
    """
    if n <= MIN_HINT_SHARE * n_pixels:
        return ()
    share = format_percent(n, n_pixels)
    return (
        f"{share} of the pixels have no value in some bands only: they get no label. Leave out these bands (--bands)",
    )
