"""Saved classes: exact on the way to a file and back, the same in every image, and refused in a sentence."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

import segment
from segment.cli.main import main
from segment.core.errors import ImageError, ModelError, OutputError, SettingsError
from segment.segmenter.class_mixture import make_default_names
from segment.segmenter.class_model.class_model import ClassModel, Training

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


@st.composite
def models(draw: st.DrawFn) -> ClassModel:
    """Any model that can be: random parameters of every covariance type, space, depth and name."""
    space, n_channels = draw(st.sampled_from(["lab", "rgb", "hsv", "intensity"])), draw(st.sampled_from([1, 3]))
    d = 3 if n_channels == 3 and space != "intensity" else 1
    k, kind = draw(st.integers(1, 6)), draw(st.sampled_from(["full", "tied", "diag", "spherical"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.dirichlet(np.full(k, 0.3))
    roots = rng.normal(size=(k, d, d)) * 10.0 ** rng.integers(-4, 4)
    covariances = roots @ np.swapaxes(roots, 1, 2) + 1e-3 * np.eye(d) * (roots**2).mean()
    if kind == "tied":
        covariances[:] = covariances[0]
    if kind in ("diag", "spherical"):
        covariances = covariances * np.eye(d)
    if kind == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    groups = np.cumsum([0, *draw(st.lists(st.integers(0, 1), min_size=k - 1, max_size=k - 1))])
    n_classes = int(groups[-1]) + 1
    black, white = sorted(draw(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2, unique=True)))
    numbers = st.floats(-1e9, 1e9)
    words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
    return ClassModel(
        mixture=segment.MixtureModel(weights, rng.normal(0, 100, (k, d)), covariances, kind),
        groups=groups,
        names=tuple(draw(st.lists(words, min_size=n_classes, max_size=n_classes, unique=True))),
        features=space,
        n_channels=n_channels,
        dtype=draw(st.sampled_from(["uint8", "uint16", "float32"])),
        black=black,
        white=white,
        preprocessing={
            "denoise": draw(st.sampled_from(["none", "median"])),
            "denoise_radius": draw(st.floats(0, 0.02)),
        },
        training=Training(
            draw(st.integers(1, 99)), draw(st.integers(1, 2**40)), draw(numbers), draw(numbers), ("a note",)
        ),
    )


# The text


@given(models())
@settings(deadline=None)
def test_a_model_comes_back_from_its_text_bit_by_bit(model: ClassModel) -> None:
    text = model.to_json()
    back = ClassModel.from_json(text)
    assert back == model
    assert back.to_json() == text
    for name in ("weights", "means", "covariances"):
        assert getattr(back.mixture, name).tobytes() == getattr(model.mixture, name).tobytes()
    assert np.array([back.black, back.white]).tobytes() == np.array([model.black, model.white]).tobytes()
    assert dataclasses.replace(back, mixture=model.mixture) == model
    assert (back.names, back.training, back.preprocessing) == (model.names, model.training, model.preprocessing)


def test_the_text_is_plain_json_that_says_what_it_is(model: ClassModel) -> None:
    fields = json.loads(model.to_json())
    assert (fields["format"], fields["version"]) == ("segment class model", 1)
    assert fields["features"] == {"space": "rgb", "channels": 3, "names": ["R", "G", "B"]}
    assert fields["depth"] == {"dtype": "uint8", "black": 0, "white": 255}
    assert [(entry["label"], entry["name"]) for entry in fields["classes"]] == [(i, f"class {i}") for i in range(1, 5)]
    assert fields["classes"][1]["components"][0]["covariance"] == model.mixture.covariances[1].tolist()
    assert fields["training"]["pixels"] == 60000
    assert fields["preprocessing"] == {"max_size": 0, "greyscale": False, "denoise": "none", "denoise_radius": 0.001}


def test_models_are_equal_where_their_values_are(model: ClassModel) -> None:
    other = model.renamed("trees", "meadow", "mountain", "sky")
    assert other != model
    assert other.renamed(*make_default_names(4)) == model
    assert hash(other.renamed(*make_default_names(4))) == hash(model)
    assert model != "a model"


def damage(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Replace one field of a model's JSON."""

    def change(fields: dict[str, Any]) -> None:
        target: Any = fields
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return change


