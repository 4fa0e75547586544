"""The same classes in many images: fit one model to all of them, or apply a saved one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any, Unpack

import numpy as np

from segment.config.config import SegmentConfig
from segment.config.entry_points import ENTRY_POINTS
from segment.config.setting_arguments import SettingArguments
from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.core.stages import Stage
from segment.mixture.selection import Selection
from segment.pipeline.model_application import AppliedModel
from segment.pipeline.multi_image_fit import ImagePart, TrainingImage, collect_part, fit_parts, read_on_common_scale
from segment.pipeline.other_light import warn_of_other_light
from segment.pipeline.pixel_selection import NO_ARRAYS, SelectionArrays, take_arrays
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.provenance import Provenance, Stopwatch
from segment.pipeline.result import Segmentation
from segment.pipeline.result_building import build_result, clean_labels
from segment.pipeline.sources import Source, get_page_name, get_source_name, list_pages
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.storage import require_class_model
from segment.segmenter.spatial_model import build_spatial_model

__all__ = ["apply_classes", "fit_and_select", "fit_classes", "label_with_model", "resolve_for_model"]


def fit_classes(
    sources: Iterable[Source],
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[Any, str], None] = lambda _source, _stage: None,
    **settings: Unpack[SettingArguments],
) -> ClassModel:
    """Fit one set of classes to one or many images.

    The images count by their pixels. For one image the classes are those of :func:`segment.segment_image`. Images of
    one depth whose white is a guess from their largest value are read on the widest of their scales.

    Parameters
    ----------
    sources : iterable of path, binary file, array_like or Image
        At least one; see :func:`segment.segment_image`. They are not changed.
    config : SegmentConfig, optional
        All settings at once. Those of clean-up and output are refused: give them where the model is applied.
    on_stage : callable
        Called with each source, or an empty text for all, and the stage that begins.
    **settings
        Single settings instead, such as ``k=4``. `mask` and `roi`, the same for all images, may be arrays as well as
        paths.

    Returns
    -------
    ClassModel
        To save, to apply to other images, or to start other fits from.

    Raises
    ------
    ImageError
        If an image cannot be read.
    ModelError
        If there is no valid pixel, or if the images have different features, such as gray and color ones.
    SettingsError
        If a setting is unknown, out of its range, or would be ignored.

    Examples
    --------
    >>> import numpy as np
    >>> monday, tuesday = np.full((2, 8, 8), 30, dtype=np.uint8)
    >>> monday[:4], tuesday[:2] = 200, 220
    >>> fit_classes([monday, tuesday], k=2).names
    ('class 1', 'class 2')
    """
    # The letters of a path, or the rows of an array, would be taken for images.
    if isinstance(sources, (str, PathLike, np.ndarray, Image)) or hasattr(sources, "read"):
        kind = type(sources).__name__
        raise SettingsError(f"sources: several images; got {kind}. Give a list, such as [image], or list(stack).")
    chosen, arrays = take_arrays(settings)
    config = SegmentConfig.resolve(config, chosen).reject_unused_by("fit_classes")
    return fit_and_select(sources, config, on_stage=on_stage, arrays=arrays)[0]


def fit_and_select(
    sources: Iterable[Source],
    config: SegmentConfig,
    *,
    on_stage: Callable[[Any, str], None],
    arrays: SelectionArrays = NO_ARRAYS,
) -> tuple[ClassModel, Selection]:
    """Fit as :func:`fit_classes` does, and also return how the number of classes was chosen.

    Parameters
    ----------
    sources, config, on_stage
        As for :func:`fit_classes`; the settings have been checked.
    arrays : SelectionArrays
        Mask and regions of interest of every image.

    Returns
    -------
    model : ClassModel
    selection : Selection
        How many classes there are and why.
    """
    several = list_pages(sources, config)
    if not several:
        raise SettingsError("sources: at least one image; got none. Name some.")
    images = [TrainingImage(source, number, len(several)) for number, source in enumerate(several)]

    def read(some: list[TrainingImage]) -> dict[int, ImagePart]:
        return {
            image.number: collect_part(image, config=config, arrays=arrays, on_stage=partial(on_stage, image.source))
            for image in some
        }

    parts, scale = read_on_common_scale(images, read(images), read)
    on_stage("", Stage.FIT)
    return fit_parts(list(parts.values()), [get_page_name(source) for source in several], scale, config)


def apply_classes(
    model: ClassModel,
    source: Source,
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> Segmentation:
    """Find the classes of a model in another image: the same numbers, names and colors.

    Parameters
    ----------
    model : ClassModel
        The classes.
    source : path, binary file, array_like or Image
        See :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig, optional
        All settings at once. Those of the fit, such as k, have their defaults or the values of the model.
    on_stage : callable
        Called with each stage as it begins.
    **settings
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
        If the model does not fit the image, other features or no classes; or if it is no ClassModel.
    SettingsError
        If a setting is unknown, out of its range, or one of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> monday, tuesday = np.full((2, 8, 8), 30, dtype=np.uint8)
    >>> monday[:4], tuesday[:2] = 200, 200
    >>> model = fit_classes([monday], k=2)
    >>> [row.pixels for row in apply_classes(model, tuesday).classes]
    [48, 16]
    """
    chosen, arrays = take_arrays(settings)
    config = resolve_for_model(model, config, chosen)
    return label_with_model(model, source, config, on_stage=on_stage, arrays=arrays)


def resolve_for_model(
    model: ClassModel, config: SegmentConfig | None, settings: Mapping[str, Any], entry_point: str = "apply_classes"
) -> SegmentConfig:
    """Resolve the settings with which the classes of a model are found in an image.

    Parameters
    ----------
    model : ClassModel
        Gives the settings of the fit, and of the preprocessing where nothing is said.
    config : SegmentConfig, optional
        All settings at once.
    settings : dict of str to value
        Single settings instead.

    Raises
    ------
    ModelError
        If the model is no ClassModel.
    SettingsError
        If a setting is unknown, out of its range, or one of the fit.
    """
    require_class_model("model", model)
    if config is None:
        # First without the model's settings, which would seem to contradict a setting that is not used.
        # But names and merges count by the classes of the model.
        known = {"k": model.n_classes} if {"name", "merge"} & settings.keys() else {}
        SegmentConfig.from_values(**{**known, **settings}).reject_unused_by(entry_point, model.settings)
        merged = SegmentConfig.resolve(None, settings, **ENTRY_POINTS[entry_point].fixed, **model.settings)
        return merged.reject_unused_by(entry_point, model.settings, has_defaults=True)
    return SegmentConfig.resolve(config, settings).reject_unused_by(entry_point, model.settings)


def label_with_model(
    model: ClassModel,
    source: Source,
    config: SegmentConfig,
    *,
    on_stage: Callable[[str], None],
    arrays: SelectionArrays = NO_ARRAYS,
) -> Segmentation:
    """Find the classes of a model in an image, with settings that may be those of its fit as well.

    Parameters
    ----------
    model : ClassModel
        The classes.
    source : path, binary file, array_like or Image
        The image. It is not changed.
    config : SegmentConfig
        Settings that only a fit uses are taken from the model or have no effect.
    on_stage : callable
        Called with each stage as it begins.
    arrays : SelectionArrays
        Mask and regions of interest that are not in files.

    Returns
    -------
    Segmentation
        Its `fit` has no iterations.
    """
    applied = AppliedModel.from_settings(model, config)
    model, config = applied.model, applied.config
    clock = Stopwatch(on_stage, source)
    clock(Stage.READ)
    image = model.rescale_image(read_image(source, config, arrays))  # 1 loader
    clock(Stage.PREPROCESS)
    preprocessed = preprocess(image, config)  # 2 preprocessor
    clock(Stage.COUNT_COLORS)
    spatial = build_spatial_model(preprocessed, config, clock)  # 3 pixel features
    model.check_features(spatial.data.space, get_page_name(source))
    clock(Stage.LABEL)
    found = applied.take_classes(spatial.data)  # 4 segmenter, without a fit
    light = warn_of_other_light(preprocessed, found.classes, spatial.data.space)
    found = replace(found, warnings=found.warnings + light)
    unmerged = found.classes.unmerged
    labeled = spatial.label(unmerged, reject=config.reject)
    clock(Stage.CLEAN_UP)
    cleaned = clean_labels(labeled, unmerged, spatial, config, image)  # 5 postprocessor
    is_file = isinstance(source, (str, PathLike)) and bool(model.file) and not arrays
    command = ("apply", model.file, get_source_name(source)) if is_file else ()
    provenance = Provenance(get_source_name(source), command, clock.seconds)
    return build_result(image, spatial, labeled, cleaned, found, model, config, provenance)
