"""Tables of results, with and without regions of interest."""

from __future__ import annotations

import numpy as np

import segment
from segment.output.result_tables import measure_result_regions


def test_regions_have_a_column_only_where_regions_of_interest_are_given(quadrants: np.ndarray) -> None:
    assert "roi" not in measure_result_regions(segment.segment_regions(quadrants, regions=2))
    table = measure_result_regions(segment.segment_regions(quadrants, regions=2, roi="grid:2x1"))
    assert next(iter(table)) == "roi"
    assert set(table["roi"]) == {"r1c1", "r2c1"}
    assert table["pixels"].sum() == quadrants.shape[0] * quadrants.shape[1]
