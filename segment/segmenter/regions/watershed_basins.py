"""Watershed: the basins between the ridges of the boundary strength, the finest regions of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["find_watershed_basins"]

_BLUR = 0.75  # pixels: width of the Gaussian that smooths the boundary strength before minima are searched
_MIN_SEPARATION = 5  # pixels: of two minima closer than this only the deeper counts
_MIN_DEPTH = np.float32(2e-5)  # strength: shallower minima come from rounding where nothing changes


def find_watershed_basins(strength: NDArray[np.float32], valid: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """Divide an image into the watershed basins of its boundary strength, one for each minimum.

    Parameters
    ----------
    strength : ndarray of shape (H, W), float32
        How strong a boundary runs through each pixel.
    valid : ndarray of shape (H, W), bool
        No basin reaches beyond these pixels.

    Returns
    -------
    labels : ndarray of shape (H, W), int
        0..n - 1, and -1 where not valid. Each basin is 4-connected.
    n : int
        Number of basins.

    Examples
    --------
    A wall in the fourth column parts two basins:

    >>> strength = np.zeros((3, 9), np.float32)
    >>> strength[:, 3] = 1
    >>> labels, n = find_watershed_basins(strength, np.ones((3, 9), bool))
    >>> n, labels[0, [0, 8]].tolist()
    (2, [0, 1])
    """
    from scipy.ndimage import label
    from skimage.segmentation import watershed

    cv2 = load_cv2()
    smooth = cv2.GaussianBlur(strength, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE)
    # Markers: the pixels that are as low as the lowest around them (erosion is the minimum over a window).
    walled = np.where(valid, smooth, np.float32(np.finfo(np.float32).max))
    window = np.ones((_MIN_SEPARATION, _MIN_SEPARATION), np.uint8)
    lowest = cv2.erode(walled, window, borderType=cv2.BORDER_REPLICATE)
    markers, _ = label((walled <= lowest + _MIN_DEPTH) & valid)
    # A valid part has no marker of its own where the lowest pixel of its window lies beyond a gap in the mask.
    parts, n_parts = label(valid)
    is_marked = np.zeros(n_parts + 1, dtype=bool)
    is_marked[parts[markers > 0]] = True
    missing = ~is_marked[parts] & valid
    markers[missing] = parts[missing] + markers.max()
    basins = watershed(smooth, markers, mask=valid)
    # The markers of such parts leave gaps in the numbers.
    used, numbers = np.unique(basins[valid], return_inverse=True)
    labels = np.full(valid.shape, -1, dtype=np.intp)
    labels[valid] = numbers.reshape(-1)
    return labels, len(used)
