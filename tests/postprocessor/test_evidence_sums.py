"""The evidence of regions adds up as they are merged."""

from __future__ import annotations

import numpy as np
import pytest
from label_pictures import draw_labels

from segment.postprocessor import evidence_sums
from segment.postprocessor.connected_regions import find_regions
from segment.postprocessor.evidence_sums import EvidenceSums, add_rows


def test_sums_add_up_where_regions_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = draw_labels("1122 1132 4432")
    _, graph = find_regions(labels, largest=labels.size)
    for chunk in (evidence_sums.CHUNK_VALUES, 1):
        monkeypatch.setattr(evidence_sums, "CHUNK_VALUES", chunk)
        sums = EvidenceSums(np.column_stack([graph.area, 10.0 * graph.label]), [1, 1, 2], max_area=labels.size)
        merged = graph
        for table in ([0, 1, 1, 3, 4], [0, 1, 1, 1, 4]):  # 1 takes in 2, then 3 as well
            merged = merged.relabel(np.array(table, np.uint8)[merged.label])
            sums.merge(merged)
            each = np.arange(merged.label.size)
            assert sums.look_up(each, 0 * each).tolist() == merged.area.tolist()
        assert sorted(sums.look_up(each, 0 * each + 2).tolist()) == [40, 60]


def test_any_number_of_rows_is_added_to_one(rng: np.random.Generator) -> None:
    at = np.repeat([3, 0, 5, 2, 4], [1, 9, 8, 40, 2])
    values = rng.normal(size=(at.size, 3)).astype(np.float32)
    sums = rng.normal(size=(6, 3))
    expected = sums.copy()
    np.add.at(expected, at, values)
    add_rows(sums, at, values)
    np.testing.assert_allclose(sums, expected)
