"""Measure a result: its classes, or its regions, in each region of interest where there are some."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment.output.measurements import Table, measure_classes, measure_regions, refuse_regions
from segment.pipeline.expected_shares import compute_expected_shares

if TYPE_CHECKING:
    from segment.core.image import Image
    from segment.pipeline.result import Segmentation
    from segment.pipeline.result_views import ResultViews

__all__ = [
    "add_expected_shares",
    "measure_label_image",
    "measure_result",
    "require_regions",
    "set_shares",
]


def measure_result(result: Segmentation) -> tuple[Table, Table]:
    """Measure the classes and the connected regions of a segmented image.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    classes, regions : dict of column name to ndarray
        The columns of :func:`segment.output.measurements.measure_classes` and
        :func:`segment.output.measurements.measure_regions`; also ``posterior``, the mean probability of the pixels' own
        class, and ``uncertainty``, the mean entropy of the posteriors in bits; and for classes ``expected_share``, the
        share by the posteriors, and ``expected_share_sd``, its standard deviation, both NaN without a random field.
        Where the image has regions of interest, there is a row for each of them and each class, and its name is in the
        first column, ``roi``. With the setting `group`, ``group`` and ``group_share`` of the class. A class that does
        not count has no share.
    """
    maps = {"posterior": result.confidence(), "uncertainty": result.uncertainty()}
    classes, regions = measure_label_image(result, maps)
    return add_expected_shares(classes, *compute_expected_shares(result)), regions


def add_expected_shares(table: Table, shares: NDArray[np.floating], deviations: NDArray[np.floating]) -> Table:
    """Add the expected shares to a table of classes, beside the shares of the labels.

    Parameters
    ----------
    table : dict of column name to ndarray
        With n rows.
    shares, deviations : ndarray of n numbers
        The expected shares and their standard deviations.
    """
    at, items = list(table).index("share") + 1, list(table.items())
    expected = {"expected_share": shares.reshape(-1), "expected_share_sd": deviations.reshape(-1)}
    return dict(items[:at]) | expected | dict(items[at:])


def measure_label_image(result: ResultViews, maps: Mapping[str, NDArray[np.floating]]) -> tuple[Table, Table]:
    """Measure the classes and the connected regions of a label image.

    Parameters
    ----------
    result : ResultViews
        Labels, the image, and the names of the classes.
    maps : mapping of name to ndarray of shape (H, W), float
        Maps of which the mean of each class and region is wanted.

    Returns
    -------
    classes, regions : dict of column name to ndarray
        As from :func:`measure_result`; `regions` has no column where there are too many for a table.
    """
    labels, image, names = result.label_image, result.image, result.names
    tables = measure_classes(labels, image, names, maps=maps), measure_regions(labels, image, names, maps=maps)
    classes, regions = (set_shares(table, result) if table else table for table in tables)
    if result.absent:
        # Nothing was found, which is not the same as an area of 0.
        classes["pixels"] = classes["pixels"].astype(object)
        is_absent = np.isin(classes["label"], result.absent)
        classes["pixels"][is_absent] = None
        if result.image.grid:
            classes[result.image.grid.area_name][is_absent] = np.nan
    return classes, regions


def require_regions(table: Table, label_image: NDArray[np.integer], image: Image) -> Table:
    """Return the table of connected regions, or refuse it where there were too many.

    Parameters
    ----------
    table : dict of column name to ndarray
        From :func:`measure_label_image`.
    label_image : ndarray of shape (H, W), integers
        What was measured.
    image : Image
        Of the same size.

    Raises
    ------
    ImageError
        If there are more regions than a table may have rows.
    """
    if not table:
        refuse_regions(label_image, image)
    return table


def set_shares(table: Table, result: ResultViews) -> Table:
    """Set the shares of the rows of a table, and add those within groups.

    Parameters
    ----------
    table : dict of column name to ndarray
        With ``label``, ``pixels`` and ``share``, and ``roi`` where there are regions of interest.
    result : ResultViews
        What was measured.

    Returns
    -------
    dict of column name to ndarray
        The shares are those of the labeled pixels in the row's region of interest, without classes that do not count.
    """
    is_counted = np.array([not math.isnan(row.share) for row in result.classes], dtype=bool)
    groups = np.array([row.group for row in result.classes], dtype=object)
    label, pixels = table["label"] - 1, table["pixels"]
    _, roi = np.unique(table.get("roi", np.zeros(len(label))), return_inverse=True)
    shares = dict(table)
    counts = np.where(is_counted[label], pixels, 0)
    total = np.bincount(roi, counts, minlength=1)[roi]
    shares["share"] = np.where(is_counted[label], counts / np.maximum(total, 1), np.nan)
    if result.old_numbers:
        shares["merged_from"] = np.array(result.old_numbers, dtype=object)[label]
    if result.config.group:
        group = groups[label] if len(groups) else np.zeros(0, dtype=object)
        # A number for each pair of a region of interest and a group.
        _, pair = np.unique([f"{number} {name}" for number, name in zip(roi, group, strict=True)], return_inverse=True)
        total = np.bincount(pair, pixels, minlength=1)[pair]
        within = np.where(group != "", pixels / np.maximum(total, 1), np.nan)
        shares |= {"group": group, "group_share": within}
    return shares
