"""postprocessor: pictures, a second implementation of each operation, and laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_pictures import count_borders, draw_labels, draw_noisy, label_images, number_with_scipy
from scipy import ndimage
from skimage import morphology

from segment.postprocessor import morphology as morphology_module
from segment.postprocessor import postprocessor
from segment.postprocessor.postprocessor import open_and_close, postprocess


def fill_holes(labels: np.ndarray, *, max_area: int) -> np.ndarray:
    """Holes of at most so many pixels filled, and nothing else."""
    return postprocess(labels, radius=0, min_region=0, max_hole=max_area / max(labels.size, 1)).label_image


def absorb_small_regions(labels: np.ndarray, *, min_area: int) -> np.ndarray:
    """Regions of fewer pixels absorbed, and nothing else."""
    return postprocess(labels, radius=0, min_region=min_area / max(labels.size, 1), max_hole=0).label_image


OPERATIONS = {
    "open_and_close": lambda x: open_and_close(x, radius=1),
    "fill_holes": lambda x: fill_holes(x, max_area=6),
    "absorb_small_regions": lambda x: absorb_small_regions(x, min_area=5),
    "postprocess": lambda x: postprocess(x, radius=0.1, min_region=0.05, max_hole=0.05).label_image,
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def absorb_slowly(labels: np.ndarray, min_area: int) -> np.ndarray:
    """The rule in the notes of `postprocess`, region by region, with the image labeled anew in every round."""
    labels = labels.copy()
    while True:
        numbered, count = number_with_scipy(labels)
        area = {i: int((numbered == i).sum()) for i in range(1, count + 1)}
        label = {i: int(labels[numbered == i][0]) for i in area}
        size = {i: (area[i], -label[i]) for i in area}
        wishes = {}
        for i, neighbors in count_borders(numbered).items():
            row = {j: n for j, n in neighbors.items() if j}
            if i and area[i] < min_area and row:
                best = max((n, size[j]) for j, n in row.items())
                wishes[i] = [j for j, n in row.items() if (n, size[j]) == best]
        if not wishes:
            return labels
        joins = {i: js for i, js in wishes.items() if size[i] < size[js[0]]}
        awaited = set(itertools.chain.from_iterable(joins.values()))
        for i, js in joins.items():
            if i not in awaited:
                labels[numbered == i] = label[js[0]]


def find_holes(labels: np.ndarray, max_area: int) -> list[tuple[int, int, np.ndarray]]:
    """Every hole (area, class around, mask), straight from the definition."""
    found = []
    cross = ndimage.generate_binary_structure(2, 1)
    for around in np.unique(labels[labels > 0]):
        areas, n = ndimage.label((labels != around) & (labels > 0))
        for i in range(1, n + 1):
            mask = areas == i
            rim = ndimage.binary_dilation(mask, cross) & ~mask
            at_border = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
            if not at_border and mask.sum() <= max_area and (labels[rim] == around).all():
                found.append((int(mask.sum()), int(around), mask))
    return found


def fill_slowly(labels: np.ndarray, max_area: int) -> np.ndarray:
    """One hole at a time, the largest first."""
    labels = labels.copy()
    while found := find_holes(labels, max_area):
        _, around, mask = max(found, key=lambda hole: (hole[0], -hole[1]))
        labels[mask] = around
    return labels


def draw_disc(radius: float) -> np.ndarray:
    r = int(radius)
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    return x * x + y * y <= radius * radius


def open_and_close_slowly(labels: np.ndarray, radius: float) -> np.ndarray:
    """Opening and closing with SciPy's gray filters, then the nearest labels step by step."""
    background, element = labels == 0, draw_disc(radius)

    def dilate(mask: np.ndarray) -> np.ndarray:
        return ndimage.binary_dilation(mask, element)

    def erode(mask: np.ndarray) -> np.ndarray:
        return ndimage.binary_erosion(mask | background, element, border_value=1)

    result = np.zeros(labels.shape, int)
    claims = []
    for label in np.unique(labels[labels > 0]):
        kept = dilate(erode(labels == label) & (labels == label)) & (labels == label)
        result[kept] = label
        claims.append(label * erode(dilate(kept)).astype(int))
    if claims:
        single = np.count_nonzero(claims, axis=0) == 1
        result = np.where((result == 0) & single & ~background, np.max(claims, axis=0), result)
    while True:
        far = np.pad(np.where(result == 0, 999, result), 1, constant_values=999)
        near = np.min([far[:-2, 1:-1], far[2:, 1:-1], far[1:-1, :-2], far[1:-1, 2:]], axis=0)
        step = (result == 0) & ~background & (near < 999)
        if not step.any():
            return np.where((result == 0) & ~background, labels, result).astype(labels.dtype)
        result[step] = near[step]


