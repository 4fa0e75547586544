"""The stages in order: read this first.

A source is loaded, preprocessed, and described by pixel features; classes are fitted to these and label the pixels; the
labels are cleaned up. Each stage is a subpackage, which takes arrays and plain settings.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, Unpack

from segment.config.config import SegmentConfig
from segment.config.setting_arguments import SettingArguments
from segment.core.image import Image
from segment.core.stages import Stage
from segment.pipeline.pixel_selection import take_arrays
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.provenance import Provenance, Stopwatch
from segment.pipeline.result import Segmentation
from segment.pipeline.result_building import build_result, clean_labels
from segment.pipeline.sources import Source, get_source_name
from segment.segmenter.class_fitting import FittedClasses, fit_image_classes
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.storage import require_class_model
from segment.segmenter.class_model.training import Training
from segment.segmenter.class_model.value_scale import ValueScale
from segment.segmenter.spatial_model import ColorsAlone, SpatialModel, build_spatial_model

__all__ = ["make_class_model", "segment_image"]


def segment_image(
    source: Source,
    config: SegmentConfig | None = None,
    *,
    start: ClassModel | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
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
    on_stage : callable
        Called with each :class:`segment.core.stages.Stage` as it begins.
    **settings
        Single settings instead, such as ``k=4``: the fields of :class:`segment.SegmentConfig`. `mask` and `roi` may be
        arrays of shape (H, W) as well as paths.

    Returns
    -------
    Segmentation
        Labels of shape (H, W), the classes, and how they were found.

    Raises
    ------
    ImageError
        If the image cannot be read or has no pixel to segment.
    ModelError
        If the image has other features than the model to start from, or if that is no ClassModel.
    SettingsError
        If a setting is unknown, out of its range, or would be ignored.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.kron([[0, 80], [160, 240]], np.ones((8, 8), int)).astype(np.uint8)
    >>> segment_image(pixels, k=4).label_image[::8, ::8]
    array([[1, 2],
           [3, 4]], dtype=uint8)
    """
    chosen, arrays = take_arrays(settings)
    config = _resolve_config(config, chosen, start)
    clock = Stopwatch(on_stage, source)
    clock(Stage.READ)
    image = read_image(source, config, arrays)  # 1 loader
    if start is not None:
        image = start.rescale_image(image)
    clock(Stage.PREPROCESS)
    preprocessed = preprocess(image, config)  # 2 preprocessor
    clock(Stage.COUNT_COLORS)
    spatial = build_spatial_model(preprocessed, config, clock)  # 3 pixel features
    if start is not None:
        start.check_features(spatial.data.space, get_source_name(source))
    clock(Stage.FIT)
    found = fit_image_classes(spatial.data, config, start)  # 4 segmenter
    model = make_class_model(image, found, spatial, config)
    if not isinstance(spatial, ColorsAlone):
        spatial.data.forget_cells()  # a field needs the memory
    clock(Stage.LABEL)
    unmerged = found.classes.unmerged  # merging classes changes no label of the others
    labeled = spatial.label(unmerged, reject=config.reject)
    clock(Stage.CLEAN_UP)
    cleaned = clean_labels(labeled, unmerged, spatial, config, image)  # 5 postprocessor
    provenance = Provenance(get_source_name(source), () if arrays else _build_command(source, start), clock.seconds)
    return build_result(image, spatial, labeled, cleaned, found, model, config, provenance, start)


def make_class_model(image: Image, found: FittedClasses, spatial: SpatialModel, config: SegmentConfig) -> ClassModel:
    """Make the model with which the classes of an image can be found in others.

    Parameters
    ----------
    image : Image
        Before preprocessing: the model has its scale.
    found : FittedClasses
    spatial : SpatialModel
        Of the preprocessed image.
    config : SegmentConfig
        The settings of the fit.

    Returns
    -------
    ClassModel
    """
    n_pixels = round(spatial.data.cells.total_weight)
    return ClassModel.from_fit(
        found.classes,
        found.names,
        space=spatial.data.space,
        scale=ValueScale.from_image(image),
        config=config,
        training=Training(1, n_pixels, found.log_likelihood, found.log_likelihood),
    )


def _resolve_config(config: SegmentConfig | None, settings: dict[str, Any], start: ClassModel | None) -> SegmentConfig:
    """Resolve the settings of a run; the model it starts from gives those that are not named."""
    if start is None:
        return SegmentConfig.resolve(config, settings).reject_unused_by("segment_image")
    require_class_model("start", start)
    if config is None:
        # First without the model's settings, which would seem to contradict a setting that is not used.
        SegmentConfig.from_values(**settings).reject_unused_by("segment_image")
    config = SegmentConfig.resolve(config, settings, **start.settings)
    start.check_settings(config)
    return config.reject_unused_by("segment_image")


def _build_command(source: object, start: ClassModel | None) -> tuple[str, ...]:
    """Build the command line that makes the same, without its settings; empty where there is none."""
    if not isinstance(source, (str, PathLike)) or (start is not None and not start.file):
        return ()
    return ("run", get_source_name(source), *(("--start", start.file) if start else ()))
