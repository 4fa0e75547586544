"""The file format of a saved model: JSON with a name and a version, checked when it is read.

The file looks so, with one entry in ``classes`` for each class and one in ``components`` for each of its Gaussians::

    {
     "format": "segment class model",
     "version": 1,
     "features": {"space": "rgb", "channels": 3, "names": ["R", "G", "B"]},
     "depth": {"dtype": "uint8", "black": 0, "white": 255},
     "preprocessing": {"max_size": 0, ...},
     "covariance_type": "full",
     "noise": {"share": 0.0, "density": 0.0},
     "degrees_of_freedom": [],
     "classes": [
      {"label": 1, "name": "class 1", "components": [{"weight": 0.4, "mean": [...], "covariance": [[...], ...]}]}
     ],
     "training": {"images": 1, "pixels": 60000, "log_likelihood": -12.3, ...}
    }

Where classes were merged, each component has ``merged_from`` too, the number of its class before the merge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import MAX_CLASSES
from segment.core.errors import ModelError, printable_path
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.segmenter.class_model.json_reader import Fields, parse_json
from segment.segmenter.class_model.validation import MAX_CHANNELS, omit_new_settings

__all__ = ["FORMAT", "VERSION", "decode_fields", "describe_classes", "encode_fields"]

FORMAT = "segment class model"
VERSION = 1
"""Raised when older programs would misread a file."""

_FIELDS = (
    "features",
    "depth",
    "preprocessing",
    "covariance_type",
    "noise",
    "degrees_of_freedom",
    "classes",
    "training",
)
_LIST_OF_NUMBERS = re.compile(r'\[\n([^][{}"]+)\n *\]')  # over several lines; no text has a line break in JSON
_MAX_COUNT = 2**63  # of images and pixels
_MAX_VERSION = 10**6

MAX_COMPONENTS = 4096  # 255 classes of 16, the most that can be fitted


def encode_fields(fields: Mapping[str, Any]) -> str:
    """Write the fields of a model as JSON text.

    Parameters
    ----------
    fields : mapping of str to value
        Those of the module docstring, but for ``format`` and ``version``. Numbers are finite.

    Returns
    -------
    str
        Ends with a line break. Every number is written with as many digits as bring the same float back.
    """
    marked = {"format": FORMAT, "version": VERSION, **fields}
    marked |= {"preprocessing": omit_new_settings(fields["preprocessing"])} if "preprocessing" in fields else {}
    text = json.dumps(marked, indent=1, allow_nan=False, ensure_ascii=False)
    # A line for each number would make matrices unreadable: lists of numbers go on one line.
    return _LIST_OF_NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def describe_classes(
    mixture: MixtureModel, groups: NDArray[np.intp], names: Sequence[str], parts: NDArray[np.intp] | None
) -> list[dict[str, Any]]:
    """Describe the classes of a model for the file.

    Parameters
    ----------
    mixture : MixtureModel
        K components.
    groups : ndarray of shape (K,), int
        The class of each, counted from 0.
    names : sequence of k str
        The names of the classes.
    parts : ndarray of shape (K,), int, or None
        The class of each component before classes were merged; None where none were.

    Returns
    -------
    list of k dict
        A class holds its components, so that the file can be read without counting.
    """
    components = [
        {"weight": float(weight), "mean": mean.tolist(), "covariance": covariance.tolist()}
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    if parts is not None:
        merged = zip(components, parts.tolist(), strict=True)
        components = [{**component, "merged_from": part + 1} for component, part in merged]
    return [
        {"label": i + 1, "name": name, "components": [components[j] for j in np.flatnonzero(groups == i)]}
        for i, name in enumerate(names)
    ]


def decode_fields(text: str) -> dict[str, Any]:
    """Read the fields of a model from JSON text.

    Parameters
    ----------
    text : str
        A text of :func:`encode_fields`, perhaps edited.

    Returns
    -------
    dict of str to value
        By the names of the attributes of :class:`segment.segmenter.class_model.class_model.ClassModel`, and
        ``feature_names``; ``mixture`` and ``training`` as the arguments of their classes. Names, types and shapes are
        as they should be. Whether the values make sense is checked by the model.

    Raises
    ------
    ModelError
        If it is no such text.
    """
    # The version comes first: a newer file may have other fields, and the advice is another.
    file = Fields(parse_json(text), "the file")
    _check_version(file)
    top = Fields(file.require_only("format", "version", *_FIELDS).values, "")
    features = top.read_object("features").require_only("space", "channels", "names")
    depth = top.read_object("depth").require_only("dtype", "black", "white")
    feature_names = features.read_strings("names")
    classes = _read_classes(top)
    return {
        "feature_names": feature_names,
        "features": features.read_string("space"),
        "n_channels": features.read_integer("channels", 1, MAX_CHANNELS),
        "dtype": depth.read_string("dtype"),
        "black": depth.read_number("black"),
        "white": depth.read_number("white"),
        "preprocessing": top.read_object("preprocessing").values,
        "names": tuple(entry.read_string("name") for entry in classes),
        "groups": np.repeat(np.arange(len(classes)), [len(entry.read_list("components")) for entry in classes]),
        "mixture": _read_mixture(top, classes, len(feature_names)),
        "parts": _read_parts(classes),
        "training": _read_training(top.read_object("training")),
    }


def _check_version(file: Fields) -> None:
    """Raise a ModelError if the file has another format or a newer version."""
    name = file.read_string("format")
    if name != FORMAT:
        raise ModelError(f"format: {FORMAT!r}; got {printable_path(name)!r}. Name a file of 'segment fit'.")
    version = file.read_integer("version", 1, _MAX_VERSION)
    if version > VERSION:
        raise ModelError(f"version: up to {VERSION} can be read; got {version}. Update segment.")


def _read_classes(top: Fields) -> list[Fields]:
    """Read the entries of the classes, whose labels must be 1, 2, 3 and so on."""
    entries = [
        Fields(item, f"classes[{i}]").require_only("label", "name", "components")
        for i, item in enumerate(top.read_list("classes"))
    ]
    if not 1 <= len(entries) <= MAX_CLASSES:
        raise ModelError(f"classes: from 1 to {MAX_CLASSES}; got {len(entries)}. Fit the model again.")
    # The labels are in the file for its reader. A person who sorted the classes must not change their numbers unawares.
    for label, entry in enumerate(entries, start=1):
        entry.read_integer("label", label, label)
        entry.read_list("components")
    # A class without components has no pixels. The last class needs some: they tell how many classes there are.
    if not entries[-1].read_list("components"):
        raise ModelError(
            f"classes[{len(entries) - 1}].components: at least one in the last class; got none. Fit the model again."
        )
    return entries


def _read_mixture(top: Fields, classes: list[Fields], d: int) -> tuple[Any, ...]:
    """Read the arguments of a MixtureModel in d dimensions."""
    n = sum(len(entry.read_list("components")) for entry in classes)
    if n > MAX_COMPONENTS:
        raise ModelError(f"classes: at most {MAX_COMPONENTS} components in all; got {n}. Fit the model again.")
    components = [
        Fields(item, f"classes[{i}].components[{j}]").require_only("weight", "mean", "covariance", "merged_from")
        for i, entry in enumerate(classes)
        for j, item in enumerate(entry.read_list("components"))
    ]
    # Whether the covariances are of this type is checked with the other numbers, by the model.
    kind = top.read_string("covariance_type")
    if kind not in COVARIANCE_TYPES:
        raise ModelError(
            f"covariance_type: one of {', '.join(COVARIANCE_TYPES)}; got {printable_path(kind)}. Fit the model again."
        )
    return (
        np.array([component.read_number("weight") for component in components]),
        np.array([component.read_array("mean", (d,)) for component in components]),
        np.array([component.read_array("covariance", (d, d)) for component in components]),
        kind,
        *_read_robust_parameters(top, len(components)),
    )


def _read_parts(classes: list[Fields]) -> Any:
    """Read the class of each component before classes were merged, from 0; None where none were."""
    components = [item for entry in classes for item in entry.read_list("components")]
    if not any("merged_from" in item for item in components):
        return None
    numbers = [Fields(item, "component").read_integer("merged_from", 1, MAX_CLASSES) for item in components]
    return np.array(numbers, dtype=np.intp) - 1


def _read_robust_parameters(top: Fields, n_components: int) -> tuple[float, float, Any]:
    """Read share and density of the noise, and the degrees of freedom: none for Gaussian components."""
    # Gaussian components have no degrees of freedom, Student-t components one number each.
    noise = top.read_object("noise").require_only("share", "density")
    n = len(top.read_list("degrees_of_freedom"))
    if n not in (0, n_components):
        raise ModelError(
            f"degrees_of_freedom: none, or one for each of {n_components} components; got {n}. Fit the model again."
        )
    return noise.read_number("share"), noise.read_number("density"), top.read_array("degrees_of_freedom", (n,))


def _read_training(training: Fields) -> dict[str, Any]:
    """Read the arguments of a Training."""
    training.require_only("images", "pixels", "log_likelihood", "lowest_log_likelihood", "notes")
    return {
        "images": training.read_integer("images", 0, _MAX_COUNT),
        "pixels": training.read_integer("pixels", 0, _MAX_COUNT),
        "log_likelihood": training.read_number("log_likelihood"),
        "lowest_log_likelihood": training.read_number("lowest_log_likelihood"),
        "notes": training.read_strings("notes"),
    }
