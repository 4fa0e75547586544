"""The region hierarchy: merging against brute force, cuts, contours, borders at full size, hard images."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import label as connected
from skimage.measure import label as number_pieces

import segment
from segment.core.errors import SettingsError
from segment.preprocessor.preprocessor import compute_shrunk_shape
from segment.segmenter.regions import region_finding as grouping
from segment.segmenter.regions.agglomeration import absorb_small, members, merge_regions
from segment.segmenter.regions.border_refinement import refine
from segment.segmenter.regions.boundary_strength import basins, boundary_strengths, directional_changes
from segment.segmenter.regions.merge_cues import CUES, difference, features
from segment.segmenter.regions.perceptron import Perceptron
from segment.segmenter.regions.region_adjacency import (
    Adjacency,
    find_adjacency,
    region_sums,
    sparse_region_sums,
    sums_beside,
)
from segment.segmenter.regions.region_hierarchy import RegionHierarchy


def apart(adjacency, sums):
    """How far the mean values are apart."""
    means = sums[:, 1] / sums[:, 0]
    return np.abs(means[adjacency.pairs[:, 0]] - means[adjacency.pairs[:, 1]])


def plain_graph(n, pairs):
    """Regions with borders of length 1 and nothing known beside them."""
    return Adjacency(n, np.array(pairs), np.ones((len(pairs), 1)), np.zeros((len(pairs), 2, 0)))


def quadrants(height=60, width=90):
    """Four colors in quarters that are not alike."""
    image = np.empty((height, width, 3), np.uint8)
    high, wide = height // 3, width // 2
    image[:high, :wide], image[:high, wide:] = (200, 40, 40), (40, 160, 60)
    image[high:, :wide], image[high:, wide:] = (30, 60, 190), (230, 220, 90)
    return image


def is_connected(labels):
    return all(connected(labels == number)[1] == 1 for number in range(1, labels.max() + 1))


def same_partition(one, two):
    pairs = set(zip(one.ravel().tolist(), two.ravel().tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def borders(labels):
    """Pixels whose right or lower neighbor has another label."""
    out = np.zeros(labels.shape, bool)
    out[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    out[:-1] |= labels[:-1] != labels[1:]
    return out


def neighbors(labels):
    """Labels beside each other, then above each other."""
    return ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:]))


def one_label_pieces(labels):
    """The 4-connected pieces of one label, numbered from 1."""
    return number_pieces(labels.astype(int), background=0, connectivity=1)


@pytest.fixture(scope="module")
def noisy():
    """A hierarchy with many regions."""
    rng = np.random.default_rng(3)
    image = np.clip(quadrants(80, 120) + rng.normal(0, 30, (80, 120, 3)), 0, 255).astype(np.uint8)
    return segment.region_hierarchy(image)


def merged_by_hand(values, pairs):
    """Merge the closest neighbors one by one, all from scratch; groups and cost after each merge."""
    groups = [{i} for i in range(len(values))]
    touching = {frozenset(pair) for pair in pairs}
    steps, top = [], 0.0
    while True:
        found = []
        for one, two in itertools.combinations(groups, 2):
            if any(frozenset((a, b)) in touching for a in one for b in two):
                means = [sum(values[i][1] for i in g) / sum(values[i][0] for i in g) for g in (one, two)]
                found.append((abs(means[0] - means[1]), one, two))
        if not found:
            return steps
        cost, one, two = min(found, key=lambda each: each[0])
        groups = [group for group in groups if group not in (one, two)] + [one | two]
        top = max(top, cost)
        steps.append((top, {frozenset(group) for group in groups}))


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_merging_pair_by_pair_is_what_brute_force_finds(n, seed):
    rng = np.random.default_rng(seed)
    sums = np.stack([rng.integers(1, 9, n), rng.random(n) * 9], axis=1).astype(float)
    every = list(itertools.combinations(range(n), 2))
    pairs = sorted(every[i] for i in rng.permutation(len(every))[: rng.integers(1, len(every) + 1)])
    graph = plain_graph(n, pairs)
    merges, costs = merge_regions(graph, sums, apart, share=0)
    expected = merged_by_hand(sums.tolist(), pairs)
    # Heights grow up the tree of merges, so a partition is compared where no other merge costs the same or less.
    assert len(merges) == len(expected)
    for level in (*costs, costs[0] / 2):
        group, _ = members(n, merges[: np.searchsorted(costs, level, side="right")])
        ours = {frozenset(np.flatnonzero(group == g).tolist()) for g in range(group.max() + 1)}
        assert sum(len(each) for each in ours) == n
    assert {frozenset(np.flatnonzero(members(n, merges)[0] == g).tolist()) for g in range(n - len(merges))} == (
        expected[-1][1]
    )
    assert np.allclose(np.maximum.accumulate(costs)[-1], expected[-1][0])


def test_merging_a_chain_by_hand():
    graph = plain_graph(4, [[0, 1], [1, 2], [2, 3]])
    sums = np.array([[1, 0.0], [1, 1.0], [1, 5.0], [1, 5.5]])
    merges, costs = merge_regions(graph, sums, apart, share=0)
    assert merges.tolist() == [[2, 3], [0, 1], [5, 4]] or merges.tolist() == [[2, 3], [0, 1], [4, 5]]
    assert costs.tolist() == [0.5, 1.0, 4.75]


def test_a_merge_costs_no_less_than_those_that_made_its_regions():
    graph = plain_graph(3, [[0, 1], [1, 2]])
    merges, costs = merge_regions(graph, np.array([[1, 0.0], [1, 4.0], [1, 4.0 + 4.1]]), apart, share=0)
    assert costs.tolist() == [4.0, pytest.approx(6.1)]
    cheaper = merge_regions(graph, np.array([[1, 0.0], [9, 4.0 * 9], [1, -0.5]]), apart, share=0)[1]
    assert (np.diff(cheaper) >= 0).all()
    assert merges.tolist() == [[0, 1], [3, 2]]


def test_small_regions_are_merged_at_the_level_at_the_latest():
    merges, costs = np.array([[0, 1], [2, 4], [3, 5]]), np.array([0.7, 0.8, 0.9])
    later, lowered = absorb_small(merges, costs, np.array([9.0, 1, 9, 9]), smallest=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), [0.5, 0.8, 0.9])
    later, lowered = absorb_small(merges, costs, np.array([9.0, 9, 1, 9]), smallest=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), [0.7, 0.7, 0.9])  # 4 is made at 0.7
    later, lowered = absorb_small(merges, costs, np.array([1.0, 1, 1, 9]), smallest=1, level=0.5)
    assert (later.tolist(), lowered.tolist()) == (merges.tolist(), costs.tolist())
    apart = np.array([[0, 1], [2, 3], [4, 5]])
    later, lowered = absorb_small(apart, costs, np.array([9.0, 9, 1, 9]), smallest=2, level=0.5)
    assert (later.tolist(), lowered.tolist()) == ([[2, 3], [0, 1], [5, 4]], [0.5, 0.7, 0.9])


def test_no_speck_is_a_region_of_the_automatic_cut():
    image = quadrants(200, 300)
    image[20:24, 20:24] = 255
    found = segment.region_hierarchy(image)
    assert found.cut().max() == 4
    assert 16 <= np.bincount(found.regions(5).ravel())[1:].min() < 0.001 * 200 * 300


def test_members_numbers_groups_by_their_first():
    group, n = members(4, np.array([[2, 3], [1, 4]]))
    assert (group.tolist(), n) == ([0, 1, 1, 1], 2)


def test_adjacency_counts_sides_and_sums_maps():
    labels = np.array([[0, 0, 1], [2, 2, 1]])
    heights = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = find_adjacency(labels, 3, [heights])
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert found.borders.tolist() == [[1, 1.5], [2, 1.5 + 2.5], [1, 4.5]]
    joined = found.contracted(np.array([0, 1, 0]), 2)
    assert joined.pairs.tolist() == [[0, 1]]
    assert joined.borders.tolist() == [[2, 6.0]]
    assert region_sums(labels, 3, [heights]).tolist() == [[1], [7], [7]]


def test_pixels_without_a_region_have_no_borders():
    assert find_adjacency(np.array([[0, -1, 1]]), 2, []).pairs.size == 0


def test_sums_of_halved_maps_are_those_of_their_enlargement():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 4, (7, 9))
    maps = rng.random((3, 4, 5)).astype(np.float32)
    large = np.repeat(np.repeat(maps, 2, axis=1), 2, axis=2)[:, :7, :9]
    assert np.allclose(sparse_region_sums(labels, 4, maps), region_sums(labels, 4, list(large)), atol=1e-5)


def test_sums_beside_a_border_stay_in_their_region():
    # Region 1 is four pixels wide, so the farthest of the three places lies in another region and is not looked at.
    labels = np.repeat([[0] * 8 + [1] * 4 + [2] * 4], 2, axis=0)
    graph = find_adjacency(labels, 3, [])
    values = np.arange(8, dtype=np.float32)[None, None]
    found = sums_beside(labels, graph, values)
    assert graph.pairs.tolist() == [[0, 1], [1, 2]]
    # Columns 7, 5, 3 and 8, 10; 11, 9 and 12, 14: at half the size 3, 2, 1 and 4, 5; 5, 4 and 6, 7; in two rows each.
    assert found[..., 0].tolist() == [[6, 4], [4, 4]]
    assert found[..., 1].tolist() == [[2 * (3 + 2 + 1), 2 * (4 + 5)], [2 * (5 + 4), 2 * (6 + 7)]]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_sums_beside_borders_do_not_depend_on_numbering_nor_turning(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.repeat(rng.integers(-1, 4, (3, 4)), 4, axis=0), 4, axis=1)
    maps = rng.random((2, 6, 8)).astype(np.float32)
    number = rng.permutation(4)
    graph = find_adjacency(labels, 4, [])
    sums = {}
    for new, values in (
        (labels, maps),
        (np.where(labels < 0, -1, number[labels]), maps),
        (labels.T, maps.swapaxes(1, 2)),
    ):
        other = find_adjacency(np.ascontiguousarray(new), 4, [])
        beside = sums_beside(np.ascontiguousarray(new), other, values)
        back = np.argsort(number) if new.shape == labels.shape and new is not labels else np.arange(4)
        named = {}
        for pair, both in zip(back[other.pairs].tolist(), beside, strict=True):
            named[tuple(sorted(pair))] = both[::-1] if pair[0] > pair[1] else both
        sums = sums or named
        assert named.keys() == sums.keys()
        assert all(np.allclose(named[pair], sums[pair]) for pair in sums)
    assert len(graph.pairs) == len(sums)


def test_merged_regions_keep_their_side_of_a_border():
    beside = np.array([[[1.0], [2.0]], [[4.0], [8.0]]])
    graph = Adjacency(3, np.array([[0, 2], [1, 2]]), np.ones((2, 1)), beside)
    joined = graph.contracted(np.array([0, 0, 1]), 2)
    assert joined.beside.tolist() == [[[5.0], [10.0]]]
    turned = graph.contracted(np.array([1, 1, 0]), 2)
    assert turned.beside.tolist() == [[[10.0], [5.0]]]


def test_boundary_strength_is_highest_on_the_edge_and_zero_far_off():
    step = np.zeros((40, 60), np.float32)
    step[:, 30:] = 1
    for strength in boundary_strengths(directional_changes([step], sigmas=(1.5, 3.0)), step.shape):
        assert set(strength.argmax(axis=1).tolist()) <= {29, 30}
        assert strength[:, :10].max() < 1e-4
        assert strength.max() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=0.15)  # the slope of a blurred step, x sigma


def test_basins_are_connected_and_keep_to_the_mask():
    rng = np.random.default_rng(1)
    valid = rng.random((30, 40)) > 0.2
    labels, n = basins(rng.random((30, 40)).astype(np.float32), valid)
    assert ((labels >= 0) == valid).all()
    assert labels.max() + 1 == n
    assert is_connected(labels + 1)


def test_cues_are_finite_and_symmetric():
    rng = np.random.default_rng(2)
    sums = np.abs(rng.random((5, 81))) * 10 + 1
    sums[:, 0] = [1, 50, 7, 900, 3]
    pairs = np.array([[0, 1], [0, 2], [1, 3], [2, 4], [3, 4]])
    graph = Adjacency(5, pairs, rng.random((5, 13)) + 1, rng.random((5, 2, 67)) + 1)
    cues = features(graph, sums)
    assert cues.shape == (5, len(CUES))
    assert np.isfinite(cues).all()
    swap = np.array([4, 3, 2, 1, 0])
    order = np.array(sorted(range(5), key=lambda i: sorted(swap[pairs[i]].tolist())))
    turned = Adjacency(5, np.sort(swap[pairs], axis=1)[order], graph.borders[order], graph.beside[order, ::-1])
    assert np.allclose(features(turned, sums[swap]), cues[order])
    assert ((difference(graph, sums) >= 0) & (difference(graph, sums) <= 1)).all()


def test_a_perceptron_by_hand():
    hidden = np.array([[0.5, 0.0], [1.0, -2.0], [0.0, 1.0]])
    net = Perceptron(np.array([1.0, 0.0]), np.array([2.0, 1.0]), hidden, np.array([0.1, 1.0, -1.0, 3.0, 4.0]))
    found = net.log_odds(np.array([[3.0, -1.0], [1e9, 0.0], [13.0, 0.0]]))
    by_hand = 0.1 + 1 * 1 - 1 * -1 + 3 * math.tanh(0.5 + 1) + 4 * math.tanh(-2 - 1)
    assert found[0] == pytest.approx(by_hand)
    assert found[1] == found[2] == pytest.approx(0.1 + 6 + 3 * math.tanh(6.5) + 4 * math.tanh(-12))  # cut off at 6


def test_four_quarters_are_four_regions_whichever_way_up():
    image = quadrants()
    truth = np.arange(1, 5)[np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)[1]].reshape(image.shape[:2])
    for flip in (np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        found = segment.region_hierarchy(np.ascontiguousarray(image[flip])).regions(4)
        assert same_partition(found, truth[flip])


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
        assert np.array_equal(contours > np.float32(level), borders(noisy.cut(level)))


@pytest.mark.parametrize("value", [2.5, "x", None, [3]])
def test_what_is_no_number_is_refused(noisy, value):
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


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1), np.uint8),
        np.arange(0, 250, 5, dtype=np.uint8)[None],
        np.full((20, 30, 3), 7, np.uint8),
        np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30),
        np.random.default_rng(0).integers(0, 65536, (16, 17, 3)).astype(np.uint16),
    ],
    ids=["one pixel", "one row", "constant", "float ramp", "16-bit noise"],
)
def test_small_and_odd_images(image):
    found = segment.region_hierarchy(image)
    for labels in (found.label_image, found.cut(), found.regions(1)):
        assert labels.shape == image.shape[:2]
        assert labels.min() == 1
        assert is_connected(labels)


def test_no_region_crosses_what_is_masked():
    valid = np.ones((40, 60), bool)
    valid[:, 30] = False
    image = segment.Image.from_array(np.full((40, 60), 90, np.uint8), valid=valid)
    found = segment.region_hierarchy(image)
    assert found.n_least == 2
    labels = found.regions(2)
    assert ((labels > 0) == valid).all()
    assert (labels[:, :30] == 1).all()
    assert (labels[:, 31:] == 2).all()
    assert found.contour_map().max() < 1 + 1e-6
    with pytest.raises(SettingsError, match="from 2, the parts that do not touch"):
        found.regions(1)


def test_a_mask_of_one_pixel_and_of_none():
    valid = np.zeros((9, 12), bool)
    image = quadrants(9, 12)
    assert segment.region_hierarchy(segment.Image.from_array(image, valid=valid)).cut().max() == 0
    valid[4, 5] = True
    labels = segment.region_hierarchy(segment.Image.from_array(image, valid=valid)).cut()
    assert labels[4, 5] == 1
    assert labels.sum() == 1


@given(st.tuples(*[st.integers(1, 60)] * 2), st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=20, deadline=None)
@example((346, 462), (200, 40, 90))
@example((37, 53), (200, 40, 90))
def test_one_color_is_one_region_at_any_size(shape, color):
    assert segment.region_hierarchy(np.full((*shape, 3), color, np.uint8)).n_fine == 1


@given(st.tuples(*[st.integers(12, 60)] * 2), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
@example((31, 12), 5, 12)
def test_no_region_ends_where_nothing_changes(shape, n_colors, seed):
    rng = np.random.default_rng(seed)
    stripes = rng.integers(0, 256, (n_colors, 3), np.uint8)[np.sort(rng.integers(0, n_colors, shape[1]))]
    labels = segment.region_hierarchy(np.tile(stripes, (shape[0], 1, 1))).label_image
    assert (labels == labels[0]).all()


def test_a_flat_part_is_not_divided():
    image = np.full((346, 462, 3), (200, 40, 90), np.uint8)
    image[:, 231:] = np.random.default_rng(0).integers(0, 255, (346, 231, 3))
    assert (segment.region_hierarchy(image).label_image[:, :200] == 1).all()


def test_same_regions_in_8_and_16_bits_and_in_other_memory_order():
    image = quadrants()
    first = segment.region_hierarchy(image).cut()
    assert np.array_equal(first, segment.region_hierarchy(image.astype(np.uint16) * 257).cut())
    assert np.array_equal(first, segment.region_hierarchy(np.asfortranarray(image)).cut())


def test_large_images_have_their_borders_at_full_size():
    image = quadrants(900, 1201)
    truth = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)[1].reshape(image.shape[:2])
    labels = segment.region_hierarchy(image).regions(4)
    table = np.zeros((5, 4), int)
    np.add.at(table, (labels.ravel(), truth.ravel()), 1)
    assert table.max(axis=0).sum() >= (1 - 3e-4) * truth.size
    assert len(set(table.argmax(axis=0).tolist())) == 4


def test_refining_keeps_every_region_in_one_piece():
    rng = np.random.default_rng(5)
    small, _ = connected(rng.random((12, 16)) > 0.5)
    small = np.where(small == 0, small.max() + 1, small).astype(np.int32)
    pieces = np.zeros_like(small)
    for number in np.unique(small):
        parts, _ = connected(small == number)
        pieces[parts > 0] = parts[parts > 0] + pieces.max()
    pixels = rng.integers(0, 256, (100, 133, 3), dtype=np.uint8)
    valid = np.ones((100, 133), bool)
    valid[:7] = False
    found = refine(pieces, pixels, valid)
    labels = found.label_image
    assert ((labels > 0) == valid).all()
    assert np.array_equal(np.unique(labels), np.arange(len(found.origin) + 1))
    assert (np.diff(found.origin) > 0).all()
    assert set(found.origin.tolist()) <= set(range(1, pieces.max() + 1))
    assert is_connected(labels)
    assert np.array_equal(found.pairs, find_adjacency(labels.astype(int) - 1, len(found.origin), []).pairs)


def test_a_part_that_the_mask_cuts_off_is_a_region_and_a_speck_is_not():
    valid = np.ones((40, 60), bool)
    valid[:, 45] = False  # too thin for the small label image
    valid[:4, :4] = False
    valid[1, 1:3] = True  # two pixels, of which each small one covers 16
    found = refine(np.ones((10, 15), np.int32), np.zeros((40, 60, 3), np.uint8), valid)
    expected = np.where(np.arange(60) < 45, 1, 2) * valid
    assert np.array_equal(found.label_image, expected)
    assert found.origin.tolist() == [1, 0]
    assert found.pairs.size == 0


@given(st.tuples(st.integers(12, 50), st.integers(12, 50)), st.floats(0, 1), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_cut_is_made_of_connected_regions_on_which_the_contours_agree(shape, specks, framed, seed):
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 256, (9, 9, 3)), np.ones((6, 6, 1)))[: shape[0], : shape[1]]
    image = np.clip(blocks + rng.normal(0, 30, blocks.shape), 0, 255).astype(np.uint8)
    valid = rng.random(shape) >= 0.3 * specks**4
    if framed:
        valid[rng.integers(shape[0])] = valid[:, rng.integers(shape[1])] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_WORKING", 300)
        found = segment.region_hierarchy(segment.Image.from_array(image, valid=valid))
    copy = compute_shrunk_shape(*shape, round(max(shape) * min(1, math.sqrt(300 / valid.size))))
    labels = found.label_image
    assert ((labels > 0) == valid).all()
    pieces, parts = one_label_pieces(labels), one_label_pieces(valid)
    n_apart = 0
    for number in range(1, found.n_fine + 1):
        _, *others = sorted(np.unique(pieces[labels == number]), key=lambda piece: -np.count_nonzero(pieces == piece))
        n_apart += len(others)
        for piece in others:  # all that the mask leaves there, and less than a pixel of the working copy
            inside = pieces == piece
            assert np.array_equal(parts == parts[inside][0], inside)
            assert np.count_nonzero(inside) * math.prod(copy) < valid.size
    assert parts.max() == found.n_least + n_apart
    contours = found.contour_map()
    for n in range(found.n_least, min(found.n_fine, found.n_least + 25) + 1):
        cut = found.regions(n)
        assert cut.max() == n
        assert one_label_pieces(cut).max() == n + n_apart
    for level in np.append(found.costs[-8:], 0.5):
        cut = found.cut(level)
        across, down = ((one != two) & (one > 0) & (two > 0) for one, two in neighbors(cut))
        border = np.pad(across, ((0, 0), (0, 1))) | np.pad(down, ((0, 1), (0, 0)))
        assert np.array_equal(contours > np.float32(level), border)


def test_a_hierarchy_is_plain_data():
    fine = np.array([[1, 2], [3, 3]], np.int32)
    found = RegionHierarchy(fine, np.array([[0, 1], [2, 3]]), np.array([0.25, 0.75]), level=0.5)
    assert found.cut().tolist() == [[1, 1], [2, 2]]
    assert found.contour_map().tolist() == [[0.75, 0.75], [0, 0]]
    assert found.regions(1).tolist() == [[1, 1], [1, 1]]
