"""From image to region hierarchy: plain pictures, small, large, masked and odd images."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from region_pictures import draw_quarters, is_connected
from scipy.ndimage import gaussian_filter
from skimage.measure import label as label_with_skimage
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

import segment
from segment.core.errors import SettingsError
from segment.preprocessor.preprocessor import compute_shrunk_shape
from segment.segmenter.regions import region_finding
from segment.segmenter.regions.region_finding import find_hierarchy


def pair_neighbors(labels):
    """Labels beside each other, then above each other."""
    return ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:]))


def number_pieces(labels):
    """The 4-connected pieces of one label, numbered from 1."""
    return label_with_skimage(labels.astype(int), background=0, connectivity=1)


def test_four_quarters_are_four_regions_whichever_way_up():
    image = draw_quarters()
    truth = np.arange(1, 5)[np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)[1]].reshape(image.shape[:2])
    for flip in (np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        found = segment.region_hierarchy(np.ascontiguousarray(image[flip])).regions(4)
        # Where quarters meet a few pixels may go to either.
        table = np.zeros((5, 5), int)
        np.add.at(table, (found, truth[flip]), 1)
        assert table.max(axis=0).sum() >= 0.999 * truth.size
        assert len(set(table[:, 1:].argmax(axis=0).tolist())) == 4


def draw_noisy_quarters(rng, side):
    """Four quarters of different gray under strong noise, and their numbers."""
    truth = np.kron([[0, 2], [3, 1]], np.ones((side, side), int))
    return np.clip(np.rint(100 + 27 * truth + rng.normal(0, 25, truth.shape)), 0, 255).astype(np.uint8), truth


def test_quarters_under_strong_noise_are_found(rng):
    image, truth = draw_noisy_quarters(rng, 48)
    found = segment.region_hierarchy(image).regions(4)
    assert sum(np.bincount(found[truth == quarter]).max() for quarter in range(4)) > 0.98 * truth.size


def test_areas_under_strong_noise_are_parted_as_without(rng):
    field = gaussian_filter(rng.normal(size=(256, 256)), 25)
    truth = np.searchsorted(np.quantile(field, (0.25, 0.5, 0.75)), field)
    gray = np.array([170, 0, 255, 85])[truth]
    noisy = np.clip(np.rint(gray + rng.normal(0, 77, gray.shape)), 0, 255).astype(np.uint8)
    found, expected = (segment.region_hierarchy(image.astype(np.uint8)).cut() for image in (noisy, gray))
    assert adjusted_rand_score(expected.ravel(), found.ravel()) > 0.9


def test_noise_that_shrinking_averages_out_is_not_smoothed(rng):
    small, large = (segment.Image.from_array(draw_noisy_quarters(rng, side)[0]) for side in (48, 400))
    assert find_hierarchy(small, 1, str)[1] is not small
    assert find_hierarchy(large, 1, str)[1] is large


def test_no_speck_is_a_region_of_the_automatic_cut():
    image = draw_quarters(200, 300)
    image[20:24, 20:24] = 255
    found = segment.region_hierarchy(image)
    assert found.cut().max() == 4
    assert 12 <= np.bincount(found.regions(5).ravel())[1:].min() < 0.001 * 200 * 300


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


def test_scattered_pixels_that_the_copy_does_not_show_are_one_region(rng):
    valid = rng.random((1000, 1000)) < 0.01
    hierarchy = segment.region_hierarchy(segment.Image.from_array(np.zeros((1000, 1000), np.uint8), valid=valid))
    np.testing.assert_array_equal(hierarchy.cut(), valid)


def test_costs_are_the_same_with_any_number_of_threads(landscape):
    image = cv2.resize(cv2.imread(str(landscape)), (481, 321))
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            found.append(segment.region_hierarchy(image))
    np.testing.assert_array_equal(found[0].costs, found[1].costs)


def test_a_mask_of_one_pixel_and_of_none():
    valid = np.zeros((9, 12), bool)
    image = draw_quarters(9, 12)
    assert segment.region_hierarchy(segment.Image.from_array(image, valid=valid)).cut().max() == 0
    valid[4, 5] = True
    labels = segment.region_hierarchy(segment.Image.from_array(image, valid=valid)).cut()
    assert labels[4, 5] == 1
    assert labels.sum() == 1


@given(st.tuples(*[st.integers(1, 60)] * 2), st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=20)
@example((346, 462), (200, 40, 90))
@example((37, 53), (200, 40, 90))
def test_one_color_is_one_region_at_any_size(shape, color):
    assert segment.region_hierarchy(np.full((*shape, 3), color, np.uint8)).n_fine == 1


@given(st.integers(12, 60), st.lists(st.integers(12, 20), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
@example(31, [12], 12)
def test_no_region_ends_where_nothing_changes(height, widths, seed):
    # Borders that lie closer together blur into one, and then change and network may not agree where it runs.
    stripes = np.repeat(np.random.default_rng(seed).integers(0, 256, (len(widths), 3), np.uint8), widths, axis=0)
    labels = segment.region_hierarchy(np.tile(stripes, (height, 1, 1))).label_image
    # Each row has the same regions, whose borders may lie a pixel further left or right.
    assert all(np.unique(row).tolist() == np.unique(labels[0]).tolist() for row in labels)
    left, right = (np.roll(labels[0], shift) for shift in (1, -1))
    assert ((labels == labels[0]) | (labels == left) | (labels == right)).all()


def test_a_flat_part_is_not_divided():
    image = np.full((346, 462, 3), (200, 40, 90), np.uint8)
    image[:, 231:] = np.random.default_rng(0).integers(0, 255, (346, 231, 3))
    assert (segment.region_hierarchy(image).label_image[:, :200] == 1).all()


def test_same_regions_in_8_and_16_bits_and_in_other_memory_order():
    image = draw_quarters()
    first = segment.region_hierarchy(image).cut()
    assert np.array_equal(first, segment.region_hierarchy(image.astype(np.uint16) * 257).cut())
    assert np.array_equal(first, segment.region_hierarchy(np.asfortranarray(image)).cut())


def test_large_images_have_their_borders_at_full_size():
    image = draw_quarters(600, 801)
    truth = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)[1].reshape(image.shape[:2])
    labels = segment.region_hierarchy(image).regions(4)
    table = np.zeros((5, 4), int)
    np.add.at(table, (labels.ravel(), truth.ravel()), 1)
    assert table.max(axis=0).sum() >= (1 - 3e-4) * truth.size
    assert len(set(table.argmax(axis=0).tolist())) == 4


@given(st.tuples(st.integers(12, 50), st.integers(12, 50)), st.floats(0, 1), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_every_cut_has_connected_regions_and_the_borders_of_the_contour_map(shape, specks, framed, seed):
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 256, (9, 9, 3)), np.ones((6, 6, 1)))[: shape[0], : shape[1]]
    image = np.clip(blocks + rng.normal(0, 30, blocks.shape), 0, 255).astype(np.uint8)
    valid = rng.random(shape) >= 0.3 * specks**4
    if framed:
        valid[rng.integers(shape[0])] = valid[:, rng.integers(shape[1])] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_finding, "_MAX_COPY_PIXELS", 300)
        found = segment.region_hierarchy(segment.Image.from_array(image, valid=valid))
    copy = compute_shrunk_shape(*shape, round(max(shape) * min(1, math.sqrt(300 / valid.size))))
    labels = found.label_image
    assert ((labels > 0) == valid).all()
    pieces, parts = number_pieces(labels), number_pieces(valid)
    n_apart = 0
    for number in range(1, found.n_fine + 1):
        _, *others = sorted(np.unique(pieces[labels == number]), key=lambda piece: -np.count_nonzero(pieces == piece))
        n_apart += len(others)
        for piece in others:  # all that the mask leaves there, and less than a pixel of the copy
            inside = pieces == piece
            assert np.array_equal(parts == parts[inside][0], inside)
            assert np.count_nonzero(inside) * math.prod(copy) < valid.size
    assert parts.max() == found.n_least + n_apart
    contours = found.contour_map()
    for n in range(found.n_least, min(found.n_fine, found.n_least + 25) + 1):
        cut = found.regions(n)
        assert cut.max() == n
        assert number_pieces(cut).max() == n + n_apart
    for level in np.append(found.costs[-8:], 0.5):
        cut = found.cut(level)
        across, down = ((one != two) & (one > 0) & (two > 0) for one, two in pair_neighbors(cut))
        border = np.pad(across, ((0, 0), (0, 1))) | np.pad(down, ((0, 1), (0, 0)))
        assert np.array_equal(contours > np.float32(level), border)
