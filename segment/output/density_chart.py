"""Numbers to pictures: a one-dimensional sample and the density that was fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.model import MixtureModel
from segment.output.palette import INK, pick_class_colors

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

__all__ = ["draw_density_chart", "histogram", "ticks"]

Floats = NDArray[np.float64]

# The plot's box in the picture, in pixels: left, top, right, bottom. Its sides are the ends of the axes.
BOX = (90, 30, 930, 470)
_SIZE = (960, 530)  # without the legend
_FINE = 2  # drawn so many times larger and averaged
_TEXT = 20
_BARS = (205, 205, 205)
_BINS = 100
_FEW = 1024  # distinct values up to which a sample is taken for discrete


def draw_density_chart(
    sample: ArrayLike | Cells,
    model: MixtureModel,
    *,
    span: tuple[float, float] | None = None,
    top: float | None = None,
    label: str = "value",
) -> NDArray[np.uint8]:
    """The histogram of a one-dimensional sample with the density of a mixture over it.

    Parameters
    ----------
    sample : array_like of shape (n,) or (n, 1), or Cells of one feature
    model : MixtureModel
        Of one feature. Its density is drawn dark, each component's, times its weight, in the color of its class.
    span : (float, float), optional
        The ends of the horizontal axis; by default those of the sample.
    top : float, optional
        The upper end of the vertical axis, in units of density; by default a little above the density and nearly all
        bars. Higher bars are cut.
    label : str
        What the horizontal axis shows.

    Returns
    -------
    ndarray of shape (h, 960, 3), uint8
        RGB. The axes end at the sides of the box `BOX`.
    """
    cells = _one_dimensional(sample)
    if model.n_features != 1:
        raise SettingsError(f"model: a mixture of one feature; got {model.n_features}. Take one feature of it.")
    heights, edges = histogram(cells)
    low, high = span if span else (float(edges[0]), float(edges[-1]))
    if not low < high:
        raise SettingsError(f"span: two ends in ascending order; got {span}.")
    left, upper, right, lower = BOX
    x = np.linspace(low, high, _FINE * (right - left) + 1)
    parts = np.exp(model.log_joint(x[:, None]))
    if top is None:
        top = 1.1 * max(float(parts.sum(axis=1).max()), float(np.quantile(heights, 0.98)), np.finfo(float).tiny)
    across, up = (right - left) / (high - low), (lower - upper) / top

    def place(values: Floats, densities: Floats) -> list[tuple[float, float]]:
        columns = _FINE * (left + (np.clip(values, low, high) - low) * across)
        rows = _FINE * (lower - np.minimum(densities, 1.05 * top) * up)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    bars = [place(edges[i : i + 2], np.array([height, 0.0])) for i, height in enumerate(heights)]
    curves = [(place(x, part), tuple(color)) for part, color in zip(parts.T, _colors(model), strict=True)]
    curves.append((place(x, parts.sum(axis=1)), INK))
    return _drawn(bars, curves, ticks(low, high), ticks(0.0, top, 5), (low, top, across, up), label, model)


def histogram(cells: Cells, n_bins: int = _BINS) -> tuple[Floats, Floats]:
    """Weight per unit and unit weight in bins of equal width: heights (m,) and edges (m + 1,).

    Discrete values, such as those of 8-bit pixels, lie in the middle of bins that hold the same number of them.
    """
    values = np.unique(cells.means[:, 0])
    low, high = float(values[0]), float(values[-1])
    step = float(np.diff(values).min()) if 1 < len(values) <= _FEW else 0.0
    if high == low:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / n_bins
    if step > 0:
        width = max(1, round(width / step)) * step
        low, high = low - step / 2, high + step / 2
    m = min(int(np.ceil((high - low) / width - 1e-9)), 10 * n_bins)
    edges = np.asarray(low + np.arange(m + 1) * max(width, (high - low) / m), dtype=np.float64)
    counts, _ = np.histogram(cells.means[:, 0], bins=edges, weights=cells.weights)
    return counts / (cells.total_weight * np.diff(edges)), edges


def _one_dimensional(sample: ArrayLike | Cells) -> Cells:
    if not isinstance(sample, Cells):
        array = np.asarray(sample, dtype=np.float64)
        sample = make_point_cells(array[:, None] if array.ndim == 1 else array)
    if sample.n_features != 1 or not np.isfinite(sample.means).all():
        raise SettingsError(f"sample: finite values of one feature; got {sample.n_features} features. Take one.")
    return sample


def _colors(model: MixtureModel) -> list[tuple[int, ...]]:
    return [tuple(int(part) for part in color) for color in pick_class_colors(model.n_components)]


def ticks(low: float, high: float, n: int = 8) -> Floats:
    """About n round numbers within a range."""
    rough = (high - low) / n
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return np.asarray(step * np.arange(np.ceil(low / step), np.floor(high / step + 1e-9) + 1) + 0.0)


def _drawn(
    bars: list[list[tuple[float, float]]],
    curves: list[tuple[list[tuple[float, float]], tuple[int, ...]]],
    x_ticks: Floats,
    y_ticks: Floats,
    scales: tuple[float, float, float, float],
    label: str,
    model: MixtureModel,
) -> NDArray[np.uint8]:
    from PIL import Image as PilImage
    from PIL import ImageDraw

    low, _, across, up = scales
    left, upper, right, lower = (_FINE * side for side in BOX)
    columns = 4
    rows = -(-(model.n_components + 2) // columns)
    panel = PilImage.new("RGB", (_FINE * _SIZE[0], _FINE * (_SIZE[1] + 2 * _TEXT * rows)), "white")
    draw = ImageDraw.Draw(panel)
    for (x0, y0), (x1, y1) in bars:
        if x1 > x0 and y0 < y1:
            draw.rectangle((x0, y0, x1 - 1, y1), fill=_BARS)
    for line, color in curves:
        draw.line(line, fill=color, width=2 * _FINE, joint="curve")
    for outside in ((0, 0, panel.width, upper - 1), (0, lower + 1, panel.width, panel.height)):
        draw.rectangle(outside, fill="white")
    draw.rectangle((left, upper, right, lower), outline=INK, width=_FINE)
    for value in x_ticks:
        place = left + _FINE * (value - low) * across
        draw.line((place, lower, place, lower + 6 * _FINE), fill=INK, width=_FINE)
        _write(draw, (place, lower + 8 * _FINE), f"{value:.6g}", "ma")
    for value in y_ticks:
        place = lower - _FINE * value * up
        draw.line((left - 6 * _FINE, place, left, place), fill=INK, width=_FINE)
        _write(draw, (left - 10 * _FINE, place), f"{value:.3g}", "rm")
    _write(draw, (right, lower + 34 * _FINE), label, "ra")
    names = [f"{number}   {100 * weight:.1f} %" for number, weight in enumerate(model.weights, start=1)]
    entries = list(zip(["sample", "mixture", *names], [_BARS, INK, *_colors(model)], strict=True))
    for number, (words, color) in enumerate(entries):
        row, column = divmod(number, columns)
        x, y = left + column * (right - left) // columns, _FINE * (_SIZE[1] + 2 * _TEXT * row)
        draw.rectangle((x, y, x + _FINE * _TEXT, y + _FINE * _TEXT), fill=color, outline=INK)
        _write(draw, (x + _FINE * (_TEXT + 10), y), words, "la")
    return np.asarray(panel.reduce(_FINE))


def _write(draw: ImageDraw, place: tuple[float, float], words: str, anchor: str) -> None:
    from PIL import ImageFont

    draw.text(place, words, fill=INK, font=ImageFont.load_default(_FINE * _TEXT), anchor=anchor)
