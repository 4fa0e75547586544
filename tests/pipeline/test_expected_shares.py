"""Expected shares: the means of the posteriors, also in regions of interest and from a sample."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import segment
from segment.pipeline import expected_shares
from segment.pipeline.expected_shares import compute_expected_shares
from segment.pipeline.interest_table import tabulate_interest


def noisy_bands() -> np.ndarray:
    """Three bands of 30, 20 and 10 columns whose noise overlaps."""
    means = np.repeat([60.0, 120.0, 180.0], [30, 20, 10])
    noise = np.random.default_rng(0).normal(0, 25, (40, 60))
    return np.clip(means + noise, 0, 255).astype(np.uint8)


def test_expected_shares_are_the_means_of_the_posteriors(monkeypatch: pytest.MonkeyPatch) -> None:
    result = segment.segment_image(noisy_bands(), k=3, smoothness=1, roi="grid:1x1")
    plain = result.spatial.prepare_posteriors(result.class_mixture.unmerged, is_tempered=False)
    wanted = plain(np.arange(2400)).mean(axis=0)
    np.testing.assert_allclose(compute_expected_shares(result)[0][0], wanted, atol=1e-6)
    # The labels alone would say otherwise.
    assert np.abs(wanted - [row.share for row in result.classes]).max() > 0.003
    bare = replace(result, image=replace(result.image, interest=None))
    bare = replace(bare, classes=tuple(replace(row, expected_share=math.nan) for row in bare.classes))
    monkeypatch.setattr(expected_shares, "MAX_SAMPLE", 400)
    sampled = compute_expected_shares(bare)[0][0]
    assert 0 < np.abs(sampled - wanted).max() < 0.05


def test_a_small_class_in_texture_is_not_made_larger() -> None:
    """Texture lowers how sure single pixels are, not what share of the image a class has."""
    rng = np.random.default_rng(1)
    texture = gaussian_filter(rng.normal(0, 1, (150, 200)), 4)
    pixels = 100 + 12 * texture / texture.std()
    pixels[40:70, 40:80] += 90  # 4 % of the image
    result = segment.segment_image(np.clip(pixels, 0, 255).astype(np.uint8), k=2)
    assert result.classes[1].share == pytest.approx(0.04, abs=0.003)
    assert compute_expected_shares(result)[0][0, 1] == pytest.approx(0.04, abs=0.003)


def test_regions_of_interest_have_their_own_shares_also_in_a_smaller_copy() -> None:
    half = np.repeat([[1, 2]], 40, axis=0).repeat(30, axis=1)
    settings = {"k": 3, "background": "1", "group": "light=2,3", "roi": half}
    result = segment.segment_image(noisy_bands(), **settings)
    expected = compute_expected_shares(result)[0]
    plain = result.spatial.prepare_posteriors(result.class_mixture.unmerged, is_tempered=False)
    for number in (1, 2):
        mean = plain(np.flatnonzero(half == number))[:, 1:].mean(axis=0)
        np.testing.assert_allclose(expected[number - 1, 1:], mean / mean.sum(), atol=1e-6)
    assert np.isnan(expected[:, 0]).all()
    items = tabulate_interest(result.label_image, result.image, result.classes)
    for roi in ("1", "2"):
        rows = [item.row for item in items if item.roi == roi]
        assert math.isnan(rows[0].share)
        assert sum(row.share for row in rows[1:]) == pytest.approx(1)
        assert [row.group_share for row in rows[1:]] == [row.share for row in rows[1:]]
    small = segment.segment_image(noisy_bands(), max_size=30, **settings)
    assert compute_expected_shares(small)[0].shape == (2, 3)


def test_a_region_of_interest_that_is_the_whole_image_has_its_shares() -> None:
    """Two ways to the same numbers: from the labels of the field, and from its posteriors."""
    whole = segment.segment_image(noisy_bands(), k=3)
    shares, deviations = compute_expected_shares(whole)
    assert shares[0] == pytest.approx([row.expected_share for row in whole.classes])
    assert deviations[0] == pytest.approx([row.expected_share_sd for row in whole.classes])
    assert deviations.min() > 0.001
    inside = segment.segment_image(noisy_bands(), k=3, roi="grid:1x1")
    for found, wanted in zip(compute_expected_shares(inside), (shares, deviations), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3)
    table = inside.class_table()
    assert table["expected_share_sd"].tolist() == pytest.approx(deviations[0].tolist(), rel=1e-3)
    assert list(table).index("expected_share") == list(table).index("share") + 1
    halves = segment.segment_image(noisy_bands(), k=3, roi="grid:2x1").class_table()
    assert halves["expected_share"] == pytest.approx(halves["share"], abs=0.02)


@pytest.mark.parametrize("settings", [{"k": 4, "merge": "2,3"}, {"k": 3, "background": "1"}])
def test_a_region_of_interest_counts_merged_classes_and_the_background_as_the_image_does(settings: dict) -> None:
    whole, inside = (segment.segment_image(noisy_bands(), roi=roi, **settings) for roi in ("", "grid:1x1"))
    for found, wanted in zip(compute_expected_shares(inside), compute_expected_shares(whole), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_a_border_of_a_large_image_is_where_its_pixels_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy the pixels on the border of black and white are gray, as the third class is."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**12)
    rows, columns = np.mgrid[:300, :300]
    truth = (rows // 50 + columns // 50) % 3
    pixels = np.clip(60 + 60 * truth + np.random.default_rng(0).normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    for roi in ("", "grid:1x1"):
        result = segment.segment_image(pixels, k=3, roi=roi)
        shares, deviations = compute_expected_shares(result)
        assert shares[0] == pytest.approx(np.bincount(truth.ravel()) / truth.size, abs=0.004)
        assert deviations[0] == pytest.approx([row.expected_share_sd for row in result.classes], rel=0.1)
        assert 0.0005 < deviations.min() < deviations.max() < 0.01
    # Posteriors are those of the labels, whatever the color of a single pixel.
    bare = segment.segment_image(pixels, k=3, clean_up="none")
    np.testing.assert_array_equal(bare.posteriors().argmax(axis=2) + 1, bare.label_image)


def test_nothing_is_expected_without_a_random_field() -> None:
    for roi in ("", "grid:2x1"):
        result = segment.segment_image(noisy_bands(), k=3, spatial="none", roi=roi)
        assert all(math.isnan(row.expected_share) for row in result.classes)
        table = result.class_table()
        assert np.isnan([table["expected_share"], table["expected_share_sd"]]).all()
