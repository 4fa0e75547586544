"""Warn of noise that grows in proportion to the values, as the speckle of radar, for which there are logarithms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.segmenter.field.noise_level import MASK, MASK_POWER, NORMAL_MEDIAN, choose_windows

__all__ = ["measure_noise_growth", "warn_of_proportional_noise"]

N_GROUPS = 4  # of windows, from dark to bright
# By which power of the value noise grows (0 for noise of a sensor, a half for counts of photons, 1 for speckle), and
# its share of the value. Of 157 photographs and labeled images none has noise above .12 of the value.
MIN_POWER, MAX_POWER, MIN_RELATIVE_NOISE = 0.8, 1.25, 0.2
MIN_RATIO = 2.0  # of the brightest group to the darkest


def warn_of_proportional_noise(image: Image, config: SegmentConfig, *, is_fitted: bool = True) -> tuple[str, ...]:
    """Say that noise grows in proportion to the values, with its remedy.

    Parameters
    ----------
    image : Image
        The preprocessed image or a copy of it.
    config : SegmentConfig
        Nothing is said of logarithms.
    is_fitted : bool
        Whether the classes were fitted to the image. Those of a saved model have its scale.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> speckle = np.repeat([1.0, 4.0], 40)[:, None] * rng.gamma(4, 1 / 4, (80, 80))
    >>> warn_of_proportional_noise(Image.from_array(speckle), SegmentConfig())[0].partition(",")[0]
    'noise grows in proportion to the values'
    """
    if config.log_scale:
        return ()
    power, relative = measure_noise_growth(image)
    if not MIN_POWER <= power <= MAX_POWER or relative < MIN_RELATIVE_NOISE:
        return ()
    cure = "Give --log-scale to find" if is_fitted else "Fit the model with --log-scale to find"
    return (
        f"noise grows in proportion to the values, as in radar images: {100 * relative:.0f} % of them. {cure} the "
        "classes of their logarithms",
    )


def measure_noise_growth(image: Image) -> tuple[float, float]:
    """Measure by which power of the values noise grows, and how strong it is.

    Parameters
    ----------
    image : Image
        Its bands are averaged.

    Returns
    -------
    power : float
        0 where noise is the same everywhere or the image is as bright everywhere.
    relative : float
        Standard deviation of the noise as a share of the value, the median of dark to bright parts.
    """
    windows = choose_windows(image.valid)
    if windows.shape[1] < N_GROUPS:
        return 0.0, 0.0
    pixels = image.pixels.reshape(image.valid.size, -1)[windows].astype(np.float64).mean(axis=2)
    levels, noise = pixels.mean(axis=0), np.abs(np.array(MASK) @ pixels) / np.sqrt(MASK_POWER)
    groups = np.array_split(np.argsort(levels), N_GROUPS)
    level = np.array([_find_median(levels[group]) for group in groups])
    deviation = np.array([_find_median(noise[group]) for group in groups]) / NORMAL_MEDIAN
    if level.min() <= 0 or deviation.min() <= 0 or level[-1] < MIN_RATIO * level[0]:
        return 0.0, 0.0
    # The slope of the straight line through the logarithms.
    logs = np.log([level, deviation])
    offsets = logs - logs.mean(axis=1, keepdims=True)
    return float(offsets[0] @ offsets[1] / (offsets[0] @ offsets[0])), _find_median(deviation / level)


def _find_median(values: NDArray[np.float64]) -> float:
    """Find the middle value, the upper one of two; np.median loads numpy.ma."""
    return float(np.sort(values)[len(values) // 2])
