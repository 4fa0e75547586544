"""Draw classes into the image itself, at its full size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.output.palette import BORDER
from segment.output.pictures.numbered import find_borders, write_numbers
from segment.output.pictures.scaling import (
    Picture,
    choose_enlargement,
    colorize_labels,
    convert_to_rgb,
    enlarge_pixels,
    stretch_for_display,
)
from segment.preprocessor.preprocessor import LUMA

__all__ = ["cut_out_class", "draw_class_contours", "draw_region_numbers", "draw_tinted_classes"]

_OPACITY = 0.5  # of the color of a class over the image
_LINE_RADIUS = 1 / 1600  # half the thickness of a line on a border, as a share of the image diagonal
_DARK = 0.4  # luma, 0..1, of a class color below which the line beside its contour is white, else black


def draw_tinted_classes(image: Image, label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """Draw the image with each class tinted in its color, and a line in the full color along its border.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and stays as it is.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB. A small image is enlarged by a whole factor, so that the lines can be seen.
    """
    picture, labels = _enlarge_small(image, label_image)
    tints = colorize_labels(labels, colors)
    # Pixels without a label keep the colors of the image; borders get the full color of their class.
    out: Picture = load_cv2().addWeighted(picture, 1 - _OPACITY, tints, _OPACITY, 0)
    _copy_pixels(out, picture, labels == 0)
    _copy_pixels(out, tints, _find_thick_borders(labels, _choose_radius(labels)) & (labels > 0))
    return out


def draw_class_contours(image: Image, label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """Draw the image with a line in its color along the inside of each class.

    A thinner line in black or white, whichever differs more from the color, lies beside it, so that it is seen on
    pixels of any color.

    Parameters
    ----------
    image, label_image, colors
        As for :func:`draw_tinted_classes`.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB. A small image is enlarged by a whole factor, so that the lines can be seen.
    """
    picture, labels = _enlarge_small(image, label_image)
    out = picture.copy()
    # Lines are twice as thick as those of an overlay, whose tints show the classes too.
    radius, is_labeled = _choose_radius(labels), labels > 0
    is_dark = colors @ LUMA < 255 * _DARK
    beside = np.where(is_dark[:, None], np.uint8(255), np.uint8(0)).repeat(3, axis=1)
    _copy_pixels(out, colorize_labels(labels, beside), _find_thick_borders(labels, 3 * radius) & is_labeled)
    _copy_pixels(out, colorize_labels(labels, colors), _find_thick_borders(labels, 2 * radius) & is_labeled)
    return out


def draw_region_numbers(image: Image, label_image: NDArray[np.integer]) -> Picture:
    """Draw the image with the borders of its regions, and the number of each where it is widest.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers 0..n
        Regions; 0 is none.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB. A small image is enlarged by a whole factor, so that the numbers can be read. Regions without room for
        it have no number.
    """
    factor = choose_enlargement(image.height, image.width)
    picture = enlarge_pixels(convert_to_rgb(stretch_for_display(image)), factor).copy()
    labels = enlarge_pixels(label_image.astype(np.int32), factor)
    is_border, radius = find_borders(labels, after=False), _choose_radius(labels)
    line = load_cv2().dilate(is_border.view(np.uint8), np.ones((radius, radius), np.uint8)).view(bool)
    picture[line] = BORDER
    write_numbers(picture, labels, np.arange(1, int(labels.max(initial=0)) + 1), dark=False)
    return picture


def cut_out_class(image: Image, label_image: NDArray[np.integer], label: int) -> Picture:
    """Cut out the pixels of one class.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers
        The label of each pixel.
    label : int
        The class that is kept.

    Returns
    -------
    ndarray of shape (H, W, 4), uint8
        RGBA; all other pixels are transparent and black.
    """
    # A boolean mask has the bytes 0 and 1 that OpenCV takes for a mask.
    inside = (label_image == label).view(np.uint8)
    cv2 = load_cv2()
    rgba: Picture = cv2.cvtColor(convert_to_rgb(image), cv2.COLOR_RGB2RGBA)
    return np.asarray(cv2.bitwise_and(rgba, rgba, mask=inside))


def _enlarge_small(image: Image, label_image: NDArray[np.integer]) -> tuple[Picture, NDArray[np.uint8]]:
    """Enlarge a small image and its labels to a size at which lines do not cover them."""
    factor = choose_enlargement(image.height, image.width)
    labels = np.ascontiguousarray(label_image, dtype=np.uint8)
    return enlarge_pixels(convert_to_rgb(stretch_for_display(image)), factor), enlarge_pixels(labels, factor)


def _choose_radius(labels: NDArray[np.integer]) -> int:
    """Choose half the thickness of a line, in pixels, by the image diagonal."""
    return max(1, round(math.hypot(*labels.shape) * _LINE_RADIUS))


def _find_thick_borders(labels: NDArray[np.integer], radius: int) -> NDArray[np.bool_]:
    """Find the pixels that have another label within the radius, in pixels."""
    cv2 = load_cv2()
    # The largest and the smallest label in a disk around a pixel differ if and only if two labels meet in it.
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(labels, disk) != cv2.erode(labels, disk))


def _copy_pixels(picture: Picture, other: Picture, where: NDArray[np.bool_]) -> None:
    """Copy the pixels of another picture, where a mask is true, into a picture."""
    load_cv2().copyTo(other, where.view(np.uint8), picture)
