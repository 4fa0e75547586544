"""Draw curves on logarithmic axes with Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from segment.output.palette import INK, pick_class_colors

__all__ = ["Curve", "draw_plots"]

WIDTH, HEIGHT, LEFT, BELOW, TOP = 460, 340, 80, 60, 60  # of a plot and the margins around it, in pixels
GRAY, PALE = (150, 150, 150), (226, 226, 226)
TEXT = 16


class Curve(NamedTuple):
    """A curve: its name, the row of its plot, the number of its color, and its points."""

    name: str
    row: int
    color: int
    x: Sequence[float]
    y: Sequence[float]


def draw_plots(columns: Sequence[Sequence[Curve]], names: Sequence[Sequence[str]]) -> PilImage.Image:
    """Draw a grid of plots: a column for each sequence of curves, with names of both axes."""
    size = (len(columns) * (WIDTH + LEFT + 20), len(names[1]) * (HEIGHT + BELOW + TOP))
    image = PilImage.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for i, (curves, below) in enumerate(zip(columns, names[0], strict=True)):
        for row, beside in enumerate(names[1]):
            corner = (LEFT + i * (WIDTH + LEFT + 20), TOP + row * (HEIGHT + BELOW + TOP))
            draw_plot(draw, corner, [curve for curve in curves if curve.row == row], below, beside)
    return image.quantize(32)


def draw_plot(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], curves: Sequence[Curve], below: str, beside: str
) -> None:
    """Draw one plot with its upper left corner at this place."""
    left, top = corner
    xs = find_power_range([x for curve in curves for x in curve.x])
    ys = find_power_range([y for curve in curves for y in curve.y])

    # Logarithmic axes: a power of ten is as long everywhere.
    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - xs[0]) / (xs[1] - xs[0])
        up = (math.log10(y) - ys[0]) / (ys[1] - ys[0])
        return left + WIDTH * across, top + HEIGHT * (1 - up)

    for power in range(xs[0], xs[1] + 1):
        at, _ = place(10.0**power, 10.0 ** ys[0])
        draw.line([(at, top), (at, top + HEIGHT)], fill=PALE)
        write_text(draw, (at, top + HEIGHT + 6), f"{10.0**power:,g}", "ma")
    for power in range(ys[0], ys[1] + 1):
        _, at = place(10.0 ** xs[0], 10.0**power)
        draw.line([(left, at), (left + WIDTH, at)], fill=PALE)
        write_text(draw, (left - 8, at), f"{10.0**power:,g}", "rm")
    # What grows in proportion is as steep as this line.
    rise = min(xs[1] - xs[0], ys[1] - ys[0])
    draw.line([place(10.0 ** xs[0], 10.0 ** ys[0]), place(10.0 ** (xs[0] + rise), 10.0 ** (ys[0] + rise))], fill=GRAY)
    draw.rectangle([left, top, left + WIDTH, top + HEIGHT], outline=GRAY)
    colors = [tuple(color) for color in pick_class_colors(4).tolist()]
    for number, curve in enumerate(curves):
        points = [place(x, y) for x, y in zip(curve.x, curve.y, strict=True)]
        draw.line(points, fill=colors[curve.color], width=3)
        for x, y in points:
            draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=colors[curve.color])
        line = top + 14 + number * (TEXT + 4)
        draw.line([(left + 12, line), (left + 36, line)], fill=colors[curve.color], width=3)
        write_text(draw, (left + 44, line), curve.name, "lm")
    write_text(draw, (left + WIDTH / 2, top + HEIGHT + 30), below, "ma")
    write_text(draw, (left, top - 10), beside, "ls")


def find_power_range(values: Sequence[float]) -> tuple[int, int]:
    """Find the powers of ten between which the values lie."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def write_text(draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, anchor: str) -> None:
    """Write words at a place; `anchor` is that of Pillow."""
    draw.text(place, words, fill=INK, font=ImageFont.load_default(TEXT), anchor=anchor)
