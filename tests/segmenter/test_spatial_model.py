"""What neighbors count for: the choice, and what each of the three kinds makes of the same image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segment import Image, SegmentConfig
from segment.segmenter.class_fitting import fit_image_classes
from segment.segmenter.spatial_model import (
    ColorsAlone,
    PixelField,
    RegionClasses,
    SpatialModel,
    build_spatial_model,
    choose_spatial_type,
)


@pytest.fixture
def noisy_halves() -> Image:
    """Dark left, bright right, and noise that no color alone can tell apart everywhere."""
    rng = np.random.default_rng(3)
    picture = np.where(np.arange(60) < 30, 100.0, 140.0) + rng.normal(0, 20, (40, 60))
    return Image.from_array(picture.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, PixelField),
        ({"spatial": "none"}, ColorsAlone),
        ({"smoothness": 0}, ColorsAlone),
        ({"coherence": "region"}, RegionClasses),
        ({"coherence": "region", "spatial": "none"}, RegionClasses),
    ],
)
def test_the_settings_choose_the_kind(noisy_halves: Image, settings: dict, kind: type[SpatialModel]) -> None:
    config = SegmentConfig(k=2, **settings)
    assert choose_spatial_type(config) is kind
    assert type(build_spatial_model(noisy_halves, config)) is kind


@pytest.mark.parametrize("settings", [{}, {"spatial": "none"}, {"coherence": "region"}])
def test_labels_are_the_most_probable_classes(noisy_halves: Image, settings: dict) -> None:
    config = SegmentConfig(k=2, **settings)
    spatial = build_spatial_model(noisy_halves, config)
    classes = fit_image_classes(spatial.data, config).classes
    posteriors = spatial.prepare_posteriors(classes)(np.arange(noisy_halves.valid.size))
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(posteriors.argmax(axis=1) + 1, spatial.label(classes).label_image.reshape(-1))


def test_the_field_corrects_what_colors_alone_get_wrong(noisy_halves: Image) -> None:
    truth = np.where(np.arange(60) < 30, 1, 2)
    errors = {}
    for spatial_setting in ("none", "field"):
        config = SegmentConfig(k=2, spatial=spatial_setting)
        spatial = build_spatial_model(noisy_halves, config)
        labels = spatial.label(fit_image_classes(spatial.data, config).classes).label_image
        errors[spatial_setting] = np.mean(labels != truth)
    assert errors["field"] < 0.02
    assert errors["none"] > 0.1


@pytest.mark.parametrize("settings", [{}, {"spatial": "none"}, {"coherence": "region"}])
def test_a_share_of_the_pixels_is_rejected(noisy_halves: Image, settings: dict) -> None:
    noisy_halves.pixels[:, :6] = 255  # a region that is small enough to be rejected as a whole
    config = SegmentConfig(k=2, **settings)
    spatial = build_spatial_model(noisy_halves, config)
    classes = fit_image_classes(spatial.data, config).classes
    assert spatial.label(classes).label_image.all()
    labels = spatial.label(classes, reject=0.2).label_image
    assert 0 < np.mean(labels == 0) <= 0.2


@pytest.mark.parametrize("kind", [ColorsAlone, PixelField, RegionClasses])
def test_an_empty_class_is_explained_with_a_remedy(kind: type[SpatialModel]) -> None:
    assert "fewer classes" in kind.explain_empty_class(SegmentConfig())


@pytest.mark.parametrize(("settings", "pixels"), [({"k": 32}, 2**19), ({"k": "auto"}, 2**19), ({"k": 255}, 2**16)])
def test_many_classes_get_a_smaller_field(settings: dict[str, Any], pixels: int) -> None:
    image = Image.from_array(np.zeros((1000, 1000), np.uint8))
    config = SegmentConfig(**settings)
    copy = choose_spatial_type(config).make_fit_copy(image, config)
    assert copy.valid.size == pytest.approx(pixels, rel=0.01)
    alone = SegmentConfig(**settings, spatial="none")
    assert choose_spatial_type(alone).make_fit_copy(image, alone) is image
