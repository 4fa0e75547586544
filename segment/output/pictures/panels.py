"""The original and its segments beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.output.palette import pick_class_colors
from segment.output.pictures.layout import Legend, arrange
from segment.output.pictures.scaling import Picture, fitting_size, scaled_image, scaled_labels

__all__ = ["compared", "pair", "regions_beside", "side_by_side", "thumbnail"]

_ROOM = (960, 900)  # largest width and height of each of two pictures beside each other, in pixels
_WIDE_ROOM = (1600, 900)  # of pictures below each other
_THUMBNAIL = (144, 96)  # of a picture among many
_BORDER = (255, 64, 0)  # of regions, drawn on the original
_WIDE = 2.5  # images of this width to height and more are below each other


def side_by_side(
    image: Image, label_image: NDArray[np.integer], entries: Legend, *, title: str = "original"
) -> Picture:
    """The original and its segments beside each other, of a panorama below each other, with a legend.

    Parameters
    ----------
    image : Image
    label_image : ndarray of shape (H, W), integers 0..k
    entries : sequence of k (str, (r, g, b))
        What is said of each class, and its color.
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    return _panel(image, [(_count(len(entries)), label_image)], entries, title)


def compared(
    image: Image,
    segmentations: Sequence[tuple[str, NDArray[np.integer]]],
    n_classes: int,
    *,
    title: str = "original",
) -> Picture:
    """The original and several segmented images, two in a row, each under its title, with a legend of the classes.

    Parameters
    ----------
    image : Image
    segmentations : sequence of (str, ndarray of shape (H, W), integers 0..n_classes)
        A title and a label image each. A class has the same color in all of them.
    n_classes : int
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    entries = [(f"class {label}", color) for label, color in enumerate(pick_class_colors(n_classes).tolist(), start=1)]
    return _panel(image, segmentations, entries, title)


def regions_beside(image: Image, label_image: NDArray[np.integer], *, title: str = "original") -> Picture:
    """The original with the borders of regions, beside the regions in their mean colors.

    Parameters
    ----------
    image : Image
    label_image : ndarray of shape (H, W), integers 0..n
        Regions; 0 is none.
    title : str
        What stands above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    columns, room = _arrangement(image)
    size = fitting_size(image.height, image.width, room)
    original, cv2 = scaled_image(image, size), load_cv2()
    labels = cv2.resize(label_image.astype(np.int32), size, interpolation=cv2.INTER_NEAREST_EXACT)
    counts = np.maximum(np.bincount(labels.ravel()), 1)
    means = np.stack([np.bincount(labels.ravel(), channel) / counts for channel in original.reshape(-1, 3).T], axis=1)
    means[0] = 255
    borders = np.zeros(labels.shape, dtype=bool)
    borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    borders[1:] |= labels[1:] != labels[:-1]
    outlined = np.where(borders[..., None], np.array(_BORDER, dtype=np.uint8), original)
    n = int(label_image.max(initial=0))
    words = f"{n} regions" if n != 1 else "1 region"
    return arrange([(title, outlined), (words, np.rint(means).astype(np.uint8)[labels])], columns, ())


def _arrangement(image: Image) -> tuple[int, tuple[int, int]]:
    """How many pictures stand beside each other, and the room for each."""
    return (1, _WIDE_ROOM) if image.width >= _WIDE * image.height else (2, _ROOM)


def pair(image: Image, label_image: NDArray[np.integer], colors: Picture) -> tuple[Picture, Picture]:
    """The original and its segments in the colors (k, 3) of their classes: two pictures of one size, for a screen."""
    size = fitting_size(image.height, image.width, _WIDE_ROOM)
    return scaled_image(image, size), scaled_labels(label_image, colors, size)


def thumbnail(label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """The segments in the colors (k, 3) of their classes, at most 144 pixels wide and 96 high: (h, w, 3)."""
    height, width = label_image.shape
    factor = min(_THUMBNAIL[0] / width, _THUMBNAIL[1] / height, 1.0)
    return scaled_labels(label_image, colors, (max(1, round(width * factor)), max(1, round(height * factor))))


def _panel(
    image: Image, segmentations: Sequence[tuple[str, NDArray[np.integer]]], entries: Legend, title: str
) -> Picture:
    columns, room = _arrangement(image)
    size = fitting_size(image.height, image.width, room)
    colors = np.array([color for _, color in entries], dtype=np.uint8).reshape(-1, 3)
    pictures = [(title, scaled_image(image, size))]
    pictures += [(words, scaled_labels(label_image, colors, size)) for words, label_image in segmentations]
    return arrange(pictures, columns, entries)


def _count(n: int) -> str:
    return f"{n} classes" if n != 1 else "1 class"
