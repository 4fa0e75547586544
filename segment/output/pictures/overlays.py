"""Classes drawn into the image itself, at its full size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.output.pictures.scaling import Picture, color_labels, display

__all__ = ["contoured", "cutout", "overlaid"]

_SMALL = 320  # images whose longer side is shorter are enlarged, by a whole factor, to at least this
_OPACITY = 0.5
_THICKNESS = 1 / 1600  # of a contour on each side of a border, as a share of the diagonal
_LIT = 0.7  # how much of the image's light is left beside the contours


def overlaid(image: Image, label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """The image with each class tinted in its color, the border of each class in the full one.

    Parameters
    ----------
    image : Image
    label_image : ndarray of shape (H, W), integers 0..k
    colors : ndarray of shape (k, 3), uint8

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB. A small image is enlarged by a whole factor, so that contours can be seen.
    """
    picture, labels = _enlarged(image, label_image)
    colored = color_labels(labels, colors)
    out: Picture = load_cv2().addWeighted(picture, 1 - _OPACITY, colored, _OPACITY, 0)
    _keep(out, picture, labels == 0)
    _keep(out, colored, _borders(labels, _radius(labels)) & (labels > 0))
    return out


def contoured(image: Image, label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """The image, a little darker, with a line in its color along the inside of each class.

    Parameters and result are those of :func:`overlaid`.
    """
    picture, labels = _enlarged(image, label_image)
    out: Picture = load_cv2().convertScaleAbs(picture, alpha=_LIT)
    _keep(out, color_labels(labels, colors), _borders(labels, 2 * _radius(labels)) & (labels > 0))
    return out


def cutout(image: Image, label_image: NDArray[np.integer], label: int) -> Picture:
    """The pixels of one class, all others transparent and black: RGBA, (H, W, 4), uint8."""
    inside = (label_image == label).view(np.uint8)
    cv2 = load_cv2()
    rgba: Picture = cv2.cvtColor(display(image), cv2.COLOR_RGB2RGBA)
    return np.asarray(cv2.bitwise_and(rgba, rgba, mask=inside))


def _enlarged(image: Image, label_image: NDArray[np.integer]) -> tuple[Picture, NDArray[np.uint8]]:
    """The image and its labels, repeated to a size at which lines do not hide them."""
    factor = -(-_SMALL // max(label_image.shape))
    picture, labels = display(image), np.ascontiguousarray(label_image, dtype=np.uint8)
    if factor == 1:
        return picture, labels
    return picture.repeat(factor, 0).repeat(factor, 1), labels.repeat(factor, 0).repeat(factor, 1)


def _radius(labels: NDArray[np.integer]) -> int:
    return max(1, round(math.hypot(*labels.shape) * _THICKNESS))


def _borders(labels: NDArray[np.integer], radius: int) -> NDArray[np.bool_]:
    """Where there is another label within the radius, in pixels."""
    cv2 = load_cv2()
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(labels, window) != cv2.erode(labels, window))


def _keep(picture: Picture, other: Picture, where: NDArray[np.bool_]) -> None:
    """Put the pixels of another picture in their places."""
    load_cv2().copyTo(other, where.view(np.uint8), picture)
