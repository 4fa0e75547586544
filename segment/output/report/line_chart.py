"""Draw numbers as curves: small line charts in SVG, to stand inside a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from segment.output.density_chart import choose_ticks

__all__ = ["draw_line_chart"]

_SIZE = (460, 250)  # width and height in pixels, before the page scales it
_BOX = (88, 16, 444, 200)  # left, top, right, bottom of the plot, in pixels; more to the right where numbers are long
_DIGIT_WIDTH = 8.5  # pixels at most
_ROUNDING = 1e-9  # values that differ by less than this share of themselves are drawn as one value
_MAX_POINTS = 30  # charts of up to so many points have a circle at each


def draw_line_chart(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, marked: Sequence[float] = ()
) -> Markup:
    """Draw a line through points, with axes.

    Parameters
    ----------
    x, y : sequences of float, of one length >= 1, finite
        `x` ascends in steps of at least 1: numbers of iterations or of classes.
    x_label, y_label : str
        What the axes show. Escaped.
    marked : sequence of float
        Values of x whose points are filled.

    Returns
    -------
    Markup
        An ``<svg>`` element. Its colors follow those of the text around it (``currentColor``).
    """
    left, top, right, bottom = _BOX
    first, last = _widen_point(float(x[0]), float(x[-1]), 0.0)
    low, high = _widen_point(min(y), max(y), _ROUNDING)
    levels = [float(value) for value in choose_ticks(low, high, 4)]
    texts = _format_ticks(levels)
    left = max(left, math.ceil(12 + _DIGIT_WIDTH * max(map(len, texts), default=0)))

    def place_x(value: float) -> float:
        return left + (value - first) / (last - first) * (right - left)

    def place_y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    # Rows of SVG go down, values up.
    points = [(place_x(a), place_y(b)) for a, b in zip(x, y, strict=True)]
    parts = [Markup('<path class="axis" d="M{0} {1}V{2}H{3}" />').format(left, top, bottom, right)]
    for value, text in zip(levels, texts, strict=True):
        parts.append(_draw_y_tick(left, place_y(value), text))
    # Iterations and classes are counted, so only whole numbers get a tick.
    for value in (float(v) for v in choose_ticks(first, last, 6) if float(v).is_integer()):
        parts.append(_draw_x_tick(place_x(value), bottom, f"{value:.0f}"))
    if len(points) > 1:
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        parts.append(Markup('<path class="curve" d="{0}" />').format(path))
    for (a, b), value in zip(points, x, strict=True):
        if value in marked or len(points) <= _MAX_POINTS:
            kind = "mark" if value in marked else "point"
            parts.append(Markup('<circle class="{0}" cx="{1:.1f}" cy="{2:.1f}" r="3.5" />').format(kind, a, b))
    middle = (left + right) / 2
    parts.append(Markup('<text x="{0}" y="{1}" text-anchor="middle">{2}</text>').format(middle, bottom + 42, x_label))
    head = Markup('<svg class="chart" viewBox="0 0 {0} {1}" role="img" aria-label="{2} against {3}">')
    return head.format(*_SIZE, y_label, x_label) + Markup("").join(parts) + Markup("</svg>")


def _widen_point(low: float, high: float, rounding: float) -> tuple[float, float]:
    """Widen a range without length, up to rounding, so that an axis can be drawn."""
    if high - low <= rounding * max(abs(low), abs(high)):
        return low - 0.5, high + 0.5
    return low, high


def _format_ticks(values: Sequence[float]) -> list[str]:
    """Format ticks in steps of 1, 2 or 5 times a power of ten, with as many decimals as the steps have."""
    if len(values) < 2:
        return [f"{value:.6g}" for value in values]
    # Without common decimals close values, such as -12.481842 and -12.481838, would get the same text.
    decimals = max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-6))
    return [f"{value:.{decimals}f}" for value in values]


def _draw_x_tick(x: float, y: float, text: str) -> Markup:
    """Draw a tick below the horizontal axis with its text."""
    line = Markup('<path class="axis" d="M{0:.1f} {1:.1f}v5" />').format(x, y)
    return line + Markup('<text x="{0:.1f}" y="{1:.1f}" text-anchor="middle">{2}</text>').format(x, y + 18, text)


def _draw_y_tick(x: float, y: float, text: str) -> Markup:
    """Draw a tick left of the vertical axis with its text."""
    line = Markup('<path class="axis" d="M{0:.1f} {1:.1f}h-5" />').format(x, y)
    return line + Markup('<text x="{0:.1f}" y="{1:.1f}" text-anchor="end">{2}</text>').format(x - 8, y + 4, text)
