"""Build the random field of an image: weaker at strong edges, which are told in the units of the classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.mixture.model import MixtureModel
from segment.segmenter.field.random_field import RandomField, compute_pixel_weights

__all__ = ["REACH_PIXELS", "build_field", "compute_edge_strengths", "compute_whitening_matrix"]

REACH_PIXELS = 2  # of the copy, to the farthest neighbors; the weights' standard deviation is 1 pixel
STRONG_EDGE = 2.0  # change of the smoothed features from pixel to pixel, in standard deviations within a class


def build_field(copy: Image, features: NDArray[np.float32], smoothness: float) -> RandomField:
    """Build the random field over the pixels of a working copy.

    Parameters
    ----------
    copy : Image
        h x w pixels.
    features : ndarray of shape (d, h, w), float32
        In standard deviations within a class; strong edges in them weaken the field.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel.

    Returns
    -------
    RandomField
    """
    weights = compute_pixel_weights(copy.valid, compute_edge_strengths(features, copy.valid))
    return RandomField(weights, smoothness, REACH_PIXELS)


def compute_whitening_matrix(model: MixtureModel) -> NDArray[np.float64]:
    """Compute the matrix that takes features to coordinates of mean variance 1 within the components.

    Parameters
    ----------
    model : MixtureModel
        In d dimensions.

    Returns
    -------
    ndarray of shape (d, d), float64
        Features (n, d) times it are whitened.
    """
    # W = L^-T with L L' the mean covariance, so that (x W)' (x W) is x' C^-1 x.
    within = np.tensordot(model.weights, model.covariances, axes=1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)).T)


def compute_edge_strengths(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Compute the squared strength of the edge at each pixel.

    Parameters
    ----------
    features : ndarray of shape (d, H, W), float32
        In standard deviations within a class.
    valid : ndarray of shape (H, W), bool
        True where a pixel counts.

    Returns
    -------
    ndarray of shape (H, W), float32
        Squared slopes of the smoothed features, summed: 1 for a strong edge, 0 beside pixels that are not valid.
    """
    cv2 = load_cv2()
    squares = np.zeros(valid.shape, dtype=np.float32)
    for plane in features:
        smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE)
        framed = cv2.copyMakeBorder(smooth, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        # Differences of views take a fifth of the time of cv2.Sobel.
        for after, before in ((framed[1:-1, 2:], framed[1:-1, :-2]), (framed[2:, 1:-1], framed[:-2, 1:-1])):
            change = cv2.subtract(after, before)
            squares += cv2.multiply(change, change, dst=change)
    squares *= np.float32(0.5 / STRONG_EDGE) ** 2
    # The kernels reach 3 pixels: beside invalid pixels a slope would be one of their fill values.
    if not valid.all():
        squares[cv2.dilate((~valid).view(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0] = 0
    return squares
