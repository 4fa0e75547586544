"""The same classes in many images: one model fitted to all of them, or a saved one applied to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, BinaryIO

from numpy.typing import ArrayLike

from segment.class_models.checks import PREPROCESSING
from segment.class_models.model import ClassModel, Training
from segment.coherence import WORKING, working_copy
from segment.colours import ColourIndex
from segment.config import SegmentConfig, settings
from segment.errors import ModelError, SettingsError
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.cells import Cells, coarsen, merge
from segment.mixture.fitting import unchanged
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.modelling import Modelled, model_classes
from segment.origin import Origin, Stopwatch
from segment.pipeline import collect, finish, name_of, preprocess, read_image
from segment.segmentation import Segmentation

__all__ = ["apply_classes", "fit_classes"]

Source = ArrayLike | Image | BinaryIO | str | PathLike[str]

_MANY = 2**21  # cells of all images that are kept as they are: some 200 MB
_KEPT = 2**24  # pixels of several images, shrunk, that are kept for what neighbours say
_LEAST_KEPT = 2**16  # and of each of many
_FINE_BINS = 64  # along the widest feature, where there are more
_OF_THE_FIT = ("Classes", "Features", "Mixture")


@dataclass(frozen=True)
class _Scale:
    """What the pixel values of an image mean, and whether that is a guess."""

    dtype: str
    black: float
    white: float
    is_guess: bool


@dataclass(frozen=True)
class _Part:
    """What one training image is for the fit."""

    cells: Cells
    working: Image
    space: FeatureSpace
    scale: _Scale


def fit_classes(
    sources: Iterable[Source],
    config: SegmentConfig | None = None,
    *,
    tell: Callable[[Any, str], None] = lambda _source, _stage: None,
    **given: Any,
) -> ClassModel:
    """Fit one set of classes to one or many images.

    The images count by their pixels. For one image the classes are those of :func:`segment.segment_image`. Images of
    one depth whose white is a guess from their largest value are read on the widest of their scales.

    Parameters
    ----------
    sources : iterable of path, array_like or Image
        At least one; see :func:`segment.segment_image`.
    config : SegmentConfig, optional
        All settings at once. Those of clean-up and output are of no use here.
    tell : callable
        Called with each source, or an empty text for all, and the name of the stage that begins.
    **given
        Single settings instead, such as ``k=4``.

    Raises
    ------
    ImageError
        If an image cannot be read.
    ModelError
        If there is no valid pixel, or if the images have different features, such as grey and colour ones.
    SettingsError
        If a setting is unknown or out of its range.
    """
    config = _one_of(config, given)
    several = list(sources)
    if not several:
        raise SettingsError("sources: at least one image; got none. Name some.")
    kept = min(WORKING, max(_KEPT // len(several), _LEAST_KEPT))
    parts = [_part(source, config, tell, kept) for source in several]
    scale = _common_scale([part.scale for part in parts])
    for i, source in enumerate(several):
        if parts[i].scale.is_guess and parts[i].scale.dtype == scale.dtype and parts[i].scale != scale:
            parts[i] = _part(source, config, tell, kept, scale)
    first = parts[0].space
    for source, part in zip(several, parts, strict=True):
        _refuse_other(part.space, first, name_of(source))
    tell("", "fitting the mixture")
    cells, notes = _bounded([part.cells for part in parts])
    found = model_classes(merge(*cells), first, [part.working for part in parts], config)
    if found.mixture.n_components == 0:
        raise ModelError(f"{name_of(several[0])}: a model needs valid pixels; got none. Name another image.")
    if len({(part.scale.black, part.scale.white) for part in parts}) > 1:
        notes += ("images of different depth are compared as shares of the way from black to white",)
    return ClassModel(
        mixture=found.mixture,
        groups=found.groups,
        names=found.names,
        features=first.name,
        n_channels=first.n_channels,
        dtype=scale.dtype,
        black=scale.black,
        white=scale.white,
        preprocessing={name: getattr(config, name) for name in PREPROCESSING},
        training=_training(found.mixture, cells, found.log_likelihood, found.warnings + notes),
    )


def apply_classes(
    model: ClassModel,
    source: Source,
    config: SegmentConfig | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
    **given: Any,
) -> Segmentation:
    """Find the classes of a model in another image: the same numbers, names and colours.

    Parameters
    ----------
    model : ClassModel
    source : path, array_like or Image
        See :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig, optional
        All settings at once. Those of the fit, such as k, are the model's whatever is said here.
    tell : callable
        Called with the name of each stage as it begins.
    **given
        Single settings instead, of loading, preprocessing, clean-up and output. The preprocessing is that of the fit
        where nothing is said.

    Returns
    -------
    Segmentation
        Its `fit` has no iterations; one of its warnings says so if the model explains the image badly.

    Raises
    ------
    ImageError
        If the image cannot be read.
    ModelError
        If the model does not fit the image: other features, or no classes.
    SettingsError
        If a setting is unknown, out of its range, or one of the fit.
    """
    config = _for_model(model, config, given)
    tell = Stopwatch(tell)
    tell("reading")
    image = model.rescaled(read_image(source, config))
    tell("preprocessing")
    working = preprocess(image, config)
    tell("counting colours")
    copy = working_copy(working) if config.has_field else working
    index = ColourIndex(copy)
    space, cells = collect(index, config)
    model.refuse_other(space, name_of(source))
    fit = unchanged(model.mixture, cells)
    log_likelihood = float(fit.finish.log_likelihoods[-1])
    warnings = model.drift(log_likelihood) if len(cells) else ("no pixel is valid",)
    selection = Selection.given(model.n_classes, model.mixture.n_components)
    found = Modelled(model.mixture, model.groups, selection, fit, model.names, log_likelihood, warnings)
    result = finish(image, working, copy, index, model, found, space, cells, config, tell)
    return replace(result, origin=Origin(name_of(source), ("apply", "MODEL", name_of(source)), tell.seconds))


def _one_of(config: SegmentConfig | None, given: dict[str, Any]) -> SegmentConfig:
    if config is not None and given:
        raise SettingsError(f"config: give a configuration or single settings, not both; got {', '.join(given)} too.")
    return config or SegmentConfig.of(**given)


def _for_model(model: ClassModel, config: SegmentConfig | None, given: dict[str, Any]) -> SegmentConfig:
    """The settings of an application: what is given, and the model's own."""
    if config is not None:
        own = {name: value for name, value in model.settings.items() if name not in PREPROCESSING}
        return replace(_one_of(config, given), **own)
    for setting in settings():
        if setting.name in given and setting.group in _OF_THE_FIT:
            raise SettingsError(f"{setting.name} ({setting.option}): the model has its own. Leave it out.")
    return SegmentConfig.of(**{**model.settings, **given})


