"""Morphology on bit planes: against SciPy, and labels that grow, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from label_pictures import draw_labels
from scipy import ndimage

from segment.postprocessor import morphology
from segment.postprocessor.morphology import combine_over_disc, grow_labels, smooth_block

DISC = [2, 1, 0]  # half-widths of the rows at and below the center
ELEMENT = draw_labels("..1.. .111. 11111 .111. ..1..") > 0


@pytest.mark.parametrize(
    ("combine", "scipy_filter", "outside"),
    [(np.bitwise_or, ndimage.binary_dilation, 0), (np.bitwise_and, ndimage.binary_erosion, 1)],
    ids=["dilation", "erosion"],
)
@pytest.mark.parametrize("shape", [(20, 30), (1, 5), (3, 1)])
def test_bits_are_combined_as_scipy_filters_each_class(rng, combine, scipy_filter, outside, shape):
    bits = rng.integers(0, 256, shape).astype(np.uint8)
    before = bits.copy()
    result = np.empty_like(bits)
    assert combine_over_disc(combine, bits, DISC, result) is result
    np.testing.assert_array_equal(bits, before)
    for bit in range(8):
        expected = scipy_filter((bits >> bit & 1) > 0, ELEMENT, border_value=outside)
        np.testing.assert_array_equal((result >> bit & 1) > 0, expected)


@pytest.mark.parametrize("ratio", [1, 256, 10**9], ids=["pixel by pixel", "either", "all at once"])
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0, "....... .1...2. .3..... ......."),
        (1, "....... .11.22. .33..2. ......."),
        (2, "....... .11122. .33322. ......."),
        (9, "....... .11122. .33322. ......."),
    ],
)
def test_labels_grow_step_by_step_and_ties_go_to_the_lowest(monkeypatch, ratio, steps, expected):
    monkeypatch.setattr(morphology, "_MAX_PIXELS_PER_DECISION", ratio)
    labels = draw_labels("....... .1...2. .3..... .......")
    undecided = np.zeros(labels.shape, bool)
    undecided[1:3, 1:6] = labels[1:3, 1:6] == 0
    grow_labels(labels, undecided, steps)
    np.testing.assert_array_equal(labels, draw_labels(expected))
    inner = np.s_[1:3, 1:6]
    np.testing.assert_array_equal(undecided[inner], labels[inner] == 0)


def test_a_block_keeps_what_the_disc_covers_and_follows_the_rest_for_some_steps():
    speck = draw_labels("""
        ...........
        .1112222222
        .1112222222
        .1112223222
        .1112222222
        .1112222222
        ...........""")
    labels, undecided = smooth_block(speck, [1, 2, 3], [1, 0], steps=0)
    assert labels[3, 7] == 2  # in the closing of class 2, and of no other
    assert not undecided[3, 7]
    thin = draw_labels("......... .1112333. .1112333. .1112333. .........")
    labels, undecided = smooth_block(thin, [1, 2, 3], [1, 0], steps=0)
    assert undecided[1:4, 4].all()
    assert not labels[:, 4].any()
    labels, undecided = smooth_block(thin, [1, 2, 3], [1, 0], steps=1)
    assert labels[1:4, 4].tolist() == [1, 1, 1]
    assert not undecided.any()
