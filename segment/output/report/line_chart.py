"""Numbers to curves: small line charts as SVG, to stand inside a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from segment.output.density_chart import ticks

__all__ = ["line_chart"]

_SIZE = (460, 250)  # pixels, before the page scales it
_ROUNDING = 1e-9  # values that differ by this share of themselves are one value
_BOX = (88, 16, 444, 200)  # left, top, right, bottom of the plot


def line_chart(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, marked: Sequence[float] = ()
) -> Markup:
    """A line through points, with axes.

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
    low, high = min(y), max(y)
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    first, last = float(x[0]), float(x[-1])
    if first == last:
        first, last = first - 0.5, last + 0.5

    def across(value: float) -> float:
        return left + (value - first) / (last - first) * (right - left)

    def down(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    points = [(across(a), down(b)) for a, b in zip(x, y, strict=True)]
    lines = [(a, b) for a, b in pairwise(points)]
    parts = [Markup('<path class="axis" d="M{0} {1}V{2}H{3}" />').format(left, top, bottom, right)]
    levels = [float(value) for value in ticks(low, high, 4)]
    for value, text in zip(levels, _apart(levels), strict=True):
        parts.append(_tick(left, down(value), text, across=False))
    for value in (float(v) for v in ticks(first, last, 6) if float(v).is_integer()):
        parts.append(_tick(across(value), bottom, f"{value:.0f}", across=True))
    if lines:
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        parts.append(Markup('<path class="curve" d="{0}" />').format(path))
    for (a, b), value in zip(points, x, strict=True):
        if value in marked or len(points) <= 30:
            kind = "mark" if value in marked else "point"
            parts.append(Markup('<circle class="{0}" cx="{1:.1f}" cy="{2:.1f}" r="3.5" />').format(kind, a, b))
    middle = (left + right) / 2
    parts.append(Markup('<text x="{0}" y="{1}" text-anchor="middle">{2}</text>').format(middle, bottom + 38, x_label))
    head = Markup('<svg class="chart" viewBox="0 0 {0} {1}" role="img" aria-label="{2} against {3}">')
    return head.format(*_SIZE, y_label, x_label) + Markup("").join(parts) + Markup("</svg>")


def _apart(values: Sequence[float]) -> list[str]:
    """Round numbers in steps of 1, 2 or 5 times a power of ten, with as many decimals as the steps have."""
    if len(values) < 2:
        return [f"{value:.6g}" for value in values]
    decimals = max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-6))
    return [f"{value:.{decimals}f}" for value in values]


def _tick(x: float, y: float, text: str, *, across: bool) -> Markup:
    """A small line at a place of an axis with a text beside it."""
    if across:
        line = Markup('<path class="axis" d="M{0:.1f} {1:.1f}v5" />').format(x, y)
        return line + Markup('<text x="{0:.1f}" y="{1:.1f}" text-anchor="middle">{2}</text>').format(x, y + 18, text)
    line = Markup('<path class="axis" d="M{0:.1f} {1:.1f}h-5" />').format(x, y)
    return line + Markup('<text x="{0:.1f}" y="{1:.1f}" text-anchor="end">{2}</text>').format(x - 8, y + 4, text)