def _part(
    source: Source, config: SegmentConfig, tell: Callable[[Any, str], None], kept: int, scale: _Scale | None = None
) -> _Part:
    """Read a training image, on the given scale where there is one, and keep about that many pixels of it."""
    tell(source, "reading")
    image = read_image(source, config)
    if scale is not None:
        image = replace(image, black=scale.black, white=scale.white)
    working = preprocess(image, config)
    tell(source, "counting colours")
    copy = working_copy(working, kept)
    space, cells = collect(ColourIndex(copy if config.has_field else working), config)
    return _Part(
        cells,
        copy,
        space,
        _Scale(image.pixels.dtype.name, image.black, image.white, image.is_scale_inferred),
    )


def _common_scale(scales: Sequence[_Scale]) -> _Scale:
    """The scale of the first image, widened to those of its kind if they are guesses."""
    first = scales[0]
    alike = [scale for scale in scales if scale.is_guess and scale.dtype == first.dtype]
    if not first.is_guess:
        return first
    return replace(first, black=min(scale.black for scale in alike), white=max(scale.white for scale in alike))


def _refuse_other(space: FeatureSpace, first: FeatureSpace, what: str) -> None:
    if space.feature_names != first.feature_names:
        raise ModelError(
            f"{what}: images of one model have the same features, {', '.join(first.feature_names)} in the first; "
            f"got {', '.join(space.feature_names)}. Leave it out, or make all grey with --greyscale."
        )


def _bounded(parts: list[Cells]) -> tuple[list[Cells], tuple[str, ...]]:
    """The cells of each image, coarser where all together are too many. A single image keeps its cells."""
    bins = 2 * _FINE_BINS
    while len(parts) > 1 and bins > 2 and sum(map(len, parts)) > _MANY:
        bins //= 2
        parts = [coarsen(part, bins) if len(part) else part for part in parts]
    if bins > _FINE_BINS:
        return parts, ()
    return parts, (f"the images have many colours: they were fitted in boxes, {bins} along the widest feature",)


def _training(mixture: MixtureModel, parts: list[Cells], log_likelihood: float, notes: tuple[str, ...]) -> Training:
    filled = [part for part in parts if len(part)]
    each = [float(unchanged(mixture, part).finish.log_likelihoods[-1]) for part in filled]
    lowest = min(each) if len(each) > 1 else log_likelihood
    pixels = round(sum(part.total_weight for part in parts))
    return Training(len(parts), pixels, log_likelihood, lowest, notes)
