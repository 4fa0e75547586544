"""Numbers of each pixel as pictures: how unusual it is, how sure its class is, how probable each class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.output.pictures.layout import arrange, with_scale
from segment.output.pictures.scaling import Picture, checkerboard, fitting_size, scaled_values

__all__ = ["anomaly_panel", "posterior_panel", "uncertainty_panel"]

Values = NDArray[np.floating]

_ROOM = (1280, 900)  # largest width and height of a single map, in pixels
_SHEET = (1800, 1100)  # of all the maps of a sheet together
_CELL = 200  # least width of the longer side of a map of a sheet


def anomaly_panel(values: Values) -> Picture:
    """How usual each pixel is: dark where its log-likelihood is high, bright where it is low, above a scale in nats.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        Log density of each pixel, NaN where there is none, which is shown as a checkerboard. The colors end at the 0.5
        and 99.5 % quantiles.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 1300 pixels wide however large the image is.
    """
    known = values[np.isfinite(values)]
    low, high = (float(value) for value in (np.quantile(known, (0.005, 0.995)) if known.size else (0.0, 0.0)))
    ends = f"usual: {high:.4g} nats", f"unusual: {low:.4g}"
    return _map(values, "log-likelihood of each pixel", (high, low), ends)


def uncertainty_panel(values: Values, n_classes: int) -> Picture:
    """How unsure the class of each pixel is: dark where it is certain, bright where all are as probable.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        Entropy of the class probabilities in bits, NaN where there is none. The scale ends at that of `n_classes`
        equal ones, so pictures of as many classes can be compared.
    n_classes : int

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 1300 pixels wide however large the image is.
    """
    most = math.log2(max(n_classes, 2))
    ends = "certain: 0 bits", f"undecided: {most:.3g}"
    return _map(values, "uncertainty of each pixel's class", (0.0, most), ends)


def posterior_panel(maps: Iterable[Values], titles: Sequence[str], size: tuple[int, int]) -> Picture:
    """The probability of each class, white where it is 1 and black where it is 0, on one sheet.

    Parameters
    ----------
    maps : iterable of ndarray of shape (H, W), float
        Those of the classes, one after the other; NaN where there is none. Only one is held at a time.
    titles : sequence of str
        One for each map.
    size : (int, int)
        Width and height of the maps.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, sized for a screen unless there are dozens of classes.
    """
    columns, cell = _sheet(len(titles), *size)
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    pictures = [
        (title, _colored(scaled_values(values, cell), 0.0, 1.0, gray))
        for title, values in zip(titles, maps, strict=True)
    ]
    if not pictures:
        pictures = [("no class", _colored(np.full(cell[::-1], np.nan), 0.0, 1.0, gray))]
    sheet = arrange(pictures, columns, (), heading="probability of each class")
    return with_scale(sheet, gray, "0", "1")


def _map(values: Values, title: str, ends: tuple[float, float], words: tuple[str, str]) -> Picture:
    """A map under its title and above its scale."""
    ramp = _ramp()
    picture = _colored(scaled_values(values, fitting_size(values.shape[0], values.shape[1], _ROOM)), *ends, ramp)
    return with_scale(arrange([(title, picture)], 1, ()), ramp, *words)


def _sheet(n: int, width: int, height: int) -> tuple[int, tuple[int, int]]:
    """How many maps are in a row, and the width and height of each: as large as they can be."""
    n = max(n, 1)
    scales = [min(_SHEET[0] / columns / width, _SHEET[1] / -(-n // columns) / height) for columns in range(1, n + 1)]
    columns = int(np.argmax(scales)) + 1
    room = max(_CELL, round(width * scales[columns - 1])), max(_CELL, round(height * scales[columns - 1]))
    return columns, fitting_size(height, width, room)


def _colored(values: Values, first: float, last: float, ramp: Picture) -> Picture:
    """Values in the colors (1, 256, 3) of a ramp from `first` to `last`, and a checkerboard where they are NaN."""
    missing = np.isnan(values)
    shares = (np.where(missing, first, values) - first) / (last - first if last != first else 1.0)
    picture: Picture = ramp[0][np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)]
    picture[missing] = checkerboard(*values.shape)[missing][:, None]
    return picture


def _ramp() -> Picture:
    """Colors from dark to bright, (1, 256, 3), that keep their order in gray and for color-blind readers."""
    cv2 = load_cv2()
    levels = np.arange(256, dtype=np.uint8)[None]
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1])
