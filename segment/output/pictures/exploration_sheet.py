"""Draw the segments of several numbers of classes on one sheet, with their shares and a criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.output.density_chart import choose_ticks
from segment.output.palette import INK
from segment.output.pictures.layout import draw_sheet
from segment.output.pictures.scaling import (
    Picture,
    describe_stretch,
    fit_size,
    scale_image,
    scale_labels,
    stretch_for_display,
)
from segment.preprocessor.preprocessor import LUMA

__all__ = ["Try", "draw_exploration_sheet"]

# All in pixels.
_ROOM = (620, 460)  # largest width and height of the segments of one number of classes
_MIN_CELL = (320, 200)  # least width and height of a cell, in which the curve has to fit
_BAR = 28  # height of the bar of shares
_GAP = 8  # between segments and bar
_TEXT = 20
_COLUMNS = 3
_LIGHT = 140  # luma of a color, 0..255, above which letters on it are black
_MARK = (213, 94, 0)  # color of the chosen number in the curve


@dataclass(frozen=True, eq=False)
class Try:
    """The segments of one number of classes.

    Attributes
    ----------
    title : str
        Text above the segments.
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.
    shares : sequence of k float, 0..1
        Share of the labeled pixels.
    """

    title: str
    label_image: NDArray[np.integer]
    colors: Picture
    shares: Sequence[float]


def draw_exploration_sheet(
    image: Image,
    tries: Sequence[Try],
    curve: Sequence[tuple[int, float]],
    chosen: int,
    criterion: str,
    *,
    title: str = "original",
) -> Picture:
    """Draw the original, the segments of each number of classes above a bar of their shares, and the criterion.

    Parameters
    ----------
    image : Image
        The original.
    tries : sequence of Try
        The numbers of classes in order.
    curve : sequence of (int, float)
        The criterion for each number of classes; empty where nothing was compared.
    chosen : int
        The number that is marked.
    criterion : str
        Its name, such as ``BIC``.
    title : str
        Text above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, about 1900 pixels wide.
    """
    size = fit_size(image.height, image.width, _ROOM)
    cell = max(size[0], _MIN_CELL[0]), max(size[1], _MIN_CELL[1] - _GAP - _BAR) + _GAP + _BAR
    shown = stretch_for_display(image)
    cells = [(describe_stretch(title, image, shown), _make_cell(scale_image(shown, size), cell))]
    for item in tries:
        picture = _make_cell(scale_labels(item.label_image, item.colors, size), cell)
        picture[-_BAR:] = _draw_share_bar(item.shares, item.colors, cell[0])
        cells.append((item.title, picture))
    if len(curve) > 1:
        cells.append((f"{criterion}: the lowest is taken", _draw_curve(curve, chosen, cell)))
    return draw_sheet(cells, _COLUMNS, ())


def _make_cell(picture: Picture, cell: tuple[int, int]) -> Picture:
    """Put a picture into the upper left corner of a white cell."""
    out = np.full((cell[1], cell[0], 3), 255, dtype=np.uint8)
    out[: picture.shape[0], : picture.shape[1]] = picture
    return out


def _draw_share_bar(shares: Sequence[float], colors: Picture, width: int) -> Picture:
    """Draw the shares of the classes as parts of a bar, with their percentages where there is room."""
    from PIL import Image as PilImage
    from PIL import ImageDraw, ImageFont

    bar = PilImage.new("RGB", (width, _BAR), "white")
    draw, font = ImageDraw.Draw(bar), ImageFont.load_default(_TEXT)
    ends = np.rint(np.cumsum([0.0, *shares]) * width).astype(int).tolist()
    for left, right, share, color in zip(ends, ends[1:], shares, colors.tolist(), strict=False):
        if right == left:
            continue
        draw.rectangle((left, 0, right - 1, _BAR - 1), fill=tuple(color))
        words = f"{100 * share:.0f} %"
        if font.getlength(words) + 6 < right - left:
            ink = INK if np.dot(color, LUMA) > _LIGHT else "white"
            draw.text(((left + right) / 2, _BAR / 2), words, fill=ink, font=font, anchor="mm")
    return np.asarray(bar)


def _draw_curve(curve: Sequence[tuple[int, float]], chosen: int, cell: tuple[int, int]) -> Picture:
    """Draw the criterion against the number of classes."""
    from PIL import Image as PilImage
    from PIL import ImageDraw, ImageFont

    picture = PilImage.new("RGB", cell, "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT)
    numbers, values = [number for number, _ in curve], [value for _, value in curve]
    low, high = min(values), max(values)
    high = high if high > low else low + 1.0
    ticks = choose_ticks(low, high, 4).tolist()
    left = 24 + max(int(font.getlength(f"{value:.6g}")) for value in ticks)
    right, top, bottom = cell[0] - 24, 20, cell[1] - 56

    def place(number: float, value: float) -> tuple[float, float]:
        across = (number - numbers[0]) / (numbers[-1] - numbers[0])
        return left + across * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    draw.line((left, top - 8, left, bottom + 8, right, bottom + 8), fill=INK)
    for value in ticks:
        _, y = place(numbers[0], value)
        draw.line((left - 5, y, left, y), fill=INK)
        draw.text((left - 10, y), f"{value:.6g}", fill=INK, font=font, anchor="rm")
    draw.line([place(*point) for point in curve], fill=INK, width=2)
    for number, value in curve:
        x, y = place(number, value)
        radius = 8 if number == chosen else 4
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_MARK if number == chosen else INK)
        draw.text((x, bottom + 12), str(number), fill=INK, font=font, anchor="ma")
    draw.text(((left + right) / 2, bottom + 34), "number of classes", fill=INK, font=font, anchor="ma")
    return np.asarray(picture)