BAD_FIELDS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (damage("format", to="geojson"), "format: 'segment class model'; got 'geojson'."),
    "no format": (lambda fields: fields.pop("format"), "the file.format: is missing."),
    "newer": (damage("version", to=2), "version: up to 1 can be read; got 2. Update segment."),
    "version of another type": (damage("version", to=True), "the file.version: a whole number from 1"),
    "missing": (lambda fields: fields.pop("classes"), "classes: is missing."),
    "missing inside": (
        lambda fields: fields["classes"][2]["components"][0].pop("mean"),
        "classes[2].components[0].mean: is missing.",
    ),
    "unknown": (damage("clases", to=[]), "the file: fields are format, version, "),
    "unknown inside": (damage("classes", 0, "wieght", to=1), "classes[0]: fields are label, name, "),
    "no object": (damage("training", to=[1]), "training: an object with named fields; got [1]."),
    "no list": (damage("classes", to={}), "classes: a list; got {}."),
    "no class": (damage("classes", to=[]), "classes: from 1 to 255; got 0."),
    "too many classes": (
        lambda fields: fields.update(classes=fields["classes"] * 64),
        "classes: from 1 to 255; got 256",
    ),
    "order": (lambda fields: fields["classes"].reverse(), "classes[0].label: a whole number from 1 to 1; got 4."),
    "name of another type": (damage("classes", 0, "name", to=7), "classes[0].name: text; got 7."),
    "empty name": (damage("classes", 0, "name", to=" "), "names: 1 to 60 printable characters each; got ' '."),
    "name of two lines": (damage("classes", 0, "name", to="a\nb"), "names: 1 to 60 printable characters"),
    "surrogate": (damage("classes", 0, "name", to="\ud800"), "names: 1 to 60 printable characters"),
    "two alike": (damage("classes", 0, "name", to="class 2"), "names: no two alike"),
    "weight of text": (
        damage("classes", 0, "components", 0, "weight", to="0.2"),
        "classes[0].components[0].weight: a finite number; got '0.2'.",
    ),
    "weight below zero": (
        damage("classes", 0, "components", 0, "weight", to=-0.2),
        "weights: not below 0, with the sum 1;",
    ),
    "weights of another sum": (
        damage("classes", 0, "components", 0, "weight", to=0.9),
        "weights: not below 0, with the sum 1;",
    ),
    "weights below zero of sum 1": (
        lambda fields: [
            entry["components"][0].update(weight=w)
            for entry, w in zip(fields["classes"], (-0.5, 1, 0.5, 0), strict=True)
        ],
        "weights: not below 0, with the sum 1; got the sum 1, least -0.5.",
    ),
    "huge": (
        damage("classes", 0, "components", 0, "weight", to=10**400),
        "classes[0].components[0].weight: a finite number;",
    ),
    "mean too short": (
        damage("classes", 0, "components", 0, "mean", to=[1, 2]),
        "classes[0].components[0].mean: 3 finite numbers; got [1, 2].",
    ),
    "mean far out": (
        damage("classes", 0, "components", 0, "mean", to=[1, 2, 1e9]),
        "means: numbers from -1e+06 to 1e+06; got 1e+09.",
    ),
    "flag for a number": (
        damage("classes", 0, "components", 0, "mean", 0, to=True),
        "classes[0].components[0].mean: 3 finite numbers;",
    ),
    "matrix of another shape": (
        damage("classes", 0, "components", 0, "covariance", to=[1, 2, 3]),
        "classes[0].components[0].covariance: 3 x 3 finite",
    ),
    "not symmetric": (
        damage("classes", 0, "components", 0, "covariance", 0, 1, to=9.0),
        "covariance of class 1: a symmetric matrix;",
    ),
    "not definite": (
        damage("classes", 1, "components", 0, "covariance", to=[[1, 2, 0], [2, 1, 0], [0, 0, 1]]),
        "covariance of class 2: positive definite;",
    ),
    "no variance": (
        damage("classes", 0, "components", 0, "covariance", 0, 0, to=0),
        "covariance of class 1: variances from 1e-20",
    ),
    "negative variance": (
        damage("classes", 0, "components", 0, "covariance", 0, 0, to=-1),
        "covariance of class 1: variances from",
    ),
    "type": (damage("covariance_type", to="round"), "covariance_type: one of full, tied, diag, spherical; got round."),
    "not of the type": (damage("covariance_type", to="diag"), "covariance_type: diag; got covariances that are not."),
    "not tied": (damage("covariance_type", to="tied"), "covariance_type: tied; got covariances that are not."),
    "space": (damage("features", "space", to="yuv"), "features.space: one of lab, rgb, hsv, intensity; got yuv."),
    "channels": (damage("features", "channels", to=2), "features.channels: one of 1, 3; got 2."),
    "other features": (damage("features", "space", to="lab"), "features.names: L*, a*, b* in this space; got R, G, B."),
    "fewer channels": (damage("features", "channels", to=1), "classes: 1 features each; got 3."),
    "dtype": (damage("depth", "dtype", to="int8"), "depth.dtype: one of uint8, uint16, float32; got int8."),
    "no range": (damage("depth", "white", to=0), "depth: a black below white; got 0 and 0."),
    "preprocessing": (damage("preprocessing", "sharpen", to=1), "preprocessing: no such setting as sharpen."),
    "k is none": (damage("preprocessing", "k", to=1), "preprocessing: no such setting as k."),
    "preprocessing range": (
        damage("preprocessing", "denoise", to="x"),
        "preprocessing: denoise (--denoise): one of none",
    ),
    "pixels": (damage("training", "pixels", to=-1), "training.pixels: a whole number from 0"),
    "notes": (damage("training", "notes", to=[1]), "training.notes: a list of texts; got [1]."),
    "note of two lines": (damage("training", "notes", to=["a\nb"]), "training.notes: a printable line each"),
}


