"""Watershed basins: connected, within the mask, one for each minimum."""

from __future__ import annotations

import numpy as np
from region_pictures import is_connected

from segment.segmenter.regions.watershed_basins import find_even_basins, find_watershed_basins


def test_basins_are_connected_and_keep_to_the_mask():
    rng = np.random.default_rng(1)
    valid = rng.random((30, 40)) > 0.2
    change = rng.random((30, 40)).astype(np.float32)
    labels, n = find_watershed_basins(change, change, valid)
    assert ((labels >= 0) == valid).all()
    assert labels.max() + 1 == n
    assert is_connected(labels + 1)


def test_a_ridge_parts_two_basins():
    # Minima at columns 3 and 26, a slope up to the ridge at column 20, and a steeper one down.
    strength = np.tile(np.interp(np.arange(30), [3, 20, 26], [0, 1, 0]), (20, 1)).astype(np.float32)
    labels, n = find_watershed_basins(strength, strength, np.ones((20, 30), bool))
    assert n == 2
    assert (labels[:, :20] == 0).all()
    assert (labels[:, 21:] == 1).all()


def test_basins_meet_where_the_boundary_is_strongest():
    change = np.tile(np.interp(np.arange(30), [3, 15, 26], [0, 1, 0]), (20, 1)).astype(np.float32)
    strength = np.tile(np.interp(np.arange(30), [3, 9, 26], [0, 1, 0]), (20, 1)).astype(np.float32)
    labels, n = find_watershed_basins(change, strength, np.ones((20, 30), bool))
    assert n == 2
    assert (labels[:, :9] == 0).all()
    assert (labels[:, 10:] == 1).all()


def test_changes_of_the_size_of_rounding_make_no_basins():
    strength = np.random.default_rng(0).uniform(0, 1e-5, (20, 30)).astype(np.float32)
    assert find_watershed_basins(strength, strength, np.ones((20, 30), bool))[1] == 1


def test_each_part_of_the_mask_has_a_basin():
    strength = np.tile(np.arange(30, dtype=np.float32), (20, 1))  # the only minimum is at the left
    valid = np.ones((20, 30), bool)
    valid[:, [10, 12]] = False
    labels, n = find_watershed_basins(strength, strength, valid)
    assert n == 3
    assert labels[0, [0, 11, 20]].tolist() == [0, 1, 2]


def test_even_basins_are_connected_of_one_size_and_follow_a_strong_edge():
    strength = np.zeros((60, 90), np.float32)
    strength[:, 47:49] = 100
    labels, n = find_even_basins(strength, np.ones((60, 90), bool), 54)
    assert 54 <= n <= 70
    assert is_connected(labels + 1)
    areas = np.bincount(labels.ravel())
    assert areas.std() < 0.25 * areas.mean()
    assert not set(labels[:, :47].ravel()) & set(labels[:, 49:].ravel())


def test_even_basins_are_no_more_than_the_valid_pixels():
    valid = np.zeros((9, 12), bool)
    valid[2:4, 5:9] = valid[7, 0] = True
    labels, n = find_even_basins(np.zeros((9, 12), np.float32), valid, 1000)
    assert n == valid.sum()
    assert ((labels >= 0) == valid).all()
