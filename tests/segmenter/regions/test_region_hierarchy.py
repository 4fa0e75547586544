"""A region hierarchy: cuts, counts, contours and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from region_pictures import draw_quarters, is_connected

import segment
from segment.core.errors import SettingsError
from segment.segmenter.regions.region_hierarchy import RegionHierarchy


@pytest.fixture(scope="module")
def noisy():
    """A hierarchy with many regions."""
    rng = np.random.default_rng(3)
    image = np.clip(draw_quarters(80, 120) + rng.normal(0, 30, (80, 120, 3)), 0, 255).astype(np.uint8)
    return segment.region_hierarchy(image)


def mark_borders(labels):
    """Pixels whose right or lower neighbor has another label."""
    out = np.zeros(labels.shape, bool)
    out[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    out[:-1] |= labels[:-1] != labels[1:]
    return out


def test_a_hierarchy_is_plain_data():
    fine = np.array([[1, 2], [3, 3]], np.int32)
    found = RegionHierarchy(fine, np.array([[0, 1], [2, 3]]), np.array([0.25, 0.75]), level=0.5)
    assert found.cut().tolist() == [[1, 1], [2, 2]]
    assert found.contour_map().tolist() == [[0.75, 0.75], [0, 0]]
    assert found.regions(1).tolist() == [[1, 1], [1, 1]]


def test_every_number_of_regions_is_exact_and_connected(noisy):
    assert noisy.n_fine > 20
    for n in (*range(1, 12), noisy.n_fine):
        labels = noisy.regions(n)
        assert sorted(np.unique(labels).tolist()) == list(range(1, n + 1))
        assert is_connected(labels)


def test_costs_never_fall_and_cuts_are_nested(noisy):
    assert (np.diff(noisy.costs) >= 0).all()
    finer = noisy.label_image
    for level in (0, *np.quantile(noisy.costs, (0.2, 0.5, 0.9)), 2):
        labels = noisy.cut(level)
        assert labels.max() == noisy.count(level)
        parts = set(zip(finer.ravel().tolist(), labels.ravel().tolist(), strict=True))
        assert len(parts) == finer.max()  # no finer region lies in two
        finer = labels
    assert finer.max() == 1


def test_the_contour_map_above_a_level_is_the_borders_of_the_cut(noisy):
    contours = noisy.contour_map()
    for level in np.quantile(noisy.costs, (0.1, 0.5, 0.8, 0.95)):
        assert np.array_equal(contours > np.float32(level), mark_borders(noisy.cut(level)))


def test_joining_costs_are_those_of_the_cuts(noisy):
    level = noisy.costs[-15]
    labels = noisy.cut(level)
    pairs, costs = noisy.find_joining_costs(level)
    n = labels.max()
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs) == n * (n - 1) // 2
    for higher in noisy.costs[[-12, -6, -2]]:
        cut = noisy.cut(higher)
        of_region = np.array([cut[labels == number][0] for number in range(1, n + 1)])
        np.testing.assert_array_equal(costs <= higher, of_region[pairs[:, 0]] == of_region[pairs[:, 1]])


@pytest.mark.parametrize("value", [2.5, "x", None, [3]])
def test_an_argument_that_is_no_number_is_refused(noisy, value):
    with pytest.raises(SettingsError, match=r"regions: a number .*got"):
        noisy.regions(value)
    if isinstance(value, (str, list)):
        with pytest.raises(SettingsError, match="level: a cost, which is a number; got"):
            noisy.cut(value)


def test_more_regions_than_there_are_is_refused(noisy):
    with pytest.raises(SettingsError, match=rf"regions: a number from 1.*to {noisy.n_fine}.*got 9999"):
        noisy.regions(9999)
    with pytest.raises(SettingsError, match="regions"):
        noisy.regions(0)
    with pytest.raises(SettingsError, match="level: a cost, which is a number; got nan"):
        noisy.cut(float("nan"))


def test_a_coarser_hierarchy_has_the_same_cuts(noisy):
    coarse = noisy.coarsen(12)
    assert coarse.n_fine == 12
    assert coarse.costs.tolist() == noisy.costs[-11:].tolist()
    for n in (12, 7, 2, 1):
        assert np.array_equal(coarse.regions(n), noisy.regions(n))
    assert np.array_equal(noisy.coarsen(noisy.n_fine).merges, noisy.merges)
    assert noisy.coarsen(1).merges.shape == (0, 2)
    with pytest.raises(SettingsError, match="regions: a number from 1"):
        noisy.coarsen(0)


def test_the_graph_of_three_regions():
    fine = np.array([[1, 2, 0], [3, 3, 0]], np.int32)
    graph = RegionHierarchy(fine, np.array([[0, 1], [2, 3]]), np.array([0.25, 0.75]), level=0.5).graph()
    assert graph.areas.tolist() == [1, 1, 2]
    assert graph.pairs.tolist() == [[1, 2], [1, 3], [2, 3]]
    assert graph.lengths.tolist() == [1, 1, 1]
    assert graph.costs.tolist() == [0.25, 0.75, 0.75]


def test_the_graph_of_networkx_has_all_regions_and_borders(noisy):
    coarse = noisy.coarsen(9)
    graph = coarse.graph().to_networkx()
    assert sorted(graph) == list(range(1, 10))
    assert sum(area for _, area in graph.nodes(data="area")) == noisy.label_image.size
    sides = sum(np.count_nonzero(np.diff(coarse.label_image, axis=axis)) for axis in (0, 1))
    assert sum(length for *_, length in graph.edges(data="length")) == sides
