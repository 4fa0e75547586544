"""What the classes of a saved model say of colors, kept from one image to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_memory import ColorMemory
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.edge_field import compute_whitening_matrix
from segment.segmenter.known_colors import recall_colors

SPACE = FeatureSpace("lab", n_channels=3, black=0, white=255)


@pytest.fixture
def classes(rng: np.random.Generator) -> ClassMixture:
    means, spread = rng.uniform(0, 80, (3, 3)), rng.uniform(1, 9, (3, 3, 3))
    model = MixtureModel(np.full(3, 1 / 3), means, spread @ spread.transpose(0, 2, 1) + 4 * np.eye(3))
    return ClassMixture(model, np.array([0, 0, 1]), memory=ColorMemory())


def test_what_is_recalled_is_what_is_computed(classes: ClassMixture, rng: np.random.Generator) -> None:
    for _ in range(3):
        image = Image.from_array(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8), valid=rng.random((9, 11)) < 0.9)
        index = ColorIndex(image)
        known, cells = recall_colors(classes, SPACE, index), SPACE.make_cells(index.pixels)
        assert known is not None
        np.testing.assert_array_equal(
            known.map_labels(image.valid), np.where(image.valid, classes.label_cells(cells).reshape(9, 11), 0)
        )
        logs, features = known.map_posteriors_and_features((9, 11))
        np.testing.assert_array_equal(known.look_up_log_posteriors(), logs.reshape(2, -1))
        np.testing.assert_array_equal(known.map_whitened((9, 11)), features)
        np.testing.assert_allclose(logs.reshape(2, -1).T, classes.compute_log_posteriors(cells), rtol=1e-5, atol=1e-6)
        whitened = cells.means @ compute_whitening_matrix(classes.model)
        np.testing.assert_allclose(features.reshape(3, -1).T, whitened, rtol=1e-5)
        np.testing.assert_array_equal(known.map_components((9, 11)).reshape(-1), classes.model.predict(cells))
        expected = classes.model.score_samples(cells)[image.valid.reshape(-1)].mean()
        assert known.compute_mean_log_density(image.valid) == pytest.approx(expected, rel=1e-6)


def test_nothing_is_recalled_of_other_classes(classes: ClassMixture) -> None:
    image = Image.from_array(np.full((2, 2, 3), 90, np.uint8))
    first = recall_colors(classes, SPACE, ColorIndex(image))
    classes.model.means[:] += 9  # nothing keeps a user from writing to the arrays of a model
    second = recall_colors(classes, SPACE, ColorIndex(image))
    assert first is not None
    assert second is not None
    assert first.compute_mean_log_density(image.valid) != second.compute_mean_log_density(image.valid)
    assert recall_colors(replace(classes, memory=None), SPACE, ColorIndex(image)) is None
