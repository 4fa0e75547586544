"""The choice of the shrinkage: the normalized cut against its definition, and what is chosen by it."""

from __future__ import annotations

import numpy as np
import pytest
from far_class_pictures import compute_accuracy, draw_bands_and_corner
from hypothesis import given, settings
from hypothesis import strategies as st

import segment
from segment.config.config import SegmentConfig
from segment.segmenter.shrinkage import DEFAULT_SHRINKAGE, Affinities, compute_normalized_cut


def compute_cut_from_definition(labels: np.ndarray, affinities: Affinities, n_classes: int) -> float:
    """Shi & Malik's definition, pair of pixels by pair of pixels."""
    cut, linked = np.zeros((2, n_classes + 1))
    for (i, j), label in np.ndenumerate(labels):
        others = [(i, j + 1, affinities.across), (i + 1, j, affinities.down)]
        for row, column, weights in others:
            if row < labels.shape[0] and column < labels.shape[1]:
                other, weight = labels[row, column], weights[i, j]
                for one, two in ((label, other), (other, label)):
                    linked[one] += weight
                    cut[one] += weight * (one != two)
    return sum(cut[c] / linked[c] if linked[c] > 0 else 1.0 for c in range(1, n_classes + 1))


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=40)
def test_the_cut_equals_its_definition(seed: int, height: int, width: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes + 1, (height, width)).astype(np.uint8)
    affinities = Affinities.from_features(rng.normal(size=(height, width, 2)), rng.random((height, width)) < 0.8)
    found = compute_normalized_cut(labels, affinities, n_classes)
    assert found == pytest.approx(compute_cut_from_definition(labels, affinities, n_classes), abs=1e-6)
    assert 0 <= found <= n_classes


def test_the_cut_is_smallest_where_the_colors_change() -> None:
    picture = np.zeros((20, 30, 1))
    picture[:, 12:] = 100
    affinities = Affinities.from_features(picture, np.ones((20, 30), dtype=bool))
    cuts = [
        compute_normalized_cut(1 + (np.arange(30) >= at)[None].repeat(20, axis=0), affinities, 2) for at in range(5, 25)
    ]
    assert int(np.argmin(cuts)) + 5 == 12


