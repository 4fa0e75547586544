"""Classes are ordered, merged and named without a fit."""

from __future__ import annotations

import numpy as np

import segment
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_regrouping import regroup_classes

MODEL = MixtureModel(np.array([0.2, 0.5, 0.3]), np.array([[200.0], [20.0], [90.0]]), np.ones((3, 1, 1)))
SPACE = FeatureSpace("intensity", n_channels=1, black=0, white=255)


def regroup(**settings: object) -> tuple[list[float], tuple[str, ...], tuple[str, ...]]:
    """Regroup three classes of gray, of which the second has a name."""
    config = segment.SegmentConfig.from_values(k=3, **settings)
    new = regroup_classes(ClassMixture(MODEL, np.arange(3)), ("class 1", "sea", "class 3"), SPACE, config)
    means = new.classes.compute_means().ravel()
    # The class of each component, and where it is now, belong together.
    assert np.abs(means[new.numbers] - MODEL.means.ravel()).max() < 80
    return means.round(1).tolist(), new.names, new.warnings


def test_nothing_is_changed_by_default() -> None:
    assert regroup() == ([200.0, 20.0, 90.0], ("class 1", "sea", "class 3"), ())


def test_names_move_with_their_classes_and_numbers_are_those_of_the_order() -> None:
    assert regroup(order="lightness") == ([20.0, 90.0, 200.0], ("sea", "class 2", "class 3"), ())
    assert regroup(order="area")[0] == [20.0, 90.0, 200.0]
    means, names, warnings = regroup(order="lightness", merge="bright=2,3", name="1=lake")
    assert (means, names, warnings) == ([20.0, 134.0], ("lake", "bright"), ())


def test_a_model_is_regrouped_where_it_is_applied() -> None:
    pixels = np.repeat([[20, 90, 200]], [12, 8, 4], axis=1).astype(np.uint8).repeat(6, axis=0)
    model = segment.fit_classes([pixels], k=3, spatial="none", name="3=sky")
    usual = segment.apply_classes(model, pixels, spatial="none")
    merged = segment.apply_classes(model, pixels, spatial="none", merge="1,2", name="1=land", order="hue")
    assert [(row.name, row.pixels) for row in usual.classes] == [("class 1", 72), ("class 2", 48), ("sky", 24)]
    assert sorted((row.name, row.pixels) for row in merged.classes) == [("land", 120), ("sky", 24)]
    turned = segment.apply_classes(model, pixels, spatial="none", merge="land=1,2")
    assert [(row.name, row.pixels) for row in turned.classes] == [("land", 120), ("sky", 24)]
    assert turned.class_model.names == ("land", "sky")
