"""The same classes in many images: one model fitted to all of them, or a saved one applied to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any, BinaryIO

from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig, list_settings
from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.loader.loader import LoadedFile
from segment.mixture.fitting import score_as_fit
from segment.mixture.selection import Selection
from segment.pipeline.multi_image_fit import collect_part, find_common_scale, fit_parts
from segment.pipeline.pipeline import finish
from segment.pipeline.preparation import name_of, prepare, read_image
from segment.pipeline.provenance import Origin, Stopwatch
from segment.pipeline.result import Segmentation
from segment.segmenter.class_fitting import FittedClasses
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.validation import PREPROCESSING

__all__ = ["apply_classes", "fit_and_select", "fit_classes"]

Source = ArrayLike | Image | BinaryIO | str | PathLike[str]

_OF_THE_FIT = ("Classes", "Features", "Mixture")


def fit_classes(
    sources: Iterable[Source],
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[Any, str], None] = lambda _source, _stage: None,
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
        If there is no valid pixel, or if the images have different features, such as gray and color ones.
    SettingsError
        If a setting is unknown or out of its range.
    """
    return fit_and_select(sources, SegmentConfig.either(config, given), on_stage=on_stage)[0]


def fit_and_select(
    sources: Iterable[Source], config: SegmentConfig, *, on_stage: Callable[[Any, str], None]
) -> tuple[ClassModel, Selection]:
    """The model of :func:`fit_classes`, and how many classes it has and why."""
    several = list(sources)
    if not several:
        raise SettingsError("sources: at least one image; got none. Name some.")
    gather = partial(collect_part, config=config, n_images=len(several))
    parts = [gather(source, number=i, on_stage=partial(on_stage, source)) for i, source in enumerate(several)]
    scale = find_common_scale([part.scale for part in parts])
    for i, source in enumerate(several):
        if parts[i].is_misread(scale):
            parts[i] = gather(source, number=i, scale=scale, on_stage=partial(on_stage, source))
    on_stage("", "fitting the mixture")
    return fit_parts(parts, [name_of(source) for source in several], scale, config)


def apply_classes(
    model: ClassModel,
    source: Source,
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **given: Any,
) -> Segmentation:
    """Find the classes of a model in another image: the same numbers, names and colors.

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
    on_stage = Stopwatch(on_stage, source.begin if isinstance(source, LoadedFile) else None)
    on_stage("reading")
    image = model.rescaled(read_image(source, config))
    ready = prepare(image, config, on_stage)
    model.refuse_other(ready.space, name_of(source))
    fit = score_as_fit(model.mixture, ready.cells)
    log_likelihood = float(fit.finish.log_likelihoods[-1])
    warnings = model.drift(log_likelihood) if len(ready.cells) else ("no pixel is valid",)
    selection = Selection.from_number(model.n_classes, model.mixture.n_components)
    found = FittedClasses(model.mixture, model.groups, selection, fit, model.names, log_likelihood, warnings)
    result = finish(ready, model, found, config, on_stage)
    is_file = isinstance(source, (str, PathLike)) and bool(model.file)
    command = ("apply", model.file, name_of(source)) if is_file else ()
    return replace(result, origin=Origin(name_of(source), command, on_stage.seconds))


def _for_model(model: ClassModel, config: SegmentConfig | None, given: dict[str, Any]) -> SegmentConfig:
    """The settings of an application: what is given, and the model's own."""
    if config is not None:
        own = {name: value for name, value in model.settings.items() if name not in PREPROCESSING}
        return replace(SegmentConfig.either(config, given), **own)
    for setting in list_settings():
        if setting.name in given and setting.group in _OF_THE_FIT:
            raise SettingsError(f"{setting.name} ({setting.option}): the model has its own. Leave it out.")
    return SegmentConfig.of(**{**model.settings, **given})
