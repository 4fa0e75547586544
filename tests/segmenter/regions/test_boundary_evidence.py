"""Evidence for boundaries: shapes, where it is strong, and images of few colors or pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from region_pictures import draw_quarters

from segment.core.image import Image
from segment.segmenter.regions.boundary_evidence import gather_evidence
from segment.segmenter.regions.merge_cues import CUES, compute_merge_cues
from segment.segmenter.regions.region_adjacency import find_adjacency


@pytest.mark.parametrize("shape", [(31, 44, 3), (31, 44), (1, 1), (2, 3, 3)])
def test_all_maps_have_the_size_of_the_image_or_half_of_it(rng, shape):
    evidence = gather_evidence(Image.from_array(rng.integers(0, 256, shape, dtype=np.uint8)))
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert {each.shape for each in (evidence.strength, *evidence.cues)} == {shape[:2]}
    assert evidence.contents.shape == (8 + 16 + 32 + 16, *half)
    for each in (evidence.change, evidence.strength, evidence.contents, *evidence.cues):
        assert each.dtype == np.float32
        assert np.isfinite(each).all()


def test_posteriors_of_each_mixture_sum_to_one():
    posteriors = gather_evidence(Image.from_array(draw_quarters())).contents[:56]
    for part in np.split(posteriors, [8, 24]):
        np.testing.assert_allclose(part.sum(axis=0), 1, rtol=1e-5)


def test_an_image_one_level_brighter_has_much_the_same_posteriors(rng):
    clouds = cv2.GaussianBlur(rng.normal(0, 1, (60, 90, 3)), (0, 0), 4)
    image = (128 + 60 * clouds / clouds.std()).clip(1, 250).astype(np.uint8)
    one, other = (gather_evidence(Image.from_array(image + level)).contents[:56] for level in (0, 1))
    # Of each of the three mixtures, the mean probability that goes to another component.
    assert np.abs(one - other).sum(axis=0).mean() / 2 / 3 < 0.15


def test_the_strength_is_highest_on_the_borders_of_the_quarters():
    strength = gather_evidence(Image.from_array(draw_quarters(120, 180))).strength
    assert set(strength[80].argsort()[-2:].tolist()) == {89, 90}
    assert set(strength[:, 40].argsort()[-2:].tolist()) == {39, 40}
    assert strength[5, 15] < 0.01 * strength[5, 89]


def test_an_image_of_one_color_has_no_boundaries():
    assert gather_evidence(Image.from_array(np.full((30, 40, 3), 90, np.uint8))).strength.max() < 1e-4


def test_the_sums_are_those_that_merge_cues_are_computed_from():
    image = draw_quarters()
    labels = (np.indices((60, 90))[0] >= 20) * 2 + (np.indices((60, 90))[1] >= 45)
    evidence = gather_evidence(Image.from_array(image))
    labels[50:52, 7:10] = -1  # no region
    sums = evidence.sum_inside(labels, 4)
    assert sums[:, 0].tolist() == np.bincount(labels[labels >= 0]).tolist()
    large = evidence.contents.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(sums[:, 1:], [large[:, labels == i].sum(axis=1) for i in range(4)], rtol=1e-4, atol=1e-3)
    adjacency = find_adjacency(labels, 4, evidence.cues)
    assert adjacency.borders[:, 0].tolist() == [20, 45, 45, 40]
    assert compute_merge_cues(adjacency, sums).shape == (4, len(CUES))


def test_the_same_image_has_the_same_evidence_to_the_bit(rng):
    image = Image.from_array(rng.integers(0, 256, (61, 83, 3), dtype=np.uint8))
    first = gather_evidence(image)
    blocks = []  # other blocks of memory, at other addresses
    for size in (1, 7777, 31):
        blocks.append(np.empty(size))
        again = gather_evidence(image)
        for one, other in zip((*first.cues, first.contents), (*again.cues, again.contents), strict=True):
            np.testing.assert_array_equal(one, other)
