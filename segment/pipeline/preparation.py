"""From a source to what classes can be fitted to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import IOBase
from os import PathLike
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.loader.loader import LoadedFile, load_image, load_stream
from segment.mixture.cells import Cells
from segment.preprocessor.preprocessor import denoise, make_working_copy, shrink, to_grayscale

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import WholeRegions
from segment.features.pixel_features import collect

__all__ = ["Prepared", "name_of", "prepare", "preprocess", "read_image"]


@dataclass(frozen=True)
class Prepared:
    """An image that classes can be fitted to.

    Attributes
    ----------
    image : Image
        As it was read.
    working : Image
        What is segmented: the image after preprocessing.
    copy : Image
        What classes are fitted to: `working`, or its working copy where there is a random field.
    index : ColorIndex
        The colors of `copy`.
    space : FeatureSpace
    cells : Cells
        The features of `copy`.
    whole : WholeRegions, optional
        The regions that the cells stand for, where each is to be of one class.
    """

    image: Image
    working: Image
    copy: Image
    index: ColorIndex
    space: FeatureSpace
    cells: Cells
    whole: WholeRegions | None = None


def prepare(image: Image, config: SegmentConfig, on_stage: Callable[[str], None]) -> Prepared:
    """Bring an image to where classes can be fitted to it."""
    on_stage("preprocessing")
    working = preprocess(image, config)
    on_stage("counting colors")
    copy = make_working_copy(working) if config.has_field else working
    index = ColorIndex(copy)
    return Prepared(image, working, copy, index, *collect(index, config))


def name_of(source: object) -> str:
    """What messages call an image."""
    return printable_path(source) if isinstance(source, (str, PathLike)) else "image"


def read_image(source: ArrayLike | Image | BinaryIO | str | PathLike[str], config: SegmentConfig) -> Image:
    """The image of a file, a stream, an array or itself."""
    if isinstance(source, LoadedFile):
        return source.image
    if isinstance(source, (str, PathLike)):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(load_cv2)  # all later stages need it, and loading it takes as long as decoding, which does not
            return load_image(source, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    if isinstance(source, IOBase):
        return load_stream(cast(BinaryIO, source), max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    return source if isinstance(source, Image) else Image.from_array(cast(ArrayLike, source))


def preprocess(image: Image, config: SegmentConfig) -> Image:
    """The image that is segmented: of the size, the colors and the smoothness asked for."""
    image = shrink(image, max_size=config.max_size)
    if config.greyscale:
        image = to_grayscale(image)
    return _within_scale(denoise(image, method=config.denoise, radius=config.denoise_radius))


def _within_scale(image: Image) -> Image:
    """The image without values beyond its black and white, which a scale taken over from a model may leave."""
    if image.pixels.dtype != np.uint16 or int(image.pixels.max()) <= image.white:
        return image
    return replace(image, pixels=np.minimum(image.pixels, image.pixels.dtype.type(image.white)))
