"""Tables of results, with and without regions of interest."""

from __future__ import annotations

import numpy as np

import segment
from segment.output.result_tables import measure_result


def test_regions_have_a_column_only_where_regions_of_interest_are_given(quadrants: np.ndarray) -> None:
    assert "roi" not in segment.segment_regions(quadrants, regions=2).region_table()
    table = segment.segment_regions(quadrants, regions=2, roi="grid:2x1").region_table()
    assert next(iter(table)) == "roi"
    assert set(table["roi"]) == {"r1c1", "r2c1"}
    assert table["pixels"].sum() == quadrants.shape[0] * quadrants.shape[1]


def test_tables_tell_the_numbers_that_classes_had_before_a_merge() -> None:
    pixels = np.repeat([[20, 90, 140, 220]], 4, axis=1).astype(np.uint8).repeat(6, axis=0)
    result = segment.segment_image(pixels, k=4, spatial="none", merge="ground=2,3")
    classes, regions = measure_result(result)
    assert classes["merged_from"].tolist() == ["1", "2+3", "4"]
    assert regions["merged_from"].tolist() == ["1", "2+3", "4"]
    model = segment.fit_classes([pixels], k=4, spatial="none")
    applied = segment.apply_classes(model, pixels, spatial="none", merge="1,2")
    assert applied.old_numbers == ("1+2", "3", "4")
    # A model, which all pages and all images of a folder may share, has its own merges.
    shared = segment.fit_classes([pixels], k=4, spatial="none", merge="1,3")
    assert segment.apply_classes(shared, pixels, spatial="none").old_numbers == ("1+3", "2", "4")
    assert segment.relabel_classes(result.label_image, merge="1,3").old_numbers == ("1+3", "2")
    assert segment.segment_image(pixels, k=4, spatial="none").old_numbers == ()
