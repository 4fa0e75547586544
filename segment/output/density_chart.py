"""Draw the histogram of a feature with the density that was fitted to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.output.palette import INK
from segment.output.pictures.fonts import choose_font

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

__all__ = ["BOX", "choose_ticks", "compute_histogram", "draw_density_chart", "take_feature", "take_feature_density"]

Floats = NDArray[np.float64]
Points = list[tuple[float, float]]

# The box of the plot within the picture, in pixels: left, top, right, bottom. Its sides are the ends of the axes.
BOX = (90, 20, 604, 330)
_SIZE = (640, 390)  # width and height in pixels, without the legend
_OVERSAMPLING = 2  # the chart is drawn so many times larger, then averaged, which smooths its lines
_TEXT = 20  # height of letters, in pixels: 11 where the chart is shown 352 pixels wide, as on a telephone
_MAX_LEGEND_COLUMNS = 4
_MAX_LEGEND_CLASSES = 12
_BAR_COLOR = (205, 205, 205)
_N_BINS = 100  # of a histogram, about
_MAX_DISCRETE = 1024  # a sample of up to so many distinct values is taken for discrete
# The variance of a value that was rounded to whole numbers, which is uniform within 1: the least that a chart shows.
_MIN_VARIANCE = 1 / 12


def draw_density_chart(
    cells: Cells,
    model: MixtureModel,
    *,
    label: str,
    groups: NDArray[np.intp],
    names: Sequence[str],
    colors: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Draw the histogram of a feature with the density of a mixture over it.

    Parameters
    ----------
    cells : Cells
        Of one feature. They give the ends of the horizontal axis.
    model : MixtureModel
        Of one feature. Its density is drawn dark, the density of each class, times its weight, in the class's color.
        The vertical axis ends a little above the density and nearly all bars; higher bars are cut.
    label : str
        What the horizontal axis shows.
    groups : ndarray of shape (n_components,), int
        The class 0..k-1 of each component.
    names : sequence of k str
        Names of the classes.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.

    Returns
    -------
    ndarray of shape (h, 640, 3), uint8
        RGB. The axes end at the sides of the box `BOX`.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> cells = make_point_cells([[-1.0], [0.0], [0.5]])
    >>> model = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    >>> blue = np.array([[0, 114, 178]], np.uint8)
    >>> draw_density_chart(cells, model, label="red", groups=np.zeros(1, np.intp), names=["sky"], colors=blue).shape
    (430, 640, 3)
    """
    heights, edges = compute_histogram(cells)
    low, high = float(edges[0]), float(edges[-1])
    # One point for each column of the enlarged picture.
    x = np.linspace(low, high, _OVERSAMPLING * (BOX[2] - BOX[0]) + 1)
    # Density of each class times its weight: (columns, classes). They sum to the density of the mixture.
    membership = groups[:, None] == np.arange(groups.max(initial=-1) + 1)
    parts = np.exp(model.log_joint(x[:, None])) @ membership
    # The 98 % quantile leaves out single bars far above all others.
    top = 1.1 * max(float(parts.sum(axis=1).max()), float(np.quantile(heights, 0.98)), np.finfo(float).tiny)

    scale = _PlotScale(low, high, top)
    bars = [scale.place(edges[i : i + 2], np.array([height, 0.0])) for i, height in enumerate(heights)]
    inks = [tuple(color) for color in colors.tolist()]
    curves = [(scale.place(x, part), color) for part, color in zip(parts.T, inks, strict=True)]
    entries = _make_legend(names, (model.weights @ membership).tolist(), inks)
    return _draw_chart(bars, scale.place(x, parts.sum(axis=1)), curves, scale, label, entries)


