"""Warn of single pixels of another class than all their neighbors: salt-and-pepper noise on areas that are even."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig

__all__ = ["count_isolated_pixels", "warn_of_isolated_pixels"]

# Share of the pixels, and number: a few single pixels of a small drawing are part of it. In 408 photographs, noisy ones
# among them, clean-up leaves at most 0.01 % of such pixels, in a sky of stars as many; of 1 % of salt and pepper on
# even areas it leaves 0.4 % and more.
MIN_SHARE, MIN_NUMBER = 0.002, 20
# Pixels that are looked at in a large image, in bands of rows.
N_BANDS, MEASURED_PIXELS = 8, 2**16


def warn_of_isolated_pixels(label_image: NDArray[np.uint8], config: SegmentConfig) -> tuple[str, ...]:
    """Say that many pixels are of another class than all their neighbors.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), uint8
        The labels after clean-up, 0 for none.
    config : SegmentConfig
        Nothing is said where it asks for no clean-up.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> labels = np.ones((60, 60), np.uint8)
    >>> labels[5:50:2, 5] = 2
    >>> warn_of_isolated_pixels(labels, SegmentConfig())[0].partition(",")[0]
    '0.6 % of the pixels are of another class than all their neighbors'
    """
    if config.clean_up == "none":
        return ()
    n_isolated, n_pixels = count_isolated_pixels(label_image)
    if n_isolated < max(MIN_NUMBER, MIN_SHARE * n_pixels):
        return ()
    share = 100 * n_isolated / n_pixels
    cure = "Raise --denoise-radius" if config.denoise == "median" else "Give --denoise median"
    return (
        f"{share:.1f} % of the pixels are of another class than all their neighbors, as under salt-and-pepper noise. "
        f"{cure} to remove it",
    )


def count_isolated_pixels(label_image: NDArray[np.uint8]) -> tuple[int, int]:
    """Count the pixels that differ from all their eight neighbors, which have labels, too.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), uint8
        0 for no label. Of a large image bands of rows are looked at.

    Returns
    -------
    n_isolated, n_pixels : int
        Such pixels, and the labeled pixels that were looked at.
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
    n_pixels = int(np.count_nonzero(is_isolated))
    for down, right in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        neighbors = framed[:, down : down + n_rows, right : right + width]
        is_isolated &= (neighbors != labels) & (neighbors > 0)
    return int(np.count_nonzero(is_isolated)), n_pixels
