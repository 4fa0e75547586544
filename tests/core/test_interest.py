"""Regions of interest made of label images."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.errors import ImageError
from segment.core.interest import RegionsOfInterest


def test_labels_are_numbered_without_gaps() -> None:
    regions = RegionsOfInterest.from_labels(np.array([[0, 9, 300], [300, 0, 9]], dtype=np.int64))
    assert regions.names == ("9", "300")
    assert regions.label_image.dtype == np.uint16
    assert regions.label_image.tolist() == [[0, 1, 2], [2, 0, 1]]


def test_every_pixel_may_have_a_region() -> None:
    assert RegionsOfInterest.from_labels(np.array([[3, 3, 5]])).label_image.tolist() == [[1, 1, 2]]


def test_pixels_are_counted_where_they_are_valid() -> None:
    regions = RegionsOfInterest(np.array([[1, 1, 3]], dtype=np.uint16), ("a", "b", "c"))
    assert regions.count_pixels().tolist() == [2, 0, 1]
    assert regions.count_pixels(np.array([[True, False, False]])).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0, -1]]), "numbers from 0, at most 65535 of them; got -1"),
        (np.array([[0.5, 1]]), "whole numbers from 0, at most 65535 of them; got 0.5"),
        (np.array([[1, np.nan]]), "got nan"),
        (np.zeros((2, 2), int), "labels that are not 0; got none"),
        (np.arange(70_000).reshape(100, 700), "at most 65535 of them; got 69999 of them"),
    ],
)
def test_wrong_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        RegionsOfInterest.from_labels(labels)