def assert_labels(result: np.ndarray, expected: str) -> None:
    np.testing.assert_array_equal(result, draw_labels(expected))


class TestPictures:
    def test_specks_go_to_the_class_around_them(self):
        before = draw_labels("""
            11111122222222
            11111122222222
            11131122222222
            11111122221222
            11111122222222
            11111122222222""")
        after = """
            11111122222222
            11111122222222
            11111122222222
            11111122222222
            11111122222222
            11111122222222"""
        assert_labels(open_and_close(before, radius=1), after)

    def test_a_class_too_thin_for_the_disc_vanishes_and_a_wide_one_stays(self):
        before = draw_labels("1111111 1111111 3333333 1111111 1111111 1111111 2222222 2222222")
        assert_labels(
            open_and_close(before, radius=1), "1111111 1111111 1111111 1111111 1111111 1111111 2222222 2222222"
        )
        np.testing.assert_array_equal(open_and_close(before, radius=0.99), before)

    def test_unclaimed_pixels_go_to_the_nearest_label_and_in_the_middle_to_the_lowest(self):
        before = draw_labels("\n".join(["22222223331111111"] * 5))
        assert_labels(open_and_close(before, radius=2), "\n".join(["22222222111111111"] * 5))

    def test_background_neither_erodes_nor_grows(self):
        image = draw_labels("""
            11111.....
            11111.222.
            11111.....
            11111...12
            11111...21""")
        np.testing.assert_array_equal(open_and_close(image, radius=1), image)

    def test_opening_and_closing_twice_may_smooth_a_seam_again(self):
        rng = np.random.default_rng(3)
        once = open_and_close(rng.integers(1, 4, (40, 40)), radius=1)
        assert np.any(open_and_close(once, radius=1) != once)

    def test_holes_of_several_classes_are_filled_but_not_at_the_border_or_background(self):
        before = draw_labels("""
            1111111112
            1231111111
            1321111.21
            1111111111
            1122221111
            1122221111
            3111111111""")
        after = """
            1111111112
            1111111111
            1111111.21
            1111111111
            1122221111
            1122221111
            3111111111"""
        assert_labels(fill_holes(before, max_area=7), after)
        assert_labels(fill_holes(before, max_area=8), after.replace("1122221111", "1111111111"))

    def test_the_outer_of_two_nested_holes_wins_if_it_fits(self):
        before = draw_labels("""
            3333333
            3222223
            3211123
            3211123
            3222223
            3333333""")
        filled = """
            3333333
            3222223
            3222223
            3222223
            3222223
            3333333"""
        assert_labels(fill_holes(before, max_area=20), filled.replace("2", "3"))
        assert_labels(fill_holes(before, max_area=19), filled)

    def test_a_ring_is_measured_without_the_island_of_the_class_around_it(self):
        before = draw_labels("""
            1111111
            1222221
            1211121
            1211121
            1222221
            1111111""")
        solid = """
            1111111
            1222221
            1222221
            1222221
            1222221
            1111111"""
        assert_labels(fill_holes(before, max_area=14), solid.replace("2", "1"))
        assert_labels(fill_holes(before, max_area=13), solid)

    def test_a_small_region_joins_the_longest_border(self):
        before = draw_labels("""
            1111222
            1133222
            1133222
            1111222""")
        after = """
            1111222
            1111222
            1111222
            1111222"""
        assert_labels(absorb_small_regions(before, min_area=5), after)
        np.testing.assert_array_equal(absorb_small_regions(before, min_area=4), before)

    def test_equal_borders_are_settled_by_area_and_then_by_label(self):
        assert_labels(absorb_small_regions(draw_labels("113222"), min_area=2), "112222")
        assert_labels(absorb_small_regions(draw_labels("223111"), min_area=2), "221111")
        assert_labels(absorb_small_regions(draw_labels("22311"), min_area=2), "22111")

    def test_a_small_region_waits_for_a_smaller_one_and_may_then_be_large_enough(self):
        before = draw_labels("""
            1111111
            1333111
            1343111
            1333111
            1111111""")
        after = """
            1111111
            1333111
            1333111
            1333111
            1111111"""
        assert_labels(absorb_small_regions(before, min_area=9), after)
        assert_labels(absorb_small_regions(before, min_area=10), after.replace("3", "1"))

    def test_background_never_absorbs(self):
        before = draw_labels("""
            1.....
            ...22.
            ..2111
            ...111""")
        after = """
            1.....
            ...11.
            ..1111
            ...111"""
        assert_labels(absorb_small_regions(before, min_area=4), after)