@pytest.mark.parametrize(("change", "words"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_wrong_field_is_refused_by_name(
    model: ClassModel, change: Callable[[dict[str, Any]], Any], words: str, tmp_path: Path
) -> None:
    fields = json.loads(model.to_json())
    change(fields)
    path = tmp_path / "m.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        segment.load_class_model(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert str(caught.value).isprintable()


TEXTS = {
    "nothing": ("", "a model is JSON text; got expecting value at line 1, column 1."),
    "half": ('{"format": "segment class model", "version"', "a model is JSON text; got expecting ':' delimiter"),
    "list": ("[]", "the file: an object with named fields; got []."),
    "nan": ('{"format": NaN}', "a model has finite numbers; got NaN."),
    "infinity": ('{"format": [-Infinity]}', "a model has finite numbers; got -Infinity."),
    "twice": ('{"format": "segment class model", "format": "x"}', "format: a field stands once; got it twice."),
    "deep": ("[" * 100_000, "a model is JSON text; "),
    "long number": ('{"version": ' + "1" * 10_000 + "}", "a model is JSON text; exceeds the limit"),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_text_that_is_no_model_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        ClassModel.from_json(text)


def test_a_number_beyond_the_floats_is_refused(model: ClassModel) -> None:
    with pytest.raises(ModelError, match=r"^classes\[0\]\.components\[0\]\.weight: a finite number; got inf"):
        ClassModel.from_json(re.sub(r'"weight": [^,]*', '"weight": 1e999', model.to_json(), count=1))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_damaged_text_is_read_or_refused_but_never_a_fault(data: st.DataObject) -> None:
    text = sound_text()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.sampled_from([0, 1, 1, 1, 2, 10, len(text)]))
        character = data.draw(
            st.sampled_from(["", "", "9", "0", "-", "e", ".", '"', ",", "[", "}", "\n", "x", "\ud800"])
        )
        text = (text[:place] + character + text[place + length :]) or " "
    refusal = ""
    try:
        model = ClassModel.from_json(text)
    except ModelError as error:
        refusal = str(error)
    assert refusal.isprintable()
    if refusal:
        return
    assert ClassModel.from_json(model.to_json()) == model
    try:
        result = segment.apply_classes(model, PATTERN)
    except ModelError:  # the number of channels can change
        return
    assert set(np.unique(result.label_image)) <= {1, 2}


PATTERN = np.kron(
    np.array([[10, 200], [90, 150]], np.uint8)[..., None] + np.arange(3, dtype=np.uint8), np.ones((4, 4, 1), np.uint8)
)


@functools.cache
def sound_text() -> str:
    return segment.fit_classes([PATTERN], k=2).to_json()


def test_no_classes_cannot_be_saved() -> None:
    result = segment.segment_image(np.zeros((4, 5, 4), dtype=np.uint8), k=3)
    assert result.class_model.n_classes == 0
    with pytest.raises(ModelError, match="at least one class"):
        result.class_model.to_json()


# Fit and apply


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"features": "lab", "covariance_type": "tied", "k": 3},
        {"features": "hsv", "covariance_type": "diag"},
        {"features": "intensity", "covariance_type": "spherical", "k": 2, "n_init": 1},
        {"greyscale": True, "k": 2, "n_init": 1},
        {"denoise": "median", "denoise_radius": 0.01, "max_size": 150, "seed": 5},
    ],
    ids=str,
)
@pytest.mark.parametrize("depth", ["8", "16", "float"])
def test_one_image_fitted_and_applied_is_that_image_segmented(
    photographs: dict[str, np.ndarray], options: dict[str, Any], depth: str
) -> None:
    pixels = photographs["landscape"]
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