def test_affinities_do_not_depend_on_the_units_of_the_features(rng: np.random.Generator) -> None:
    valid = np.ones((9, 7), dtype=bool)
    features = rng.normal(size=(9, 7, 3))
    one, two = Affinities.from_features(features, valid), Affinities.from_features(1e3 * features, valid)
    np.testing.assert_allclose(one.across, two.across, rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_all_affinities_of_a_flat_image_are_one(value: float) -> None:
    flat = Affinities.from_features(np.full((9, 7, 1), value), np.ones((9, 7), dtype=bool))
    np.testing.assert_allclose(flat.across, 1, atol=1e-6)
    np.testing.assert_allclose(flat.down, 1, atol=1e-6)


def test_invalid_pixels_do_not_change_the_affinities(rng: np.random.Generator) -> None:
    features, valid = rng.normal(size=(12, 10, 2)), rng.random((12, 10)) < 0.7
    hidden = np.where(valid[..., None], features, 1e6 * rng.normal(size=features.shape))
    one, two = Affinities.from_features(features, valid), Affinities.from_features(hidden, valid)
    np.testing.assert_allclose(one.across, two.across, rtol=1e-5)
    np.testing.assert_allclose(one.down, two.down, rtol=1e-5)
    assert (one.down[~valid[1:]] == 0).all()
    nothing = Affinities.from_features(features, np.zeros_like(valid))
    assert compute_normalized_cut(np.zeros((12, 10), dtype=np.uint8), nothing, 2) == 2


def draw_stripes(rng: np.random.Generator, noise: float = 12) -> np.ndarray:
    truth = np.repeat([0, 1, 2], 40)[None].repeat(80, axis=0)
    colors = np.array([[60, 60, 60], [120, 140, 150], [200, 180, 120]])
    return np.clip(colors[truth] + rng.normal(0, noise, (80, 120, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("cuts", "chosen"),
    [
        ((1.0, 1.0, 1.0), 1.5),
        ((2.0, 1.0, 2.0), 3),
        ((0.5, 0.5, 0.0), 0.75),
        ((1.1, 1.0, 2.0), 2.49),  # the shrinkage 1.5 weighs 1 / e: 3 ** 0.731 * 1.5 ** 0.269
    ],
)
def test_shrinkages_are_averaged_by_their_cuts(
    cuts: tuple[float, ...], chosen: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter(cuts)
    monkeypatch.setattr("segment.segmenter.shrinkage.compute_normalized_cut", lambda *_: next(values))
    pixels = draw_stripes(rng)
    result = segment.segment_image(pixels, k=3)
    assert result.fit.shrinkage == chosen
    np.testing.assert_array_equal(result.label_image, segment.segment_image(pixels, k=3, shrinkage=chosen).label_image)


@pytest.mark.parametrize(
    "change", [{"spatial": "none"}, {"noise": True}, {"tails": "student"}, {"k": 1}, {"smoothness": 0}]
)
def test_the_default_is_taken_where_the_choice_is_not_reliable(
    change: dict[str, object], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.segmenter.shrinkage.compute_normalized_cut", None)  # not to be called
    result = segment.segment_image(draw_stripes(rng), **{"k": 3, **change})
    assert result.fit.shrinkage == DEFAULT_SHRINKAGE


def test_the_default_is_taken_for_a_small_image(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.segmenter.shrinkage.compute_normalized_cut", None)  # not to be called
    assert segment.segment_image(draw_stripes(rng)[:40], k=3).fit.shrinkage == DEFAULT_SHRINKAGE


def test_a_given_shrinkage_is_kept(rng: np.random.Generator) -> None:
    assert SegmentConfig().shrinkage == "auto"
    assert SegmentConfig.from_values(shrinkage=2).shrinkage == 2.0
    given_ = segment.segment_image(draw_stripes(rng), k=3, shrinkage=2).fit
    assert given_.shrinkage == 2
    assert given_.prior.strength == pytest.approx(2 * 80 * 120 / 3)
    fitted = segment.fit_classes([draw_stripes(rng), draw_stripes(rng)], k=3)
    assert fitted.n_classes == 3


def test_neither_clean_up_of_the_result_nor_seed_changes_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    label_images = []

    def record_labels(labels: np.ndarray, *_: object) -> float:
        label_images.append(labels)
        return 1.0

    monkeypatch.setattr("segment.segmenter.shrinkage.compute_normalized_cut", record_labels)
    for change in ({}, {"clean_up": "none"}, {"seed": 1}):
        segment.segment_image(draw_stripes(np.random.default_rng(0), noise=60), k=3, **change)
    for usual, bare, seeded in zip(label_images[:3], label_images[3:6], label_images[6:], strict=True):
        np.testing.assert_array_equal(usual, bare)
        np.testing.assert_array_equal(usual, seeded)


@pytest.mark.parametrize(
    ("k", "n_channels", "separation", "value_range", "share"),
    [
        (2, 3, 2, "uint16", 0.001),
        (3, 1, 2, "uint16", 0.01),
        (3, 3, 2, "uint8", 0.1),
        (3, 3, 12, "float32", 0.01),
        (4, 2, 6, "12 bits", 0.1),
        (6, 3, 2, "12 bits", 0.001),
        (5, 6, 4, "uint16", 0.01),
    ],
)
def test_a_small_class_far_away_leaves_the_others_apart(
    k: int, n_channels: int, separation: float, value_range: str, share: float
) -> None:
    pixels, truth = draw_bands_and_corner(k, n_channels, separation, value_range, share, side=120)
    found = segment.segment_image(pixels, k=k).label_image
    assert compute_accuracy(truth, found) > 0.99


@pytest.mark.parametrize("change", [{"shrinkage": 1.5}, {"spatial": "none"}, {"shrinkage": 0}])
def test_a_small_class_far_away_leaves_the_others_apart_where_nothing_is_chosen(change: dict[str, object]) -> None:
    pixels, truth = draw_bands_and_corner(3, 3, 6, "uint16", 0.01, side=80)
    assert compute_accuracy(truth, segment.segment_image(pixels, k=3, **change).label_image) > 0.99


@pytest.mark.parametrize(("cut", "is_tighter"), [(0.19, True), (0.21, False)])
def test_tighter_clusters_are_taken_where_their_cut_is_a_fifth(
    cut: float, is_tighter: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, _ = draw_bands_and_corner(3, 3, 6, "uint16", 0.01, side=120)
    values = iter((1.0, 1.0, 1.0, cut))
    monkeypatch.setattr("segment.segmenter.shrinkage.compute_normalized_cut", lambda *_: next(values))
    target = segment.segment_image(pixels, k=3).fit.prior.target
    # Noise of 65 in 65535 has the variance 0.064 on the scale of the features, 0..255; one cluster of both bands 10
    # times as much.
    assert (np.diagonal(target).max() < 0.1) == is_tighter
