"""Fit a mixture with a random field: classes of overlapping colors, and what leaves the mixture as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from segment import Image, segment_image
from segment.features.pixel_features import PixelFeatures, extract_features
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field import field_fit, noise_level
from segment.segmenter.field.field_em import FieldEM
from segment.segmenter.field.field_fit import fit_with_field, shrink_copy_of_many


@pytest.fixture
def overlapping_halves(rng: np.random.Generator) -> Image:
    """Two halves of gray 100 and 140 under noise of 25: a third of the pixels have the color of the other half."""
    picture = np.where(np.arange(80) < 40, 100.0, 140.0) + rng.normal(0, 25, (60, 80))
    return Image.from_array(picture.clip(0, 255).astype(np.uint8))


def fit(features: PixelFeatures, k: int) -> tuple[ClassMixture, MixtureModel]:
    found = fit_mixture(features.cells, k, shrinkage=0)
    classes = ClassMixture(found.model, np.arange(k))
    images = (features.image,)
    return classes, fit_with_field(classes, found.prior, features.space, images, smoothness=12.0)


def test_places_tell_apart_classes_whose_colors_overlap(overlapping_halves: Image) -> None:
    classes, model = fit(extract_features(overlapping_halves, "rgb"), 2)
    truth = np.array([100, 140])
    alone, with_field = (np.abs(np.sort(each.means[:, 0]) - truth).max() for each in (classes.model, model))
    assert with_field < 3
    assert with_field < alone


def test_classes_that_noise_hides_in_the_colors_are_found_anew(rng: np.random.Generator) -> None:
    truth = np.arange(160)[None] // 40 * np.ones((100, 1), dtype=int)
    values = 60 + 45.0 * truth + rng.normal(0, 40, truth.shape)
    features = extract_features(Image.from_array(values.clip(0, 255).astype(np.uint8)), "rgb")
    found = fit_mixture(features.cells, 4, shrinkage=1.5)
    classes = ClassMixture(found.model, np.arange(4))
    as_given, anew = (
        fit_with_field(
            classes, found.prior, features.space, (features.image,), smoothness=12.0, may_restart=may_restart
        )
        for may_restart in (False, True)
    )
    # Clipped noise moves the means of the outer classes by some levels.
    means = 60 + 45 * np.arange(4)
    assert np.abs(np.sort(anew.means[:, 0]) - means).max() < 8 < np.abs(np.sort(as_given.means[:, 0]) - means).max()
    np.testing.assert_allclose(anew.weights, 0.25, atol=0.03)


@pytest.mark.parametrize(
    ("means", "deviations", "seed"),
    [([1, 2, 4, 8], np.array([1, 2, 4, 8]) / np.sqrt(20), 0), ([100, 100], [5, 40], 1)],
    ids=["speckle of 20 looks", "the same mean"],
)
def test_classes_whose_noise_differs_are_found(means: list[float], deviations: list[float], seed: int) -> None:
    k, rng = len(means), np.random.default_rng(seed)
    order = gaussian_filter(rng.standard_normal((128, 128)), 8)
    truth = rng.permutation(k)[np.searchsorted(np.quantile(order, np.arange(1, k) / k), order)]
    picture = np.array(means)[truth] + np.array(deviations)[truth] * rng.standard_normal(truth.shape)
    labels = segment_image(picture.astype(np.float32), k=k).label_image
    counts = np.array([np.bincount(truth[labels == number], minlength=k) for number in range(1, k + 1)])
    assert sorted(counts.argmax(axis=1)) == list(range(k))
    assert counts.max(axis=1).sum() > 0.95 * truth.size


def test_images_without_noise_are_not_fitted_anew() -> None:
    ramp = np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)
    features = extract_features(Image.from_array(ramp), "rgb")
    found = fit_mixture(features.cells, 3, shrinkage=1.5)
    classes = ClassMixture(found.model, np.arange(3))
    models = [
        fit_with_field(classes, found.prior, features.space, (features.image,), smoothness=12.0, may_restart=each)
        for each in (False, True)
    ]
    np.testing.assert_array_equal(models[0].means, models[1].means)


def test_one_class_is_left_as_it_is(overlapping_halves: Image) -> None:
    classes, model = fit(extract_features(overlapping_halves, "rgb"), 1)
    assert model is classes.model


def test_no_valid_pixel_leaves_the_mixture_as_it_is(overlapping_halves: Image) -> None:
    features = extract_features(overlapping_halves, "rgb")
    found = fit_mixture(features.cells, 2)
    nothing = Image(overlapping_halves.pixels, np.zeros(overlapping_halves.valid.shape, bool), black=0, white=255)
    classes = ClassMixture(found.model, np.arange(2))
    assert fit_with_field(classes, found.prior, features.space, [nothing], smoothness=12.0) is found.model


def test_many_classes_are_labeled_on_a_smaller_copy_and_noise_on_a_yet_smaller_one(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_fit, "MAX_FIELD_VALUES", 17 * 32 * 32)
    noise = Image.from_array(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    flat = Image.from_array(np.full((64, 64, 3), 90, np.uint8))
    space = extract_features(noise, "rgb").space
    for k in (16, 17):
        means = rng.uniform(0, 255, (k, 3))
        classes = ClassMixture(
            MixtureModel(np.full(k, 1 / k), means, np.full((k, 1, 1), 1e3) * np.eye(3)), np.arange(k)
        )
        copies = [shrink_copy_of_many(classes, space, image, 48 * 48) for image in (noise, flat)]
        assert [copy.height for copy in copies] == ([64, 64] if k == 16 else [32, 48])


def test_bands_of_a_copy_are_spread_over_it_and_keep_its_noise(rng: np.random.Generator) -> None:
    copy = Image.from_array(rng.integers(0, 256, (400, 10)).astype(np.uint8))
    assert field_fit._split_into_bands(copy, 1.0) == [copy]
    bands = field_fit._split_into_bands(copy, 0.5)
    assert [band.valid.shape for band in bands] == [(25, 10)] * 8
    np.testing.assert_array_equal(bands[0].pixels, copy.pixels[:25])
    np.testing.assert_array_equal(bands[-1].pixels, copy.pixels[-25:])
    (shrunk,) = field_fit._split_into_bands(Image.from_array(copy.pixels[:100]), 0.25)
    assert shrunk.valid.size <= 250


def test_bands_do_not_lie_between_the_rows_that_a_mask_leaves(rng: np.random.Generator) -> None:
    copy = Image.from_array(rng.integers(0, 256, (400, 10)).astype(np.uint8))
    valid = np.zeros_like(copy.valid)
    valid[60:62] = True
    (rows,) = field_fit._split_into_bands(replace(copy, valid=valid), 0.4)
    assert (rows.pixels == copy.pixels[60:62]).all()
    valid[390:] = True
    bands = field_fit._split_into_bands(replace(copy, valid=valid), 0.4)
    assert [int(band.valid.sum()) for band in bands] == [20, 0, 0, 0, 0, 0, 0, 100]


@pytest.mark.parametrize(("share", "has_few"), [(0.2, True), (0.4, True), (0.6, False)])
def test_many_narrow_classes_are_not_taken_for_noise(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, share: float, has_few: bool
) -> None:
    monkeypatch.setattr(noise_level, "measure_noise_variances", lambda *_, **__: np.full((1, 1), share))
    ways = []
    for name in ("fit", "fit_few"):
        monkeypatch.setattr(FieldEM, name, lambda _, classes, *__, name=name: ways.append(name) or classes.model)
    picture = Image.from_array(rng.integers(0, 256, (30, 40), dtype=np.uint8))
    fit(extract_features(picture, "rgb"), 20)
    assert ways == ["fit_few" if has_few else "fit"]


def test_most_steps_of_many_classes_are_made_on_few_pixels(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, fit_few = [], FieldEM.fit_few

    def record(em: FieldEM, *settings: object) -> MixtureModel:
        sizes.append(sum(map(len, em._cells)))
        return fit_few(em, *settings)

    monkeypatch.setattr(FieldEM, "fit_few", record)
    monkeypatch.setattr(noise_level, "measure_noise_variances", lambda *_, **__: np.full((1, 1), 0.2))
    monkeypatch.setattr(field_fit, "MIN_FIT_PIXELS", 2**10)
    squares = np.arange(20).reshape(4, 5).repeat(32, axis=0).repeat(32, axis=1)
    picture = Image.from_array((10 + 12 * squares + rng.integers(0, 3, squares.shape)).astype(np.uint8))
    _, model = fit(extract_features(picture, "rgb"), 20)
    assert sizes == [squares.size // 4, squares.size]
    # The last steps are made on the pixels themselves: shrinking has no part in the variances.
    np.testing.assert_allclose(np.sort(model.means[:, 0]), 11 + 12 * np.arange(20), atol=0.1)
    np.testing.assert_allclose(model.covariances.ravel(), 2 / 3 + 1 / 12, atol=0.05)  # 1 / 12 within a gray level


def test_a_small_class_is_as_wide_as_it_looks_in_noise() -> None:
    rng = np.random.default_rng(0)
    rough = gaussian_filter(rng.standard_normal((128, 128)), 8.0)
    truth = rough > np.quantile(rough, 0.97)  # speckle of radar: the deviation grows with the mean
    values = np.where(truth, 3.0, 1.0) * rng.gamma(4, 1 / 4, truth.shape)
    overlaps = []
    for shrinkage in ("auto", 0.75):
        found = segment_image(values.astype(np.float32), k=2, shrinkage=shrinkage).label_image == 2
        overlaps.append((found & truth).sum() / (found | truth).sum())
    # A strength that is given is kept.
    assert overlaps[0] > 0.92
    assert overlaps[1] < 0.8
