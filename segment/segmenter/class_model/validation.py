"""Check the parts of a class model, whether it comes from a fit, from a file or from a program.

Every check raises a :class:`segment.core.errors.ModelError` that names the part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig, list_settings
from segment.core.class_names import MAX_CLASSES
from segment.core.errors import ModelError, SettingsError, printable_path
from segment.features.color_space import FEATURES
from segment.mixture.model import MixtureModel

__all__ = [
    "MAX_CHANNELS",
    "PREPROCESSING",
    "check_features",
    "check_groups",
    "check_mixture",
    "check_names",
    "check_notes",
    "check_parts",
    "complete_preprocessing",
    "omit_new_settings",
]

Floats = NDArray[np.float64]

PREPROCESSING = tuple(setting.name for setting in list_settings() if setting.group == "Preprocessing")
"""The settings that a model keeps: what happens to an image before its colors become features."""

MAX_CHANNELS = 4096
"""More bands than any sensor has: a larger number is an error."""

# Preprocessing settings that version 1 of the file did not have at first.
_NEW_SETTINGS = ("bands", "even_light", "log_scale")
_DTYPES = ("uint8", "uint16", "float32")
_MAX_NAME_LENGTH = 60  # characters: a name fits in one line of a table
_MAX_PIXEL_VALUE = 1e38  # about the largest float32
# Features lie within some hundreds, so a mean beyond this is an error.
_MAX_MEAN = 1e6
# A smaller variance is below the rounding of the features, and a larger one is no color.
_MIN_VARIANCE, _MAX_VARIANCE = 1e-20, 1e12
# Tolerance for sums, symmetry and covariance types of numbers that were written by a person.
_TOLERANCE = 1e-6
# Least eigenvalue of a correlation matrix that can be inverted.
_MIN_EIGENVALUE = 1e-12


def complete_preprocessing(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the defaults of the preprocessing settings that are not given, and check those that are.

    Parameters
    ----------
    given : mapping of str to value
        Some of :data:`PREPROCESSING`.

    Returns
    -------
    dict of str to value
        All of :data:`PREPROCESSING`, in order.

    Raises
    ------
    ModelError
        If a setting is unknown or out of its range.

    Examples
    --------
    >>> complete_preprocessing({"denoise": "median"})["denoise"]
    'median'
    """
    # A later version may have more settings, which this one cannot apply.
    unknown = [name for name in given if name not in PREPROCESSING]
    if unknown:
        raise ModelError(
            f"preprocessing: no such setting as {printable_path(unknown[0])}. Update segment, or fit it again."
        )
    try:
        config = SegmentConfig.from_values(**given)
    except SettingsError as error:
        raise ModelError(f"preprocessing: {printable_path(str(error))}") from error
    return {name: getattr(config, name) for name in PREPROCESSING}


