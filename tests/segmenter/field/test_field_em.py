"""EM with a random field: when colors alone tell the areas of an image apart."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from segment import Image, segment_image
from segment.features.pixel_features import extract_features
from segment.mixture.fitting import fit_mixture
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.field_fit import fit_with_field


def test_classes_that_colors_tell_apart_are_not_fitted_anew(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.segmenter.field.field_em.make_smoothed_cells", lambda *_, **__: 1 / 0)
    for distance, fails in ((120, False), (40, True)):
        picture = np.where(np.arange(80) < 40, 60.0, 60.0 + distance) + rng.normal(0, 15, (60, 80))
        features = extract_features(Image.from_array(picture.clip(0, 255).astype(np.uint8)), "rgb")
        found = fit_mixture(features.cells, 2, shrinkage=1.5)
        fitted = ClassMixture(found.model, np.arange(2)), found.prior, features.space, (features.image,)
        with pytest.raises(ZeroDivisionError) if fails else nullcontext():
            fit_with_field(*fitted, smoothness=12.0, may_restart=True)


def test_a_class_of_dead_pixels_does_not_hide_two_areas(rng: np.random.Generator) -> None:
    # Colors tell the dead pixels from all others, which hold both areas.
    areas = np.indices((100, 120))[1] >= 60
    picture = 100 + 25 * areas + rng.normal(0, 15, areas.shape)
    picture[rng.random(areas.shape) < 0.01] = 250
    labels = segment_image(picture.clip(0, 255).astype(np.uint8), k=2).label_image
    assert (labels == 1 + areas).mean() > 0.97
