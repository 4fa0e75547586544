"""Shares: without a background, and within groups."""

from __future__ import annotations

import math

import segment
from segment.pipeline.class_shares import assign_shares
from segment.pipeline.class_table import ClassRow

ROWS = [ClassRow(1, 50, 0.5, (), "soil"), ClassRow(2, 30, 0.3, (), "healthy"), ClassRow(3, 20, 0.2, (), "lesion")]


def test_a_background_and_an_absent_class_have_no_share() -> None:
    config = segment.SegmentConfig(background="soil", group="leaf=healthy,lesion")
    soil, healthy, lesion = assign_shares(ROWS, config, absent=(3,))
    assert math.isnan(soil.share)
    assert math.isnan(lesion.share)
    assert (healthy.share, healthy.group, healthy.group_share) == (1.0, "leaf", 1.0)
    assert (lesion.group, soil.group) == ("", "")


def test_classes_are_found_by_number_and_unknown_ones_have_no_effect() -> None:
    rows = assign_shares(ROWS, segment.SegmentConfig(group="plant=2,3,moss", background="sea"))
    assert [row.share for row in rows] == [0.5, 0.3, 0.2]
    assert [row.group_share for row in rows][1:] == [0.6, 0.4]
