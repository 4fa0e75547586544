"""Warn of single pixels of another class than all their neighbors: salt-and-pepper noise, or hot pixels of a camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import format_percent

__all__ = ["count_isolated_pixels", "warn_of_isolated_pixels"]

Counts = NDArray[np.intp]

# Share of the pixels, and number: a few single pixels of a small drawing are part of it. In 408 photographs, noisy ones
# among them, clean-up leaves at most 0.01 % of such pixels, in a sky of stars as many; of 1 % of salt and pepper on
# even areas it leaves 0.4 % and more.
MIN_SHARE, MIN_NUMBER = 0.002, 20
# Of a class that hot pixels have to themselves, while the other classes share what the image shows.
MIN_CLASS_SHARE = 0.5
# Pixels that are looked at in a large image, in bands of rows.
N_BANDS, MEASURED_PIXELS = 8, 2**16


def warn_of_isolated_pixels(
    label_image: NDArray[np.uint8], raw: NDArray[np.uint8], config: SegmentConfig
) -> tuple[str, ...]:
    """Say that many pixels, or most of a class, are of another class than all their neighbors.

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
    if total >= max(MIN_NUMBER, MIN_SHARE * n):
        return (
            f"{100 * total / n:.1f} % of the pixels are of another class than all their neighbors, as under "
            f"salt-and-pepper noise. {cure} to remove it",
        )
    n_isolated, n_raw = count_isolated_pixels(raw)
    is_hot = (n_isolated >= MIN_NUMBER) & (n_isolated > MIN_CLASS_SHARE * n_raw) & (n_pixels > 0)
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
