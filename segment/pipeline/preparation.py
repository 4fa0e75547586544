"""The first two stages with their settings: a source becomes an Image, and the Image is preprocessed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import IOBase
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError, SettingsError, printable_path
from segment.core.image import Image
from segment.core.pixel_grid import PixelSize
from segment.core.units import METERS_PER_UNIT
from segment.loader.decoders.checks import PageNote
from segment.loader.file_kind import identify_file
from segment.loader.loader import FilePage, LoadedFile, count_pages, load_path, load_stream
from segment.loader.mask_files import PageOfImage
from segment.pipeline.file_loading import load_file, make_read_options
from segment.pipeline.pixel_selection import NO_ARRAYS, SelectionArrays, select_pixels
from segment.preprocessor.preprocessor import clip_floats, denoise, shrink, to_grayscale

__all__ = [
    "Source",
    "choose_pixel_size",
    "get_page",
    "get_page_name",
    "get_source_name",
    "get_source_path",
    "list_pages",
    "load_source",
    "name_page",
    "preprocess",
    "read_image",
]

MAX_SIZE_DIFFERENCE = 0.01  # of the areas of a pixel, by the settings and by the file, that is not worth a word

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


def get_page_name(source: object) -> str:
    """Get what messages call an image that may be one of the pages of a file.

    Parameters
    ----------
    source : object
        What is segmented.

    Returns
    -------
    str
        As from :func:`get_source_name`, with the number of the page where the file has several.

    Examples
    --------
    >>> get_page_name(FilePage("stack.tif", 2, 9))
    'stack.tif, page 2'
    """
    name = get_source_name(source)
    return f"{name}, page {source.number}" if isinstance(source, FilePage) and source.n_pages > 1 else name


@contextmanager
def name_page(source: object) -> Iterator[None]:
    """Let an error about one of the pages of a file name the page, not the file alone.

    Parameters
    ----------
    source : object
        What is segmented.
    """
    try:
        yield
    except SegmentError as error:
        file, page = get_source_name(source), get_page_name(source)
        if file == page or not str(error).startswith(f"{file}: "):
            raise
        raise type(error)(page + str(error).removeprefix(file)) from error


def get_source_path(source: object, image: Image) -> str:
    """Get the path by which the mask of an image is found in a folder.

    Parameters
    ----------
    source : object
        What is segmented.
    image : Image
        The same, loaded.

    Returns
    -------
    str
        Its path, or the name of the file that an Image was loaded from; empty for an array.
    """
    return os.fsdecode(source) if isinstance(source, (str, PathLike)) else image.file_name


def get_page(source: object, config: SegmentConfig) -> PageOfImage:
    """Get which page of its file an image is, for a mask that has a page for each.

    Parameters
    ----------
    source : object
        What is segmented.
    config : SegmentConfig
        Its `page` counts where not all pages are segmented.

    Returns
    -------
    PageOfImage
    """
    if isinstance(source, FilePage):
        return PageOfImage(source.number, source.n_pages)
    return PageOfImage(config.page if isinstance(config.page, int) else 1)


def read_image(source: Source, config: SegmentConfig, arrays: SelectionArrays = NO_ARRAYS) -> Image:
    """Read the image of a file, a stream, an array or an Image, and choose the pixels that count.

    Parameters
    ----------
    source : path, binary file, array_like or Image
        See :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig
        Its `max_pixels` and `allow_truncated` count for files and streams, its `pixel_size`, `crop`, `nodata`, `mask`
        and `roi` for all.
    arrays : SelectionArrays
        Mask and regions of interest that are not in files.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        If the image cannot be read, a mask or region does not fit it, or no pixel is left.
    """
    with name_page(source):
        image = load_source(source, config)
        size, notes = choose_pixel_size(config, image.pixel_size, image.pixel_area)
        if (size, notes) != (image.pixel_size, ()):
            image = replace(image, pixel_size=size, notes=image.notes + notes)
        return select_pixels(image, config, get_source_path(source, image), arrays, get_page(source, config))


def load_source(source: Source, config: SegmentConfig) -> Image:
    """Load the whole image of a file, a stream, an array or an Image.

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
    if isinstance(source, FilePage):
        return _load_page(source, config)
    if isinstance(source, (str, PathLike)):
        return load_file(source, config)
    if isinstance(source, IOBase):
        return load_stream(cast(BinaryIO, source), make_read_options(config))
    return _convert_to_image(source, config)