class TestSecondImplementation:
    @given(label_images(), st.integers(1, 40))
    @settings(max_examples=150)
    def test_absorbing(self, labels, min_area):
        np.testing.assert_array_equal(absorb_small_regions(labels, min_area=min_area), absorb_slowly(labels, min_area))

    @given(label_images(), st.integers(1, 40))
    @settings(max_examples=150)
    def test_filling(self, labels, max_area):
        result = fill_holes(labels, max_area=max_area)
        np.testing.assert_array_equal(result, fill_slowly(labels, max_area))
        assert not find_holes(result, max_area)

    @pytest.mark.parametrize("radius", [1, 1.5, 2.3, 3, 5])
    @pytest.mark.parametrize("noise", [0.02, 0.15])
    def test_opening_and_closing(self, radius, noise):
        labels = draw_noisy(noise)
        np.testing.assert_array_equal(open_and_close(labels, radius=radius), open_and_close_slowly(labels, radius))

    @given(label_images(), st.sampled_from([1, 1.5, 2]))
    @settings(max_examples=150)
    def test_opening_and_closing_small_images(self, labels, radius):
        result = open_and_close(labels, radius=radius)
        np.testing.assert_array_equal(result, open_and_close_slowly(labels, radius))

    def test_a_pixel_that_two_classes_claim(self):
        crossing = np.kron([[1, 2], [2, 1]], np.ones((9, 9), np.uint8)).astype(np.uint8)
        crossing[8:10, 8:10] = 3
        crossing[[7, 10], 8] = 3
        for radius in (1, 1.5, 2, 2.3, 3):
            result = open_and_close(crossing, radius=radius)
            np.testing.assert_array_equal(result, open_and_close_slowly(crossing, radius))

    @pytest.mark.parametrize("radius", [1, 2, 3])
    def test_opening_is_that_of_scikit_image(self, radius):
        labels = draw_noisy(0.02)
        labels[labels != 1] = 2
        result = open_and_close(labels, radius=radius)
        for label in (1, 2):
            padded = np.pad(labels == label, 10, mode="edge")
            opened = morphology.opening(padded, morphology.disk(radius))[10:-10, 10:-10]
            middle = (slice(10, -10), slice(10, -10))
            assert (result[middle][opened[middle]] == label).all()


