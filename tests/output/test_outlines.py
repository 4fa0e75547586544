"""Outlines: their rings, and how they are traced in chunks."""

from __future__ import annotations

import numpy as np
import pytest
from label_cases import for_label_images

from segment.output import outlines
from segment.output.outlines import count_points, trace_outlines
from segment.postprocessor.connected_regions import number_regions


@for_label_images
def test_every_region_has_one_outer_ring_and_simple_rings(labels: np.ndarray) -> None:
    regions, label = number_regions(labels)
    found = trace_outlines(regions)
    assert found.region[~found.is_hole].tolist() == list(range(1, len(label) + 1))
    area = np.bincount(found.region, found.areas, minlength=len(label) + 1)
    np.testing.assert_array_equal(area[1:], np.bincount(regions.ravel())[1 : len(label) + 1])
    for a, b in zip(found.starts[:-1], found.starts[1:], strict=True):
        assert len({tuple(point) for point in found.points[a:b].tolist()}) == b - a


def test_chunks_of_rows_make_no_difference(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    regions, _ = number_regions(rng.integers(0, 3, (23, 9)))
    expected = trace_outlines(regions)
    for chunk in (1, 18, 50):
        monkeypatch.setattr(outlines, "_CHUNK_PIXELS", chunk)
        found = trace_outlines(regions)
        assert found.points.tolist() == expected.points.tolist()
        assert found.starts.tolist() == expected.starts.tolist()


def test_small_outlines_are_known() -> None:
    found = trace_outlines(np.array([[1, 1, 2]]))
    assert found.points.tolist() == [[0, 0], [2, 0], [2, 1], [0, 1], [2, 0], [3, 0], [3, 1], [2, 1]]
    assert found.starts.tolist() == [0, 4, 8]
    tee = trace_outlines(np.array([[1, 1], [2, 3]]))  # where two borders meet, the straight side has a vertex too
    assert [1, 1] in tee.points[: tee.starts[1]].tolist()


def test_points_are_counted_without_tracing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = rng.integers(0, 3, (23, 9))
    monkeypatch.setattr("segment.output.outlines._CHUNK_PIXELS", 20)
    assert count_points(labels) == len(trace_outlines(number_regions(labels)[0]).points)