def test_two_images_are_fitted_as_one_that_holds_both(photographs: dict[str, np.ndarray]) -> None:
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


def test_more_cells_than_memory_should_hold_are_coarsened_and_said(
    photographs: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [photographs["landscape"], photographs["sunset"]]
    exact = segment.fit_classes(images, k=4)
    monkeypatch.setattr("segment.pipeline.multi_image_fit._MANY", 5000)
    coarse = segment.fit_classes(images, k=4)
    assert re.fullmatch(
        r"the images have many colors: they were fitted in boxes, \d+ along .*", coarse.training.notes[0]
    )
    for image in images:  # another optimum, but no worse a one
        reached, best = (segment.apply_classes(model, image).fit.finish.log_likelihoods[0] for model in (coarse, exact))
        assert reached > best - 0.3
    assert segment.fit_classes(images[:1], k=4).training.notes == ()


def test_numbers_and_names_stay_in_every_image(photographs: dict[str, np.ndarray]) -> None:
    named = segment.fit_classes([photographs["landscape"]], k=4).renamed("trees", "meadow", "mountain", "sky")
    bare = {"smooth_radius": 0, "min_region": 0, "max_hole": 0}  # clean-up breaks ties by number
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


def test_a_start_keeps_number_names_and_order_and_adapts(photographs: dict[str, np.ndarray], model: ClassModel) -> None:
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


def test_a_start_and_too_few_colors_leave_the_classes_as_they_are(model: ClassModel) -> None:
    result = segment.segment_image(np.full((9, 9, 3), 90, np.uint8), start=model)
    assert result.class_model.mixture is model.mixture
    assert "fewer distinct colors than the model's 4 classes: they stay as they are" in result.warnings[0]


def test_a_start_of_another_number_of_classes_is_refused(model: ClassModel, quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match=r"^k: that of the model to start from, 4; got 3\. Leave it out\.$"):
        segment.segment_image(quadrants, start=model, k=3)
    with pytest.raises(SettingsError, match=r"^features: that of the model to start from, rgb; got lab"):
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


def test_a_guessed_white_gives_way_to_the_model_s(photographs: dict[str, np.ndarray]) -> None:
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
    assert "its values are read on the model's scale, 0 to 4095, not as 0 to 1023" in result.warnings


def test_a_known_white_is_kept(photographs: dict[str, np.ndarray]) -> None:
    deep = np.rint(photographs["landscape"] * (4095 / 255)).astype(np.uint16)
    model = segment.fit_classes([deep], k=4)
    tenth = segment.Image.from_array(deep >> 2, white=1023)
    result = segment.apply_classes(model, tenth)
    assert (result.label_image == segment.apply_classes(model, deep).label_image).mean() > 0.99
    assert "its values from 0 to 1023 stand for the model's 0 to 4095" in result.warnings


def test_a_few_values_beyond_the_scale_are_cut(photographs: dict[str, np.ndarray]) -> None:
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
        assert model.training.notes == ()


def test_images_of_different_depth_are_said(photographs: dict[str, np.ndarray]) -> None:
    pixels = photographs["landscape"]
    model = segment.fit_classes([pixels, pixels.astype(np.uint16) * 257], k=4)
    assert model.training.notes == ("images of different depth are compared as shares of the way from black to white",)
    alone = segment.fit_classes([pixels], k=4)
    np.testing.assert_allclose(model.mixture.means, alone.mixture.means, atol=0.5)


# Drift


def shifted(pixels: np.ndarray, by: int) -> np.ndarray:
    return np.clip(pixels.astype(int) + by, 0, 255).astype(np.uint8)


def has_drifted(model: ClassModel, pixels: np.ndarray) -> bool:
    return any("explains this image badly" in warning for warning in segment.apply_classes(model, pixels).warnings)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_drift_is_flagged_for_other_pictures_and_light(name: str, photographs: dict[str, np.ndarray]) -> None:
    pixels = photographs[name]
    model = segment.fit_classes([pixels], k=4)
    assert not has_drifted(model, pixels)
    assert not any(has_drifted(model, shifted(pixels, by)) for by in (-10, 10))
    assert all(has_drifted(model, shifted(pixels, by)) for by in (-80, 80))
    assert not has_drifted(model, np.ascontiguousarray(pixels[::2, ::-2]))
    flags = {other: has_drifted(model, photographs[other]) for other in PHOTOGRAPHS if other != name}
    assert sum(flags.values()) >= 3, flags


def test_drift_is_one_nat_below_the_worst_training_image(model: ClassModel) -> None:
    least = model.training.lowest_log_likelihood
    assert model.drift(least - 0.999) == ()
    (words,) = model.drift(least - 1.001)
    assert words.startswith(f"the model explains this image badly: log-likelihood {least - 1.001:.2f} a pixel")
    lenient = dataclasses.replace(model, training=dataclasses.replace(model.training, lowest_log_likelihood=least - 3))
    assert lenient.drift(least - 3.9) == ()


# Refusals


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


def test_settings_of_the_fit_are_not_for_apply(model: ClassModel, quadrants: np.ndarray) -> None:
    for name, value, option in (("k", 3, "-k"), ("features", "lab", "--features"), ("tol", 1, "--tol")):
        with pytest.raises(SettingsError, match=rf"^{name} \({option}\): the model has its own\. Leave it out\.$"):
            segment.apply_classes(model, quadrants, **{name: value})
    with pytest.raises(SettingsError, match="not both"):
        segment.apply_classes(model, quadrants, segment.SegmentConfig(), max_hole=0)
    result = segment.apply_classes(model, quadrants, segment.SegmentConfig(k=7, max_hole=0))
    assert (result.config.k, result.config.max_hole) == (4, 0)


def test_nothing_to_fit_is_refused(quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="at least one image"):
        segment.fit_classes([], k=2)
    with pytest.raises(ModelError, match="image: a model needs valid pixels; got none"):
        segment.fit_classes([np.zeros((3, 3, 4), np.uint8)], k=2)
    with pytest.raises(ImageError):
        segment.fit_classes([quadrants, np.zeros(3)], k=2)
    assert segment.fit_classes([np.zeros((3, 3, 4), np.uint8), quadrants], k=4).n_classes == 4


def test_an_image_without_valid_pixels_gets_no_labels(model: ClassModel) -> None:
    result = segment.apply_classes(model, np.zeros((3, 4, 4), np.uint8))
    assert not result.label_image.any()
    assert "no pixel is valid" in result.warnings
    assert not any("badly" in warning for warning in result.warnings)


# Files


def test_a_file_comes_back_as_it_was(model: ClassModel, tmp_path: Path) -> None:
    path = segment.save_class_model(model, tmp_path / "new" / "m.json")
    assert segment.load_class_model(path) == model
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        segment.save_class_model(model.renamed(*"abcd"), path)
    assert path.read_bytes() == before
    segment.save_class_model(model.renamed(*"abcd"), path, overwrite=True)
    assert segment.load_class_model(path).names == tuple("abcd")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))  # as some editors save it
    assert segment.load_class_model(path).names == tuple("abcd")