def compute_histogram(cells: Cells) -> tuple[Floats, Floats]:
    """Compute a histogram of area 1 in bins of equal width.

    Discrete values, such as those of 8-bit pixels, lie in the middle of bins that hold the same number of them.

    Parameters
    ----------
    cells : Cells
        Of one feature.

    Returns
    -------
    heights : ndarray of shape (m,), float64
        Weight per unit of the feature and unit of weight: a density.
    edges : ndarray of shape (m + 1,), float64
        The ends of the bins, ascending.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> heights, edges = compute_histogram(make_point_cells(np.array([[0.0], [1.0], [1.0], [2.0]])))
    >>> heights.tolist(), edges.tolist()
    ([0.25, 0.5, 0.25], [-0.5, 0.5, 1.5, 2.5])
    """
    values = np.unique(cells.means[:, 0])
    low, high = float(values[0]), float(values[-1])
    step = float(np.diff(values).min()) if 1 < len(values) <= _MAX_DISCRETE else 0.0
    if high == low:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / _N_BINS
    # Bins of discrete values are a whole number of steps wide, and begin half a step before the first value.
    if step > 0:
        width = max(1, round(width / step)) * step
        low, high = low - step / 2, high + step / 2
    m = min(int(np.ceil((high - low) / width - 1e-9)), 10 * _N_BINS)
    edges = np.asarray(low + np.arange(m + 1) * max(width, (high - low) / m), dtype=np.float64)
    counts, _ = np.histogram(cells.means[:, 0], bins=edges, weights=cells.weights)
    return counts / (cells.total_weight * np.diff(edges)), edges


def take_feature(cells: Cells, number: int) -> Cells:
    """Take one feature of cells, without their scatter, which a histogram does not show.

    Parameters
    ----------
    cells : Cells
        n cells.
    number : int
        Of the feature, from 0.

    Returns
    -------
    Cells
        n cells of one feature.
    """
    return Cells(cells.weights, cells.means[:, [number]], np.zeros((len(cells), 1)))


def take_feature_density(model: MixtureModel, number: int) -> MixtureModel:
    """Take the mixture of one feature, no narrower than a stored value: no chart can hold the density of a spike.

    Parameters
    ----------
    model : MixtureModel
    number : int
        Of the feature, from 0.

    Returns
    -------
    MixtureModel
        Of one feature.
    """
    marginal = model.marginalize([number])
    return replace(marginal, covariances=np.maximum(marginal.covariances, _MIN_VARIANCE))


