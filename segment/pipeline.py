"""The stages in order: read this first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import IOBase
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment._opencv import load_cv2
from segment.class_models.checks import PREPROCESSING
from segment.class_models.model import ClassModel, Training
from segment.coherence import CoherentLabels, working_copy
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.emptiness import remarks, taken_away
from segment.errors import shown
from segment.features import FeatureSpace, collect_cells
from segment.image import Image
from segment.loader import Loaded, load_image, load_stream
from segment.mixture.cells import Cells
from segment.modelling import Modelled, model_classes
from segment.origin import Origin, Stopwatch
from segment.postprocessor import Cleaned, postprocess
from segment.preprocessor import denoise, enlarge, shrink, to_greyscale
from segment.segmentation import Segmentation
from segment.segmenter import is_rejected, label_cells, precedence, rejection_threshold
from segment.statistics import ClassRow, class_table

if TYPE_CHECKING:
    from segment.whole_regions import WholeRegions

__all__ = ["collect", "finish", "name_of", "preprocess", "read_image", "segment_image"]


def segment_image(
    source: ArrayLike | Image | BinaryIO | str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    start: ClassModel | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Segmentation:
    """Segment an image into k classes of colour.

    Parameters
    ----------
    source : path, binary file, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        A file, the stream of one, or grey, RGB or RGBA pixels; see :meth:`segment.Image.from_array`. It is not changed.
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
    tell = Stopwatch(tell, source.begin if isinstance(source, Loaded) else None)
    tell("reading")
    image = read_image(source, config)
    if start is not None:
        image = start.rescaled(image)
    tell("preprocessing")
    working = preprocess(image, config)
    tell("counting colours")
    copy = working_copy(working) if config.has_field else working
    index = ColourIndex(copy)
    space, cells = collect(index, config)
    if start is not None:
        start.refuse_other(space, name_of(source))
    whole = None
    if config.coherence == "region":
        from segment.whole_regions import WholeRegions

        smoothness = config.smoothness if config.spatial == "field" else 0.0
        whole = WholeRegions.of(working, index, space, smoothness=smoothness, seed=config.seed, tell=tell)
        cells = whole.cells
    tell("fitting the mixture")
    found = model_classes(cells, space, [copy], config, start, whole)
    class_model = ClassModel(
        mixture=found.mixture,
        groups=found.groups,
        names=found.names,
        features=space.name,
        n_channels=space.n_channels,
        dtype=working.pixels.dtype.name,
        black=working.black,
        white=working.white,
        preprocessing={name: getattr(config, name) for name in PREPROCESSING},
        training=Training(1, round(cells.total_weight), found.log_likelihood, found.log_likelihood),
    )
    result = finish(image, working, copy, index, class_model, found, space, cells, config, tell, whole)
    return replace(result, origin=Origin(name_of(source), _command(source, start), tell.seconds))