def choose_pixel_size(
    config: SegmentConfig, file_size: PixelSize, file_area: float
) -> tuple[PixelSize, tuple[str, ...]]:
    """Choose the size of pixels: that of the settings, if there is one, else that of the file.

    Parameters
    ----------
    config : SegmentConfig
        Its `pixel_size` counts.
    file_size : PixelSize
        That of the file.
    file_area : float, square meters
        Of a pixel by the file's size or georeference; NaN where it says none.

    Returns
    -------
    size : PixelSize
    notes : tuple of str
        That the file says otherwise.
    """
    width, height, unit = config.pixel_sides
    if not width:
        return file_size, ()
    size = PixelSize(width * METERS_PER_UNIT[unit], height * METERS_PER_UNIT[unit], unit)
    share = file_area / size.area
    if not abs(share - 1) > MAX_SIZE_DIFFERENCE:
        return size, ()
    return size, (f"--pixel-size counts: by the file itself a pixel has {share:.3g} times the area",)


def _load_page(page: FilePage, config: SegmentConfig) -> Image:
    """Load one of all pages of a file."""
    image = load_path(page, make_read_options(replace(config, page=page.number)))
    notes = tuple(note for note in image.notes if not isinstance(note, PageNote))
    kind = identify_file(Path(page.path)) if image.is_gray else None
    # The palettes of a GIF may be gray in some of its pictures, and the classes need the same features in all.
    if kind is not None and kind.name == "GIF" and not config.bands:
        image = replace(image, pixels=np.repeat(image.pixels[..., np.newaxis], 3, axis=2))
    return replace(image, notes=notes)


def _convert_to_image(source: Source, config: SegmentConfig) -> Image:
    """Convert an array, or select the bands of an Image."""
    if config.pixel_size == "dpi":
        raise SettingsError("pixel_size (--pixel-size): dpi of a file; got an array. Give a size, such as 0.1mm.")
    if config.page != 1:
        raise SettingsError(f"page (--page): only a file has pages; got {config.page}. Leave it out.")
    if isinstance(source, Image):
        return source.select_bands(config.band_numbers)
    return Image.from_array(cast(ArrayLike, source), bands=config.band_numbers, keep_profile=config.keep_profile)


def list_pages(sources: Iterable[Source], config: SegmentConfig) -> list[Source]:
    """List what is segmented: each source or, where the settings ask for all pages, each page of each file.

    Parameters
    ----------
    sources : iterable of path, binary file, array_like or Image
    config : SegmentConfig
        Its `page` counts.

    Returns
    -------
    list

    Raises
    ------
    ImageError
        If a file cannot be read.
    SettingsError
        If all pages are asked for of what is no path.
    """
    if config.page != "all":
        return list(sources)
    pages: list[Source] = []
    for source in sources:
        if not isinstance(source, (str, PathLike)):
            raise SettingsError("page (--page): all pages of a file that has a path; got other pixels. Leave it out.")
        n_pages = count_pages(source)
        pages += [FilePage(os.fsdecode(source), number, n_pages) for number in range(1, n_pages + 1)]
    return pages


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
    image = shrink(clip_floats(image), max_size=config.max_size)
    if config.greyscale:
        image = to_grayscale(image)
    return _clip_to_white(denoise(image, method=config.denoise, radius=config.denoise_radius))


def _clip_to_white(image: Image) -> Image:
    """Clip values above white, which occur in 16-bit images where the scale is that of a model."""
    if image.pixels.dtype != np.uint16 or int(image.pixels.max()) <= image.white:
        return image
    return replace(image, pixels=np.minimum(image.pixels, image.pixels.dtype.type(image.white)))
