"""Connected regions and their graph: pictures, and second implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_pictures import count_borders, draw_labels, draw_noisy, label_images, number_with_scipy

from segment.postprocessor.connected_regions import (
    find_connected_components,
    find_regions,
    mark_largest,
    mark_run_starts,
    number_regions,
    tally_labels,
)


def test_regions_and_borders_of_a_noisy_image():
    labels = draw_noisy(0.3)[:60, :70]
    numbered, count = number_with_scipy(labels)
    runs, graph = find_regions(labels, largest=labels.size)
    areas = np.bincount(numbered.ravel())[1:]
    assert sorted(graph.area[graph.label > 0]) == sorted(areas)
    assert np.count_nonzero(graph.label) == count
    expected = sorted(n for i, row in count_borders(numbered).items() for j, n in row.items() if 0 < i < j)
    assert sorted(graph.border) == expected
    np.testing.assert_array_equal(runs.paint(graph.label), labels)


def test_regions_are_numbered_in_the_order_of_their_first_pixels():
    labels = draw_labels("""
        .2211
        12..1
        11.21""")
    regions, label = number_regions(labels)
    expected = """
        .1122
        31..2
        33.42"""
    np.testing.assert_array_equal(regions, draw_labels(expected))
    assert regions.dtype == np.int32
    assert label.tolist() == [2, 1, 1, 2]


def test_the_first_of_the_largest_regions_of_a_label_is_marked():
    label, area = np.array([1, 2, 1, 2]), np.array([5, 3, 9, 3])
    assert mark_largest(label, area).tolist() == [False, True, True, False]


@given(label_images())
def test_numbered_regions_are_those_of_scipy(labels):
    regions, label = number_regions(labels)
    numbered, count = number_with_scipy(labels)
    assert len(label) == count
    pairs = set(zip(regions.ravel().tolist(), numbered.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    np.testing.assert_array_equal(np.append(0, label)[regions], labels)


def test_regions_at_the_frame_and_at_background_are_exposed():
    _, graph = find_regions(
        draw_labels("""
        1111111
        121.131
        1111111"""),
        largest=21,
    )
    assert dict(zip(graph.label.tolist(), graph.exposed.tolist(), strict=True)) == {
        1: True,
        2: False,
        0: False,
        3: False,
    }
    _, graph = find_regions(draw_labels("11111 12.31 11111"), largest=15)
    exposed = {
        label for label, is_exposed in zip(graph.label.tolist(), graph.exposed.tolist(), strict=True) if is_exposed
    }
    assert exposed >= {1, 2, 3}


def test_borders_of_two_large_regions_are_left_out():
    labels = draw_labels("111222 111222 111322")
    _, graph = find_regions(labels, largest=1)
    pairs = list(zip(graph.label[graph.low].tolist(), graph.label[graph.high].tolist(), graph.border, strict=True))
    assert sorted(pairs) == [(1, 3, 1), (2, 3, 2)]


def test_small_regions_that_touch_at_a_corner_may_be_one():
    labels = draw_labels("1111 1211 1121 1111 2222")
    for has_corners, expected in ((False, 4), (True, 3)):
        runs, graph = find_regions(labels, largest=2, has_corners=has_corners)
        # Only small regions are listed: the rows of the large ones have no border with each other.
        graph = graph.relabel(graph.label)
        assert graph.label.size == expected
        assert graph.border.sum() == 8
        np.testing.assert_array_equal(runs.paint(graph.label[graph.origin]), labels)
    # Where the label changes, a corner is no border.
    _, graph = find_regions(labels, largest=2, has_corners=True)
    graph = graph.relabel(np.where(np.arange(4) == 1, 3, graph.label))
    assert (graph.border > 0).all()


def test_the_regions_of_each_label_are_counted_from_a_size_on():
    labels = draw_labels("1122 1132 4432")
    assert tally_labels(labels, 5, min_area=1).tolist() == [[4, 4, 2, 2, 0], [1, 1, 1, 1, 0]]
    assert tally_labels(labels, 5, min_area=3).tolist() == [[4, 4, 2, 2, 0], [1, 1, 0, 0, 0]]
    assert tally_labels(labels[:0], 2, min_area=1).tolist() == [[0, 0], [0, 0]]


def test_relabeling_merges_neighbors():
    labels = draw_labels("1122 1132 4432")
    runs, graph = find_regions(labels, largest=labels.size)
    new_labels = np.array([0, 1, 1, 3, 4], np.uint8)[graph.label]
    merged = graph.relabel(new_labels)
    np.testing.assert_array_equal(runs.paint(merged.label[merged.origin]), draw_labels("1111 1131 4431"))
    assert sorted(zip(merged.label.tolist(), merged.area.tolist(), strict=True)) == [(1, 8), (3, 2), (4, 2)]
    pairs = zip(merged.label[merged.low].tolist(), merged.label[merged.high].tolist(), merged.border, strict=True)
    assert sorted((*sorted(pair), int(length)) for *pair, length in pairs) == [(1, 3, 4), (1, 4, 2), (3, 4, 1)]


def test_runs_start_at_the_left_and_where_the_label_changes():
    starts = mark_run_starts(draw_labels("1122 2222 1212"))
    assert starts.astype(int).tolist() == [[1, 0, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]


@given(st.integers(0, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_connected_components_are_found_by_spreading_the_lowest_number(n, edges):
    edges = [(a % n, b % n) for a, b in edges] if n else []
    lowest = list(range(n))
    for _ in range(n):
        for a, b in edges:
            lowest[a] = lowest[b] = min(lowest[a], lowest[b])
    first, second = np.array(edges, dtype=np.intp).reshape(-1, 2).T
    component, count = find_connected_components(n, first, second)
    assert component.dtype == np.intp
    assert component.tolist() == [sorted(set(lowest)).index(number) for number in lowest]
    assert count == len(set(lowest))


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (1, 60), (60, 1)])
def test_regions_are_counted_across_bands(
    shape: tuple[int, int], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = rng.integers(0, 3, shape)
    expected = [tally_labels(labels, 2, min_area) for min_area in (1, 3, 6)]
    monkeypatch.setattr("segment.postprocessor.connected_regions.BAND_PIXELS", 15)
    for min_area, counts in zip((1, 3, 6), expected, strict=True):
        np.testing.assert_array_equal(tally_labels(labels, 2, min_area), counts)
    assert expected[0][1].sum() == number_regions(labels)[0].max()
