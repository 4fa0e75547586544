"""Take the logarithm of the values of an image: equal ratios become equal differences. Image -> Image."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError, format_percent
from segment.core.image import Image

__all__ = ["LOG_RANGE", "LOG_STEPS", "refuse_logarithms", "take_logarithms", "to_log_scale", "warn_of_low_values"]

LOG_RANGE = 2.0**16
"""White over the least value of a logarithmic scale, for all images alike, so that a model of some explains others."""
LOG_STEPS, LOG_ROWS = 65535, 64  # steps of the scale; rows that are handled at once
# Pixels that are looked at for low values, and their share that is worth a word.
MEASURED_PIXELS, MIN_LOW_SHARE = 2**18, 0.05


def to_log_scale(image: Image) -> Image:
    """Convert values to their logarithm: equal ratios become equal differences.

    Noise in proportion to the values, as the speckle of radar, is as strong in bright areas as in dark ones then, and
    values over several powers of ten fill the scale evenly.

    Parameters
    ----------
    image : Image
        Of any bands.

    Returns
    -------
    Image
        Of 16 bits: 0, its black, is 1 / 65536 of white, 4096 steps are a factor of 2, and 65535 is white. Lower values
        count as 0. Floats below black, or below 1 / 4096 of white if black is not above 0, count as that, and integers
        below a half as a half.

    Examples
    --------
    >>> image = to_log_scale(Image.from_array(np.array([[1, 10, 100]], dtype=np.float32)))
    >>> image.pixels.tolist(), image.black, image.white
    ([[38322, 51929, 65535]], 0.0, 65535.0)
    """
    logs = np.empty(image.pixels.shape, dtype=np.uint16)
    # In strips, which need little memory.
    for start in range(0, image.height, LOG_ROWS):
        rows = slice(start, start + LOG_ROWS)
        logs[rows] = np.rint(take_logarithms(image.pixels[rows], image))
    return replace(image, pixels=logs, black=0.0, white=float(LOG_STEPS))


def take_logarithms(values: NDArray[Any], image: Image) -> NDArray[np.float64]:
    """Convert values, such as the means of classes, as :func:`to_log_scale` converts the pixels of their image.

    Parameters
    ----------
    values : ndarray
        Values of the image.
    image : Image
        Its white and its kind of pixels count.

    Returns
    -------
    ndarray of the same shape, float64
        0 to 65535, not rounded.

    Examples
    --------
    >>> image = Image.from_array(np.array([[1, 10, 100]], dtype=np.float32))
    >>> take_logarithms(np.array([100.0, 1.0]), image).round().tolist()
    [65535.0, 38322.0]
    """
    # Values above white may be those of another image than its model is of.
    shares = np.clip(values, _find_lowest_value(image), image.white, dtype=np.float64) / image.white
    return np.asarray(LOG_STEPS * (1 + np.log(shares) / math.log(LOG_RANGE)))


def refuse_logarithms(image: Image, setting: str = "log_scale (--log-scale)") -> None:
    """Raise a SettingsError if most values of an image lie below 0, as those of logarithms do.

    Parameters
    ----------
    image : Image
        All of it, or a small copy: parts of an image may have such values alone.
    setting : str
        What is refused.

    Examples
    --------
    >>> refuse_logarithms(Image.from_array(np.array([[-20, -10, 0]], dtype=np.float32)))
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: log_scale (--log-scale): of values above 0; 66.7 % lie below, as those of \
logarithms. Leave it out.
    """
    if image.pixels.dtype.kind != "f":
        return
    used = image.pixels[image.valid]
    n_below = int(np.count_nonzero(used < 0))
    if n_below > used.size / 2 or image.white <= 0:
        raise SettingsError(
            f"{setting}: of values above 0; {format_percent(n_below, used.size)} lie below, as those of "
            "logarithms. Leave it out."
        )


def warn_of_low_values(image: Image) -> tuple[str, ...]:
    """Say that many values above 0 are so far below white that :func:`to_log_scale` makes one of them.

    Parameters
    ----------
    image : Image
        Before it is on a logarithmic scale; a small copy will do.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> decades = np.array([[1, 1e3, 1e6, 1e9]], dtype=np.float32)
    >>> warn_of_low_values(Image.from_array(decades))[0].partition(":")[0]
    '50 % of the values lie between 0 and 1.526e+04, 1 / 65536 of white, and count as that'
    """
    step = max(1, image.valid.size // MEASURED_PIXELS)
    values = image.pixels.reshape(image.valid.size, -1)[::step][image.valid.reshape(-1)[::step]]
    lowest = _find_lowest_value(image)
    n_low = int(np.count_nonzero((values > 0) & (values < lowest)))
    if n_low <= MIN_LOW_SHARE * values.size:
        return ()
    cure = (
        "give logarithms, without --log-scale"
        if image.black > 0
        else "leave out what is not above 0 (--nodata, --mask)"
    )
    return (
        f"{format_percent(n_low, values.size)} of the values lie between 0 and {lowest:.4g}, 1 / "
        f"{image.white / lowest:.0f} of white, and count as that: to tell them apart {cure}",
    )


def _find_lowest_value(image: Image) -> float:
    """Find the value that all lower ones count as on a logarithmic scale."""
    if image.pixels.dtype.kind != "f":
        return max(0.5, image.white / LOG_RANGE)
    # What is not above 0 would be far from all other values: it is kept near those of a sensor of 12 bits.
    return max(image.black if image.black > 0 else image.white / 2**12, image.white / LOG_RANGE)
