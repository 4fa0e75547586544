"""The evidence of regions adds up as they are merged."""

from __future__ import annotations

import numpy as np
import pytest
from label_pictures import draw_labels

from segment.postprocessor import evidence_sums
from segment.postprocessor.connected_regions import find_regions
from segment.postprocessor.evidence_sums import EvidenceSums

K, N_COLORS = 4, 6


@pytest.mark.parametrize("limits", [{}, {"CHUNK_PIXELS": 3}, {"CHUNK_VALUES": 8}])
def test_sums_are_those_of_the_pixels_where_regions_are_merged(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(evidence_sums, name, value)
    labels = draw_labels("11223 11323 44323")
    runs, graph = find_regions(labels, largest=labels.size)
    first = runs.paint(np.arange(graph.label.size)).reshape(-1)
    places, logs = rng.integers(0, N_COLORS, labels.size), -rng.exponential(9, (N_COLORS, K)).astype(np.float32)
    order, max_area = [3, 1, 4, 2], 8
    sums = EvidenceSums(
        places[np.argsort(first, kind="stable")],
        graph.area,
        np.arange(N_COLORS),
        lambda colors: logs[colors],
        classes=[0, *order],
        max_area=max_area,
    )
    for table in ([0, 1, 2, 3, 4], [0, 1, 1, 3, 4], [0, 1, 1, 3, 1]):  # 1 takes in 2, then 4, and is too large then
        graph = graph.relabel(np.array(table, np.uint8)[graph.label])
        sums.merge(graph)
        region, label = np.divmod(np.arange(graph.label.size * K), K)
        asked = graph.area[region] <= max_area
        region, label = region[asked], label[asked] + 1
        of_pixel = graph.origin[first]
        expected = [logs[places[of_pixel == r], order[c - 1] - 1].sum() for r, c in zip(region, label, strict=True)]
        np.testing.assert_allclose(sums.look_up(region, label), expected, rtol=1e-6)
    assert 0 < len(np.unique(region)) < graph.label.size
