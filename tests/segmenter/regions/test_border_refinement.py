"""Region labels brought to full size: connected, along edges, within the mask."""

from __future__ import annotations

import numpy as np
from region_pictures import is_connected
from scipy.ndimage import label as label_with_scipy

from segment.segmenter.regions.border_refinement import refine_borders
from segment.segmenter.regions.region_adjacency import find_adjacency


def test_refining_keeps_every_region_in_one_piece():
    rng = np.random.default_rng(5)
    small, _ = label_with_scipy(rng.random((12, 16)) > 0.5)
    small = np.where(small == 0, small.max() + 1, small).astype(np.int32)
    pieces = np.zeros_like(small)
    for number in np.unique(small):
        parts, _ = label_with_scipy(small == number)
        pieces[parts > 0] = parts[parts > 0] + pieces.max()
    pixels = rng.integers(0, 256, (100, 133, 3), dtype=np.uint8)
    valid = np.ones((100, 133), bool)
    valid[:7] = False
    found = refine_borders(pieces, pixels, valid)
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
    found = refine_borders(np.ones((10, 15), np.int32), np.zeros((40, 60, 3), np.uint8), valid)
    expected = np.where(np.arange(60) < 45, 1, 2) * valid
    assert np.array_equal(found.label_image, expected)
    assert found.origin.tolist() == [1, 0]
    assert found.pairs.size == 0


def test_regions_along_the_frame_of_an_image_are_kept():
    labels = np.ones((9, 12), np.int32)
    labels[:, 0], labels[0, 4:8], labels[-2:, 5:7] = 2, 3, 4
    found = refine_borders(labels, np.full((9, 12, 3), 90, np.uint8), np.ones((9, 12), bool))
    assert found.origin.tolist() == [1, 2, 3, 4]
