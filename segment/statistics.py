"""What a segmentation amounts to: one row per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.image import Image

__all__ = ["ClassRow", "class_table"]


@dataclass(frozen=True)
class ClassRow:
    """One class of a segmentation.

    Attributes
    ----------
    label : int
        1..k.
    pixels : int
        Its area.
    share : float
        Its share of the labelled pixels, 0..1.
    mean : tuple of float
        Mean of each channel, in the image's own values; empty for a class without pixels.
    """

    label: int
    pixels: int
    share: float
    mean: tuple[float, ...]


def class_table(label_image: NDArray[np.integer], image: Image, n_classes: int) -> tuple[ClassRow, ...]:
    """A row for each of the classes 1..n_classes.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..n_classes
    image : Image
        Of the same size.
    n_classes : int
    """
    cv2 = load_cv2()
    n_channels = 1 if image.is_grey else 3
    labelled = max(1, int(np.count_nonzero(label_image)))
    rows = []
    for label in range(1, n_classes + 1):
        mask = (label_image == label).view(np.uint8)
        pixels = int(cv2.countNonZero(mask))
        mean = tuple(float(value) for value in cv2.mean(image.pixels, mask=mask)[:n_channels]) if pixels else ()
        rows.append(ClassRow(label, pixels, pixels / labelled, mean))
    return tuple(rows)
