"""The nearest pixel of a mask, for every pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["find_nearest"]


def find_nearest(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Find the nearest pixel of a mask for every pixel of an image.

    Distances are those of OpenCV's 5 x 5 chamfer metric, which is within a few percent of the Euclidean one.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        At least one pixel is True.

    Returns
    -------
    ndarray of shape (H, W), int
        Positions in the flattened image. A pixel of the mask is its own nearest.

    Examples
    --------
    >>> find_nearest(np.array([[True, False, False, True]])).tolist()
    [[0, 0, 3, 3]]
    """
    cv2 = load_cv2()
    # OpenCV numbers the pixels of the mask and gives each pixel the number of the nearest one.
    _, number = cv2.distanceTransformWithLabels((~mask).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # A pixel of the mask is its own nearest: that tells which number belongs to which position.
    position = np.zeros(int(number.max()) + 1, dtype=np.intp)
    position[number[mask]] = np.flatnonzero(mask)
    return np.asarray(position[number])
