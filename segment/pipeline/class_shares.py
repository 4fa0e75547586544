"""Shares of classes: of all pixels that count, and within a group of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segment.config.config import SegmentConfig
from segment.pipeline.class_table import ClassRow
from segment.segmenter.class_naming import find_label
from segment.segmenter.field.share_estimate import limit_deviations

__all__ = ["assign_shares"]


def assign_shares(rows: Sequence[ClassRow], config: SegmentConfig, absent: Sequence[int] = ()) -> tuple[ClassRow, ...]:
    """Compute the shares of classes from their pixels, as the settings `background` and `group` say.

    Parameters
    ----------
    rows : sequence of k ClassRow
        With their names.
    config : SegmentConfig
        Its `background` and `group` count; what is not there has no effect.
    absent : sequence of int
        Labels of classes that this image has no counterpart of.

    Returns
    -------
    tuple of k ClassRow
        The share of the background, and of a class that is absent, is NaN, as are the expected ones.

    Examples
    --------
    >>> rows = [ClassRow(1, 60, 0, (), "soil"), ClassRow(2, 30, 0, (), "healthy"), ClassRow(3, 10, 0, (), "lesion")]
    >>> config = SegmentConfig(group="leaf=healthy,lesion", background="soil")
    >>> [(row.share, row.group, row.group_share) for row in assign_shares(rows, config)]
    [(nan, '', nan), (0.75, 'leaf', 0.75), (0.25, 'leaf', 0.25)]
    """
    names = [row.name for row in rows]
    uncounted = {*absent, find_label(config.background, names)}
    counted = [0 if row.label in uncounted else row.pixels for row in rows]
    total = max(1, sum(counted))
    groups = [""] * len(rows)
    for name, keys in config.class_groups:
        for label in (find_label(key, names) for key in keys):
            if label and label not in uncounted:
                groups[label - 1] = name
    sums = {name: sum(n for n, group in zip(counted, groups, strict=True) if group == name) for name in groups}
    return tuple(
        replace(
            row,
            share=math.nan if row.label in uncounted else n / total,
            expected_share=expected,
            expected_share_sd=deviation,
            group=group,
            group_share=n / max(1, sums[group]) if group else math.nan,
        )
        for row, n, group, (expected, deviation) in zip(
            rows, counted, groups, _scale_expected(rows, uncounted), strict=True
        )
    )


def _scale_expected(rows: Sequence[ClassRow], uncounted: set[int]) -> list[list[float]]:
    """Scale the expected shares and their deviations to those of the classes that count; NaN for the others."""
    pairs = np.array([(row.expected_share, row.expected_share_sd) for row in rows]).reshape(-1, 2)
    pairs[[row.label in uncounted for row in rows]] = math.nan
    # They are known for all classes or for none.
    pairs /= np.nansum(pairs[:, 0]) or math.nan
    pairs[:, 1] = limit_deviations(pairs[:, 1], pairs[:, 0])
    return pairs.tolist()
