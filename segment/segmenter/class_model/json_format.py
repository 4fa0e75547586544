"""The text of a saved model: JSON, every field of it checked on the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from segment.core.errors import ModelError, printable_path
from segment.mixture.model import COVARIANCE_TYPES
from segment.segmenter.class_model.json_reader import Fields, parse

__all__ = ["read_text", "write_text"]

FORMAT = "segment class model"
VERSION = 1
_LIST_OF_NUMBERS = re.compile(r'\[\n([^][{}"]+)\n *\]')  # over several lines, which no string is
_LARGEST_COUNT = 2**63


def write_text(fields: Mapping[str, Any]) -> str:
    """The fields of a model as JSON text. Numbers are written so that they come back bit by bit."""
    marked = {"format": FORMAT, "version": VERSION, **fields}
    text = json.dumps(marked, indent=1, allow_nan=False, ensure_ascii=False)
    return _LIST_OF_NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def read_text(text: str) -> dict[str, Any]:
    """The values in such a text, by the names that they have in `segment.segmenter.class_model.class_model.ClassModel`.

    The types, shapes and names of the fields are right then; whether their values make sense is for the model to say.

    Raises
    ------
    ModelError
        If it is no such text.
    """
    file = Fields(parse(text), "the file")
    _check_version(file)
    keys = (
        "features",
        "depth",
        "preprocessing",
        "covariance_type",
        "noise",
        "degrees_of_freedom",
        "classes",
        "training",
    )
    top = Fields(file.only("format", "version", *keys).everything, "")
    features = top.part("features").only("space", "channels", "names")
    depth = top.part("depth").only("dtype", "black", "white")
    feature_names = features.texts("names")
    classes = _classes(top)
    return {
        "feature_names": feature_names,
        "features": features.text("space"),
        "n_channels": features.whole("channels", 1, 3),
        "dtype": depth.text("dtype"),
        "black": depth.number("black"),
        "white": depth.number("white"),
        "preprocessing": top.part("preprocessing").everything,
        "names": tuple(part.text("name") for part in classes),
        "groups": np.repeat(np.arange(len(classes)), [len(part.items("components")) for part in classes]),
        "mixture": _mixture(top, classes, len(feature_names)),
        "training": _training(top.part("training")),
    }


def _check_version(top: Fields) -> None:
    if top.text("format") != FORMAT:
        raise ModelError(
            f"format: {FORMAT!r}; got {printable_path(top.text('format'))!r}. Name a file of 'segment fit'."
        )
    version = top.whole("version", 1, 10**6)
    if version > VERSION:
        raise ModelError(f"version: up to {VERSION} can be read; got {version}. Update segment.")


def _classes(top: Fields) -> list[Fields]:
    parts = [
        Fields(item, f"classes[{i}]").only("label", "name", "components") for i, item in enumerate(top.items("classes"))
    ]
    if not 1 <= len(parts) <= 255:
        raise ModelError(f"classes: from 1 to 255; got {len(parts)}.")
    for label, part in enumerate(parts, start=1):
        part.whole("label", label, label)
        part.items("components")
    if not parts[-1].items("components"):
        raise ModelError(f"classes[{len(parts) - 1}].components: at least one in the last class; got none.")
    return parts


def _mixture(top: Fields, classes: list[Fields], d: int) -> tuple[Any, ...]:
    parts = [
        Fields(item, f"classes[{i}].components[{j}]").only("weight", "mean", "covariance")
        for i, part in enumerate(classes)
        for j, item in enumerate(part.items("components"))
    ]
    kind = top.text("covariance_type")
    if kind not in COVARIANCE_TYPES:
        raise ModelError(f"covariance_type: one of {', '.join(COVARIANCE_TYPES)}; got {printable_path(kind)}.")
    return (
        np.array([part.number("weight") for part in parts]),
        np.array([part.array("mean", (d,)) for part in parts]),
        np.array([part.array("covariance", (d, d)) for part in parts]),
        kind,
        *_robust(top, len(parts)),
    )


def _robust(top: Fields, n_components: int) -> tuple[float, float, Any]:
    """Share and density of the noise, and the components' degrees of freedom, none for Gaussian tails."""
    noise = top.part("noise").only("share", "density")
    n = len(top.items("degrees_of_freedom"))
    if n not in (0, n_components):
        raise ModelError(f"degrees_of_freedom: none, or one for each of {n_components} components; got {n}.")
    return noise.number("share"), noise.number("density"), top.array("degrees_of_freedom", (n,))


def _training(part: Fields) -> dict[str, Any]:
    part.only("images", "pixels", "log_likelihood", "lowest_log_likelihood", "notes")
    return {
        "images": part.whole("images", 0, _LARGEST_COUNT),
        "pixels": part.whole("pixels", 0, _LARGEST_COUNT),
        "log_likelihood": part.number("log_likelihood"),
        "lowest_log_likelihood": part.number("lowest_log_likelihood"),
        "notes": part.texts("notes"),
    }
