"""Shares: without a background, and within groups."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import segment
from segment.pipeline.class_shares import assign_shares
from segment.pipeline.class_table import ClassRow
from segment.pipeline.expected_shares import compute_expected_shares

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


def test_the_share_of_the_only_class_that_counts_is_sure() -> None:
    known = [(0.5, 0.1), (0.3, 0.1), (0.2, 0.2)]
    rows = [
        replace(row, expected_share=share, expected_share_sd=sd) for row, (share, sd) in zip(ROWS, known, strict=True)
    ]
    _, healthy, lesion = assign_shares(rows, segment.SegmentConfig(background="soil"))
    assert (healthy.expected_share, healthy.expected_share_sd) == pytest.approx((0.6, 0.2))
    # A share from 0 to 1 with the mean 0.4 deviates by 0.49 at most.
    assert (lesion.expected_share, lesion.expected_share_sd) == pytest.approx((0.4, 0.4))
    _, healthy, _ = assign_shares(rows, segment.SegmentConfig(background="soil"), absent=(3,))
    assert (healthy.expected_share, healthy.expected_share_sd) == (1, 0)


def test_the_share_of_the_only_class_in_a_region_of_interest_is_sure(rng: np.random.Generator) -> None:
    pixels = (np.kron([[60, 120]], np.ones((40, 20))) + rng.normal(0, 30, (40, 40))).clip(0, 255).astype(np.uint8)
    roi = np.kron([[1], [2]], np.ones((20, 40))).astype(int)
    result = segment.segment_image(pixels, k=2, background="1", roi=roi)
    assert result.classes[1].expected_share_sd == 0
    shares, deviations = compute_expected_shares(result)
    np.testing.assert_array_equal(shares, [[np.nan, 1]] * 2)
    np.testing.assert_array_equal(deviations, [[np.nan, 0]] * 2)
