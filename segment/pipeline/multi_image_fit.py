"""Collect the cells of several images and fit one class model to all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from segment.config.config import SegmentConfig
from segment.core.errors import ModelError
from segment.core.float_scale import ScaleNote
from segment.core.stages import Stage
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import PixelFeatures
from segment.mixture.cells import Cells, concatenate, sum_cells
from segment.mixture.grid_bins import coarsen
from segment.mixture.mixture_fit import score_as_fit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.pipeline.pixel_selection import NO_ARRAYS, SelectionArrays, select_pixels
from segment.pipeline.preparation import load_source, preprocess
from segment.pipeline.sources import Source, get_page, get_source_path, name_page
from segment.preprocessor.working_copy import WORKING_PIXELS, make_working_copy
from segment.segmenter.class_fitting import fit_image_classes
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.training import Training
from segment.segmenter.class_model.value_scale import ValueScale, set_scale
from segment.segmenter.fit_data import FitData
from segment.segmenter.spatial_model import build_spatial_model, choose_spatial_type

__all__ = ["ImagePart", "TrainingImage", "collect_part", "find_common_scale", "fit_parts", "read_on_common_scale"]

MAX_CELLS = 2**21  # of all images that are kept: some 200 MB
BINS = (64, 32, 16, 8, 4, 2)  # along the widest feature, tried in turn where an image has too many cells of its own
MAX_FEW_CELLS = 256  # of an image with fewer colors than there may be classes
MAX_COPIES = 256  # images of which a copy is kept, from which neighbors are known
MAX_COPY_PIXELS = 2**24  # of all these copies together
MIN_COPY_PIXELS = 2**16  # of each copy, where there are many


@dataclass(frozen=True, eq=False)
class ImagePart:
    """What one training image contributes to the fit.

    Attributes
    ----------
    data : FitData
        Its cells, and a small copy or its regions where neighbors count.
    scale : ValueScale
        What its pixel values stand for.
    n_bins : int
        Bins along the widest feature that the cells were merged in; 0 where they are the image's own.
    notes : tuple of str
        What was noted as it was read; not what is black and white in it, which all images decide together.
    """

    data: FitData
    scale: ValueScale
    n_bins: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TrainingImage:
    """An image to read for a fit to several.

    Attributes
    ----------
    source : path, binary file, array_like or Image
        See :func:`segment.segment_image`. It is not changed.
    number, n_images : int
        Which of how many images it is, counted from 0.
    scale : ValueScale, optional
        What its values stand for; its own by default.
    """

    source: Source
    number: int
    n_images: int
    scale: ValueScale | None = None


def collect_part(
    training_image: TrainingImage,
    *,
    config: SegmentConfig,
    arrays: SelectionArrays = NO_ARRAYS,
    on_stage: Callable[[str], None] = lambda _: None,
) -> ImagePart:
    """Read a training image and collect its cells.

    Parameters
    ----------
    training_image : TrainingImage
        Where memory has no room for the cells of so many images, those of this one are merged in bins of 64, 32, 16,
        ... along the widest feature.
    config : SegmentConfig
        The settings of the fit.
    arrays : SelectionArrays
        Mask and regions of interest that are not in files.
    on_stage : callable
        Called with the name of each stage as it begins.
    """
    source, n_images, scale = training_image.source, training_image.n_images, training_image.scale
    on_stage(Stage.READ)
    with name_page(source):
        loaded = load_source(source, config)
        image = select_pixels(loaded, config, get_source_path(source, loaded), arrays, get_page(source, config))
    notes = tuple(note for note in image.notes if not isinstance(note, ScaleNote))
    if scale is not None:
        image = set_scale(image, scale)
    on_stage(Stage.PREPROCESS)
    preprocessed = preprocess(image, config)
    notes += preprocessed.notes[len(image.notes) :]
    on_stage(Stage.COUNT_COLORS)
    data = build_spatial_model(preprocessed, config, on_stage).data
    cells, n_bins = _merge_many_cells(data, n_images)
    # Copies are needed where neighbors count for the classes, for their number or for the weight of the pixels.
    asked = choose_spatial_type(config).needs_copies or config.k == "auto" or config.prior == "conjugate"
    is_kept = asked and training_image.number % -(-n_images // MAX_COPIES) == 0
    max_pixels = min(WORKING_PIXELS, max(MAX_COPY_PIXELS // min(n_images, MAX_COPIES), MIN_COPY_PIXELS))
    copies = (make_working_copy(preprocessed, max_pixels),) if is_kept else ()
    return ImagePart(replace(data, source=cells, copies=copies), ValueScale.from_image(image), n_bins, notes)


def _are_alike(one: ValueScale, other: ValueScale) -> bool:
    """Say whether two scales are guesses, and equal values stand for the same in both."""
    return one.is_guess and other.is_guess and one.has_unit_of(other)


def _merge_many_cells(data: FitData, n_images: int) -> tuple[Cells, int]:
    """Merge the cells of one of many images until they are few enough; return them and the bins, 0 where none."""
    cells, n_bins, max_cells = data.cells, 0, MAX_CELLS // n_images
    # Regions are few, and each has its place in the field.
    if n_images == 1 or data.regions:
        return cells, n_bins
    if isinstance(data.source, PixelFeatures) and data.source.index.is_sampled and len(cells) > max_cells:
        return data.source.sample_cells(max_cells), 0
    for bins in BINS:
        if len(cells) <= max_cells:
            break
        cells, n_bins = coarsen(cells, bins), bins
    return cells, n_bins


def read_on_common_scale(
    images: Sequence[TrainingImage],
    parts: Mapping[int, ImagePart],
    read: Callable[[list[TrainingImage]], dict[int, ImagePart]],
) -> tuple[dict[int, ImagePart], ValueScale]:
    """Read images again whose black and white are a guess that differs from the scale that all of them share.

    Parameters
    ----------
    images : sequence of TrainingImage
        All images.
    parts : mapping of int to ImagePart
        What those that can be read have contributed, by their numbers; at least one.
    read : callable
        Reads some images as these were read.

    Returns
    -------
    parts : dict of int to ImagePart
        The same images on one scale, in the order of their numbers.
    scale : ValueScale
        That scale.
    """
    numbers = sorted(parts)
    scale = find_common_scale([parts[number].scale for number in numbers])
    again = read([replace(images[number], scale=scale) for number in numbers if _is_misread(parts[number], scale)])
    return {number: again.get(number, parts[number]) for number in numbers}, scale


def _is_misread(part: ImagePart, scale: ValueScale) -> bool:
    """Say whether an image must be read again, on the scale that it shares with the others."""
    has_other_ends = (part.scale.black, part.scale.white) != (scale.black, scale.white)
    return has_other_ends and _are_alike(part.scale, scale)


def find_common_scale(scales: Sequence[ValueScale]) -> ValueScale:
    """Find the scale that images share: that of the first, widened to those of its kind if they are guesses.

    Parameters
    ----------
    scales : sequence of ValueScale
        At least one.

    Examples
    --------
    >>> twelve, sixteen = (ValueScale("uint16", 0, white, True) for white in (4095, 65535))
    >>> find_common_scale([twelve, sixteen]).white
    65535
    """
    first = scales[0]
    if not first.is_guess:
        return first
    alike = [scale for scale in scales if _are_alike(scale, first)]
    return replace(first, black=min(scale.black for scale in alike), white=max(scale.white for scale in alike))


def fit_parts(
    parts: Sequence[ImagePart], names: Sequence[str], scale: ValueScale, config: SegmentConfig
) -> tuple[ClassModel, Selection]:
    """Fit one set of classes to all training images.

    Parameters
    ----------
    parts : sequence of ImagePart
        At least one.
    names : sequence of str
        What messages call each of them.
    scale : ValueScale
        What the values of the images together stand for.
    config : SegmentConfig
        The settings of the fit.

    Returns
    -------
    model : ClassModel
    selection : Selection
        How many classes there are and why.

    Raises
    ------
    ModelError
        If no pixel is valid, or if the features differ.
    """
    space = parts[0].data.space
    for name, part in zip(names, parts, strict=True):
        _reject_other_features(part.data.space, space, name)
    cells = [part.data.cells for part in parts]
    regions = tuple(regions for part in parts for regions in part.data.regions)
    # Colors that images of few colors share become one cell: counted twice, they would seem enough for more classes
    # than there are colors. Each region has its place in the field.
    have_few = len(cells) > 1 and max(map(len, cells)) <= MAX_FEW_CELLS and not regions
    data = FitData(
        space,
        sum_cells(cells) if have_few else concatenate(*cells),
        copies=tuple(copy for part in parts for copy in part.data.copies),
        regions=regions,
    )
    found = fit_image_classes(data, config)
    model = found.classes.model
    if model.n_components == 0:
        raise ModelError(f"{names[0]}: a model needs valid pixels; got none. Name another image.")
    class_model = ClassModel.from_fit(
        found.classes,
        found.names,
        space=space,
        scale=scale,
        config=config,
        training=_describe_training(model, cells, found.log_likelihood, found.warnings + _collect_notes(parts, names)),
    )
    return class_model, found.selection


def _reject_other_features(space: FeatureSpace, first: FeatureSpace, name: str) -> None:
    """Refuse an image of other features than the first one has."""
    if space.feature_names != first.feature_names:
        raise ModelError(
            f"{name}: images of one model have the same features, {', '.join(first.feature_names)} in the first; "
            f"got {', '.join(space.feature_names)}. Leave it out, or convert all to gray with --greyscale."
        )


def _collect_notes(parts: Sequence[ImagePart], names: Sequence[str]) -> tuple[str, ...]:
    """Say what was noted of the images, each note once, where cells were merged, and where depths differ."""
    noted: dict[str, list[str]] = {}
    for name, part in zip(names, parts, strict=True):
        for note in part.notes:
            noted.setdefault(note, []).append(name)
    notes = tuple(
        f"{some[0]}{f' and {len(some) - 1} more' if len(some) > 1 else ''}: {note}" for note, some in noted.items()
    )
    bins = [part.n_bins for part in parts if part.n_bins]
    if bins:
        notes += (f"the images have many colors: they were fitted in bins, {min(bins)} along the widest feature",)
    if len({(part.scale.black, part.scale.white) for part in parts}) > 1:
        notes += ("images of different depth are compared as shares of the way from black to white",)
    return notes


def _describe_training(
    model: MixtureModel, parts: list[Cells], log_likelihood: float, notes: tuple[str, ...]
) -> Training:
    """Measure how well the model explains all images, and the one that it explains worst."""
    scores = [float(score_as_fit(model, part).finish.log_likelihoods[-1]) for part in parts if len(part)]
    lowest = min(scores) if len(scores) > 1 else log_likelihood
    pixels = round(sum(part.total_weight for part in parts))
    return Training(len(parts), pixels, log_likelihood, lowest, notes)