class TestLaws:
    @every_operation
    @given(labels=label_images())
    def test_labels_come_from_the_image_and_background_stays(self, operation, labels):
        before = labels.copy()
        result = operation(labels)
        np.testing.assert_array_equal(labels, before)
        assert not np.shares_memory(result, labels)
        assert result.dtype == labels.dtype
        np.testing.assert_array_equal(result == 0, labels == 0)
        assert set(np.unique(result)) <= set(np.unique(labels))

    @every_operation
    @given(labels=label_images())
    def test_flips_and_transposition_commute(self, operation, labels):
        result = operation(labels)
        np.testing.assert_array_equal(operation(labels[::-1]), result[::-1])
        np.testing.assert_array_equal(operation(labels[:, ::-1]), result[:, ::-1])
        np.testing.assert_array_equal(operation(labels.T), result.T)

    @given(label_images(), st.integers(0, 40))
    def test_a_second_call_changes_nothing(self, labels, size):
        absorbed = absorb_small_regions(labels, min_area=size)
        np.testing.assert_array_equal(absorb_small_regions(absorbed, min_area=size), absorbed)
        filled = fill_holes(labels, max_area=size)
        np.testing.assert_array_equal(fill_holes(filled, max_area=size), filled)

    @given(label_images(), st.integers(2, 200))
    def test_no_small_region_with_a_labeled_neighbor_is_left(self, labels, min_area):
        numbered, _ = number_with_scipy(absorb_small_regions(labels, min_area=min_area))
        area = np.bincount(numbered.ravel())
        for i, row in count_borders(numbered).items():
            assert i == 0 or area[i] >= min_area or set(row) == {0}

    @given(label_images(), st.sampled_from([1, 1.5, 2]))
    def test_a_second_opening_keeps_what_the_first_one_kept(self, labels, radius):
        background = labels == 0
        result = open_and_close(labels, radius=radius)
        for label in range(1, 4):
            fits = ndimage.binary_erosion((labels == label) | background, draw_disc(radius), border_value=1)
            kept = ndimage.binary_dilation(fits & (labels == label), draw_disc(radius)) & (labels == label)
            assert (result[kept] == label).all()


class TestForms:
    @every_operation
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint64])
    def test_dtype_and_memory_order_do_not_matter(self, operation, dtype):
        labels = draw_noisy(0.15)[100:160]
        expected = operation(labels)
        for form in (labels.astype(dtype), np.asfortranarray(labels.astype(dtype)), labels.astype(dtype)[::-1][::-1]):
            result = operation(form)
            assert result.dtype == dtype
            assert result.flags.c_contiguous or result.flags.f_contiguous
            np.testing.assert_array_equal(result, expected)

    @every_operation
    @pytest.mark.parametrize("scale", [20, 63])
    def test_more_than_eight_classes_and_high_labels(self, operation, scale):
        labels = draw_noisy(0.15)[100:160]
        high = labels * scale + (labels > 0) * np.uint8(3)
        expected = operation(labels)
        np.testing.assert_array_equal(operation(high), expected * scale + (expected > 0) * 3)

    def test_many_classes_agree_with_the_second_implementation(self):
        blocks = np.kron(np.arange(1, 21).reshape(4, 5), np.ones((12, 12), int))
        speckled = np.where(np.random.default_rng(0).random(blocks.shape) < 0.1, 9, blocks).astype(np.uint16)
        np.testing.assert_array_equal(open_and_close(speckled, radius=2), open_and_close_slowly(speckled, 2))

    @every_operation
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (0, 0), (0, 4), (9, 7)])
    @pytest.mark.parametrize("label", [0, 1, 255])
    def test_one_label_is_left_alone(self, operation, shape, label):
        image = np.full(shape, label, np.uint8)
        np.testing.assert_array_equal(operation(image), image)

    def test_sizes_larger_than_the_image(self):
        labels = draw_noisy(0.15)
        absorbed = absorb_small_regions(labels, min_area=10 * labels.size)
        assert np.unique(absorbed[labels > 0]).size == 1
        image = draw_noisy(0.15)[:20, :30]
        np.testing.assert_array_equal(open_and_close(image, radius=1e9), image)

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_threads_do_not_matter(self, monkeypatch, threads):
        labels = np.tile(draw_noisy(0.3), (4, 3))
        expected = open_and_close_slowly(labels, 2)
        monkeypatch.setattr("segment.core.threads.count_threads", lambda: threads)
        monkeypatch.setattr(postprocessor, "_MIN_TILE_SIDE", 64)
        np.testing.assert_array_equal(open_and_close(labels, radius=2), expected)

    @pytest.mark.parametrize(("steps", "ratio"), [(0, 256), (1, 1), (3, 10**9)])
    def test_how_undecided_pixels_are_decided_does_not_matter(self, monkeypatch, steps, ratio):
        labels = np.tile(draw_noisy(0.3), (2, 2))
        monkeypatch.setattr(postprocessor, "_BLOCK_STEPS", steps)
        monkeypatch.setattr(morphology_module, "_MAX_PIXELS_PER_DECISION", ratio)
        np.testing.assert_array_equal(open_and_close(labels, radius=3), open_and_close_slowly(labels, 3))