def omit_new_settings(preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out settings that have their defaults and that earlier versions, which may read the file, do not know.

    Parameters
    ----------
    preprocessing : mapping of str to value
        All of :data:`PREPROCESSING`.

    Examples
    --------
    >>> omit_new_settings({"bands": "", "max_size": 0}), omit_new_settings({"bands": "4,3,2"})
    ({'max_size': 0}, {'bands': '4,3,2'})
    """
    return {name: value for name, value in preprocessing.items() if name not in _NEW_SETTINGS or value}


def check_features(features: str, n_channels: int, dtype: str, black: float, white: float) -> None:
    """Raise a ModelError unless there are such features of such pixels.

    Parameters
    ----------
    features : str
        Name of a feature space.
    n_channels : int
        Channels of the pixels: 1 for gray, 3 for RGB, or another number of bands, with the features rgb.
    dtype : str
        Type of the pixels.
    black, white : float
        The pixel values that stand for no and full light.
    """
    rules = (
        ("features.space", features, FEATURES),
        ("features.channels", n_channels, range(1, MAX_CHANNELS + 1) if features == "rgb" else (1, 3)),
        ("depth.dtype", dtype, _DTYPES),
    )
    for what, value, choices in rules:
        if value not in choices:
            rule = f"1 to {len(choices)}" if isinstance(choices, range) else f"one of {', '.join(map(str, choices))}"
            raise ModelError(
                f"{what}: {rule}; got {printable_path(str(value))}. Fit the model again, or undo the edit."
            )
    # Comparisons with NaN are false, so it is refused as well.
    span = white - black
    if not (np.isfinite(span) and span > 0 and max(abs(black), abs(white)) <= _MAX_PIXEL_VALUE):
        raise ModelError(f"depth: a black below white; got {black:g} and {white:g}. Fit the model again.")


def check_names(names: tuple[str, ...], n_classes: int) -> None:
    """Raise a ModelError unless each class has a name of its own that fits in a line.

    Parameters
    ----------
    names : tuple of str
        One for each class.
    n_classes : int
        Number of classes.
    """
    if len(names) != n_classes:
        raise ModelError(f"names: one for each of {n_classes} classes; got {len(names)}. Give as many names.")
    if len(set(names)) < len(names):
        raise ModelError(
            f"names: a different one for each class; got {printable_path(', '.join(names))}. Change one of them."
        )
    wrong = [name for name in names if not (name.strip() and name.isprintable() and len(name) <= _MAX_NAME_LENGTH)]
    if wrong:
        raise ModelError(
            f"names: 1 to {_MAX_NAME_LENGTH} printable characters each; got {printable_path(repr(wrong[0]))}. "
            "Give another name."
        )


def check_notes(notes: tuple[str, ...]) -> None:
    """Raise a ModelError unless every note of the training is one printable line."""
    wrong = [note for note in notes if not note.isprintable()]
    if wrong:
        raise ModelError(
            f"training.notes: a printable line each; got {printable_path(repr(wrong[0]))}. Fit the model again."
        )


def check_groups(groups: NDArray[np.intp], n_components: int) -> None:
    """Raise a ModelError unless every component has a class, in ascending order.

    A class may have no components: it gets no pixels then.

    Parameters
    ----------
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0.
    n_components : int
        Components of the mixture.
    """
    # Steps of more than 1 are allowed: they skip a class without components.
    steps = np.diff(groups, prepend=0)
    if groups.shape != (n_components,) or not (steps >= 0).all():
        raise ModelError(
            f"groups: a class for each of {n_components} components, ascending from 0; "
            f"got {printable_path(str(groups.tolist()), limit=60)}. Sort the components by class."
        )


def check_parts(parts: NDArray[np.intp] | None, groups: NDArray[np.intp]) -> None:
    """Raise a ModelError unless classes that were merged are whole: each is part of one class.

    Parameters
    ----------
    parts : ndarray of shape (n_components,), int, or None
        The class of each component before classes were merged, counted from 0.
    groups : ndarray of shape (n_components,), int
        The class that it is part of.
    """
    if parts is None:
        return
    is_whole = parts.shape == groups.shape and all(len(set(groups[parts == part])) == 1 for part in set(parts.tolist()))
    if not is_whole or not all(0 <= part < MAX_CLASSES for part in parts.tolist()):
        raise ModelError(
            f"merged_from: numbers from 1 to {MAX_CLASSES}, each in one class alone; got "
            f"{printable_path(str((parts + 1).tolist()), limit=60)}. Undo the edit."
        )


def check_mixture(mixture: MixtureModel, d: int) -> None:
    """Raise a ModelError unless a mixture has proper densities in d dimensions.

    Parameters
    ----------
    mixture : MixtureModel
        Any; one without components is allowed.
    d : int
        Number of features.
    """
    weights, means, covariances = mixture.weights, mixture.means, mixture.covariances
    advice = "Fit the model again, or undo the edit."
    if mixture.n_features != d:
        raise ModelError(f"classes: {d} features each; got {mixture.n_features}. {advice}")
    # An image without valid pixels has a model without classes.
    if mixture.n_components == 0:
        return
    if not (np.isfinite(weights).all() and (weights >= 0).all() and abs(weights.sum() - 1) < _TOLERANCE):
        raise ModelError(
            f"weights: not below 0, with the sum 1; got the sum {weights.sum():g}, least {weights.min():g}. {advice}"
        )
    if not (np.abs(means) <= _MAX_MEAN).all():
        raise ModelError(f"means: numbers from {-_MAX_MEAN:g} to {_MAX_MEAN:g}; got {np.abs(means).max():g}. {advice}")
    noise = (mixture.noise_share, mixture.noise_density)
    if not (np.isfinite(noise).all() and 0 <= noise[0] < 1 and noise[1] >= 0):
        raise ModelError(
            f"noise: a share from 0 to below 1 and a density not below 0; got {noise[0]:g}, {noise[1]:g}. {advice}"
        )
    degrees = mixture.degrees_of_freedom
    if not (np.isfinite(degrees).all() and (degrees > 0).all()):
        raise ModelError(f"degrees_of_freedom: numbers above 0; got {degrees.min():g} as the least. {advice}")
    for number, covariance in enumerate(covariances, start=1):
        _check_covariance(covariance, f"covariance of component {number}", advice)
    if not _has_covariance_type(covariances, mixture.covariance_type):
        raise ModelError(f"covariance_type: {mixture.covariance_type}; got covariances that are not. {advice}")


def _check_covariance(covariance: Floats, what: str, advice: str) -> None:
    """Raise a ModelError unless a matrix is symmetric and positive definite, with variances in a sensible range."""
    variances = np.diagonal(covariance)
    if not (
        np.isfinite(covariance).all() and (variances >= _MIN_VARIANCE).all() and (variances <= _MAX_VARIANCE).all()
    ):
        raise ModelError(f"{what}: variances from {_MIN_VARIANCE:g} to {_MAX_VARIANCE:g}; got {variances}. {advice}")
    # The correlation matrix does not depend on the units of the features, so one tolerance fits all.
    correlation = covariance / np.sqrt(variances) / np.sqrt(variances)[:, None]
    if np.abs(correlation - correlation.T).max() > _TOLERANCE:
        raise ModelError(f"{what}: a symmetric matrix; got one that is not. {advice}")
    if np.linalg.eigvalsh(correlation)[0] < _MIN_EIGENVALUE:
        raise ModelError(f"{what}: positive definite; got a matrix that is not. {advice}")


def _has_covariance_type(covariances: Floats, covariance_type: str) -> bool:
    """Check whether covariances (K, d, d) are, up to rounding, of a type."""
    d = covariances.shape[-1]
    # The nearest covariances of each type.
    constrained = {
        "full": covariances,
        "tied": np.broadcast_to(covariances[0], covariances.shape),
        "diag": covariances * np.eye(d),
        "spherical": np.trace(covariances, axis1=1, axis2=2)[:, None, None] / d * np.eye(d),
    }
    nearest = constrained[covariance_type]
    return bool(np.allclose(covariances, nearest, rtol=_TOLERANCE, atol=_TOLERANCE * covariances.max()))