def finish(
    image: Image,
    working: Image,
    copy: Image,
    index: ColourIndex,
    class_model: ClassModel,
    found: Modelled,
    space: FeatureSpace,
    cells: Cells,
    config: SegmentConfig,
    tell: Callable[[str], None],
    whole: WholeRegions | None = None,
) -> Segmentation:
    """The stages that follow once there are classes: labels, clean-up, statistics.

    The colours and cells are those of the copy that the classes were fitted to. `whole` are the regions
    that `cells` stand for, where each is to be of one class.
    """
    tell("labelling pixels")
    if copy is not working and config.reject:  # its share is one of all pixels
        index = ColourIndex(working)
        cells = collect(index, config)[1]
    least = rejection_threshold(found.mixture, cells, config.reject)
    if whole is not None:
        raw = whole.paint(whole.labels(found.mixture, found.groups, least=least))
    elif config.has_field:
        raw = _coherent(found, space, working, copy, config)
        if config.reject:
            raw[index.spread(lambda colours: is_rejected(found.mixture, space.cells(colours), least))] = 0
    else:
        raw = index.spread(lambda colours: label_cells(found.mixture, space.cells(colours), found.groups, least=least))
    rejected = float(np.mean(raw[working.valid] == 0)) if config.reject and len(cells) else 0.0
    cleaned = Cleaned(raw, 0.0)
    if whole is None:
        tell("cleaning up")
        sizes = {"radius": config.smooth_radius, "min_region": config.min_region, "max_hole": config.max_hole}
        cleaned = postprocess(raw, **sizes, precedence=precedence(found.mixture, found.groups))
    labels = enlarge(cleaned.label_image, image)
    classes = class_table(labels, image, len(found.names))
    return Segmentation(
        image=image,
        label_image=labels,
        model=found.mixture,
        groups=found.groups,
        selection=found.selection,
        classes=classes,
        fit=found.fit,
        space=space,
        working=working,
        changed=cleaned.changed,
        rejected=rejected,
        warnings=image.notes + found.warnings + _remarks(found, classes, raw, rejected, working, config),
        config=config,
        class_model=class_model,
        whole=whole,
    )


def _remarks(
    found: Modelled,
    classes: tuple[ClassRow, ...],
    raw: NDArray[np.uint8],
    rejected: float,
    working: Image,
    config: SegmentConfig,
) -> tuple[str, ...]:
    """What is to be said of the classes, whose labels before the clean-up are `raw`."""
    told = classes if found.fit.restarts.size else ()  # those of a saved model may well be missing
    few = 0
    if any(row.pixels == 0 for row in told):  # a copy that they were fitted to may have more colours, between others
        n_colours = len(collect(ColourIndex(working), config)[1])
        few = n_colours if n_colours < len(told) else 0
    return remarks(told, config, rejected=rejected, taken=taken_away(raw, told), n_colours=few)


def _coherent(
    found: Modelled, space: FeatureSpace, working: Image, copy: Image, config: SegmentConfig
) -> NDArray[np.uint8]:
    """The labels by the random field, which is solved on the copy."""
    shape = working.valid.shape
    field = CoherentLabels(found.mixture, found.groups, space, copy, shape, smoothness=config.smoothness)
    return field.of(working)


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


def name_of(source: object) -> str:
    """What messages call an image."""
    return shown(source) if isinstance(source, (str, PathLike)) else "image"


def read_image(source: ArrayLike | Image | BinaryIO | str | PathLike[str], config: SegmentConfig) -> Image:
    """The image of a file, a stream, an array or itself."""
    if isinstance(source, Loaded):
        return source.image
    if isinstance(source, (str, PathLike)):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(load_cv2)  # all later stages need it, and loading it takes as long as decoding, which does not
            return load_image(source, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    if isinstance(source, IOBase):
        return load_stream(cast(BinaryIO, source), max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    return source if isinstance(source, Image) else Image.from_array(cast(ArrayLike, source))


def preprocess(image: Image, config: SegmentConfig) -> Image:
    """The image that is segmented: of the size, the colours and the smoothness asked for."""
    image = shrink(image, max_size=config.max_size)
    if config.greyscale:
        image = to_greyscale(image)
    return _within_scale(denoise(image, method=config.denoise, radius=config.denoise_radius))


def _within_scale(image: Image) -> Image:
    """The image without values beyond its black and white, which a scale taken over from a model may leave."""
    if image.pixels.dtype != np.uint16 or int(image.pixels.max()) <= image.white:
        return image
    return replace(image, pixels=np.minimum(image.pixels, image.pixels.dtype.type(image.white)))


def collect(index: ColourIndex, config: SegmentConfig) -> tuple[FeatureSpace, Cells]:
    """The features of an image and its cells."""
    space = FeatureSpace(config.features, index.n_channels, index.black, index.white)
    return space, collect_cells(space, index.parts(), exact=index.is_tabled)