def test_what_is_no_file_of_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xd8\xff\xe0")
    for name, words in (
        ("missing", "the model cannot be opened; no such file or directory"),
        ("binary", "a model is JSON text; got other bytes"),
        ("", "a model is a regular file; got something else"),
        ("nul\0", "the model cannot be opened; "),
    ):
        with pytest.raises(ModelError, match=words):
            segment.load_class_model(tmp_path / name)
    monkeypatch.setattr("segment.segmenter.class_model.storage._LARGEST", 3)
    with pytest.raises(ModelError, match="at most 3 bytes; got 4"):
        segment.load_class_model(tmp_path / "binary")


# The command line


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quadrants: np.ndarray
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(quadrants).save("a.png")
    PilImage.fromarray(quadrants[:, ::-1]).save("b.png")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return run


Program = Callable[..., tuple[int, str, str]]


def labels(path: str) -> np.ndarray:
    with PilImage.open(path) as image:
        return np.asarray(image)


def test_fit_and_apply_from_the_command_line(program: Program) -> None:
    assert program("fit", "a.png", "-k", "4", "-o", "m.json") == (0, "m.json\n", "")
    assert program("run", "a.png", "-k", "4", "-o", "run", "--save", "panel,labels,model")[0] == 0
    assert Path("run/a_model.json").read_bytes() == Path("m.json").read_bytes()
    code, out, err = program("apply", "m.json", "a.png", "b.png", "-o", "out")
    assert (code, err) == (0, "2 of 2 images segmented.\n")
    for name in ("a_panel.png", "a_labels.png"):
        assert Path("out", name).read_bytes() == Path("run", name).read_bytes()
    np.testing.assert_array_equal(labels("out/b_labels.png"), labels("out/a_labels.png")[:, ::-1])
    assert out.count("16.67 %") == 2


