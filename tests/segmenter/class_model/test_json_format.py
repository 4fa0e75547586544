"""The text of a saved model: plain JSON, and every damaged or edited field refused by its name."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from class_models import make_class_model
from hypothesis import given, settings
from hypothesis import strategies as st

import segment
from segment.core.errors import ModelError
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.json_format import decode_fields, encode_fields


def test_the_text_is_plain_json_that_names_its_format() -> None:
    model = make_class_model()
    fields = json.loads(model.to_json())
    assert (fields["format"], fields["version"]) == ("segment class model", 1)
    assert fields["features"] == {"space": "rgb", "channels": 3, "names": ["R", "G", "B"]}
    assert fields["depth"] == {"dtype": "uint8", "black": 0, "white": 255}
    assert [(entry["label"], entry["name"]) for entry in fields["classes"]] == [(i, f"class {i}") for i in range(1, 5)]
    assert fields["classes"][1]["components"][0]["covariance"] == model.mixture.covariances[1].tolist()
    assert fields["training"]["pixels"] == 60000
    assert fields["preprocessing"] == {"max_size": 0, "greyscale": False, "denoise": "none", "denoise_radius": 0.001}


def test_lists_of_numbers_stand_on_one_line() -> None:
    text = encode_fields({"mean": [1.5, 2], "matrix": [[1, 2], [3, 4]], "text": "[1,\n 2]", "none": []})
    assert text.startswith('{\n "format": "segment class model",\n "version": 1,\n')
    assert ' "mean": [1.5, 2],\n "matrix": [\n  [1, 2],\n  [3, 4]\n ],\n' in text
    assert ' "text": "[1,\\n 2]",\n "none": []\n}\n' in text


def test_the_fields_are_read_by_the_names_of_the_model() -> None:
    model = make_class_model()
    values = decode_fields(model.to_json())
    assert values["feature_names"] == ("R", "G", "B")
    assert values["names"] == model.names
    assert values["groups"].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(values["mixture"][1], model.mixture.means)
    assert values["training"] == vars(model.training)


def set_field(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Replace one field of a model's JSON."""

    def change(fields: dict[str, Any]) -> None:
        target: Any = fields
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return change


