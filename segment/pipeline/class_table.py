"""Measure the classes of a label image: one row for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.equality import EqualByValue
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads
from segment.segmenter.field.share_estimate import ShareEstimate

__all__ = [
    "ClassRow",
    "convert_means_to_rgb",
    "measure_pixel_area",
    "set_expected_shares",
    "sum_rows",
    "tabulate_classes",
]

MAX_OPENCV_CHANNELS = 4  # that OpenCV averages at once
CHUNK_PIXELS = 2**17  # counted at once: they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class ClassRow(EqualByValue):
    """One class of a segmentation.

    Attributes
    ----------
    label : int
        1..k.
    pixels : int
        Its area, in pixels.
    share : float
        Its share of the labeled pixels that count, 0..1; NaN for the background, and for a class of a reference that
        has no counterpart in the image.
    mean : tuple of float
        Mean of each channel, in the image's own values; empty for a class without pixels.
    name : str
        Its name in a result; empty in a table that knows no names.
    area : float, optional
        Its area in `unit`; None where the size of the pixels is not known.
    unit : str
        Unit of the area, such as ``"mm2"``; empty where there is none.
    group : str
        The group of classes that it belongs to; empty for none.
    group_share : float
        Its share of the pixels of the group, 0..1; NaN without one.
    expected_share : float
        Its share as the posteriors expect it, 0..1; NaN where it is not known, as without a random field, and where
        `share` is.
    expected_share_sd : float
        Standard deviation of the true share from it: 1.645 of them on either side hold the true one in nine of ten
        images; see :mod:`segment.segmenter.field.share_estimate`. NaN where it is not known.
    """

    label: int
    pixels: int
    share: float
    mean: tuple[float, ...]
    name: str = ""
    area: float | None = None
    unit: str = ""
    group: str = ""
    group_share: float = math.nan
    expected_share: float = math.nan
    expected_share_sd: float = math.nan


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
    n_channels = image.n_bands
    high = max(1, CHUNK_PIXELS // label_image.shape[1])
    counts = np.zeros(n_classes, dtype=np.int64)
    sums = np.zeros((n_classes, n_channels))
    areas = np.zeros(n_classes)
    is_uniform, pixel_area = image.grid.is_uniform, measure_pixel_area(image)

    def count_rows(top: int) -> list[tuple[int, int, NDArray[np.float64], float]]:
        """Return the number, the pixels, the sum and the area of each class that occurs in some rows."""
        cv2, found = load_cv2(), []
        labels, pixels = (np.ascontiguousarray(array[top : top + high]) for array in (label_image, image.pixels))
        parts = _split_channels(pixels)
        for i in range(n_classes):
            mask = (labels == i + 1).view(np.uint8)
            if count := cv2.countNonZero(mask):
                means = [cv2.mean(part, mask=mask) for part in parts]
                area = count * pixel_area if is_uniform else _sum_areas(mask, top, image)
                found.append((i, count, count * np.concatenate(means)[:n_channels], area))
        return found

    # Sums are added up in the order of the rows, so that the result does not depend on the number of threads.
    for found in run_in_threads(count_rows, range(0, len(label_image), high)):
        for i, count, total, area in found:
            counts[i] += count
            sums[i] += total
            areas[i] += area
    labeled = max(1, int(counts.sum()))
    rows = tuple(
        ClassRow(label, int(count), int(count) / labeled, tuple((total / count).tolist()) if count else ())
        for label, (count, total) in enumerate(zip(counts, sums, strict=True), start=1)
    )
    if not image.grid:
        return rows
    return tuple(
        replace(row, area=float(area), unit=f"{image.grid.unit}2") for row, area in zip(rows, areas, strict=True)
    )


def sum_rows(rows: Sequence[ClassRow]) -> ClassRow:
    """Add the areas of one class in several tables, and weight its means by them; all else is that of the first row.

    Examples
    --------
    >>> row = sum_rows([ClassRow(1, 30, 1.0, (10.0,)), ClassRow(1, 10, 1.0, (50.0,)), ClassRow(1, 0, 0.0, ())])
    >>> row.pixels, row.mean
    (40, (20.0,))
    """
    total = sum(row.pixels for row in rows)
    areas = [row.area for row in rows if row.area is not None]
    # A table without the class has no mean of it.
    filled = [row for row in rows if row.pixels]
    # With --greyscale, gray pages may stand beside color ones, which keep their colors in tables.
    n_channels = max((len(row.mean) for row in filled), default=0)
    means = [row.mean * n_channels if len(row.mean) == 1 else row.mean for row in filled]
    mean = tuple(
        sum(row.pixels * value for row, value in zip(filled, values, strict=True)) / total
        for values in zip(*means, strict=True)
    )
    return replace(rows[0], pixels=total, mean=mean, area=sum(areas) if areas else None)


def convert_means_to_rgb(rows: Sequence[ClassRow], image: Image) -> NDArray[np.float64]:
    """Convert the means of classes to colors that can be shown.

    Parameters
    ----------
    rows : sequence of k ClassRow
        Of more bands than three the first three are shown, of two these and black, as in all pictures.
    image : Image
        Its black and white count.

    Returns
    -------
    ndarray of shape (k, 3), float64
        RGB, 0 for the image's black and 255 for its white; a middle gray for a class without pixels.

    Examples
    --------
    >>> rows = [ClassRow(1, 90, 1.0, (20.0,)), ClassRow(2, 0, 0.0, ())]
    >>> convert_means_to_rgb(rows, Image.from_array(np.zeros((9, 10), np.uint8))).tolist()
    [[20.0, 20.0, 20.0], [127.5, 127.5, 127.5]]
    """
    # A class without pixels has no mean.
    middle = (image.black + image.white) / 2
    shown = [(*row.mean, image.black) if len(row.mean) == 2 else row.mean[:3] for row in rows]
    means = np.array([np.broadcast_to(mean or middle, 3) for mean in shown], dtype=np.float64).reshape(-1, 3)
    # Scale from the image's black and white to 0 and 1.
    light = (means - image.black) / (image.white - image.black)
    return np.asarray(255 * np.clip(light, 0, 1))


def set_expected_shares(rows: tuple[ClassRow, ...], estimate: ShareEstimate | None) -> tuple[ClassRow, ...]:
    """Set the expected shares of the rows.

    Parameters
    ----------
    rows : tuple of k ClassRow
        In the order of the labels.
    estimate : ShareEstimate, optional
        Of the same classes.

    Returns
    -------
    tuple of k ClassRow
        The rows themselves without an estimate.
    """
    if estimate is None:
        return rows
    pairs = zip(rows, estimate.shares.tolist(), estimate.deviations.tolist(), strict=True)
    return tuple(replace(row, expected_share=share, expected_share_sd=deviation) for row, share, deviation in pairs)


def measure_pixel_area(image: Image) -> float:
    """Measure the area of a pixel of an image whose pixels all have one size.

    Parameters
    ----------
    image : Image

    Returns
    -------
    float
        In square units of its grid; NaN where it is not known, or where pixels have different sizes.
    """
    return float(image.grid.compute_areas(np.zeros(1), np.zeros(1))[0]) if image.grid.is_uniform else np.nan


def _sum_areas(mask: NDArray[np.uint8], top: int, image: Image) -> float:
    """Sum the areas of the pixels of a mask of some rows, of which `top` is the number of the first."""
    rows, columns = np.nonzero(mask)
    return float(image.grid.compute_areas(rows + top, columns).sum())


def _split_channels(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Split pixels (H, W) or (H, W, C) in parts of up to four channels, which OpenCV takes at once."""
    if pixels.ndim == 2 or pixels.shape[2] <= MAX_OPENCV_CHANNELS:
        return [pixels]
    starts = range(0, pixels.shape[2], MAX_OPENCV_CHANNELS)
    return [np.ascontiguousarray(pixels[..., start : start + MAX_OPENCV_CHANNELS]) for start in starts]
