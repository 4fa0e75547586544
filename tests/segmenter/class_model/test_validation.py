"""The checks of the parts of a class model."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from class_models import make_class_model

from segment.core.errors import ModelError
from segment.mixture.model import MixtureModel
from segment.segmenter.class_model.validation import (
    PREPROCESSING,
    check_features,
    check_groups,
    check_mixture,
    check_names,
    check_notes,
    check_parts,
    complete_preprocessing,
)


def test_preprocessing_is_completed_with_the_defaults() -> None:
    found = complete_preprocessing({"denoise": "median"})
    assert tuple(found) == PREPROCESSING
    defaults = {
        "bands": "",
        "max_size": 0,
        "greyscale": False,
        "even_light": False,
        "log_scale": False,
        "denoise_radius": 0.001,
    }
    assert found == {**defaults, "denoise": "median"}


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"sharpen": 1}, "preprocessing: no such setting as sharpen. Update segment, or fit it again."),
        ({"k": 3}, "preprocessing: no such setting as k."),
        ({"max_size": -1}, "preprocessing: max_size (--max-size): "),
    ],
)
def test_wrong_preprocessing_is_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        complete_preprocessing(given_)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"features": "yuv"}, "features.space: one of lab, rgb, hsv, intensity; got yuv."),
        ({"n_channels": 0}, "features.channels: 1 to 4096; got 0."),
        ({"n_channels": 4, "features": "lab"}, "features.channels: one of 1, 3; got 4."),
        ({"dtype": "int8"}, "depth.dtype: one of uint8, uint16, float32; got int8."),
        ({"black": 255.0}, "depth: a black below white; got 255 and 255."),
        ({"white": np.inf}, "depth: a black below white; got 0 and inf."),
        ({"black": np.nan}, "depth: a black below white; got nan and 255."),
        ({"white": 1e39}, "depth: a black below white; got 0 and 1e+39."),
    ],
)
def test_wrong_features_are_refused(changed: dict[str, Any], words: str) -> None:
    right = {"features": "rgb", "n_channels": 3, "dtype": "uint8", "black": 0.0, "white": 255.0}
    check_features(**right)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        check_features(**{**right, **changed})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a",), "names: one for each of 2 classes; got 1. Give as many names."),
        (("a", "a"), "names: a different one for each class; got a, a. Change one of them."),
        (("a", ""), "names: 1 to 60 printable characters each; got ''. Give another name."),
        (("a", "b\n"), r"names: 1 to 60 printable characters each; got 'b\n'."),
        (("a", "b" * 61), "names: 1 to 60 printable characters each; got 'bbb"),
    ],
)
def test_wrong_names_are_refused(names: tuple[str, ...], words: str) -> None:
    check_names(("a", "b" * 60), 2)
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        check_names(names, 2)


def test_notes_are_lines() -> None:
    check_notes(("one line", "another"))
    with pytest.raises(ModelError, match=r"^training\.notes: a printable line each; got 'two\\nlines'\."):
        check_notes(("one line", "two\nlines"))


@pytest.mark.parametrize("groups", [[0, 0, 1], [0, 1, 1, 0], [1, 0, 2, 3], [-1, 0, 1, 2], list(range(99))])
def test_groups_that_are_not_ascending_are_refused(groups: list[int]) -> None:
    check_groups(np.array([0, 0, 2, 2]), 4)  # class 1 has no components
    with pytest.raises(
        ModelError, match=r"^groups: a class for each of 4 components, ascending from 0; got "
    ) as caught:
        check_groups(np.array(groups), 4)
    assert str(caught.value).isprintable()


NOT_SYMMETRIC = np.array([[2.0, 1.0], [0.5, 2.0]])
NOT_DEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": [0.5, 0.6]}, "weights: not below 0, with the sum 1; got the sum 1.1, least 0.5."),
        ({"weights": [1.5, -0.5]}, "weights: not below 0, with the sum 1; got the sum 1, least -0.5."),
        ({"means": [[0, 0], [0, 1e9]]}, "means: numbers from -1e+06 to 1e+06; got 1e+09."),
        ({"covariances": [np.eye(2), 0 * np.eye(2)]}, "covariance of component 2: variances from 1e-20 to 1e+12;"),
        ({"covariances": [NOT_SYMMETRIC, np.eye(2)]}, "covariance of component 1: a symmetric matrix;"),
        ({"covariances": [np.eye(2), NOT_DEFINITE]}, "covariance of component 2: positive definite;"),
        ({"covariance_type": "tied"}, "covariance_type: tied; got covariances that are not."),
        ({"noise_share": 1.0}, "noise: a share from 0 to below 1 and a density not below 0; got 1, 0."),
        ({"noise_density": -1.0}, "noise: a share from 0 to below 1 and a density not below 0; got 0, -1."),
        ({"degrees_of_freedom": [3.0, 0.0]}, "degrees_of_freedom: numbers above 0; got 0 as the least."),
    ],
)
def test_wrong_mixtures_are_refused(changed: dict[str, Any], words: str) -> None:
    right = {"weights": [0.4, 0.6], "means": [[0, 0], [9, 9]], "covariances": [np.eye(2), 2 * np.eye(2)]}
    values = {
        name: np.array(value) if isinstance(value, list) else value for name, value in {**right, **changed}.items()
    }
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        check_mixture(MixtureModel(**values), 2)


def test_a_mixture_of_another_dimension_is_refused() -> None:
    mixture = make_class_model().mixture
    check_mixture(mixture, 3)
    with pytest.raises(ModelError, match=r"^classes: 1 features each; got 3\."):
        check_mixture(mixture, 1)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_covariances_may_be_simpler_than_their_type(covariance_type: str) -> None:
    covariances = np.eye(2) * np.array([1.0, 2.0])[:, None, None]
    check_mixture(MixtureModel(np.array([0.4, 0.6]), np.zeros((2, 2)), covariances, covariance_type), 2)


@pytest.mark.parametrize("parts", [[0, 1], [0, 0, 1, 1], [0, 1, 2, -1], [0, 1, 2, 255]])
def test_merged_classes_that_are_not_whole_are_refused(parts: list[int]) -> None:
    check_parts(np.array([0, 2, 1, 1]), np.array([0, 0, 1, 1]))
    with pytest.raises(ModelError, match=r"^merged_from: numbers from 1 to 255, each in one class alone; got "):
        check_parts(np.array(parts), np.array([0, 1, 2, 2]))