def test_the_same_from_the_library_and_from_a_file(program: Program) -> None:
    assert program("fit", "a.png", "b.png", "-k", "3", "--features", "lab", "-o", "sub/m.json")[0] == 0
    assert segment.load_class_model("sub/m.json") == segment.fit_classes(["a.png", "b.png"], k=3, features="lab")


def test_names_are_kept_and_shown(program: Program) -> None:
    assert program("fit", "a.png", "-k", "2", "--name", "1=forêt", "--name", "2=sky", "-o", "m.json")[0] == 0
    assert segment.load_class_model("m.json").names == ("forêt", "sky")
    code, out, _ = program("apply", "m.json", "b.png", "-o", "out")
    assert code == 0
    rows = [line for line in out.splitlines() if re.match(r" +\d", line)]
    assert [row.rsplit(maxsplit=1)[1] for row in rows] == ["forêt", "sky"]


def test_a_start_from_the_command_line(program: Program) -> None:
    model = segment.fit_classes(["a.png"], k=4).renamed(*"wxyz")
    turned = dataclasses.replace(model, mixture=model.mixture.reorder([3, 2, 1, 0]))
    segment.save_class_model(turned, "m.json")
    assert program("run", "a.png", "--start", "m.json", "--save", "labels,model", "-o", "out")[::2] == (0, "")
    np.testing.assert_array_equal(labels("out/a_labels.png"), 5 - segment.segment_image("a.png", k=4).label_image)
    assert segment.load_class_model("out/a_model.json").names == tuple("wxyz")
    assert program("batch", ".", "--start", "m.json", "-o", "again")[0] == 0
    code, _, err = program("run", "a.png", "--start", "m.json", "-k", "3", "-o", "more")
    assert (code, Path("more").exists()) == (2, False)
    assert err == "Error: k: that of the model to start from, 4; got 3. Leave it out.\n"


