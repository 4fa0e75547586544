"""Measure the classes of a label image: one row for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads

__all__ = ["ClassRow", "tabulate_classes"]

CHUNK_PIXELS = 2**17  # counted at once: they stay in the processor's cache


@dataclass(frozen=True)
class ClassRow:
    """One class of a segmentation.

    Attributes
    ----------
    label : int
        1..k.
    pixels : int
        Its area, in pixels.
    share : float
        Its share of the labeled pixels, 0..1.
    mean : tuple of float
        Mean of each channel, in the image's own values; empty for a class without pixels.
    name : str
        Its name in a result; empty in a table that knows no names.
    """

    label: int
    pixels: int
    share: float
    mean: tuple[float, ...]
    name: str = ""


def tabulate_classes(label_image: NDArray[np.integer], image: Image, n_classes: int) -> tuple[ClassRow, ...]:
    """Measure area, share and mean color of each class.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), int
        Labels 1..n_classes, 0 for none.
    image : Image
        Of the same size.
    n_classes : int
        Number of rows; a class without pixels has a row too.

    Returns
    -------
    tuple of ClassRow
        In the order of the labels.

    Examples
    --------
    >>> pixels = np.array([[10, 10, 30], [10, 10, 50]], dtype=np.uint8)
    >>> rows = tabulate_classes(np.array([[1, 1, 2], [1, 1, 2]]), Image.from_array(pixels), 2)
    >>> [(row.label, row.pixels, row.mean) for row in rows]
    [(1, 4, (10.0,)), (2, 2, (40.0,))]
    """
    n_channels = 1 if image.is_gray else 3
    high = max(1, CHUNK_PIXELS // label_image.shape[1])
    counts = np.zeros(n_classes, dtype=np.int64)
    sums = np.zeros((n_classes, n_channels))

    def count_rows(top: int) -> list[tuple[int, int, NDArray[np.float64]]]:
        """Return the number, the pixels and the sum of each class that occurs in some rows."""
        cv2, found = load_cv2(), []
        labels, pixels = (np.ascontiguousarray(array[top : top + high]) for array in (label_image, image.pixels))
        for i in range(n_classes):
            mask = (labels == i + 1).view(np.uint8)
            if count := cv2.countNonZero(mask):
                found.append((i, count, count * np.array(cv2.mean(pixels, mask=mask)[:n_channels])))
        return found

    # Sums are added up in the order of the rows, so that the result does not depend on the number of threads.
    for found in run_in_threads(count_rows, range(0, len(label_image), high)):
        for i, count, total in found:
            counts[i] += count
            sums[i] += total
    labeled = max(1, int(counts.sum()))
    return tuple(
        ClassRow(label, int(count), int(count) / labeled, tuple((total / count).tolist()) if count else ())
        for label, (count, total) in enumerate(zip(counts, sums, strict=True), start=1)
    )
