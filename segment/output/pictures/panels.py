"""Draw the original beside its segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import make_default_names
from segment.core.errors import pluralize
from segment.core.image import Image
from segment.core.opencv import resize_to_nearest
from segment.output.palette import BORDER
from segment.output.pictures.layout import Legend, draw_sheet
from segment.output.pictures.numbered import find_borders
from segment.output.pictures.scaling import (
    Picture,
    describe_stretch,
    fit_size,
    scale_image,
    scale_labels,
    stretch_for_display,
)

__all__ = ["draw_labels", "draw_methods", "draw_regions_beside", "draw_side_by_side", "draw_thumbnails", "scale_pair"]

# Largest width and height, in pixels.
_ROOM_BESIDE = (960, 900)  # of each of two pictures beside each other
_ROOM_BELOW = (1600, 900)  # of each of two pictures below each other
_ROOM_THUMBNAIL = (320, 240)

_PANORAMA = 2.5  # images of this width to height and more are below each other


def draw_side_by_side(
    image: Image, label_image: NDArray[np.integer], entries: Legend, *, title: str = "original"
) -> Picture:
    """Draw the original and its segments beside each other, of a panorama below each other, with a legend.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and shown as a checkerboard.
    entries : sequence of k (str, (r, g, b))
        Text and color of each class.
    title : str
        Text above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    return _draw_panel(image, [(pluralize(len(entries), "class"), label_image)], entries, title)


def draw_labels(label_image: NDArray[np.integer], entries: Legend) -> Picture:
    """Draw segments alone, where there is no original, with a legend.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and shown as a checkerboard.
    entries : sequence of k (str, (r, g, b))
        Text and color of each class.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 1600 pixels wide.
    """
    height, width = label_image.shape
    colors = np.array([color for _, color in entries], dtype=np.uint8).reshape(-1, 3)
    segments = scale_labels(label_image, colors, fit_size(height, width, _ROOM_BELOW))
    return draw_sheet([(pluralize(len(entries), "class"), segments)], 1, entries)


def draw_methods(
    image: Image, segmentations: Sequence[tuple[str, NDArray[np.integer]]], colors: Picture, *, title: str = "original"
) -> Picture:
    """Draw the original and several segmented images, two in a row, with a legend of the classes.

    Parameters
    ----------
    image : Image
        The original.
    segmentations : sequence of (str, ndarray of shape (H, W), integers 0..n_classes)
        Title and label image of each method. A class has the same color in all of them.
    colors : ndarray of shape (n_classes, 3), uint8
        RGB of each class.
    title : str
        Text above the original.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    entries = list(zip(make_default_names(len(colors)), colors.tolist(), strict=True))
    return _draw_panel(image, segmentations, entries, title)


def draw_regions_beside(image: Image, label_image: NDArray[np.integer], *, title: str = "original") -> Picture:
    """Draw the original with the borders of its regions, beside the regions in their mean colors.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers 0..n
        Regions; 0 is none and shown white.
    title : str
        What the text above the original begins with.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, at most about 2000 pixels wide however large the image is.
    """
    columns, room = _choose_columns(image)
    size = fit_size(image.height, image.width, room)
    shown = stretch_for_display(image)
    original, title = scale_image(shown, size), describe_stretch(f"{title}, with borders", image, shown)
    labels = resize_to_nearest(label_image.astype(np.int32), size)
    # Mean color of each region in the scaled picture; a region too small to be seen there has none.
    counts = np.maximum(np.bincount(labels.ravel()), 1)
    means = np.stack([np.bincount(labels.ravel(), channel) / counts for channel in original.reshape(-1, 3).T], axis=1)
    means[0] = 255
    is_border = find_borders(labels, before=False)
    outlined = np.where(is_border[..., None], np.array(BORDER, dtype=np.uint8), original)
    words = pluralize(int(label_image.max(initial=0)), "region")
    return draw_sheet([(title, outlined), (words, np.rint(means).astype(np.uint8)[labels])], columns, ())


def scale_pair(image: Image, label_image: NDArray[np.integer], colors: Picture) -> tuple[Picture, Picture]:
    """Scale the original and its segments to the same size for a screen.

    Parameters
    ----------
    image : Image
        The original.
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and shown as a checkerboard.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.

    Returns
    -------
    original, segments : ndarray of shape (h, w, 3), uint8
        RGB, at most 1600 pixels wide and 900 high.
    """
    size = fit_size(image.height, image.width, _ROOM_BELOW)
    return scale_image(stretch_for_display(image), size), scale_labels(label_image, colors, size)


def draw_thumbnails(image: Image, label_image: NDArray[np.integer], colors: Picture) -> tuple[Picture, Picture]:
    """Draw an image and its segments as small pictures.

    Parameters
    ----------
    image, label_image, colors
        As for :func:`scale_pair`.

    Returns
    -------
    original, segments : ndarray of shape (h, w, 3), uint8
        RGB, at most 320 pixels wide and 240 high.
    """
    factor = min(_ROOM_THUMBNAIL[0] / image.width, _ROOM_THUMBNAIL[1] / image.height)
    # Enlarged by a whole number, so that all its pixels are squares.
    factor = float(int(factor)) if factor > 1 else factor
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return scale_image(stretch_for_display(image), size), scale_labels(label_image, colors, size)


def _choose_columns(image: Image) -> tuple[int, tuple[int, int]]:
    """Choose how many pictures stand beside each other, and the room for each."""
    return (1, _ROOM_BELOW) if image.width >= _PANORAMA * image.height else (2, _ROOM_BESIDE)


def _draw_panel(
    image: Image, segmentations: Sequence[tuple[str, NDArray[np.integer]]], entries: Legend, title: str
) -> Picture:
    """Draw the original and some label images, in the colors of the legend, with their titles."""
    columns, room = _choose_columns(image)
    size = fit_size(image.height, image.width, room)
    # All pictures take the colors of the legend, so they always agree with it.
    colors = np.array([color for _, color in entries], dtype=np.uint8).reshape(-1, 3)
    shown = stretch_for_display(image)
    pictures = [(describe_stretch(title, image, shown), scale_image(shown, size))]
    pictures += [(words, scale_labels(label_image, colors, size)) for words, label_image in segmentations]
    return draw_sheet(pictures, columns, entries)