def test_a_model_is_not_replaced_unless_asked(program: Program) -> None:
    Path("m.json").write_bytes(b"mine")
    code, out, err = program("fit", "a.png", "-k", "2", "-o", "m.json")
    assert (code, out) == (1, "")
    assert err == "Error: m.json: exists already. Give --overwrite to replace it, or another file with -o.\n"
    assert Path("m.json").read_bytes() == b"mine"
    assert program("fit", "a.png", "-k", "2", "-o", "m.json", "--overwrite")[0] == 0
    assert segment.load_class_model("m.json").n_classes == 2
    before = Path("a.png").read_bytes()
    code, _, err = program("fit", "a.png", "-k", "2", "-o", "./a.png", "--overwrite")
    assert (code, Path("a.png").read_bytes()) == (1, before)
    assert "a.png: is an input, and the model would replace it." in err
    Path("a_model.json").write_bytes(Path("m.json").read_bytes())
    code, _, err = program("apply", "a_model.json", "a.png", "--save", "model", "-o", ".", "--overwrite")
    assert (code, Path("a_model.json").read_bytes()) == (2, Path("m.json").read_bytes())
    assert "a_model.json: is an input" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fit", "-o", "m.json"], 2, "Missing argument 'INPUT...'."),
        (["fit", "a.png", "missing.png", "-k", "2"], 1, "missing.png: the file cannot be opened"),
        (["fit", "a.png", "-k", "0"], 2, "k (-k): a whole number from 1 to 255 or auto; got 0."),
        (["fit", "a.png", "-k", "2", "-o", "."], 1, ".: is a folder, and a model is one file."),
        (
            ["fit", "a.png", "-k", "2", "--name", "3=c"],
            2,
            "name (--name): each of the classes 1 to 2 at most once;",
        ),
        (
            ["fit", "a.png", "-k", "2", "--name", "1=a", "--name", "2=a"],
            2,
            "name (--name): a name of its own",
        ),
        (["fit", "a.png", "--min-region", "0"], 2, "No such option"),
        (["apply", "m.json"], 2, "Missing argument 'INPUT...'."),
        (["apply", "missing.json", "a.png"], 1, "missing.json: the model cannot be opened"),
        (["apply", "a.png", "a.png"], 1, "a.png: a model is JSON text; got other bytes."),
        (["apply", "m.json", "a.png", "-k", "3"], 2, "No such option"),
        (["run", "a.png", "--start", "missing.json"], 1, "missing.json: the model cannot be opened"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    program: Program, arguments: list[str], code: int, words: str
) -> None:
    before = sorted(Path().rglob("*"))
    result = program(*arguments)
    assert (result[0], result[1]) == (code, "")
    (line,) = [line for line in result[2].splitlines() if not line.startswith("No -k given")]
    assert line.startswith(f"Error: {words}")
    assert sorted(Path().rglob("*")) == before


def test_an_image_that_does_not_fit_does_not_stop_the_others(program: Program) -> None:
    PilImage.open("a.png").convert("L").save("gray.png")
    assert program("fit", "a.png", "-k", "2", "-o", "m.json")[0] == 0
    code, _, err = program("apply", "m.json", "gray.png", "b.png", "-o", "out")
    assert (code, err.splitlines()[-1]) == (1, "1 of 2 images segmented, 1 failed.")
    assert err.startswith("Error: gray.png: the model's features are R, G, B; got an image with intensity.")
    assert sorted(path.name for path in Path("out").iterdir()) == ["b_labels.png", "b_panel.png"]


def test_a_drifted_image_has_a_warning(program: Program, quadrants: np.ndarray) -> None:
    assert program("fit", "a.png", "-k", "4", "-o", "m.json")[0] == 0
    PilImage.fromarray(255 - quadrants).save("c.png")
    code, _, err = program("apply", "m.json", "c.png", "-o", "out")
    assert code == 0
    assert err.startswith("Warning: c.png: the model explains this image badly: log-likelihood ")


def test_the_model_keeps_the_preprocessing_of_its_fit(program: Program) -> None:
    assert program("fit", "a.png", "-k", "2", "--greyscale", "--max-size", "10", "-o", "m.json")[0] == 0
    assert program("apply", "m.json", "a.png", "-o", "out")[0] == 0
    assert program("run", "a.png", "-k", "2", "--greyscale", "--max-size", "10", "-o", "run")[0] == 0
    np.testing.assert_array_equal(labels("out/a_labels.png"), labels("run/a_labels.png"))
