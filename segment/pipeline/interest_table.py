"""Measure the classes of a label image in each region of interest: one row for each pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.pipeline.class_table import ClassRow, measure_pixel_area

__all__ = ["InterestRow", "make_interest_rows", "sum_interest", "tabulate_interest"]

CHUNK_PIXELS = 2**17  # counted at once: they stay in the processor's cache


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
    >>> from segment.pipeline.class_table import tabulate_classes
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
        sums[1] = sums[0] * measure_pixel_area(image)
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
    # Classes that count in the whole image count in each region.
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


def _list_areas(shape: tuple[int, ...], top: int, image: Image) -> NDArray[np.float64]:
    """List the areas of the pixels of some rows, of which `top` is the number of the first: (pixels,)."""
    rows, columns = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    return image.grid.compute_areas(rows + top, columns)
