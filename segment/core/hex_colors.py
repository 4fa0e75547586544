"""Colors as settings, HTML and SVG write them: ``#rrggbb``."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["format_hex_color", "parse_hex_color"]


def format_hex_color(color: Iterable[int]) -> str:
    """Format an 8-bit RGB color.

    Parameters
    ----------
    color : iterable of 3 int, 0..255
        RGB.

    Returns
    -------
    str
        ``#`` and six hexadecimal digits.

    Examples
    --------
    >>> format_hex_color((0, 114, 178))
    '#0072b2'
    """
    return "#" + bytes(color).hex()


def parse_hex_color(text: str) -> tuple[int, int, int]:
    """Parse an 8-bit RGB color.

    Parameters
    ----------
    text : str
        ``#`` and six hexadecimal digits.

    Returns
    -------
    tuple of 3 int, 0..255

    Examples
    --------
    >>> parse_hex_color("#0072b2")
    (0, 114, 178)
    """
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
