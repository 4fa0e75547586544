"""Draw a number of each pixel as a picture: its log density, the entropy of its class, the class probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.output.pictures.layout import draw_sheet
from segment.output.pictures.scaling import Picture, fit_size, make_checkerboard, scale_values

__all__ = ["draw_entropy_map", "draw_log_density_map", "draw_probability_maps"]

Values = NDArray[np.floating]

_MAP_ROOM = (1280, 900)  # largest width and height of a single map, in pixels
_SHEET_ROOM = (1800, 1100)  # of all the maps of a sheet together
_MIN_ENTROPY_RANGE = 0.1  # bits, of a map of uncertainty, so that rounding errors do not look like doubt
# Room for the longer side of a map of a sheet, however many there are; of more than `_MANY` it shrinks to a least one.
_MIN_ROOM, _MANY, _LEAST_ROOM = 200, 64, 80


def draw_log_density_map(values: Values, *, room: tuple[int, int] = _MAP_ROOM) -> Picture:
    """Draw the log density of each pixel above a scale in nats, dark where it is high and bright where it is low.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        Log density of each pixel, in nats; NaN is shown as a checkerboard. The colors end at the 0.5 and 99.5 %
        quantiles.
    room : (int, int)
        Largest width and height of the map, in pixels.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB.
    """
    # Quantiles, because a few pixels of extremely low density would make all others look alike.
    known = values[np.isfinite(values)]
    low, high = (float(value) for value in (np.quantile(known, (0.005, 0.995)) if known.size else (0.0, 0.0)))
    ends = f"usual: {high:.4g} nats", f"unusual: {low:.4g} nats"
    return _draw_map(values, "log-likelihood of each pixel", (high, low), ends, room)


def draw_entropy_map(values: Values, n_classes: int, *, room: tuple[int, int] = _MAP_ROOM) -> Picture:
    """Draw the entropy of each pixel's class above a scale in bits, dark where it is low and bright where it is high.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        Entropy of the class probabilities, in bits; NaN is shown as a checkerboard.
    n_classes : int
        The entropy of so many equal probabilities is told as that of an undecided pixel.
    room : (int, int)
        Largest width and height of the map, in pixels.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB.
    """
    # The entropy of n equal probabilities is log2(n) bits. With one class it is 0, which is no scale.
    undecided = math.log2(max(n_classes, 2))
    # Most pixels are sure of their class: a scale up to `undecided` would show a black picture.
    known = values[np.isfinite(values)]
    highest = float(np.quantile(known, 0.995)) if known.size else undecided
    highest = min(max(highest, _MIN_ENTROPY_RANGE), undecided)
    number = f"{highest:.2g}"
    words = f"{number} {'bit' if number == '1' else 'bits'}"
    if n_classes > 1 and highest != undecided:
        words += f" and more (undecided: {undecided:.3g})"
    return _draw_map(values, "uncertainty of each pixel's class", (0.0, highest), ("certain: 0 bits", words), room)


def draw_probability_maps(maps: Iterable[Values], titles: Sequence[str], size: tuple[int, int]) -> Picture:
    """Draw the probability of each class on one sheet, white where it is 1 and black where it is 0.

    Parameters
    ----------
    maps : iterable of ndarray of shape (H, W), float, 0..1
        The maps of the classes in turn, of which only one is held at a time; NaN is shown as a checkerboard.
    titles : sequence of str
        One for each map.
    size : (int, int)
        Width and height of the maps, in pixels.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, sized for a screen unless there are dozens of classes.
    """
    columns, map_size = _divide_sheet(len(titles), *size)
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    pictures = [
        (title, _colorize_values(scale_values(values, map_size), 0.0, 1.0, gray))
        for title, values in zip(titles, maps, strict=True)
    ]
    # An image without classes gets a sheet too: an empty map.
    if not pictures:
        pictures = [("no class", _colorize_values(np.full(map_size[::-1], np.nan), 0.0, 1.0, gray))]
    return draw_sheet(pictures, columns, (), heading="probability of each class", scale=(gray, "0", "1"))


def _draw_map(
    values: Values, title: str, ends: tuple[float, float], words: tuple[str, str], room: tuple[int, int]
) -> Picture:
    """Draw a map under its title and above its scale; `ends` are the values of the darkest and the brightest color."""
    ramp = _load_ramp()
    size = fit_size(values.shape[0], values.shape[1], room)
    picture = _colorize_values(scale_values(values, size), *ends, ramp)
    return draw_sheet([(title, picture)], 1, (), scale=(ramp, *words))


def _divide_sheet(n: int, width: int, height: int) -> tuple[int, tuple[int, int]]:
    """Choose how many of n maps are in a row so that they are as large as possible, and their width and height."""
    n = max(n, 1)
    # The scale to which the maps fit the sheet with 1, 2, ..., n of them in a row: the width or the height limits it.
    scales = [
        min(_SHEET_ROOM[0] / columns / width, _SHEET_ROOM[1] / -(-n // columns) / height) for columns in range(1, n + 1)
    ]
    columns = int(np.argmax(scales)) + 1
    scale = scales[columns - 1]
    least = max(_LEAST_ROOM, _MIN_ROOM * _MANY // max(n, _MANY))
    room = max(least, round(width * scale)), max(least, round(height * scale))
    # Small images are enlarged, but hundreds of them would make a sheet far larger than its room.
    if n > _MANY:
        factor = min(room[0] / width, room[1] / height, 1.0)
        return columns, (max(1, round(width * factor)), max(1, round(height * factor)))
    return columns, fit_size(height, width, room)


def _colorize_values(values: Values, first: float, last: float, ramp: Picture) -> Picture:
    """Draw values in the colors (1, 256, 3) of a ramp from `first` to `last`, and NaN as a checkerboard."""
    # A constant map has first == last and is drawn in the first color.
    missing = np.isnan(values)
    shares = (np.where(missing, first, values) - first) / (last - first if last != first else 1.0)
    picture: Picture = ramp[0][np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)]
    picture[missing] = make_checkerboard(*values.shape)[missing][:, None]
    return picture


def _load_ramp() -> Picture:
    """Load colors from dark to bright, (1, 256, 3), that keep their order in gray and for color-blind readers."""
    cv2 = load_cv2()
    levels = np.arange(256, dtype=np.uint8)[None]
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1])
