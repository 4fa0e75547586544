"""Warn of noise that hides the classes, and of what helps: single pixels, and noise in proportion to the values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import format_percent
from segment.core.image import Image
from segment.segmenter.field.noise_level import MASK, MASK_POWER, NORMAL_MEDIAN, choose_windows

__all__ = ["count_isolated_pixels", "measure_noise_growth", "warn_of_isolated_pixels", "warn_of_proportional_noise"]

Counts = NDArray[np.intp]

# Single pixels, by share and number: a few of a small drawing are part of it. In 408 photographs, noisy ones
# among them, clean-up leaves at most 0.01 % of such pixels, in a sky of stars as many; of 1 % of salt and pepper on
# even areas it leaves 0.4 % and more.
MIN_ISOLATED_SHARE, MIN_ISOLATED = 0.002, 20
# Of a class that hot pixels have to themselves, while the other classes share what the image shows.
MIN_CLASS_SHARE = 0.5
# Pixels that are looked at in a large image, in bands of rows.
N_BANDS, MEASURED_PIXELS = 8, 2**16

N_GROUPS = 4  # of windows, from dark to bright
# By which power of the value noise grows (0 for noise of a sensor, a half for counts of photons, 1 for speckle), and
# its share of the value. Of 157 photographs and labeled images none has noise above .12 of the value.
MIN_POWER, MAX_POWER, MIN_RELATIVE_NOISE = 0.8, 1.25, 0.2
MIN_RATIO = 2.0  # of the brightest group to the darkest


def warn_of_isolated_pixels(
    label_image: NDArray[np.uint8], raw: NDArray[np.uint8], config: SegmentConfig
) -> tuple[str, ...]:
    """Say that many pixels, or most of a class, are of another class than all their neighbors.

    Salt-and-pepper noise and the hot pixels of a camera look so.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), uint8
        The labels after clean-up, 0 for none.
    raw : ndarray of shape (H, W), uint8
        The labels before clean-up, which takes the single pixels of a class and may leave its pairs.
    config : SegmentConfig
        Nothing is said where it asks for no clean-up.

    Returns
    -------
    tuple of str
        A sentence for each, if there is something to say. Of classes that clean-up has emptied another one tells.

    Examples
    --------
    >>> labels = np.ones((60, 60), np.uint8)
    >>> labels[5:50:2, 5] = 2
    >>> warn_of_isolated_pixels(labels, labels, SegmentConfig())[0].partition(",")[0]
    '0.6 % of the pixels are of another class than all their neighbors'
    """
    if config.clean_up == "none":
        return ()
    cure = "Raise --denoise-radius" if config.denoise == "median" else "Give --denoise median"
    n_isolated, n_pixels = count_isolated_pixels(label_image)
    total, n = int(n_isolated.sum()), int(n_pixels.sum())
    if total >= max(MIN_ISOLATED, MIN_ISOLATED_SHARE * n):
        return (
            f"{100 * total / n:.1f} % of the pixels are of another class than all their neighbors, as under "
            f"salt-and-pepper noise. {cure} to remove it",
        )
    n_isolated, n_raw = count_isolated_pixels(raw)
    is_hot = (n_isolated >= MIN_ISOLATED) & (n_isolated > MIN_CLASS_SHARE * n_raw) & (n_pixels > 0)
    return tuple(
        f"class {label} is made of single pixels, {format_percent(n_raw[label], n)} of all, as hot or dead pixels of a "
        f"camera are. {cure} to remove them: then a fit has the class for what the image shows"
        for label in np.flatnonzero(is_hot)
    )


def count_isolated_pixels(label_image: NDArray[np.uint8]) -> tuple[Counts, Counts]:
    """Count the pixels that differ from all their eight neighbors, which have labels, too.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), uint8
        0 for no label. Of a large image bands of rows are looked at.

    Returns
    -------
    n_isolated, n_pixels : ndarray of shape (256,), int
        Such pixels, and the pixels that were looked at, of each label; of label 0 none.
    """
    height, width = label_image.shape
    n_rows = max(1, MEASURED_PIXELS // (N_BANDS * width))
    n_bands, n_rows = (N_BANDS, n_rows) if N_BANDS * n_rows < height else (1, height)
    # Each band lies in the middle of its part of the image; with the row above and that below: (n_bands, n_rows + 2).
    first = np.array([part[(len(part) - n_rows) // 2] for part in np.array_split(np.arange(height), n_bands)])
    rows = np.clip(first[:, None] + np.arange(-1, n_rows + 1), 0, height - 1)
    # Beyond the image a pixel has itself as a neighbor, so that it is not isolated.
    framed = np.pad(label_image[rows], ((0, 0), (0, 0), (1, 1)), mode="edge")
    labels = framed[:, 1:-1, 1:-1]
    is_isolated = labels > 0
    n_pixels = np.bincount(labels[is_isolated], minlength=256)
    for down, right in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        neighbors = framed[:, down : down + n_rows, right : right + width]
        is_isolated &= (neighbors != labels) & (neighbors > 0)
    return np.bincount(labels[is_isolated], minlength=256), n_pixels


def warn_of_proportional_noise(image: Image, config: SegmentConfig, *, is_fitted: bool = True) -> tuple[str, ...]:
    """Say that noise grows in proportion to the values, as the speckle of radar does, with its remedy.

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
    bands = image.pixels.reshape(image.valid.size, -1).take(windows, axis=0)
    # Band by band: a mean along a short axis takes seven times as long.
    pixels = sum((bands[..., band] for band in range(bands.shape[2])), start=np.zeros(windows.shape)) / bands.shape[2]
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
