"""Place pictures beside each other under their titles, with a legend of the classes or a scale of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segment.core.class_names import make_default_name
from segment.output.palette import INK
from segment.output.pictures.scaling import Picture

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["Legend", "add_scale", "draw_sheet", "list_legend_entries"]

Legend = Sequence[tuple[str, Sequence[int]]]
"""The text of each class, and its color as RGB."""

# All in pixels.
_MARGIN = 24
_TEXT_GAP = 10  # between the square of a legend entry and its text
_ENTRY_GAP = 18  # between the entries of a legend
_MIN_WIDTH = 640  # of a panel
_MIN_TEXT, _MAX_TEXT = 24, 36  # height of letters, of the squares of a legend and of a bar of colors
_WIDTH_PER_TEXT = 60  # width of a sheet for a pixel of the height of its letters: 20 where it is shown 1200 wide
_FRAME = (176, 176, 176)  # color of the line around a picture, without which white parts run into the page


def list_legend_entries(names: Sequence[str], shares: Sequence[float], colors: Picture) -> Legend:
    """List number, name and share of each class as the entries of a legend.

    Parameters
    ----------
    names : sequence of k str
        A name that is only "class" and the number is left out.
    shares : sequence of k float, 0..1
        Share of the labeled pixels.
    colors : ndarray of shape (k, 3), uint8
        RGB.

    Returns
    -------
    list of (str, list of int)
        Text and color of each class.

    Examples
    --------
    >>> list_legend_entries(["class 1", "sky"], [0.25, 0.75], np.array([[0, 0, 9], [0, 9, 0]], np.uint8))
    [('1   25.0 %', [0, 0, 9]), ('2 sky   75.0 %', [0, 9, 0])]
    """
    entries = []
    for label, (name, share, color) in enumerate(zip(names, shares, colors, strict=True), start=1):
        words = str(label) if name == make_default_name(label) else f"{label} {name}"
        # A class that does not count has no share.
        entries.append((words if math.isnan(share) else f"{words}   {_format_share(share)}", color.tolist()))
    return entries


def draw_sheet(pictures: Sequence[tuple[str, Picture]], columns: int, entries: Legend, *, heading: str = "") -> Picture:
    """Draw pictures of one size in rows, each under its title, and a legend below them.

    Parameters
    ----------
    pictures : sequence of (str, ndarray of shape (h, w, 3), uint8)
        Title and picture.
    columns : int
        Pictures in a row.
    entries : Legend
        An entry for each class; none leaves the legend out.
    heading : str
        Text above all pictures; empty for none.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    # `column_step` and `row_step` lead from the left upper corner of a picture to that of the next.
    high, wide = pictures[0][1].shape[:2]
    text = _choose_text_height(columns * wide)
    line = 2 * text
    column_step = max(wide, *(_measure_text(words, text) for words, _ in pictures)) + _MARGIN
    width = max(columns * column_step + _MARGIN, _MIN_WIDTH)
    # Two pictures on a sheet of the least width stand at the left edge and in the middle.
    if columns == 2:
        column_step = max(column_step, (width - 2 * _MARGIN) // 2)
    row_step = line + high + _MARGIN
    top = _MARGIN + (line if heading else 0)
    bottom = top + -(-len(pictures) // columns) * row_step
    per_row, entry_step = _divide_legend(entries, width - 2 * _MARGIN, text)
    # -(-a // b) divides and rounds up.
    height = bottom + -(-len(entries) // per_row) * line + (_MARGIN if entries else 0)

    # Title above each picture, pictures row by row, then the legend row by row.
    sheet = PilImage.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    _write_text(draw, (_MARGIN, _MARGIN), heading, text)
    for number, (words, picture) in enumerate(pictures):
        row, column = divmod(number, columns)
        x, y = _MARGIN + column * column_step, top + row * row_step
        _write_text(draw, (x, y), words, text)
        draw.rectangle((x - 1, y + line - 1, x + wide, y + line + high), outline=_FRAME)
        sheet.paste(PilImage.fromarray(picture), (x, y + line))
    for number, (words, color) in enumerate(entries):
        row, column = divmod(number, per_row)
        x, y = _MARGIN + column * entry_step, bottom + row * line
        draw.rectangle((x, y, x + text, y + text), fill=(color[0], color[1], color[2]), outline=INK)
        _write_text(draw, (x + text + _TEXT_GAP, y), words, text)
    return np.asarray(sheet)


def add_scale(sheet: Picture, scale: Picture, low: str, high: str) -> Picture:
    """Add a bar of colors below a sheet, with the meaning of its two ends.

    Parameters
    ----------
    sheet : ndarray of shape (H, W, 3), uint8
        RGB.
    scale : ndarray of shape (1, n, 3), uint8
        The colors from left to right.
    low, high : str
        Text below the left and the right end.

    Returns
    -------
    ndarray of shape (H + 4 letters, W or more, 3), uint8
        RGB; letters are 24 to 36 pixels high, by the width of the sheet.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    height, width = sheet.shape[:2]
    # The two texts may need more width than the sheet has.
    text = _choose_text_height(width)
    full_width = max(width, _measure_text(low, text) + _measure_text(high, text) + 4 * _MARGIN)
    longer = PilImage.new("RGB", (full_width, height + 4 * text), "white")
    longer.paste(PilImage.fromarray(sheet), (0, 0))
    bar = PilImage.fromarray(scale).resize((width - 2 * _MARGIN, text), PilImage.Resampling.NEAREST)
    longer.paste(bar, (_MARGIN, height))
    draw = ImageDraw.Draw(longer)
    below = height + text + 8
    _write_text(draw, (_MARGIN, below), low, text)
    _write_text(draw, (longer.width - _MARGIN - _measure_text(high, text), below), high, text)
    return np.asarray(longer)


def _choose_text_height(width: int) -> int:
    """Choose the height of letters, in pixels, for a sheet of a width."""
    return min(max(width // _WIDTH_PER_TEXT, _MIN_TEXT), _MAX_TEXT)


def _divide_legend(entries: Legend, room: int, text: int) -> tuple[int, int]:
    """Find how many legend entries fit beside each other in a width, and the distance from one to the next."""
    step = max([3 * text, *(_measure_text(words, text) for words, _ in entries)]) + text + _TEXT_GAP + _ENTRY_GAP
    return max(1, (room + _ENTRY_GAP) // step), step


def _load_font(height: int) -> FreeTypeFont | ImageFont:
    """Load the font that comes with Pillow, with letters of a height in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(height)


def _measure_text(words: str, height: int) -> int:
    """Measure the width of a text in pixels."""
    return int(_load_font(height).getlength(words)) + 1


def _write_text(draw: ImageDraw, place: tuple[int, int], words: str, height: int) -> None:
    """Write a text, `place` being its left upper corner."""
    draw.text(place, words, fill=INK, font=_load_font(height))


def _format_share(share: float) -> str:
    """Format a share as a percentage; "< 0.1 %" for a class with few pixels, never "0.0 %"."""
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