BAD_FIELDS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (set_field("format", to="geojson"), "format: 'segment class model'; got 'geojson'."),
    "no format": (lambda fields: fields.pop("format"), "the file.format: is missing."),
    "newer": (set_field("version", to=2), "version: up to 1 can be read; got 2. Update segment."),
    "version of another type": (set_field("version", to=True), "the file.version: a whole number from 1"),
    "missing": (lambda fields: fields.pop("classes"), "classes: is missing."),
    "missing inside": (
        lambda fields: fields["classes"][2]["components"][0].pop("mean"),
        "classes[2].components[0].mean: is missing.",
    ),
    "unknown": (set_field("clases", to=[]), "the file: fields are format, version, "),
    "unknown inside": (set_field("classes", 0, "wieght", to=1), "classes[0]: fields are label, name, "),
    "merged in part": (
        set_field("classes", 0, "components", 0, "merged_from", to=1),
        "component.merged_from: is missing.",
    ),
    "no object": (set_field("training", to=[1]), "training: an object with named fields; got [1]."),
    "no list": (set_field("classes", to={}), "classes: a list; got {}."),
    "no class": (set_field("classes", to=[]), "classes: from 1 to 255; got 0."),
    "too many classes": (
        lambda fields: fields.update(classes=fields["classes"] * 64),
        "classes: from 1 to 255; got 256",
    ),
    "order": (lambda fields: fields["classes"].reverse(), "classes[0].label: a whole number from 1 to 1; got 4."),
    "name of another type": (set_field("classes", 0, "name", to=7), "classes[0].name: text; got 7."),
    "empty name": (set_field("classes", 0, "name", to=" "), "names: 1 to 60 printable characters each; got ' '."),
    "name of two lines": (set_field("classes", 0, "name", to="a\nb"), "names: 1 to 60 printable characters"),
    "surrogate in a name": (set_field("classes", 0, "name", to="\ud800"), "names: 1 to 60 printable characters"),
    "two names alike": (set_field("classes", 0, "name", to="class 2"), "names: a different one for each class"),
    "weight of text": (
        set_field("classes", 0, "components", 0, "weight", to="0.2"),
        "classes[0].components[0].weight: a finite number; got '0.2'.",
    ),
    "weight below zero": (
        set_field("classes", 0, "components", 0, "weight", to=-0.2),
        "weights: not below 0, with the sum 1;",
    ),
    "weights of another sum": (
        set_field("classes", 0, "components", 0, "weight", to=0.9),
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
        set_field("classes", 0, "components", 0, "weight", to=10**400),
        "classes[0].components[0].weight: a finite number;",
    ),
    "mean too short": (
        set_field("classes", 0, "components", 0, "mean", to=[1, 2]),
        "classes[0].components[0].mean: 3 finite numbers; got [1, 2].",
    ),
    "mean far out": (
        set_field("classes", 0, "components", 0, "mean", to=[1, 2, 1e9]),
        "means: numbers from -1e+06 to 1e+06; got 1e+09.",
    ),
    "flag for a number": (
        set_field("classes", 0, "components", 0, "mean", 0, to=True),
        "classes[0].components[0].mean: 3 finite numbers;",
    ),
    "matrix of another shape": (
        set_field("classes", 0, "components", 0, "covariance", to=[1, 2, 3]),
        "classes[0].components[0].covariance: 3 x 3 finite",
    ),
    "not symmetric": (
        set_field("classes", 0, "components", 0, "covariance", 0, 1, to=9.0),
        "covariance of component 1: a symmetric matrix;",
    ),
    "not definite": (
        set_field("classes", 1, "components", 0, "covariance", to=[[1, 2, 0], [2, 1, 0], [0, 0, 1]]),
        "covariance of component 2: positive definite;",
    ),
    "no variance": (
        set_field("classes", 0, "components", 0, "covariance", 0, 0, to=0),
        "covariance of component 1: variances from 1e-20",
    ),
    "negative variance": (
        set_field("classes", 0, "components", 0, "covariance", 0, 0, to=-1),
        "covariance of component 1: variances from",
    ),
    "covariance type": (
        set_field("covariance_type", to="round"),
        "covariance_type: one of full, tied, diag, spherical; got round.",
    ),
    "not diagonal": (set_field("covariance_type", to="diag"), "covariance_type: diag; got covariances that are not."),
    "not tied": (set_field("covariance_type", to="tied"), "covariance_type: tied; got covariances that are not."),
    "space": (set_field("features", "space", to="yuv"), "features.space: one of lab, rgb, hsv, intensity; got yuv."),
    "channels": (set_field("features", "channels", to=2), "classes: 2 features each; got 3."),
    "other features": (
        set_field("features", "space", to="lab"),
        "features.names: L*, a*, b* in this space; got R, G, B.",
    ),
    "fewer channels": (set_field("features", "channels", to=1), "classes: 1 features each; got 3."),
    "dtype": (set_field("depth", "dtype", to="int8"), "depth.dtype: one of uint8, uint16, float32; got int8."),
    "no range from black to white": (set_field("depth", "white", to=0), "depth: a black below white; got 0 and 0."),
    "preprocessing": (set_field("preprocessing", "sharpen", to=1), "preprocessing: no such setting as sharpen."),
    "k in preprocessing": (set_field("preprocessing", "k", to=1), "preprocessing: no such setting as k."),
    "preprocessing range": (
        set_field("preprocessing", "denoise", to="x"),
        "preprocessing: denoise (--denoise): one of none",
    ),
    "pixels": (set_field("training", "pixels", to=-1), "training.pixels: a whole number from 0"),
    "notes": (set_field("training", "notes", to=[1]), "training.notes: a list of texts; got [1]."),
    "note of two lines": (set_field("training", "notes", to=["a\nb"]), "training.notes: a printable line each"),
}


@pytest.mark.parametrize(("change", "words"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_wrong_field_is_refused_by_name(change: Callable[[dict[str, Any]], Any], words: str, tmp_path: Path) -> None:
    fields = json.loads(make_class_model().to_json())
    change(fields)
    path = tmp_path / "m.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        segment.load_class_model(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert str(caught.value).isprintable()


def test_text_that_is_no_object_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^the file: an object with named fields; got \[\]\."):
        decode_fields("[]")


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^classes\[0\]\.components\[0\]\.weight: a finite number; got inf"):
        ClassModel.from_json(re.sub(r'"weight": [^,]*', '"weight": 1e999', make_class_model().to_json(), count=1))


PATTERN = np.kron(
    np.array([[10, 200], [90, 150]], np.uint8)[..., None] + np.arange(3, dtype=np.uint8), np.ones((4, 4, 1), np.uint8)
)


@functools.cache
def make_sound_text() -> str:
    return segment.fit_classes([PATTERN], k=2).to_json()


@given(st.data())
@settings(max_examples=400)
def test_a_damaged_text_is_read_or_refused_with_a_model_error(data: st.DataObject) -> None:
    text = make_sound_text()
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


def test_a_model_has_at_most_as_many_components_as_can_be_fitted() -> None:
    fields = json.loads(make_class_model().to_json())
    fields["classes"][0]["components"] *= 4100
    with pytest.raises(ModelError, match="at most 4096 components in all; got 4103"):
        decode_fields(json.dumps(fields))
