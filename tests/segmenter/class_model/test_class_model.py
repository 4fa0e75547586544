"""Class models: equality, names, scales of pixel values, and what a model refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from class_models import draw_class_models, make_class_model
from hypothesis import given

import segment
from segment.core.class_names import make_default_names
from segment.core.errors import ModelError, SettingsError
from segment.features.color_space import FeatureSpace
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.value_scale import ValueScale


@given(draw_class_models())
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


def test_models_are_equal_if_their_values_are() -> None:
    model = make_class_model()
    other = model.rename_classes("trees", "meadow", "mountain", "sky")
    assert other != model
    assert other.rename_classes(*make_default_names(4)) == model
    assert hash(other.rename_classes(*make_default_names(4))) == hash(model)
    assert dataclasses.replace(model, file="m.json") == model
    assert model != "a model"


def test_a_model_of_a_fit_keeps_the_preprocessing_only() -> None:
    expected = dataclasses.replace(make_class_model(), preprocessing={"max_size": 100, "greyscale": False})
    model = ClassModel.from_fit(
        ClassMixture(expected.mixture, expected.groups),
        expected.names,
        space=FeatureSpace("rgb", 3, 0, 255),
        scale=ValueScale("uint8", 0, 255),
        config=segment.SegmentConfig(k=7, max_size=100, smoothness=3),
        training=expected.training,
    )
    assert model == expected
    assert model.file == ""


def test_the_classes_and_settings_of_a_model() -> None:
    model = dataclasses.replace(make_class_model(), groups=np.array([0, 0, 1, 2]), names=("a", "b", "c"))
    assert model.n_classes == 3
    assert model.class_mixture.model is model.mixture
    assert model.class_mixture.groups is model.groups
    assert model.settings == {
        "k": 3,
        "features": "rgb",
        "covariance_type": "full",
        "bands": "",
        "max_size": 0,
        "greyscale": False,
        "even_light": False,
        "log_scale": False,
        "denoise": "none",
        "denoise_radius": 0.001,
    }


def test_a_model_without_classes_cannot_be_saved() -> None:
    result = segment.segment_image(segment.Image.from_array(np.zeros((4, 5, 4), dtype=np.uint8), alpha=True), k=3)
    assert result.class_model.n_classes == 0
    with pytest.raises(ModelError, match="at least one class"):
        result.class_model.to_json()


def test_an_image_gets_the_scale_of_the_model() -> None:
    model = dataclasses.replace(make_class_model(), dtype="uint16", white=4095)
    image = segment.Image.from_array(np.full((4, 5), 900, np.uint16))
    assert (image.white, model.rescale_image(image).white) == (1023, 4095)


# Checks


def test_images_of_other_features_are_refused() -> None:
    model = make_class_model()
    model.check_features(FeatureSpace("rgb", 3, 0, 65535), "image")
    with pytest.raises(ModelError, match=r"^a\.png: the model's features are R, G, B; got an image with L\*, a\*, b\*"):
        model.check_features(FeatureSpace("lab", 3, 0, 255), "a.png")
    with pytest.raises(ModelError, match=r"got an image with intensity\. Fit a model to such images\.$"):
        model.check_features(FeatureSpace("rgb", 1, 0, 255), "a.png")


def test_settings_other_than_those_of_the_model_are_refused() -> None:
    model = make_class_model()
    model.check_settings(segment.SegmentConfig(k=4, smoothness=3))
    with pytest.raises(SettingsError, match=r"^k \(-k\): that of the model to start from, 4; got 3\. Leave it out\.$"):
        model.check_settings(segment.SegmentConfig(k=3))
    with pytest.raises(SettingsError, match=r"^features \(--features\): that of the model to start from, rgb; got lab"):
        model.check_settings(segment.SegmentConfig(k=4, features="lab"))
