"""The first two stages with their settings: a source becomes an Image, and the Image is preprocessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import IOBase
from os import PathLike
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.loader.loader import LoadedFile, load_image, load_stream
from segment.preprocessor.preprocessor import denoise, shrink, to_grayscale

__all__ = ["Source", "get_source_name", "preprocess", "read_image"]

Source = ArrayLike | Image | BinaryIO | str | PathLike[str]


def get_source_name(source: object) -> str:
    """Get what messages call an image.

    Parameters
    ----------
    source : object
        What is segmented.

    Returns
    -------
    str
        Its path, or "image" for an array.

    Examples
    --------
    >>> get_source_name("photo.jpg")
    'photo.jpg'
    """
    return printable_path(source) if isinstance(source, (str, PathLike)) else "image"


def read_image(source: Source, config: SegmentConfig) -> Image:
    """Read the image of a file, a stream, an array or an Image.

    Parameters
    ----------
    source : path, binary file, array_like or Image
        See :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig
        Its `max_pixels` and `allow_truncated` count for files and streams.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    if isinstance(source, LoadedFile):
        return source.image
    if isinstance(source, (str, PathLike)):
        # All later stages need OpenCV, decoding does not, and both take as long: they go on side by side.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(load_cv2)
            return load_image(source, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    if isinstance(source, IOBase):
        stream = cast(BinaryIO, source)
        return load_stream(stream, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    return source if isinstance(source, Image) else Image.from_array(cast(ArrayLike, source))


def preprocess(image: Image, config: SegmentConfig) -> Image:
    """Make the image that is segmented: shrunk, in grayscale and denoised, as the settings say.

    Parameters
    ----------
    image : Image
        H x W pixels. It is not changed.
    config : SegmentConfig
        The settings `max_size`, `greyscale`, `denoise` and `denoise_radius` count.

    Returns
    -------
    Image
    """
    image = shrink(image, max_size=config.max_size)
    if config.greyscale:
        image = to_grayscale(image)
    return _clip_to_white(denoise(image, method=config.denoise, radius=config.denoise_radius))


def _clip_to_white(image: Image) -> Image:
    """Clip values above white, which occur in 16-bit images where the scale is that of a model."""
    if image.pixels.dtype != np.uint16 or int(image.pixels.max()) <= image.white:
        return image
    return replace(image, pixels=np.minimum(image.pixels, image.pixels.dtype.type(image.white)))
