"""How strong the edge at each pixel is, where pixels have several features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2

__all__ = ["edge_strengths"]

_EDGE = 2.0  # deviations within a class that the smoothed colours change from pixel to pixel, at a strong edge


def edge_strengths(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Squared strength of the edge at each pixel, 1 for a strong one and 0 beside pixels that are not valid.

    Parameters
    ----------
    features : ndarray of shape (d, H, W), float32
        In standard deviations within a class.
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    ndarray of shape (H, W), float32
        The squared slopes of the smoothed features, added up.
    """
    cv2 = load_cv2()
    squares = np.zeros(valid.shape, dtype=np.float32)
    for plane in features:
        smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE)
        for axis in ((1, 0), (0, 1)):
            slope = cv2.Sobel(smooth, -1, *axis, ksize=1, scale=0.5 / _EDGE, borderType=cv2.BORDER_REPLICATE)
            squares += cv2.multiply(slope, slope)
    if not valid.all():
        squares[cv2.dilate((~valid).view(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0] = 0
    return squares
