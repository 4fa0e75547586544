"""Notes that a value stands for no data, or may do so."""

from __future__ import annotations

from collections.abc import Sequence

from segment.core.errors import format_percent

__all__ = ["MIN_HINT_SHARE", "NodataNote", "describe_possible_nodata"]

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
