"""The stages in order: read this first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.loader.loader import LoadedFile
from segment.mixture.rejection import find_rejection_threshold, is_rejected
from segment.pipeline.class_table import ClassRow, tabulate_classes
from segment.pipeline.provenance import Origin, Stopwatch
from segment.pipeline.result import Segmentation
from segment.pipeline.result_warnings import collect_result_warnings, find_labels_lost_in_cleanup
from segment.postprocessor.postprocessor import Cleaned, postprocess
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.class_fitting import FittedClasses, model_classes
from segment.segmenter.class_mixture import label_cells, rank_classes
from segment.segmenter.class_model.class_model import ClassModel, Training
from segment.segmenter.class_model.validation import PREPROCESSING
from segment.segmenter.field.field_labels import CoherentLabels

if TYPE_CHECKING:
    pass
from segment.features.pixel_features import collect
from segment.pipeline.preparation import Prepared, name_of, prepare, read_image

__all__ = ["finish", "segment_image"]


def segment_image(
    source: ArrayLike | Image | BinaryIO | str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    start: ClassModel | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Segmentation:
    """Segment an image into k classes of color.

    Parameters
    ----------
    source : path, binary file, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        A file, the stream of one, or gray, RGB or RGBA pixels; see :meth:`segment.Image.from_array`. It is not changed.
    config : SegmentConfig, optional
        All settings at once.
    start : ClassModel, optional
        Classes to start the fit from. Their number, names and order are kept; they adapt to the image.
    tell : callable
        Called with the name of each stage as it begins.
    **settings
        Single settings instead, such as ``k=4``: the fields of :class:`segment.SegmentConfig`.

    Returns
    -------
    Segmentation

    Raises
    ------
    ImageError
        If the image cannot be read or has no pixel to segment.
    ModelError
        If the image has other features than the model to start from.
    SettingsError
        If a setting is unknown or out of its range.
    """
    config = _configured(config, settings, start)
    on_stage = Stopwatch(on_stage, source.begin if isinstance(source, LoadedFile) else None)
    on_stage("reading")
    image = read_image(source, config)
    if start is not None:
        image = start.rescaled(image)
    ready = prepare(image, config, on_stage)
    if start is not None:
        start.refuse_other(ready.space, name_of(source))
    if config.coherence == "region":
        ready = _divided(ready, config, on_stage)
    on_stage("fitting the mixture")
    found = model_classes(ready.cells, ready.space, [ready.copy], config, start, ready.whole)
    class_model = ClassModel(
        mixture=found.mixture,
        groups=found.groups,
        names=found.names,
        features=ready.space.name,
        n_channels=ready.space.n_channels,
        dtype=ready.working.pixels.dtype.name,
        black=ready.working.black,
        white=ready.working.white,
        preprocessing={name: getattr(config, name) for name in PREPROCESSING},
        training=Training(1, round(ready.cells.total_weight), found.log_likelihood, found.log_likelihood),
    )
    result = finish(ready, class_model, found, config, on_stage)
    return replace(result, origin=Origin(name_of(source), _command(source, start), on_stage.seconds))


def _divided(ready: Prepared, config: SegmentConfig, on_stage: Callable[[str], None]) -> Prepared:
    """The same image with its regions as the cells."""
    from segment.segmenter.regions.region_classes import WholeRegions

    smoothness = config.smoothness if config.spatial == "field" else 0.0
    of = ready.working, ready.index, ready.space
    whole = WholeRegions.of(*of, smoothness=smoothness, seed=config.seed, on_stage=on_stage)
    return replace(ready, cells=whole.cells, whole=whole)


def finish(
    ready: Prepared,
    class_model: ClassModel,
    found: FittedClasses,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
) -> Segmentation:
    """The stages that follow once there are classes: labels, clean-up, statistics."""
    on_stage("labeling pixels")
    raw = _labeled(ready, found, config)
    valid = ready.working.valid
    rejected = float(np.mean(raw[valid] == 0)) if config.reject and len(ready.cells) else 0.0
    cleaned = Cleaned(raw, 0.0)
    if ready.whole is None:
        on_stage("cleaning up")
        cleaned = postprocess(
            raw,
            radius=config.smooth_radius,
            min_region=config.min_region,
            max_hole=config.max_hole,
            precedence=rank_classes(found.mixture, found.groups),
        )
    labels = enlarge(cleaned.label_image, ready.image)
    classes = tabulate_classes(labels, ready.image, len(found.names))
    said = _remarks(found, classes, raw, rejected, ready.working, config)
    return Segmentation(
        image=ready.image,
        label_image=labels,
        model=found.mixture,
        groups=found.groups,
        selection=found.selection,
        classes=classes,
        fit=found.fit,
        space=ready.space,
        working=ready.working,
        changed=cleaned.changed,
        rejected=rejected,
        warnings=ready.image.notes + found.warnings + said,
        config=config,
        class_model=class_model,
        whole=ready.whole,
    )


def _labeled(ready: Prepared, found: FittedClasses, config: SegmentConfig) -> NDArray[np.uint8]:
    """The labels of the working image before any clean-up."""
    index, cells, space = ready.index, ready.cells, ready.space
    if ready.copy is not ready.working and config.reject:  # its share is one of all pixels
        index = ColorIndex(ready.working)
        cells = collect(index, config)[1]
    least = find_rejection_threshold(found.mixture, cells, config.reject)
    if ready.whole is not None:
        return ready.whole.paint(ready.whole.labels(found.mixture, found.groups, least=least))
    if not config.has_field:
        return index.map_to_pixels(lambda colors: label_cells(found.mixture, space.make_cells(colors), found.groups, least=least))
    shape, smoothness = ready.working.valid.shape, config.smoothness
    field = CoherentLabels(found.mixture, found.groups, space, ready.copy, shape, smoothness=smoothness)
    raw = field.of(ready.working)
    if config.reject:
        raw[index.map_to_pixels(lambda colors: is_rejected(found.mixture, space.make_cells(colors), least))] = 0
    return raw


def _remarks(
    found: FittedClasses,
    classes: tuple[ClassRow, ...],
    raw: NDArray[np.uint8],
    rejected: float,
    working: Image,
    config: SegmentConfig,
) -> tuple[str, ...]:
    """What is to be said of the classes, whose labels before the clean-up are `raw`."""
    told = classes if found.fit.restarts.size else ()  # those of a saved model may well be missing
    few = 0
    if any(row.pixels == 0 for row in told):  # a copy that they were fitted to may have more colors, between others
        n_colors = len(collect(ColorIndex(working), config)[1])
        few = n_colors if n_colors < len(told) else 0
    return collect_result_warnings(
        told, config, rejected=rejected, taken=find_labels_lost_in_cleanup(raw, told), n_colors=few
    )


def _configured(config: SegmentConfig | None, settings: dict[str, Any], start: ClassModel | None) -> SegmentConfig:
    """The settings of a run, those of the model it starts from where nothing else is said."""
    if start is None:
        return SegmentConfig.either(config, settings)
    config = SegmentConfig.either(config, settings, **start.settings)
    start.refuse_settings(config)
    return config


def _command(source: object, start: ClassModel | None) -> tuple[str, ...]:
    """The command line that makes the same, where there is one."""
    if not isinstance(source, (str, PathLike)) or (start is not None and not start.file):
        return ()
    return ("run", name_of(source), *(("--start", start.file) if start else ()))
