"""What holds for every model of classes, however it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig, list_settings
from segment.core.errors import ModelError, SettingsError, printable_path
from segment.features.color_space import FEATURES
from segment.mixture.model import MixtureModel

__all__ = [
    "PREPROCESSING",
    "check_groups",
    "check_mixture",
    "check_names",
    "check_notes",
    "check_recipe",
    "checked_preprocessing",
]

Floats = NDArray[np.float64]

PREPROCESSING = tuple(setting.name for setting in list_settings() if setting.group == "Preprocessing")
"""The settings that a model keeps: what happens to an image before its colors are features."""

_LARGEST = 1e6  # features lie within some hundreds
_LEAST, _MOST = 1e-20, 1e12  # variances: less is below rounding, more is no color
_ROUNDING = 1e-6
_SINGULAR = 1e-12  # least eigenvalue of a correlation matrix that can be inverted
_LONGEST_NAME = 60
_FURTHEST = 1e38  # what a float32 can hold
_DTYPES = ("uint8", "uint16", "float32")


def checked_preprocessing(given: Mapping[str, Any]) -> dict[str, Any]:
    """All preprocessing settings, the defaults where none is given; a ModelError if one is unknown or out of range."""
    unknown = [name for name in given if name not in PREPROCESSING]
    if unknown:
        raise ModelError(
            f"preprocessing: no such setting as {printable_path(unknown[0])}. Update segment, or fit it again."
        )
    try:
        config = SegmentConfig.of(**given)
    except SettingsError as error:
        raise ModelError(f"preprocessing: {printable_path(str(error))}") from error
    return {name: getattr(config, name) for name in PREPROCESSING}


def check_recipe(features: str, n_channels: int, dtype: str, black: float, white: float) -> None:
    """Raise a ModelError unless there are such features of such pixels."""
    rules = (
        ("features.space", features, FEATURES),
        ("features.channels", n_channels, (1, 3)),
        ("depth.dtype", dtype, _DTYPES),
    )
    for what, value, choices in rules:
        if value not in choices:
            raise ModelError(f"{what}: one of {', '.join(map(str, choices))}; got {printable_path(str(value))}.")
    span = white - black
    if not (np.isfinite(span) and span > 0 and max(abs(black), abs(white)) <= _FURTHEST):
        raise ModelError(f"depth: a black below white; got {black:g} and {white:g}.")


def check_names(names: tuple[str, ...], n_classes: int) -> None:
    """Raise a ModelError unless each class has a name of its own that fits a line."""
    if len(names) != n_classes:
        raise ModelError(f"names: one for each of {n_classes} classes; got {len(names)}.")
    if len(set(names)) < len(names):
        raise ModelError(f"names: no two alike; got {printable_path(', '.join(names))}.")
    odd = [name for name in names if not (name.strip() and name.isprintable() and len(name) <= _LONGEST_NAME)]
    if odd:
        raise ModelError(f"names: 1 to {_LONGEST_NAME} printable characters each; got {printable_path(repr(odd[0]))}.")


def check_notes(notes: tuple[str, ...]) -> None:
    """Raise a ModelError unless every note is one printable line."""
    odd = [note for note in notes if not note.isprintable()]
    if odd:
        raise ModelError(f"training.notes: a printable line each; got {printable_path(repr(odd[0]))}.")


def check_groups(groups: NDArray[np.intp], n_components: int) -> None:
    """Raise a ModelError unless every component has a class, in order. A class may lack components: it has no pixel."""
    steps = np.diff(groups, prepend=0)
    if groups.shape != (n_components,) or not (steps >= 0).all():
        raise ModelError(f"groups: a class for each of {n_components} components, ascending from 0; got {groups}.")


def check_mixture(mixture: MixtureModel, d: int) -> None:
    """Raise a ModelError unless it is a mixture of proper densities in d dimensions."""
    weights, means, covariances = mixture.weights, mixture.means, mixture.covariances
    if mixture.n_features != d:
        raise ModelError(f"classes: {d} features each; got {mixture.n_features}.")
    if mixture.n_components == 0:
        return
    if not (np.isfinite(weights).all() and (weights >= 0).all() and abs(weights.sum() - 1) < _ROUNDING):
        raise ModelError(
            f"weights: not below 0, with the sum 1; got the sum {weights.sum():g}, least {weights.min():g}."
        )
    if not (np.abs(means) <= _LARGEST).all():
        raise ModelError(f"means: numbers from {-_LARGEST:g} to {_LARGEST:g}; got {np.abs(means).max():g}.")
    noise = (mixture.noise_share, mixture.noise_density)
    if not (np.isfinite(noise).all() and 0 <= noise[0] < 1 and noise[1] >= 0):
        raise ModelError(f"noise: a share from 0 to below 1 and a density not below 0; got {noise[0]:g}, {noise[1]:g}.")
    degrees = mixture.degrees_of_freedom
    if not (np.isfinite(degrees).all() and (degrees > 0).all()):
        raise ModelError(f"degrees_of_freedom: numbers above 0; got {degrees.min():g} as the least.")
    for label, covariance in enumerate(covariances, start=1):
        _check_covariance(covariance, f"covariance of class {label}")
    if not _is_of_type(covariances, mixture.covariance_type):
        raise ModelError(f"covariance_type: {mixture.covariance_type}; got covariances that are not.")


def _check_covariance(covariance: Floats, what: str) -> None:
    variances = np.diagonal(covariance)
    if not (np.isfinite(covariance).all() and (variances >= _LEAST).all() and (variances <= _MOST).all()):
        raise ModelError(f"{what}: variances from {_LEAST:g} to {_MOST:g}; got {variances}.")
    correlation = covariance / np.sqrt(variances) / np.sqrt(variances)[:, None]
    if np.abs(correlation - correlation.T).max() > _ROUNDING:
        raise ModelError(f"{what}: a symmetric matrix; got one that is not.")
    if np.linalg.eigvalsh(correlation)[0] < _SINGULAR:
        raise ModelError(f"{what}: positive definite; got a matrix that is not.")


def _is_of_type(covariances: Floats, covariance_type: str) -> bool:
    d = covariances.shape[-1]
    allowed = {
        "full": covariances,
        "tied": np.broadcast_to(covariances[0], covariances.shape),
        "diag": covariances * np.eye(d),
        "spherical": np.trace(covariances, axis1=1, axis2=2)[:, None, None] / d * np.eye(d),
    }
    return bool(np.allclose(covariances, allowed[covariance_type], rtol=_ROUNDING, atol=_ROUNDING * covariances.max()))
