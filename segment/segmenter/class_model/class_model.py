"""Classes that can be kept: a fitted mixture with all that is needed to find the same classes in another image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig, list_settings
from segment.config.conflicts import reject_start_settings
from segment.core.errors import ModelError, printable_path
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.segmenter.class_model.json_format import read_text, write_text
from segment.segmenter.class_model.validation import (
    check_groups,
    check_mixture,
    check_names,
    check_notes,
    check_recipe,
    checked_preprocessing,
)

__all__ = ["ClassModel", "Training"]

_FEWER_NATS = 1.0  # less log likelihood a pixel than the worst training image by this is drift; measured, see `drift`
_OUTSIDE = 0.01  # share of the pixels that may lie beyond a scale that is taken over


@dataclass(frozen=True)
class Training:
    """How well a model explains the images it was fitted to.

    Attributes
    ----------
    images : int
    pixels : int
        Valid pixels of all images.
    log_likelihood : float
        Mean over these pixels, in nats.
    lowest_log_likelihood : float
        Mean over the pixels of the image that is explained worst; the same as `log_likelihood` for one image.
    notes : tuple of str
        What is not as one would expect of the fit, a sentence each.
    """

    images: int
    pixels: int
    log_likelihood: float
    lowest_log_likelihood: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ClassModel:
    """Classes of color, fitted once, to be found in any image.

    Attributes
    ----------
    mixture : MixtureModel
        Its components in the order of their classes.
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0: 0, 1, 2, ... where each is a class of its own.
    names : tuple of str
        One for each class, no two alike.
    features : {"lab", "rgb", "hsv", "intensity"}
        The color space of :class:`segment.features.color_space.FeatureSpace`.
    n_channels : int
        Channels that the features are made of: 1 for gray, 3 for RGB.
    dtype : {"uint8", "uint16", "float32"}
        What the training pixels were stored as.
    black, white : float
        The pixel values that stand for no and full light in the training images.
    preprocessing : mapping of str to value
        The preprocessing settings of the fit. They are the defaults wherever the model is applied.
    training : Training
    file : str
        Path of the file that it was read from or is kept in; empty where there is none. No part of what is compared
        and saved.

    Raises
    ------
    ModelError
        If a value is out of its range or contradicts another.
    """

    mixture: MixtureModel
    groups: NDArray[np.intp]
    names: tuple[str, ...]
    features: str
    n_channels: int
    dtype: str
    black: float
    white: float
    preprocessing: Mapping[str, Any]
    training: Training
    file: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "preprocessing", checked_preprocessing(self.preprocessing))
        check_recipe(self.features, self.n_channels, self.dtype, self.black, self.white)
        check_names(self.names, self.n_classes)
        check_notes(self.training.notes)
        check_mixture(self.mixture, len(self.feature_names))
        check_groups(self.groups, self.mixture.n_components)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassModel) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(repr(self._fields()))

    @property
    def n_classes(self) -> int:
        return int(self.groups.max(initial=-1)) + 1

    @property
    def feature_names(self) -> tuple[str, ...]:
        return FeatureSpace(self.features, self.n_channels, self.black, self.white).feature_names

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that belong to the model, by their names in :class:`segment.SegmentConfig`."""
        fit = {"k": self.n_classes, "features": self.features, "covariance_type": self.mixture.covariance_type}
        return {**fit, **self.preprocessing}

    def refuse_settings(self, config: SegmentConfig) -> None:
        """Raise a SettingsError if a fit of such settings cannot start from the model."""
        reject_start_settings(config, list_settings(), self.settings)

    def renamed(self, *names: str) -> ClassModel:
        """The same model with other names, one for each class."""
        return replace(self, names=names)

    def rescaled(self, image: Image) -> Image:
        """The image with its values read as those of the training images, as far as that can be.

        Values are compared as shares of the way from black to white, so a model of 8-bit images explains 16-bit images
        of full range. Where an image's white is a guess from its largest value, and it is stored as the training images
        were, the model's black and white replace the guess: the same value is the same light in every image. A note
        says so, and where depths differ.
        """
        own, ours = (image.black, image.white), (self.black, self.white)
        if own == ours:
            return image
        span = f"{ours[0]:g} to {ours[1]:g}"
        if image.is_scale_inferred and image.pixels.dtype == self.dtype and _share_outside(image, *ours) <= _OUTSIDE:
            note = f"its values are read on the model's scale, {span}, not as {own[0]:g} to {own[1]:g}"
            return replace(image, black=self.black, white=self.white, notes=(*image.notes, note))
        note = f"its values from {own[0]:g} to {own[1]:g} stand for the model's {span}"
        return replace(image, notes=(*image.notes, note))

    def refuse_other(self, space: FeatureSpace, what: str) -> None:
        """Raise a ModelError if the features of an image, which is called `what`, are not those of the model."""
        if space.feature_names == self.feature_names:
            return
        ours, own = (", ".join(names) for names in (self.feature_names, space.feature_names))
        cure = "Fit a model to such images."
        if len(self.feature_names) == 1 and space.n_channels == 3 and self.features != "intensity":
            cure = "Give --greyscale, or fit a model to such images."
        raise ModelError(f"{what}: the model's features are {ours}; got an image with {own}. {cure}")

    def drift(self, log_likelihood: float) -> tuple[str, ...]:
        """One sentence if the classes explain an image badly, none if they do not.

        Parameters
        ----------
        log_likelihood : float
            Mean over the image's pixels, in nats.

        Notes
        -----
        An image has drifted where a pixel has on average 1 nat less than in the training image explained worst. With
        four RGB classes, fitted to one of five photographs each, this flags each of the other four, 20 of 20; none of
        10 photographs made lighter or darker by 10 levels of 255, 2 of 10 by 20 and 8 of 10 by 40; and of models
        fitted to one half of a photograph, left or right, 1 of 10 on its other half. Intensity alone tells less: two
        photographs often have the same grays.
        """
        least = self.training.lowest_log_likelihood
        if log_likelihood >= least - _FEWER_NATS:
            return ()
        return (
            f"the model explains this image badly: log-likelihood {log_likelihood:.2f} a pixel, where its training "
            f"images have at least {least:.2f}; check exposure and colors, or fit the model again",
        )

    def to_json(self) -> str:
        """The model as JSON text. Every number comes back from it bit by bit.

        Raises
        ------
        ModelError
            If there are no classes.
        """
        if self.n_classes == 0:
            raise ModelError("model: at least one class can be saved; got none. Choose an image with valid pixels.")
        return write_text(self._fields())

    def _fields(self) -> dict[str, Any]:
        mixture, training = self.mixture, self.training
        components = [
            {"weight": float(weight), "mean": mean.tolist(), "covariance": covariance.tolist()}
            for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
        ]
        return {
            "features": {"space": self.features, "channels": self.n_channels, "names": list(self.feature_names)},
            "depth": {"dtype": self.dtype, "black": self.black, "white": self.white},
            "preprocessing": dict(self.preprocessing),
            "covariance_type": mixture.covariance_type,
            "noise": {"share": float(mixture.noise_share), "density": float(mixture.noise_density)},
            "degrees_of_freedom": mixture.degrees_of_freedom.tolist(),
            "classes": [
                {"label": i + 1, "name": name, "components": [components[j] for j in np.flatnonzero(self.groups == i)]}
                for i, name in enumerate(self.names)
            ],
            "training": {**vars(training), "notes": list(training.notes)},
        }

    @classmethod
    def from_json(cls, text: str) -> ClassModel:
        """The model that :meth:`to_json` wrote. Every field is checked.

        Raises
        ------
        ModelError
            If the text is not JSON, not a model, of a newer version, or if a field is missing or wrong.
        """
        values = read_text(text)
        names = values.pop("feature_names")
        model = cls(training=Training(**values.pop("training")), mixture=MixtureModel(*values.pop("mixture")), **values)
        if names != model.feature_names:
            raise ModelError(
                f"features.names: {', '.join(model.feature_names)} in this space; got "
                f"{printable_path(', '.join(names))}."
            )
        return model


def _share_outside(image: Image, black: float, white: float) -> float:
    values = image.pixels[image.valid]
    return float(np.count_nonzero((values < black) | (values > white)) / max(1, values.size))
