"""Names of classes: by number, by color, and after a merge."""

from __future__ import annotations

import numpy as np
import pytest

import segment
from segment.core.class_names import make_default_names
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_naming import name_by_color, name_classes

COLORS = np.array(
    [(30, 25, 20), (60, 130, 40), (200, 60, 50), (40, 80, 200), (230, 210, 60), (245, 245, 250)], np.uint8
)
SPACES = [FeatureSpace(name, n_channels=3, black=0, white=255) for name in ("rgb", "lab", "hsv")]
RULES = {"darkest": 1, "greenest": 2, "reddest": 3, "bluest": 4, "yellowest": 5, "brightest": 6}


def make_classes(space: FeatureSpace, colors: np.ndarray = COLORS) -> ClassMixture:
    means = space.convert_rgb(colors)
    k, d = means.shape
    return ClassMixture(MixtureModel(np.full(k, 1 / k), means, np.stack([np.eye(d)] * k)), np.arange(k))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize(("rule", "label"), [*RULES.items(), ("#3060c0", 4), ("#ffffff", 6), ("#c04030", 3)])
def test_the_class_that_fits_best_is_named(space: FeatureSpace, rule: str, label: int) -> None:
    names, warnings = name_by_color(make_default_names(6), [(rule, "it")], make_classes(space), space)
    assert (names[label - 1], warnings) == ("it", ())
    assert names.count("it") == 1


def test_a_class_is_named_once() -> None:
    rules = [("brightest", "snow"), ("#fefefe", "cloud")]
    names, warnings = name_by_color(make_default_names(6), rules, make_classes(SPACES[0]), SPACES[0])
    assert names[5] == "snow"
    assert warnings == ("class 6 fits #fefefe best, but is called snow, so none is called cloud. Name it by number",)
    again = name_by_color(names, [("brightest", "snow")], make_classes(SPACES[0]), SPACES[0])
    assert again == (names, ())  # as a saved model has it


@pytest.mark.parametrize("rule", ["greenest", "#404040"])
def test_gray_classes_have_no_hue(rule: str) -> None:
    space = FeatureSpace("intensity", n_channels=3, black=0, white=255)
    names, warnings = name_by_color(make_default_names(6), [(rule, "leaf")], make_classes(space), space)
    assert names == make_default_names(6)
    assert warnings == (f"the classes have no hue, so none is called leaf: {rule} needs colors. Name it by number",)
    assert name_by_color(names, [("darkest", "soil")], make_classes(space), space)[0][0] == "soil"


def test_an_image_without_classes_is_told() -> None:
    empty = ClassMixture(MixtureModel(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3, 3))), np.zeros(0, np.intp))
    assert name_by_color((), [("darkest", "soil")], empty, SPACES[0]) == ((), ("there is no class to call soil",))


def test_names_by_color_and_by_number_stand_beside_each_other(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=4, name=["1=shadow", "leaf=greenest", "sky = #5A8CC8, snow=brightest"])
    assert result.names == ("shadow", "leaf", "sky", "snow")
    assert result.warnings == ()
    merged = segment.segment_image(quadrants, k=4, merge="1,2", name="water=bluest")
    assert merged.names == ("class 1", "water", "class 3")


@pytest.mark.parametrize("name", ["sky=whitest", "sky=#12345", "=brightest", "sky=brightest=1"])
def test_other_rules_are_refused(name: str) -> None:
    with pytest.raises(segment.SettingsError, match=r"^name \(--name\): names written CLASS=NAME, such as 4=sky, or "):
        segment.SegmentConfig(name=name)


def test_a_name_is_given_once() -> None:
    with pytest.raises(segment.SettingsError, match="a name of its own for each class"):
        segment.SegmentConfig(name=["1=sky", "sky=brightest"])


@pytest.mark.parametrize(
    ("names", "namings", "merges", "expected"),
    [
        (("class 1", "class 2"), (), (), ("class 1", "class 2")),
        (("class 1", "class 2", "class 3"), ((3, "sky"),), (("", (1, 2)),), ("class 1", "sky")),
        (("a", "b", "c"), (), (("", (2, 3)),), ("a", "b")),
        (("a", "b", "c"), ((2, "d"),), (("e", (3, 1)),), ("e", "d")),
        (("class 1",), ((5, "far"),), (("gone", (6, 7)),), ("class 1",)),
    ],
)
def test_names_after_a_merge(names: tuple[str, ...], namings: tuple, merges: tuple, expected: tuple[str, ...]) -> None:
    assert name_classes(names, namings, merges) == expected
