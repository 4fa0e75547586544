"""Pictures beside each other under their titles, a legend of the classes, and scales of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segment.output.palette import INK
from segment.output.pictures.scaling import Picture

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["MARGIN", "Legend", "arrange", "legend", "with_scale"]

Legend = Sequence[tuple[str, Sequence[int]]]
"""What is said of each class, and its color as RGB."""

MARGIN = 24
_TEXT = 24
_GAP = 18  # between the entries of a legend
_LINE = 2 * _TEXT
_LEAST = 640  # width of a panel, in pixels


def legend(names: Sequence[str], shares: Sequence[float], colors: Picture) -> Legend:
    """Number, name, where it is not "class" and the number, and share of the labeled pixels of each class."""
    entries = []
    for label, (name, share, color) in enumerate(zip(names, shares, colors, strict=True), start=1):
        words = str(label) if name == f"class {label}" else f"{label} {name}"
        entries.append((f"{words}   {_percent(share)}", color.tolist()))
    return entries


def arrange(pictures: Sequence[tuple[str, Picture]], columns: int, entries: Legend, *, heading: str = "") -> Picture:
    """Pictures of one size in rows of so many, each under its title, then a legend with an entry for each class.

    Parameters
    ----------
    pictures : sequence of (str, ndarray of shape (h, w, 3), uint8)
    columns : int
    entries : Legend
    heading : str
        What stands above all of them.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    high, wide = pictures[0][1].shape[:2]
    title = max(_width(words) for words, _ in pictures)
    second = max(wide, title) + MARGIN
    width = max(columns * second + MARGIN, _LEAST)
    if columns == 2:
        second = max(second, (width - 2 * MARGIN) // 2)
    pitch = _LINE + high + MARGIN
    top = MARGIN + (_LINE if heading else 0)
    bottom = top + -(-len(pictures) // columns) * pitch
    per_row, step = _legend_columns(entries, width - 2 * MARGIN)
    height = bottom + -(-len(entries) // per_row) * _LINE + (MARGIN if entries else 0)
    panel = PilImage.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(panel)
    _write(draw, (MARGIN, MARGIN), heading)
    for number, (words, picture) in enumerate(pictures):
        x, y = MARGIN + number % columns * second, top + number // columns * pitch
        _write(draw, (x, y), words)
        panel.paste(PilImage.fromarray(picture), (x, y + _LINE))
    for number, (words, color) in enumerate(entries):
        row, column = divmod(number, per_row)
        x, y = MARGIN + column * step, bottom + row * _LINE
        draw.rectangle((x, y, x + _TEXT, y + _TEXT), fill=(color[0], color[1], color[2]), outline=INK)
        _write(draw, (x + _TEXT + 10, y), words)
    return np.asarray(panel)


def with_scale(panel: Picture, scale: Picture, low: str, high: str) -> Picture:
    """A panel with a bar (1, n, 3) of colors below it, and what its ends stand for."""
    from PIL import Image as PilImage
    from PIL import ImageDraw

    height, width = panel.shape[:2]
    room = width - 2 * MARGIN
    longer = PilImage.new("RGB", (max(width, _width(low) + _width(high) + 4 * MARGIN), height + 4 * _TEXT), "white")
    longer.paste(PilImage.fromarray(panel), (0, 0))
    longer.paste(PilImage.fromarray(scale).resize((room, _TEXT), PilImage.Resampling.NEAREST), (MARGIN, height))
    draw = ImageDraw.Draw(longer)
    below = height + _TEXT + 8
    _write(draw, (MARGIN, below), low)
    _write(draw, (longer.width - MARGIN - _width(high), below), high)
    return np.asarray(longer)


def _legend_columns(entries: Legend, room: int) -> tuple[int, int]:
    """How many entries stand beside each other, and how far apart."""
    step = max([3 * _TEXT, *(_width(words) for words, _ in entries)]) + _TEXT + 10 + _GAP
    return max(1, (room + _GAP) // step), step


def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT)


def _width(words: str) -> int:
    return int(_font().getlength(words)) + 1


def _write(draw: ImageDraw, place: tuple[int, int], words: str) -> None:
    draw.text(place, words, fill=INK, font=_font())


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
