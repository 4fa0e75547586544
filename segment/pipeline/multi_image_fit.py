"""What many images are for the fit of one model, and that fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import BinaryIO

from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import ModelError
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect
from segment.mixture.cells import Cells, coarsen, concatenate
from segment.mixture.fitting import score_as_fit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.pipeline.preparation import preprocess, read_image
from segment.preprocessor.preprocessor import WORKING_PIXELS, make_working_copy
from segment.segmenter.class_fitting import model_classes
from segment.segmenter.class_model.class_model import ClassModel, Training
from segment.segmenter.class_model.validation import PREPROCESSING

__all__ = ["ImagePart", "ValueScale", "collect_part", "find_common_scale", "fit_parts"]

Source = ArrayLike | Image | BinaryIO | str | PathLike[str]

_MANY = 2**21  # cells of all images that are kept: some 200 MB
_FINE_BINS = 64  # along the widest feature, where an image has too many cells of its own
_COPIES = 256  # images of which a copy is kept, for what neighbors say
_KEPT = 2**24  # pixels of all these copies together,
_LEAST_KEPT = 2**16  # and of each of many


@dataclass(frozen=True)
class ValueScale:
    """What the pixel values of an image mean, and whether that is a guess."""

    dtype: str
    black: float
    white: float
    is_guess: bool


@dataclass(frozen=True)
class ImagePart:
    """What one training image is for the fit.

    Attributes
    ----------
    cells : Cells
    copy : Image, optional
        A small one, for what the neighbors of pixels say, where that is asked for.
    space : FeatureSpace
    scale : Scale
    n_bins : int
        Boxes along the widest feature that the cells were brought to; 0 where they are the image's own.
    """

    cells: Cells
    copy: Image | None
    space: FeatureSpace
    scale: ValueScale
    n_bins: int

    def is_misread(self, scale: ValueScale) -> bool:
        """Whether the image is to be read again, on the scale that it shares with others."""
        return self.scale.is_guess and self.scale.dtype == scale.dtype and self.scale != scale


def collect_part(
    source: Source,
    *,
    config: SegmentConfig,
    number: int = 0,
    n_images: int = 1,
    scale: ValueScale | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> ImagePart:
    """Read a training image and count its colors.

    Parameters
    ----------
    source : path, array_like or Image
    config : SegmentConfig
    number, n_images : int
        Which of how many images it is, counted from 0. Where memory has no room for the cells of so many, those of this
        one are united in boxes of 64, 32, 16, ... along the widest feature.
    scale : Scale, optional
        How its values are to be read.
    tell : callable
    """
    on_stage("reading")
    image = read_image(source, config)
    if scale is not None:
        image = replace(image, black=scale.black, white=scale.white)
    working = preprocess(image, config)
    on_stage("counting colors")
    space, cells = collect(ColorIndex(make_working_copy(working) if config.has_field else working), config)
    n_bins, bins = 0, 2 * _FINE_BINS
    while n_images > 1 and len(cells) > _MANY // n_images and bins > 2:
        n_bins = bins = bins // 2
        cells = coarsen(cells, bins)
    own = ValueScale(image.pixels.dtype.name, image.black, image.white, image.is_scale_inferred)
    asked = config.has_field or config.k == "auto" or config.prior == "conjugate"
    wanted = asked and number % -(-n_images // _COPIES) == 0
    kept = min(WORKING_PIXELS, max(_KEPT // min(n_images, _COPIES), _LEAST_KEPT))
    return ImagePart(cells, make_working_copy(working, kept) if wanted else None, space, own, n_bins)


def find_common_scale(scales: Sequence[ValueScale]) -> ValueScale:
    """The scale of the first image, widened to those of its kind if they are guesses."""
    first = scales[0]
    alike = [scale for scale in scales if scale.is_guess and scale.dtype == first.dtype]
    if not first.is_guess:
        return first
    return replace(first, black=min(scale.black for scale in alike), white=max(scale.white for scale in alike))


def fit_parts(
    parts: Sequence[ImagePart], names: Sequence[str], scale: ValueScale, config: SegmentConfig
) -> tuple[ClassModel, Selection]:
    """Fit one set of classes to all training images; with how many there are and why.

    Parameters
    ----------
    parts : sequence of Part
        At least one.
    names : sequence of str
        What messages call each of them.
    scale : Scale
        That of the images together.
    config : SegmentConfig

    Raises
    ------
    ModelError
        If no pixel is valid, or if the features differ.
    """
    first = parts[0].space
    for name, part in zip(names, parts, strict=True):
        _refuse_other(part.space, first, name)
    cells = [part.cells for part in parts]
    copies = [part.copy for part in parts if part.copy is not None]
    found = model_classes(concatenate(*cells), first, copies, config)
    if found.mixture.n_components == 0:
        raise ModelError(f"{names[0]}: a model needs valid pixels; got none. Name another image.")
    notes = _notes(parts)
    model = ClassModel(
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
    return model, found.selection


def _refuse_other(space: FeatureSpace, first: FeatureSpace, what: str) -> None:
    if space.feature_names != first.feature_names:
        raise ModelError(
            f"{what}: images of one model have the same features, {', '.join(first.feature_names)} in the first; "
            f"got {', '.join(space.feature_names)}. Leave it out, or make all gray with --greyscale."
        )


def _notes(parts: Sequence[ImagePart]) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    bins = [part.n_bins for part in parts if part.n_bins]
    if bins:
        notes += (f"the images have many colors: they were fitted in boxes, {min(bins)} along the widest feature",)
    if len({(part.scale.black, part.scale.white) for part in parts}) > 1:
        notes += ("images of different depth are compared as shares of the way from black to white",)
    return notes


def _training(mixture: MixtureModel, parts: list[Cells], log_likelihood: float, notes: tuple[str, ...]) -> Training:
    filled = [part for part in parts if len(part)]
    each = [float(score_as_fit(mixture, part).finish.log_likelihoods[-1]) for part in filled]
    lowest = min(each) if len(each) > 1 else log_likelihood
    pixels = round(sum(part.total_weight for part in parts))
    return Training(len(parts), pixels, log_likelihood, lowest, notes)
