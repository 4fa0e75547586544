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
    "InterestRow",
    "make_interest_rows",
    "measure_pixel",
    "set_expected_shares",
    "sum_interest",
    "tabulate_classes",
    "tabulate_interest",
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


@dataclass(frozen=True)
class InterestRow:
    """One class in one region of interest.

    Attributes
    ----------
    roi : str
        Name of the region of interest.
    row : ClassRow
        Of its pixels there; the shares are those of pixels of the region.
    """

    roi: str
    row: ClassRow


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

    def count_rows(top: int) -> list[tuple[int, int, NDArray[np.float64], float]]:
        """Return the number, the pixels, the sum and the area of each class that occurs in some rows."""
        cv2, found = load_cv2(), []
        labels, pixels = (np.ascontiguousarray(array[top : top + high]) for array in (label_image, image.pixels))
        for i in range(n_classes):
            mask = (labels == i + 1).view(np.uint8)
            if count := cv2.countNonZero(mask):
                means = [cv2.mean(part, mask=mask) for part in _split_channels(pixels)]
                area = count * pixel_area if image.grid.is_uniform else _sum_areas(mask, top, image)
                found.append((i, count, count * np.concatenate(means)[:n_channels], area))
        return found

    pixel_area = measure_pixel(image)
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


def tabulate_interest(
    label_image: NDArray[np.integer], image: Image, classes: Sequence[ClassRow]
) -> tuple[InterestRow, ...]:
    """Measure area, share and mean color of each class in each region of interest.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), int
        Labels 1..k, 0 for none.
    image : Image
        Of the same size.
    classes : sequence of k ClassRow
        The rows of the classes in the whole image.

    Returns
    -------
    tuple of InterestRow
        The classes of the first region, then those of the second; empty if the image has no regions of interest.

    Examples
    --------
    >>> from segment.core.interest import RegionsOfInterest
    >>> image = Image(np.array([[10, 30, 50]], np.uint8), np.ones((1, 3), bool), 0, 255)
    >>> image = replace(image, interest=RegionsOfInterest.from_labels(np.array([[1, 1, 2]])))
    >>> labels = np.array([[1, 2, 2]])
    >>> rows = tabulate_interest(labels, image, tabulate_classes(labels, image, 2))
    >>> [(item.roi, item.row.label, item.row.pixels, item.row.mean) for item in rows]
    [('1', 1, 1, (10.0,)), ('1', 2, 1, (30.0,)), ('2', 1, 0, ()), ('2', 2, 1, (50.0,))]
    """
    if image.interest is None or not classes:
        return ()
    return make_interest_rows(image.interest.names, sum_interest(label_image, image, len(classes)), classes)


def sum_interest(label_image: NDArray[np.integer], image: Image, n_classes: int) -> NDArray[np.float64]:
    """Add up the pixels of each class in each region of interest.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), int
        Labels 1..n_classes, 0 for none.
    image : Image
        Of the same size, with regions of interest.
    n_classes : int

    Returns
    -------
    ndarray of shape (2 + channels, n, n_classes), float
        The number of pixels, their area, NaN where it is not known, and the sum of each channel.
    """
    assert image.interest is not None
    shape = (len(image.interest.names), n_classes)
    # Each pair of a region and a class has a number; 0 is neither.
    sums = np.zeros((2 + image.n_bands, shape[0] * shape[1] + 1))
    high = max(1, CHUNK_PIXELS // label_image.shape[1])
    for top in range(0, len(label_image), high):
        rows = slice(top, top + high)
        labels, regions = label_image[rows].astype(np.intp), image.interest.label_image[rows].astype(np.intp)
        pairs = np.where((labels > 0) & (regions > 0), (regions - 1) * n_classes + labels, 0).reshape(-1)
        sums[0] += np.bincount(pairs, minlength=sums.shape[1])
        if not image.grid.is_uniform:
            sums[1] += np.bincount(pairs, _list_areas(labels.shape, top, image), sums.shape[1])
        for band, values in enumerate(image.pixels[rows].reshape(pairs.size, -1).T, start=2):
            sums[band] += np.bincount(pairs, values, sums.shape[1])
    if image.grid.is_uniform:
        sums[1] = sums[0] * measure_pixel(image)
    return sums[:, 1:].reshape(-1, *shape)


def make_interest_rows(
    names: Sequence[str], sums: NDArray[np.float64], classes: Sequence[ClassRow]
) -> tuple[InterestRow, ...]:
    """Make the table of classes in each region of interest.

    Parameters
    ----------
    names : sequence of n str
        Of the regions.
    sums : ndarray of shape (2 + channels, n, k)
        As from :func:`sum_interest`, or the sum of several.
    classes : sequence of k ClassRow
        The rows of the classes in the whole image.

    Returns
    -------
    tuple of InterestRow
        The classes of the first region, then those of the second.
    """
    pixels = sums[0].astype(np.int64)
    means = np.moveaxis(sums[2:] / np.maximum(sums[0], 1), 0, -1)
    # What counts in the whole image counts in each region.
    counted = np.where([math.isnan(row.share) for row in classes], 0, pixels)
    labeled = np.maximum(counted.sum(axis=1), 1).tolist()
    groups = np.array([row.group for row in classes], dtype=object)
    # The pixels of the group of each class.
    grouped = np.maximum(counted @ (groups[:, None] == groups), 1).tolist()
    return tuple(
        InterestRow(
            name,
            replace(
                row,
                pixels=int(pixels[i, j]),
                share=math.nan if math.isnan(row.share) else int(pixels[i, j]) / labeled[i],
                area=None if row.area is None else float(sums[1, i, j]),
                group_share=int(pixels[i, j]) / grouped[i][j] if row.group else math.nan,
                expected_share=math.nan,
                expected_share_sd=math.nan,
                mean=tuple(means[i, j].tolist()) if pixels[i, j] else (),
            ),
        )
        for i, name in enumerate(names)
        for j, row in enumerate(classes)
    )


def measure_pixel(image: Image) -> float:
    """Measure a pixel of an image whose pixels all have one size.

    Parameters
    ----------
    image : Image

    Returns
    -------
    float
        In square units of its grid; NaN where it is not known, or where pixels have different sizes.
    """
    return float(image.grid.compute_areas(np.zeros(1), np.zeros(1))[0]) if image.grid.is_uniform else np.nan


def _list_areas(shape: tuple[int, ...], top: int, image: Image) -> NDArray[np.float64]:
    """List the areas of the pixels of some rows, of which `top` is the number of the first: (pixels,)."""
    rows, columns = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    return image.grid.compute_areas(rows + top, columns)


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