def choose_ticks(low: float, high: float, n: int = 8) -> Floats:
    """Choose round numbers within a range, in steps of 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    low, high : float
        Ends of the range, ascending.
    n : int
        Number of steps that is aimed at; there are at most so many.

    Returns
    -------
    ndarray of shape (m,), float64
        Ascending.

    Examples
    --------
    >>> choose_ticks(0, 100, 5).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    smallest_step = (high - low) / n
    power = 10.0 ** np.floor(np.log10(smallest_step))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= smallest_step)
    # Adding 0 turns -0 into 0.
    return np.asarray(step * np.arange(np.ceil(low / step), np.floor(high / step + 1e-9) + 1) + 0.0)


@dataclass(frozen=True)
class _PlotScale:
    """The ends of the axes, and with them the place of values in the enlarged picture."""

    low: float
    high: float
    top: float

    def place(self, values: Floats, densities: Floats) -> Points:
        """Place points of the plot in the picture: (x, y) in its pixels. Values outside of the axes are moved in."""
        left, _, _, lower = BOX
        columns = _OVERSAMPLING * (left + (np.clip(values, self.low, self.high) - self.low) * self.across)
        rows = _OVERSAMPLING * (lower - np.minimum(densities, 1.05 * self.top) * self.up)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    @property
    def across(self) -> float:
        """Pixels to the right for a unit of value."""
        return (BOX[2] - BOX[0]) / (self.high - self.low)

    @property
    def up(self) -> float:
        """Pixels upwards for a unit of density."""
        return (BOX[3] - BOX[1]) / self.top


def _draw_chart(
    bars: list[Points],
    mixture: Points,
    curves: list[tuple[Points, tuple[int, ...]]],
    scale: _PlotScale,
    label: str,
    entries: list[tuple[str, tuple[int, ...]]],
) -> NDArray[np.uint8]:
    """Draw bars (two opposite corners each), the density of the mixture, those of its classes, axes and legend."""
    from PIL import Image as PilImage
    from PIL import ImageDraw

    left, upper, right, lower = (_OVERSAMPLING * side for side in BOX)
    n_columns = _choose_legend_columns([words for words, _ in entries])
    n_rows = -(-len(entries) // n_columns)
    panel = PilImage.new("RGB", (_OVERSAMPLING * _SIZE[0], _OVERSAMPLING * (_SIZE[1] + 2 * _TEXT * n_rows)), "white")
    draw = ImageDraw.Draw(panel)
    for (x0, y0), (x1, y1) in bars:
        if x1 > x0 and y0 < y1:
            draw.rectangle((x0, y0, x1 - 1, y1), fill=_BAR_COLOR)
    # A light color is seen by the dark edge of its line alone.
    for line, color in curves:
        draw.line(line, fill=tuple(value * 3 // 5 for value in color), width=5 * _OVERSAMPLING, joint="curve")
        draw.line(line, fill=color, width=3 * _OVERSAMPLING, joint="curve")
    # The mixture is thinner and drawn last: both are seen where one class has all of its density.
    draw.line(mixture, fill=INK, width=2 * _OVERSAMPLING, joint="curve")
    # Lines are wide: erase what goes beyond the box at its top and its bottom.
    for outside in ((0, 0, panel.width, upper - 1), (0, lower + 1, panel.width, panel.height)):
        draw.rectangle(outside, fill="white")
    draw.rectangle((left, upper, right, lower), outline=INK, width=_OVERSAMPLING)
    _draw_axes(draw, scale, label)
    _draw_legend(draw, entries, n_columns)
    return np.asarray(panel.reduce(_OVERSAMPLING))


def _draw_axes(draw: ImageDraw, scale: _PlotScale, label: str) -> None:
    """Draw the ticks of both axes with their numbers, and the label of the horizontal one."""
    left, _, right, lower = (_OVERSAMPLING * side for side in BOX)
    for value in choose_ticks(scale.low, scale.high, 5):
        place = left + _OVERSAMPLING * (value - scale.low) * scale.across
        draw.line((place, lower, place, lower + 6 * _OVERSAMPLING), fill=INK, width=_OVERSAMPLING)
        _write_text(draw, (place, lower + 8 * _OVERSAMPLING), f"{value:.6g}", "ma")
    for value in choose_ticks(0.0, scale.top, 5):
        place = lower - _OVERSAMPLING * value * scale.up
        draw.line((left - 6 * _OVERSAMPLING, place, left, place), fill=INK, width=_OVERSAMPLING)
        _write_text(draw, (left - 10 * _OVERSAMPLING, place), f"{value:.3g}", "rm")
    _write_text(draw, (right, lower + 34 * _OVERSAMPLING), label, "ra")


def _make_legend(
    names: Sequence[str], weights: Sequence[float], inks: Sequence[tuple[int, ...]]
) -> list[tuple[str, tuple[int, ...]]]:
    """Make the text and the color of each entry of the legend: of many classes those with the largest weights."""
    largest = sorted(range(len(weights)), key=lambda label: -weights[label])[:_MAX_LEGEND_CLASSES]
    rows = [(f"{names[label]}   {100 * weights[label]:.1f} %", inks[label]) for label in sorted(largest)]
    n_others = len(weights) - len(largest)
    others = [(f"{n_others} smaller classes", (255, 255, 255))] if n_others else []
    return [("sample", _BAR_COLOR), ("mixture", INK), *rows, *others]


def _choose_legend_columns(texts: list[str]) -> int:
    """Choose how many entries of the legend are in a row, by the longest."""
    fonts = (choose_font(words, _TEXT) for words in texts)
    longest = max(font.getlength(words) for words, font in fonts)
    return min(max(int((BOX[2] - BOX[0]) // (longest + 2 * _TEXT)), 1), _MAX_LEGEND_COLUMNS)


def _draw_legend(draw: ImageDraw, entries: list[tuple[str, tuple[int, ...]]], n_columns: int) -> None:
    """Draw a square of its color and the text of each entry below the plot."""
    left, _, right, _ = (_OVERSAMPLING * side for side in BOX)
    side = _OVERSAMPLING * _TEXT
    for number, (words, color) in enumerate(entries):
        row, column = divmod(number, n_columns)
        x = left + column * (right - left) // n_columns
        y = _OVERSAMPLING * (_SIZE[1] + 2 * _TEXT * row)
        draw.rectangle((x, y, x + side, y + side), fill=color, outline=INK)
        start = x + _OVERSAMPLING * (_TEXT + 10)
        _write_text(draw, (start, y), words, "la", room=_OVERSAMPLING * _SIZE[0] - start)


def _write_text(draw: ImageDraw, place: tuple[float, float], words: str, anchor: str, room: float = math.inf) -> None:
    """Write a text, smaller where it is wider than `room`; `anchor` says as in Pillow which point is at `place`."""
    height = _OVERSAMPLING * _TEXT
    words, font = choose_font(words, height)
    if (length := font.getlength(words)) > room:
        words, font = choose_font(words, int(height * room / length))
    draw.text(place, words, fill=INK, font=font, anchor=anchor)
