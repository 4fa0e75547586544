"""Class models: a fitted mixture with all that is needed to find the same classes in another image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.conflicts import reject_start_settings
from segment.core.equality import EqualByValue
from segment.core.errors import ModelError, pluralize, printable_path
from segment.core.image import Image
from segment.features.color_memory import ColorMemory
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_model.json_format import decode_fields, describe_classes, encode_fields
from segment.segmenter.class_model.training import Training
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
from segment.segmenter.class_model.value_scale import ValueScale, apply_value_scale

__all__ = ["ClassModel"]


@dataclass(frozen=True, eq=False)
class ClassModel(EqualByValue):
    """Classes of color, fitted once, to be found in any image.

    :func:`segment.fit_classes` makes one from images, and :func:`segment.segment_image` gives one with every result.
    Two models are equal if all their values are, but for `file`.

    Attributes
    ----------
    mixture : MixtureModel
        The components, in the order of their classes.
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0: 0, 1, 2, ... where each is a class of its own.
    names : tuple of str
        One for each class, all different.
    features : {"lab", "rgb", "hsv", "intensity"}
        The color space of :class:`segment.features.color_space.FeatureSpace`.
    n_channels : int
        Channels of the images: 1 for gray, 3 for RGB, or another number of bands.
    dtype : {"uint8", "uint16", "float32"}
        Type of the training pixels.
    black, white : float
        The pixel values that stand for no and full light in the training images.
    preprocessing : mapping of str to value
        The preprocessing settings of the fit. They are the defaults wherever the model is applied.
    training : Training
        How well the model explains its training images.
    file : str
        Path of the file that the model was read from; empty where there is none.
    parts : ndarray of shape (n_components,), int, optional
        The class of each component before classes were merged, counted from 0; none where none were.

    Raises
    ------
    ModelError
        If a value is out of its range or contradicts another.

    See Also
    --------
    segment.fit_classes, segment.apply_classes, segment.save_class_model, segment.load_class_model

    Examples
    --------
    >>> import numpy as np
    >>> import segment
    >>> pixels = np.array([[20, 20, 200, 200]] * 4, np.uint8)
    >>> model = segment.fit_classes([pixels], k=2).rename_classes("dark", "bright")
    >>> model.n_classes, model.names, model.feature_names
    (2, ('dark', 'bright'), ('intensity',))
    >>> model.mixture.means.round().ravel()
    array([ 20., 200.])
    >>> segment.apply_classes(model, pixels).label_image[0]
    array([1, 1, 2, 2], dtype=uint8)
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
    file: str = field(default="", compare=False)
    parts: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "preprocessing", complete_preprocessing(self.preprocessing))
        check_features(self.features, self.n_channels, self.dtype, self.black, self.white)
        check_names(self.names, self.n_classes)
        check_notes(self.training.notes)
        check_mixture(self.mixture, len(self.feature_names))
        check_groups(self.groups, self.mixture.n_components)
        check_parts(self.parts, self.groups)

    def __repr__(self) -> str:
        images = pluralize(self.training.images, "image")
        return f"<{type(self).__name__} fitted to {images}: {', '.join(self.names)}>"

    @classmethod
    def from_fit(
        cls,
        classes: ClassMixture,
        names: tuple[str, ...],
        *,
        space: FeatureSpace,
        scale: ValueScale,
        config: SegmentConfig,
        training: Training,
    ) -> ClassModel:
        """Make a model of fitted classes.

        Parameters
        ----------
        classes : ClassMixture
            The mixture, with the class of each component.
        names : tuple of str
            One for each class, all different.
        space : FeatureSpace
            The feature space of the fit.
        scale : ValueScale
            What the pixel values of the training images stand for.
        config : SegmentConfig
            The settings of the fit, of which the model keeps those of the preprocessing.
        training : Training
            How well the mixture explains the training images.

        Returns
        -------
        ClassModel
            Its `file` is empty.

        Raises
        ------
        ModelError
            If a value is out of its range or contradicts another.
        """
        return cls(
            mixture=classes.model,
            groups=classes.groups,
            parts=classes.parts,
            names=names,
            features=space.name,
            n_channels=space.n_channels,
            dtype=scale.dtype,
            black=scale.black,
            white=scale.white,
            preprocessing={name: getattr(config, name) for name in PREPROCESSING},
            training=training,
        )

    @classmethod
    def from_json(cls, text: str) -> ClassModel:
        """Make a model from the JSON text of :meth:`to_json`. Every field is checked.

        Parameters
        ----------
        text : str
            JSON, perhaps damaged or edited.

        Returns
        -------
        ClassModel
            Equal to the one that was written.

        Raises
        ------
        ModelError
            If the text is not JSON, not a model, of a newer version, or if a field is missing or wrong.

        Examples
        --------
        >>> import segment
        >>> segment.ClassModel.from_json("{}")
        Traceback (most recent call last):
            ...
        segment.core.errors.ModelError: the file.format: is missing. Fit the model again.
        """
        values = decode_fields(text)
        names = values.pop("feature_names")
        model = cls(training=Training(**values.pop("training")), mixture=MixtureModel(*values.pop("mixture")), **values)
        # The names follow from space and channels. The file has them for its reader, and they must not mislead.
        if names != model.feature_names:
            raise ModelError(
                f"features.names: {', '.join(model.feature_names)} in this space; got "
                f"{printable_path(', '.join(names))}. Fit the model again, or undo the edit."
            )
        return model

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.groups.max(initial=-1)) + 1

    @cached_property
    def class_mixture(self) -> ClassMixture:
        """The mixture together with the class of each component, and with a memory for the colors of images."""
        return ClassMixture(self.mixture, self.groups, self.parts, ColorMemory())

    @property
    def space(self) -> FeatureSpace:
        """The feature space of the mixture."""
        return FeatureSpace(self.features, self.n_channels, self.black, self.white)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, one for each dimension of the mixture."""
        return self.space.feature_names

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that belong to the model, by their names in :class:`segment.SegmentConfig`."""
        fit = {"k": self.n_classes, "features": self.features, "covariance_type": self.mixture.covariance_type}
        return {**fit, **self.preprocessing}

    def rename_classes(self, *names: str) -> ClassModel:
        """Give the classes other names.

        Parameters
        ----------
        *names : str
            One for each class, all different, of 1 to 60 printable characters.

        Returns
        -------
        ClassModel
            A copy with these names.

        Raises
        ------
        ModelError
            If there are more or fewer names than classes, or if a name is not allowed.

        Examples
        --------
        >>> import segment
        >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
        >>> model.rename_classes("dark", "bright").names
        ('dark', 'bright')
        """
        return replace(self, names=names)

    def rescale_image(self, image: Image) -> Image:
        """Set what the pixel values of an image mean, as in the training images if that can be known.

        The rule is that of :func:`segment.segmenter.class_model.value_scale.apply_value_scale`.

        Parameters
        ----------
        image : Image
            Any image. Its pixels are not changed.

        Returns
        -------
        Image
            The same image, or one with the black and white of the model and a note that says so. A note also says
            where the scales differ.

        Examples
        --------
        The largest value of a dark 12-bit image says little about its white, and a 12-bit model knows better:

        >>> import segment
        >>> model = segment.fit_classes([np.array([[100, 100, 4000, 4000]] * 4, np.uint16)], k=2)
        >>> dark = segment.Image.from_array(np.array([[100, 100, 900, 900]] * 4, np.uint16))
        >>> dark.white, model.rescale_image(dark).white
        (1023.0, 4095.0)
        """
        return apply_value_scale(image, ValueScale(self.dtype, self.black, self.white))

    def check_settings(self, config: SegmentConfig) -> None:
        """Check whether a fit of such settings can start from the model.

        Parameters
        ----------
        config : SegmentConfig
            The settings of the new fit.

        Raises
        ------
        SettingsError
            If `k`, `features`, `log_scale` or `covariance_type` are not those of the model, or if a setting would have
            no effect.

        Examples
        --------
        >>> import segment
        >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
        >>> model.check_settings(segment.SegmentConfig(k=3, features="rgb"))
        Traceback (most recent call last):
            ...
        segment.core.errors.SettingsError: k (-k): that of the model to start from, 2; got 3. Leave it out.
        """
        reject_start_settings(config, self.settings)

    def check_features(self, space: FeatureSpace, what: str) -> None:
        """Check whether the features of an image are those of the model.

        Parameters
        ----------
        space : FeatureSpace
            The feature space of the image.
        what : str
            What the message calls the image, such as its path.

        Raises
        ------
        ModelError
            If the features differ.

        Examples
        --------
        >>> import segment
        >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
        >>> model.check_features(FeatureSpace("rgb", n_channels=3, black=0, white=255), "a.png")
        Traceback (most recent call last):
            ...
        segment.core.errors.ModelError: a.png: the model's features are intensity; got an image with R, G, B. Give --greyscale, or fit a model to such images.
        """  # noqa: E501  a doctest cannot break the line
        if space.feature_names == self.feature_names:
            return
        ours, own = (", ".join(names) for names in (self.feature_names, space.feature_names))
        is_gray = len(self.feature_names) == 1 and space.n_channels == 3 and self.features != "intensity"
        has_more = self.features == "rgb" and space.n_channels > self.n_channels
        cure = "Give --greyscale, or fit" if is_gray else "Choose bands with --bands, or fit" if has_more else "Fit"
        got = f"got an image with {own}. {cure} a model to such images."
        raise ModelError(f"{what}: the model's features are {ours}; {got}")

    def to_json(self) -> str:
        """Write the model as JSON text, from which every number comes back bit by bit.

        Returns
        -------
        str
            The text of :mod:`segment.segmenter.class_model.json_format`. It does not contain `file`.

        Raises
        ------
        ModelError
            If there are no classes.

        Examples
        --------
        >>> import segment
        >>> model = segment.fit_classes([np.array([[20, 20, 200, 200]] * 4, np.uint8)], k=2)
        >>> segment.ClassModel.from_json(model.to_json()) == model
        True
        """
        if self.n_classes == 0:
            raise ModelError("model: at least one class can be saved; got none. Choose an image with valid pixels.")
        return encode_fields(self._collect_fields())

    def _collect_fields(self) -> dict[str, Any]:
        """Collect the fields of the JSON text, in its order."""
        mixture, training = self.mixture, self.training
        return {
            "features": {"space": self.features, "channels": self.n_channels, "names": list(self.feature_names)},
            "depth": {"dtype": self.dtype, "black": self.black, "white": self.white},
            "preprocessing": dict(self.preprocessing),
            "covariance_type": mixture.covariance_type,
            "noise": {"share": float(mixture.noise_share), "density": float(mixture.noise_density)},
            "degrees_of_freedom": mixture.degrees_of_freedom.tolist(),
            "classes": describe_classes(mixture, self.groups, self.names, self.parts),
            "training": {**vars(training), "notes": list(training.notes)},
        }
