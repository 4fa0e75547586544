"""Clean up label images window by window, where the graph of all their regions would not fit into memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["clean_in_windows", "compute_reach", "count_runs", "is_noise"]

Labels = NDArray[np.integer[Any]]

# More horizontal runs of one label than this, and more than one for so many pixels, are noise: a photograph has one for
# 10 to 500 pixels. A run takes some 350 bytes while regions are merged.
MAX_RUNS, PIXELS_PER_RUN = 2**19, 9
CHUNK_PIXELS = 2**18
UNDECIDED_STEPS = 16  # pixels that clean-up follows undecided pixels, nearly always
MIN_STEP = 128  # pixels, from window to window


def is_noise(labels: Labels) -> bool:
    """Say whether a label image has so many runs that its regions are handled window by window.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers

    Examples
    --------
    >>> is_noise(np.indices((1024, 1024)).sum(axis=0) % 2), is_noise(np.zeros((1024, 1024), int))
    (True, False)
    """
    return labels.size > MAX_RUNS and count_runs(labels) > max(MAX_RUNS, labels.size // PIXELS_PER_RUN)


def count_runs(labels: Labels) -> int:
    """Count the horizontal runs of one label.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers

    Returns
    -------
    int
        At least one for each row.

    Examples
    --------
    >>> count_runs(np.array([[1, 1, 2], [2, 2, 2]]))
    3
    """
    height, width = labels.shape
    rows = max(1, CHUNK_PIXELS // max(1, width))
    bands = (labels[top : top + rows] for top in range(0, height, rows))
    return int(height + sum(np.count_nonzero(band[:, 1:] != band[:, :-1]) for band in bands))


def clean_in_windows(
    labels: Labels, halo: int, clean: Callable[[Labels, int, int], Labels], *, max_area: float = math.inf
) -> Labels:
    """Clean up an image window by window; each is cleaned with what lies around it.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integers
        Not changed.
    halo : int, pixels
        How far around a window labels are seen. Raised: the result is nearer to that of the whole image, and windows
        overlap more.
    clean : callable
        Takes the labels of a window and its first row and column, and returns labels of the same shape.
    max_area : float, pixels
        Of a window, unless its halo is larger. Lowered: less memory, and windows overlap more.

    Returns
    -------
    ndarray of shape (H, W), of the same dtype
    """
    height, width = labels.shape
    # About 70 MB, and 11 bytes for each pixel of the image.
    area = int(min(CHUNK_PIXELS + labels.size // 25, max_area))
    rows = min(height, max(math.isqrt(area), 2 * halo + MIN_STEP))
    columns = max(area // rows, 2 * halo + MIN_STEP)
    steps = rows if rows == height else rows - 2 * halo, columns - 2 * halo
    result = np.empty_like(labels)
    for top, left in itertools.product(range(0, height, steps[0]), range(0, width, steps[1])):
        first_row, first_column = max(top - halo, 0), max(left - halo, 0)
        seen = labels[first_row : top + steps[0] + halo, first_column : left + steps[1] + halo]
        cleaned = clean(np.ascontiguousarray(seen), first_row, first_column)[top - first_row :, left - first_column :]
        result[top : top + steps[0], left : left + steps[1]] = cleaned[: steps[0], : steps[1]]
    return result


def compute_reach(radius: float, area: float) -> int:
    """Compute how far discs of this radius and regions of this area reach beyond a window.

    Parameters
    ----------
    radius : float, pixels
        Of the disc that opens and closes.
    area : float, pixels
        Of the largest region that is absorbed or filled.

    Returns
    -------
    int
        In pixels: what lies further from a window than this has no effect in it.
    """
    # Opening and closing reach two diameters, 4 r; a square of this area reaches twice its side on either side.
    return math.ceil(4 * radius + UNDECIDED_STEPS + 2 * math.sqrt(area))
