"""The rows of an image in the table of shares of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segment.output.tables import drop_nan
from segment.pipeline.class_table import ClassRow
from segment.pipeline.expected_shares import compute_expected_shares
from segment.pipeline.interest_table import tabulate_interest
from segment.runs.outcome import ShareRow

if TYPE_CHECKING:
    from segment.pipeline.result import Segmentation

__all__ = ["list_share_rows"]


def list_share_rows(result: Segmentation) -> tuple[ShareRow, ...]:
    """List the rows of an image: one for each class, or for each region of interest and class.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    tuple of ShareRow
        In the order of the regions of interest and of the labels.
    """
    image, k = result.image, result.n_classes
    items: list[tuple[str, ClassRow]] = [("", row) for row in result.classes]
    if image.interest is not None:
        items = [(item.roi, item.row) for item in tabulate_interest(result.label_image, image, result.classes)]
    expected: list[Any] = []
    if k:
        expected = np.stack(compute_expected_shares(result), axis=-1).reshape(-1, 2).tolist()
    return tuple(
        ShareRow(
            roi=roi,
            label=row.label,
            name=row.name,
            pixels=None if row.label in result.absent else row.pixels,
            area=None if row.label in result.absent else row.area,
            area_unit=row.unit,
            share=drop_nan(row.share),
            expected_share=drop_nan(mean),
            expected_share_sd=drop_nan(deviation),
            group=row.group,
            group_share=drop_nan(row.group_share),
            mean=row.mean,
        )
        for (roi, row), (mean, deviation) in zip(items, expected, strict=True)
    )
