"""Classes that are fitted once and found again: in the same image, in others, at other depths and in other light."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

import segment
from segment.core.errors import ImageError, ModelError, SettingsError
from segment.segmenter.class_model.class_model import ClassModel

PHOTOGRAPHS = ("landscape", "mountains", "sunset", "dandelions", "lamps")


@pytest.fixture(scope="module")
def photographs(landscape: Path) -> dict[str, np.ndarray]:
    """The photographs of the repository, 300 pixels wide."""
    found = {}
    for name in PHOTOGRAPHS:
        with PilImage.open(landscape.with_name(f"{name}.jpg")) as image:
            found[name] = np.asarray(image.convert("RGB").resize((300, 200)))
    return found


@pytest.fixture(scope="module")
def model(photographs: dict[str, np.ndarray]) -> ClassModel:
    return segment.fit_classes([photographs["landscape"]], k=4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"features": "lab", "covariance_type": "tied", "k": 3},
        {"features": "hsv", "covariance_type": "diag"},
        {"features": "intensity", "covariance_type": "spherical", "k": 2, "n_init": 1},
        {"greyscale": True, "k": 2, "n_init": 1},
        {"log_scale": True, "k": 2, "n_init": 1},
        {"denoise": "median", "denoise_radius": 0.01, "max_size": 120, "seed": 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("depth", ["8", "16", "float"])
def test_fitting_and_applying_one_image_equals_segmenting_it(
    photographs: dict[str, np.ndarray], options: dict[str, Any], depth: str
) -> None:
    pixels = np.ascontiguousarray(photographs["landscape"][::3, ::3])
    if depth == "16":
        pixels = pixels.astype(np.uint16) * 257
    if depth == "float":
        pixels = pixels * 0.7 - 20.0
    expected = segment.segment_image(pixels, **{"k": 4, **options})
    model = segment.fit_classes([pixels], **{"k": 4, **options})
    assert model == expected.class_model
    result = segment.apply_classes(ClassModel.from_json(model.to_json()), pixels)
    np.testing.assert_array_equal(result.label_image, expected.label_image)
    np.testing.assert_array_equal(result.posteriors(), expected.posteriors())
    np.testing.assert_array_equal(result.panel(), expected.panel())
    assert result.classes == expected.classes
    assert result.warnings == expected.warnings
    assert result.class_model == model
    assert result.fit.finish.n_iter == 0
    np.testing.assert_allclose(result.fit.finish.log_likelihoods, [model.training.log_likelihood], rtol=1e-9)


def test_two_images_are_fitted_like_one_that_has_both(photographs: dict[str, np.ndarray]) -> None:
    one, two = photographs["landscape"], photographs["sunset"][:120]
    both = segment.segment_image(np.concatenate([one, two]), k=4, spatial="none").class_model
    merged = segment.fit_classes([one, two], k=4, spatial="none")
    np.testing.assert_allclose(merged.mixture.weights, both.mixture.weights, rtol=1e-6)
    np.testing.assert_allclose(merged.mixture.means, both.mixture.means, rtol=1e-6)
    np.testing.assert_allclose(merged.mixture.covariances, both.mixture.covariances, rtol=1e-5)
    np.testing.assert_allclose(merged.training.log_likelihood, both.training.log_likelihood, rtol=1e-9)
    assert (merged.training.images, merged.training.pixels) == (2, both.training.pixels)
    assert merged.training.notes == ()
    each = [segment.apply_classes(merged, image).fit.finish.log_likelihoods[0] for image in (one, two)]
    np.testing.assert_allclose(merged.training.lowest_log_likelihood, min(each), rtol=1e-9)
    assert not any("badly" in note for image in (one, two) for note in segment.apply_classes(merged, image).warnings)


def test_too_many_cells_are_coarsened_with_a_note(
    photographs: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [photographs["landscape"], photographs["sunset"]]
    exact = segment.fit_classes(images, k=4)
    monkeypatch.setattr("segment.pipeline.multi_image_fit.MAX_CELLS", 5000)
    coarse = segment.fit_classes(images, k=4)
    assert re.fullmatch(
        r"the images have many colors: they were fitted in bins, \d+ along .*", coarse.training.notes[0]
    )
    for image in images:  # another optimum, but no worse a one
        reached, best = (segment.apply_classes(model, image).fit.finish.log_likelihoods[0] for model in (coarse, exact))
        assert reached > best - 0.3
    assert segment.fit_classes(images[:1], k=4).training.notes == ()


def test_numbers_and_names_stay_in_every_image(photographs: dict[str, np.ndarray]) -> None:
    named = segment.fit_classes([photographs["landscape"]], k=4).rename_classes("trees", "meadow", "mountain", "sky")
    bare = {"clean_up": "none"}  # clean-up breaks ties by number
    full = segment.apply_classes(named, photographs["landscape"], **bare)
    sky = segment.apply_classes(named, photographs["landscape"][:40], **bare)
    assert sky.class_model.names == ("trees", "meadow", "mountain", "sky")
    assert sky.n_classes == 4
    only_sky = segment.apply_classes(named, photographs["landscape"][:40, :80])
    assert only_sky.classes[0].pixels == 0
    assert not any("no pixel is left" in warning for warning in only_sky.warnings)  # another picture may lack a class
    assert (sky.label_image == full.label_image[:40]).all()
    np.testing.assert_array_equal(sky.colors, full.colors)
    reversed_ = dataclasses.replace(named, mixture=named.mixture.reorder([3, 2, 1, 0]), names=named.names[::-1])
    other = segment.apply_classes(reversed_, photographs["landscape"], **bare)
    np.testing.assert_array_equal(other.label_image, 5 - full.label_image)


def test_a_start_keeps_number_names_and_order_of_its_classes(
    photographs: dict[str, np.ndarray], model: ClassModel
) -> None:
    pixels = photographs["landscape"]
    darker = np.clip(pixels.astype(int) - 30, 0, 255).astype(np.uint8)
    turned = dataclasses.replace(model, mixture=model.mixture.reorder([3, 2, 1, 0]), names=("a", "b", "c", "d"))
    result = segment.segment_image(darker, start=turned)
    expected = segment.segment_image(pixels, k=4).label_image
    assert (result.label_image == 5 - expected).mean() > 0.9
    assert result.class_model.names == ("a", "b", "c", "d")
    assert result.fit.finish.n_iter > 0
    assert len(result.fit.restarts) == 1
    assert (result.class_model.mixture.means.sum(axis=1) < turned.mixture.means.sum(axis=1)).all()


def test_a_start_from_its_own_result_stays_there(photographs: dict[str, np.ndarray]) -> None:
    first = segment.segment_image(photographs["landscape"], k=4, shrinkage=0, tol=1e-9)
    again = segment.segment_image(photographs["landscape"], start=first.class_model, shrinkage=0, tol=1e-9)
    assert (again.label_image == first.label_image).mean() > 0.99
    assert again.fit.finish.log_likelihoods[-1] >= first.fit.finish.log_likelihoods[-1] - 1e-6


def test_a_start_stays_as_it_is_if_there_are_too_few_colors(model: ClassModel) -> None:
    result = segment.segment_image(np.full((9, 9, 3), 90, np.uint8), start=model)
    assert result.class_model.mixture is model.mixture
    assert "fewer distinct colors than the model's 4 classes: they stay as they are" in result.warnings[0]


def test_a_start_of_another_number_of_classes_is_refused(model: ClassModel, quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match=r"^k \(-k\): that of the model to start from, 4; got 3\. Leave it out\.$"):
        segment.segment_image(quadrants, start=model, k=3)
    with pytest.raises(SettingsError, match=r"^features \(--features\): that of the model to start from, rgb; got lab"):
        segment.segment_image(quadrants, segment.SegmentConfig(k=4, features="lab"), start=model)


# Depth


@pytest.mark.parametrize("factor", [257, 1 / 255], ids=["16 bits", "floats"])
def test_an_eight_bit_model_explains_other_depths_of_full_range(
    photographs: dict[str, np.ndarray], model: ClassModel, factor: float
) -> None:
    pixels = photographs["landscape"]
    deep = pixels * np.float32(factor) if factor < 1 else pixels.astype(np.uint16) * np.uint16(factor)
    result = segment.apply_classes(model, deep)
    expected = segment.apply_classes(model, pixels)
    assert (result.label_image == expected.label_image).mean() > 0.999
    white = "65535" if factor > 1 else "1"
    assert result.warnings == (f"its values from 0 to {white} stand for the model's 0 to 255",)


def test_a_guessed_white_is_replaced_by_that_of_the_model(photographs: dict[str, np.ndarray]) -> None:
    """The dark half of a 12-bit picture alone looks like 11 bits or fewer."""
    deep = np.rint(photographs["landscape"] * (4095 / 255)).astype(np.uint16)
    model = segment.fit_classes([deep], k=4)
    assert (model.dtype, model.white) == ("uint16", 4095)
    dark = np.where(deep < 1023, deep, 0)
    alone = segment.Image.from_array(dark)
    assert (alone.white, alone.is_scale_inferred) == (1023, True)
    result = segment.apply_classes(model, dark)
    known = segment.apply_classes(model, segment.Image.from_array(dark, white=4095))
    np.testing.assert_array_equal(result.label_image, known.label_image)
    assert result.image.white == 4095
    assert segment.segment_image(dark, start=model).image.white == 4095
    assert "its values are read on the model's scale, 0 to 4095" in result.warnings


def test_a_known_white_is_kept(photographs: dict[str, np.ndarray]) -> None:
    deep = np.rint(photographs["landscape"] * (4095 / 255)).astype(np.uint16)
    model = segment.fit_classes([deep], k=4)
    tenth = segment.Image.from_array(deep >> 2, white=1023)
    result = segment.apply_classes(model, tenth)
    assert (result.label_image == segment.apply_classes(model, deep).label_image).mean() > 0.99
    assert "its values from 0 to 1023 stand for the model's 0 to 4095" in result.warnings


def test_a_few_values_beyond_the_scale_are_clipped(photographs: dict[str, np.ndarray]) -> None:
    deep = np.rint(photographs["landscape"] * (1000 / 255)).astype(np.uint16)
    model = segment.fit_classes([deep], k=4)
    hot = deep.copy()
    hot[0, :5] = 4000
    result = segment.apply_classes(model, hot)
    assert (result.label_image == segment.apply_classes(model, deep).label_image).mean() > 0.99
    assert result.image.pixels.max() == 4000
    assert result.image.white == 1023


def test_images_whose_white_is_a_guess_are_fitted_on_the_widest_scale(photographs: dict[str, np.ndarray]) -> None:
    deep = np.rint(photographs["landscape"] * (4095 / 255)).astype(np.uint16)
    dark = np.where(deep < 1023, deep, 0)
    for order in ([deep, dark], [dark, deep]):
        model = segment.fit_classes(order, k=4)
        assert (model.black, model.white) == (0, 4095)
        known = segment.fit_classes([segment.Image.from_array(image, white=4095) for image in order], k=4)
        assert model == known
        assert not any("white" in note or "depth" in note for note in model.training.notes)


def test_one_value_below_zero_does_not_change_the_classes_of_signed_integers() -> None:
    """Reflectance in 16 bits with a sign is below 0 in some scenes alone."""
    plain = np.repeat(np.random.default_rng(0).normal([[800, 2500, 6000]], 60, (40, 3)), 10, axis=1).astype(np.int16)
    below = plain.copy()
    below[0, 0] = -30
    for first, second in ((plain, below), (below, plain)):
        for model in (segment.fit_classes([first, second], k=3), segment.fit_classes([first], k=3)):
            one, other = (segment.apply_classes(model, image).label_image for image in (first, second))
            assert np.array_equal(one, other)
            assert np.array_equal(one[0], np.repeat([1, 2, 3], 10))


def test_a_dark_scene_of_signed_integers_has_the_classes_of_the_others() -> None:
    """Heights above the sea in 16 bits with a sign: those of a plain would fit in 8 bits."""
    heights = np.random.default_rng(0).normal([[20, 120, 300]], 4, (40, 3)).clip(0)
    hills = np.repeat(heights, 10, axis=1).astype(np.int16)
    plain = hills[:, :20]
    for first, second in ((plain, hills), (hills, plain)):
        model = segment.fit_classes([first, second], k=3)
        assert not model.training.notes
        for image in (hills, plain):
            expected = np.repeat([1, 2, 3], 10)[: image.shape[1]]
            assert np.array_equal(segment.apply_classes(model, image).label_image, np.tile(expected, (40, 1)))


def test_means_of_values_beyond_the_scale_of_a_model_are_their_own() -> None:
    """A summer is warmer than the spring that a model was fitted to."""
    spring = np.repeat(np.random.default_rng(0).normal([[5, 12, 20]], 0.5, (40, 3)), 10, axis=1).astype(np.float32)
    summer = np.where(np.arange(30) < 20, spring, spring + 6)
    result = segment.apply_classes(segment.fit_classes([spring], k=3), summer)
    assert any("count as black or white" in note for note in result.warnings)
    expected = summer[:, 20:].astype(float)
    assert result.classes[2].mean == pytest.approx((expected.mean(),), rel=1e-6)
    assert result.class_table()["mean_gray"][2] == pytest.approx(expected.mean(), rel=1e-6)
    assert result.class_table()["deviation_gray"][2] == pytest.approx(expected.std(), rel=1e-5)


def test_images_of_different_depth_give_a_note(photographs: dict[str, np.ndarray]) -> None:
    pixels = photographs["landscape"]
    model = segment.fit_classes([pixels, pixels.astype(np.uint16) * 257], k=4)
    assert model.training.notes == ("images of different depth are compared as shares of the way from black to white",)
    alone = segment.fit_classes([pixels], k=4)
    np.testing.assert_allclose(model.mixture.means, alone.mixture.means, atol=0.5)


# Drift


def shift_light(pixels: np.ndarray, by: int) -> np.ndarray:
    return np.clip(pixels.astype(int) + by, 0, 255).astype(np.uint8)


def has_drifted(model: ClassModel, pixels: np.ndarray) -> bool:
    return any("explains this image badly" in warning for warning in segment.apply_classes(model, pixels).warnings)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_drift_is_flagged_for_other_pictures_and_light(name: str, photographs: dict[str, np.ndarray]) -> None:
    pixels = photographs[name]
    model = segment.fit_classes([pixels], k=4)
    assert not has_drifted(model, pixels)
    assert not any(has_drifted(model, shift_light(pixels, by)) for by in (-10, 10))
    assert all(has_drifted(model, shift_light(pixels, by)) for by in (-80, 80))
    assert not has_drifted(model, np.ascontiguousarray(pixels[::2, ::-2]))
    flags = {other: has_drifted(model, photographs[other]) for other in PHOTOGRAPHS if other != name}
    assert sum(flags.values()) >= 3, flags


# Refusals


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_what_a_model_keeps_of_a_frame_changes_nothing_of_the_next(
    spatial: str, photographs: dict[str, np.ndarray], model: ClassModel
) -> None:
    frames = [photographs[name][::2, ::2] for name in ("landscape", "mountains", "landscape")]
    frames += [np.roll(frames[0], 9, axis=1), frames[0].astype(np.uint16) * 257]
    for frame in frames:
        fresh = ClassModel.from_json(model.to_json())
        expected = segment.apply_classes(fresh, frame, spatial=spatial)
        result = segment.apply_classes(model, frame, spatial=spatial)
        np.testing.assert_array_equal(result.label_image, expected.label_image)
        assert result.warnings == expected.warnings
        shares = [[row.expected_share for row in found.classes] for found in (result, expected)]
        np.testing.assert_allclose(*shares, atol=1e-6)


def test_an_image_of_other_features_is_refused(photographs: dict[str, np.ndarray], model: ClassModel) -> None:
    pixels = photographs["landscape"]
    gray = pixels[..., 1]
    with pytest.raises(
        ModelError, match=r"^image: the model's features are R, G, B; got an image with intensity\. Fit"
    ):
        segment.apply_classes(model, gray)
    with pytest.raises(ModelError, match=r"^image: the model's features are R, G, B"):
        segment.segment_image(gray, start=model)
    with pytest.raises(ModelError, match=r"^image: images of one model have the same features, R, G, B in the first;"):
        segment.fit_classes([pixels, gray], k=3)
    of_gray = segment.fit_classes([gray], k=3)
    with pytest.raises(ModelError, match=r"are intensity; got an image with R, G, B\. Give --greyscale, or fit"):
        segment.apply_classes(of_gray, pixels)
    assert segment.apply_classes(of_gray, pixels, greyscale=True).n_classes == 3
    of_intensity = segment.fit_classes([pixels, gray], k=3, features="intensity")
    assert segment.apply_classes(of_intensity, gray).n_classes == 3


def test_settings_of_the_fit_are_refused_when_applying(model: ClassModel, quadrants: np.ndarray) -> None:
    for name, value, option in (("k", 3, "-k"), ("features", "lab", "--features"), ("tol", 0.5, "--tol")):
        with pytest.raises(
            SettingsError, match=rf"^{name} \({option}\): not used by apply_classes; got {value}\. Leave "
        ):
            segment.apply_classes(model, quadrants, **{name: value})
    with pytest.raises(SettingsError, match="not both"):
        segment.apply_classes(model, quadrants, segment.SegmentConfig(), max_hole=0)
    with pytest.raises(SettingsError, match=r"^k \(-k\): not used by apply_classes; got 7\."):
        segment.apply_classes(model, quadrants, segment.SegmentConfig(k=7, max_hole=0))
    result = segment.apply_classes(model, quadrants, segment.SegmentConfig(k=4, max_hole=0))
    assert (result.config.k, result.config.max_hole) == (4, 0)


def test_what_is_no_model_is_refused(model: ClassModel, quadrants: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"^model: a ClassModel; got ndarray\. Give the class_model of a result, or "):
        segment.apply_classes(quadrants, model)
    with pytest.raises(ModelError, match=r"^model: a ClassModel; got str\."):
        segment.segment_pages("stack.tif", model="model.json")
    with pytest.raises(ModelError, match=r"^start: a ClassModel; got str\."):
        segment.segment_image(quadrants, start="model.json")


@pytest.mark.parametrize("sources", ["a.jpg", Path("a.jpg"), np.zeros((8, 8, 3), np.uint8), io.BytesIO()])
def test_one_image_is_not_taken_for_several(sources: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^sources: several images; got {type(sources).__name__}\. Give a list"):
        segment.fit_classes(sources, k=2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: segment.segment_image(None, k=2), "got NoneType. Read files with load_image"),  # type: ignore[arg-type]
        (lambda _: segment.region_hierarchy("a.jpg"), "got str. Read files with load_image"),
        (lambda _: segment.segment_image(["a.jpg", "b.jpg"], k=2), "(2,). Give one image at a time"),  # type: ignore[list-item]
        (lambda result: segment.relabel_classes(result, merge="1,2"), "Of a result give the label_image"),
        (lambda result: segment.save_class_model(result, "model.json"), "got Segmentation. Give the class_model"),
    ],
)
def test_what_is_given_in_place_of_another_thing_is_named(call: Callable[[Any], Any], words: str) -> None:
    result = segment.segment_image(np.array([[20, 20, 200, 200]] * 4, np.uint8), k=2)
    assert repr(result.class_model) == "<ClassModel fitted to 1 image: class 1, class 2>"
    with pytest.raises((ImageError, ModelError), match=re.escape(words)):
        call(result)


def test_nothing_to_fit_is_refused(quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="at least one image"):
        segment.fit_classes([], k=2)
    hidden = segment.Image.from_array(np.zeros((3, 3, 4), np.uint8), alpha=True)
    with pytest.raises(ModelError, match="image: a model needs valid pixels; got none"):
        segment.fit_classes([hidden], k=2)
    with pytest.raises(ImageError):
        segment.fit_classes([quadrants, np.zeros(3)], k=2)
    assert segment.fit_classes([hidden, quadrants], k=4).n_classes == 4


def test_an_image_without_valid_pixels_gets_no_labels(model: ClassModel) -> None:
    result = segment.apply_classes(model, segment.Image.from_array(np.zeros((3, 4, 4), np.uint8), alpha=True))
    assert not result.label_image.any()
    assert "no pixel is valid" in result.warnings
    assert not any("badly" in warning for warning in result.warnings)


def test_colors_that_images_share_are_counted_once() -> None:
    image = np.full((30, 40, 3), 90, np.uint8)
    image[:10] = 200
    model = segment.fit_classes([image, image, image], k=3)
    assert model.names == ("class 1", "class 2")
    assert model.training.pixels == 3600
    assert "fewer distinct colors than the 3 classes" in model.training.notes[0]
