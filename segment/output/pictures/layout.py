"""Place pictures beside each other under their titles, with a legend of the classes or a scale of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segment.core.class_names import make_default_name
from segment.output.palette import INK
from segment.output.pictures.fonts import choose_font
from segment.output.pictures.scaling import Picture

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageDraw import ImageDraw

__all__ = ["Legend", "Scale", "draw_sheet", "list_legend_entries"]

Scale = tuple[Picture, str, str]
"""A bar of colors, (1, n, 3) from left to right, and the meaning of its two ends."""

Legend = Sequence[tuple[str, Sequence[int]]]
"""The text of each class, and its color as RGB."""

# All in pixels. Margins, gaps and frames of sheets with larger letters than _MAX_TEXT are the same multiple of these.
_MARGIN = 24
_TEXT_GAP = 10  # between the square of a legend entry and its text
_ENTRY_GAP = 18  # between the entries of a legend
_MIN_WIDTH = 640  # of a panel
_MIN_TEXT, _MAX_TEXT = 24, 36  # height of letters, of the squares of a legend and of a bar of colors
_WIDTH_PER_TEXT = 60  # width of a sheet for a pixel of the height of its letters: 20 where it is shown 1200 wide
_HEIGHT_PER_TEXT = 8  # a picture is at least so many times as high as letters above _MAX_TEXT: it may be a strip
_BAND_ROWS = 256  # copied at once
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


def draw_sheet(
    pictures: Sequence[tuple[str, Picture]],
    columns: int,
    entries: Legend,
    *,
    heading: str = "",
    scale: Scale | None = None,
) -> Picture:
    """Draw pictures of one size in rows, each under its title, and a legend and a scale below them.

    Letters are 24 to 36 pixels high, by the width of the sheet; larger where one picture alone is so wide that these
    would be too small, as an outline in the size of a large image.

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
    scale : Scale, optional
        What the colors of the pictures stand for.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    # `column_step` and `row_step` lead from the left upper corner of a picture to that of the next.
    high, wide = pictures[0][1].shape[:2]
    text = max(_choose_text_height(columns * wide), min(wide // _WIDTH_PER_TEXT, high // _HEIGHT_PER_TEXT))
    enlarged = -(-text // _MAX_TEXT)  # divides and rounds up
    margin = _MARGIN * enlarged
    line = 2 * text
    column_step = max(wide, *(_measure_text(words, text) for words, _ in pictures)) + margin
    width = max(columns * column_step + margin, _MIN_WIDTH)
    # Two pictures on a sheet of the least width stand at the left edge and in the middle.
    if columns == 2:
        column_step = max(column_step, (width - 2 * margin) // 2)
    row_step = line + high + margin
    top = margin + (line if heading else 0)
    bottom = top + -(-len(pictures) // columns) * row_step
    # The longest entry fits, however small the pictures are.
    words_width = max([3 * text, *(_measure_text(words, text) for words, _ in entries)])
    widest = text + _TEXT_GAP * enlarged + words_width
    width = max(width, widest + 2 * margin)
    entry_step = widest + _ENTRY_GAP * enlarged
    per_row = max(1, (width - 2 * margin + _ENTRY_GAP * enlarged) // entry_step)
    height = bottom + -(-len(entries) // per_row) * line + (margin if entries else 0)

    # Title above each picture, pictures row by row, then the legend row by row.
    sheet = PilImage.new("RGB", _add_room_for_scale(width, height, scale), "white")
    draw = ImageDraw.Draw(sheet)
    _write_text(draw, (margin, margin), heading, text)
    for number, (words, picture) in enumerate(pictures):
        row, column = divmod(number, columns)
        x, y = margin + column * column_step, top + row * row_step
        _write_text(draw, (x, y), words, text)
        frame = (x - enlarged, y + line - enlarged, x + wide + enlarged - 1, y + line + high + enlarged - 1)
        draw.rectangle(frame, outline=_FRAME, width=enlarged)
        sheet.paste(PilImage.fromarray(picture), (x, y + line))
    for number, (words, color) in enumerate(entries):
        row, column = divmod(number, per_row)
        x, y = margin + column * entry_step, bottom + row * line
        draw.rectangle((x, y, x + text, y + text), fill=(color[0], color[1], color[2]), outline=INK, width=enlarged)
        _write_text(draw, (x + text + _TEXT_GAP * enlarged, y), words, text)
    if scale is not None:
        _draw_scale(sheet, scale, width, height)
    return _copy_pixels(sheet)


def _add_room_for_scale(width: int, height: int, scale: Scale | None) -> tuple[int, int]:
    """Add the room that a scale needs to the width and height of a sheet."""
    if scale is None:
        return width, height
    text = _choose_text_height(width)
    # The two texts may need more width than the sheet has.
    needed = sum(_measure_text(words, text) for words in scale[1:]) + 4 * _MARGIN
    return max(width, needed), height + 4 * text


def _draw_scale(sheet: PillowImage, scale: Scale, width: int, height: int) -> None:
    """Draw a bar of colors with the meaning of its two ends below what a sheet has up to this width and height."""
    from PIL import Image as PilImage
    from PIL import ImageDraw

    colors, low, high = scale
    text = _choose_text_height(width)
    bar = PilImage.fromarray(colors).resize((width - 2 * _MARGIN, text), PilImage.Resampling.NEAREST)
    sheet.paste(bar, (_MARGIN, height))
    draw = ImageDraw.Draw(sheet)
    below = height + text + 8
    _write_text(draw, (_MARGIN, below), low, text)
    _write_text(draw, (sheet.width - _MARGIN - _measure_text(high, text), below), high, text)


def _copy_pixels(sheet: PillowImage) -> Picture:
    """Copy the pixels of a sheet in bands: Pillow would have those of a sheet of hundreds of maps in memory twice."""
    pixels = np.empty((sheet.height, sheet.width, 3), dtype=np.uint8)
    for top in range(0, sheet.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, sheet.height)
        pixels[top:bottom] = np.asarray(sheet.crop((0, top, sheet.width, bottom)))
    return pixels


def _choose_text_height(width: int) -> int:
    """Choose the height of letters, in pixels, for a sheet of a width."""
    return min(max(width // _WIDTH_PER_TEXT, _MIN_TEXT), _MAX_TEXT)


def _measure_text(words: str, text: int) -> int:
    """Measure the width of a text, in pixels, with letters of a height."""
    words, font = choose_font(words, text)
    return int(font.getlength(words)) + 1


def _write_text(draw: ImageDraw, place: tuple[int, int], words: str, text: int) -> None:
    """Write a text with letters of a height, `place` being its left upper corner."""
    words, font = choose_font(words, text)
    draw.text(place, words, fill=INK, font=font)


def _format_share(share: float) -> str:
    """Format a share as a percentage; "< 0.1 %" for a class with few pixels, never "0.0 %"."""
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
