"""Fine regions that are divided further: nested in the regions of before, connected, and as many as asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

import segment
from segment.segmenter.regions.region_division import divide_regions


def draw_hierarchy(valid=None):
    """A light square and a dark one on gray: 3 regions in 24 x 40 pixels."""
    image = np.full((24, 40), 100, np.uint8)
    image[4:14, 4:14], image[10:20, 22:36] = 240, 10
    return segment.region_hierarchy(segment.Image.from_array(image, valid=valid))


def is_nested(fine, coarse):
    """Whether each fine region lies in one coarse region."""
    pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
    return pairs.shape[1] == fine.max(initial=0) + (not fine.all())


@pytest.mark.parametrize("n", [4, 7, 30, 200, 24 * 40])
def test_regions_are_divided_into_as_many_connected_pieces_as_asked_for(n):
    hierarchy = draw_hierarchy()
    assert hierarchy.n_fine == 3
    divided = divide_regions(hierarchy, n)
    labels = divided.regions(n)
    assert labels.max() == n
    assert all(label(labels == number)[1] == 1 for number in range(1, n + 1))
    assert is_nested(labels, hierarchy.label_image)


def test_coarser_cuts_and_costs_are_those_of_before():
    hierarchy = draw_hierarchy()
    divided = divide_regions(hierarchy, 50)
    for n in (1, 2, 3):
        assert np.array_equal(divided.regions(n), hierarchy.regions(n))
    assert np.array_equal(divided.cut(), hierarchy.cut())
    assert np.array_equal(divided.contour_map(), hierarchy.contour_map())
    assert divided.n_least == hierarchy.n_least


def test_the_largest_regions_are_divided_first():
    hierarchy = draw_hierarchy()
    ground, *squares = np.bincount(hierarchy.label_image.ravel())[1:].tolist()
    first, second, *others = np.bincount(divide_regions(hierarchy, 20).regions(4).ravel())[1:].tolist()
    assert others == squares
    assert first + second == ground
    assert 0.4 * ground < first < 0.6 * ground


def test_scattered_pixels_stay_with_their_region():
    valid = np.random.default_rng(0).random((24, 40)) < 0.7
    hierarchy = draw_hierarchy(valid)
    divided = divide_regions(hierarchy, hierarchy.n_fine + 40)
    labels = divided.regions(hierarchy.n_fine + 40)
    assert np.array_equal(labels > 0, valid)
    assert is_nested(labels, hierarchy.label_image)
    assert np.array_equal(divided.regions(hierarchy.n_fine), hierarchy.label_image)


def test_pixels_cut_off_from_their_region_go_with_its_first_piece():
    fine = np.array([[1, 1, 1, 1, 0, 1], [2, 2, 2, 2, 0, 0]], np.int32)
    divided = divide_regions(segment.RegionHierarchy(fine, np.array([[0, 1]]), np.array([0.5]), 0.4), 4)
    assert divided.regions(4).tolist() == [[1, 1, 2, 2, 0, 1], [3, 3, 4, 4, 0, 0]]