class TestPostprocess:
    def test_postprocessing_is_the_three_steps_in_turn(self):
        labels = draw_noisy(0.1)
        diagonal, area = np.hypot(*labels.shape), labels.size
        result = postprocess(labels, radius=1.2 / diagonal, min_region=50 / area, max_hole=30 / area)
        steps = open_and_close(labels, radius=1.2)
        steps = absorb_small_regions(fill_holes(steps, max_area=30), min_area=50)
        np.testing.assert_array_equal(result.label_image, steps)
        assert result.changed == np.sum(steps != labels) / np.sum(labels > 0) > 0

    def test_each_step_can_be_left_out(self):
        labels = draw_noisy(0.1)
        same = postprocess(labels, radius=0, min_region=0, max_hole=0)
        np.testing.assert_array_equal(same.label_image, labels)
        assert same.changed == 0
        only = postprocess(labels, radius=0, min_region=0, max_hole=9 / labels.size).label_image
        np.testing.assert_array_equal(only, fill_holes(labels, max_area=9))

    def test_the_same_picture_at_twice_the_size_gives_the_same_areas(self):
        small = draw_noisy(0.03)
        sizes = {"radius": 0.01, "min_region": 0.003, "max_hole": 0.003}
        large = np.kron(small, np.ones((2, 2), np.uint8))
        once, twice = (postprocess(image, **sizes).label_image for image in (small, large))
        assert np.mean(twice[::2, ::2] != once) < 0.02
        assert number_with_scipy(once)[1] == number_with_scipy(twice)[1]

    @given(label_images(), st.permutations(range(1, 5)), st.permutations(range(1, 5)), st.sampled_from([np.uint8, int]))
    @settings(max_examples=150)
    def test_the_numbers_of_the_classes_do_not_matter(self, labels, numbers, precedence, dtype):
        table = np.array([0, *numbers])
        sizes = {"radius": 0.15, "min_region": 0.08, "max_hole": 0.08}
        one = postprocess(labels, **sizes, precedence=precedence).label_image
        other = postprocess(table[labels].astype(dtype), **sizes, precedence=table[precedence].tolist()).label_image
        np.testing.assert_array_equal(other, table[one])

    def test_ties_go_by_the_precedence(self):
        tied = draw_labels("22223331111")
        sizes = {"radius": 0, "min_region": 4 / tied.size, "max_hole": 0}
        for precedence, winner in (((), "1"), ((1, 2, 3), "1"), ((2, 3), "2"), ((3, 2, 1), "2")):
            expected = "22223331111".replace("3", winner)
            assert_labels(postprocess(tied, **sizes, precedence=precedence).label_image, expected)

    def test_nothing_labeled_changes_nothing(self):
        assert postprocess(np.zeros((5, 6), np.uint8), radius=0.1, min_region=0.1, max_hole=0.1).changed == 0
