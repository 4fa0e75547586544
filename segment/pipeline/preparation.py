"""The first two stages with their settings: a source becomes an Image, and the Image is preprocessed."""

from __future__ import annotations

import os
from dataclasses import replace
from io import IOBase
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError, format_percent
from segment.core.image import Image
from segment.core.pixel_grid import PixelSize
from segment.core.units import METERS_PER_UNIT
from segment.loader.decoders.checks import PageNote
from segment.loader.file_kind import identify_file
from segment.loader.loader import FilePage, LoadedFile, load_path, load_stream
from segment.loader.side_files import describe_side_files
from segment.mixture.shared_offset import fit_shared_offset
from segment.pipeline.file_loading import load_file, make_read_options
from segment.pipeline.pixel_selection import NO_ARRAYS, SelectionArrays, select_pixels
from segment.pipeline.sources import Source, get_page, get_source_path, name_page
from segment.preprocessor.even_light import divide_by_light, measure_seen_light, sample_light
from segment.preprocessor.logarithms import refuse_logarithms, to_log_scale
from segment.preprocessor.preprocessor import clip_floats, denoise, shrink, to_grayscale

__all__ = ["choose_pixel_size", "clip_to_white", "even_light", "load_source", "preprocess", "read_image"]

# Colors that light is told from, whatever the number of classes: more than there are do no harm (QUALITY.md).
LIGHT_COMPONENTS = 6
MIN_LIGHT_VARIANCE = 1e-4  # of logarithms: deviations of 1 % are rounding
# Standard deviation of the logarithm of light before anything is seen: pixels at one side tell little of the other.
LIGHT_DEVIATION = 0.5
MIN_LIGHT_PIXELS = 100  # neither black nor white in all bands: nine terms and six colors explain fewer by themselves
MAX_WHITE_SHARE = 0.01  # of the pixels, that may be above white in mean light without a word: highlights often are
MIN_SEEN_LIGHT = 0.7  # of its slopes within areas: of drawn light at least .8 is seen, of plain quarters .1 to .2
MAX_LIGHT_FACTOR = 4.0  # of the brightest place over the darkest, from which on light may be something else
MAX_SIZE_DIFFERENCE = 0.01  # of the areas of a pixel, by the settings and by the file, that is not worth a word


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
        As it was read, cropped, with the pixels that do not count marked; its notes say what was inferred.

    Raises
    ------
    ImageError
        If the image cannot be read, a mask or region does not fit it, or no pixel is left.
    """
    with name_page(source):
        image = load_source(source, config)
        size, notes = choose_pixel_size(config, image.pixel_size, image.pixel_area)
        if isinstance(source, (str, PathLike)):
            has_mask, has_place = bool(config.mask or arrays.mask is not None), bool(image.georeference)
            notes += describe_side_files(os.fsdecode(source), has_mask=has_mask, has_place=has_place)
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
        Whole, with the bands and the page that the settings choose.

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


def preprocess(image: Image, config: SegmentConfig) -> Image:
    """Make the image that is segmented: shrunk, gray, in even light, as logarithms and denoised, as the settings say.

    Parameters
    ----------
    image : Image
        H x W pixels. It is not changed.
    config : SegmentConfig
        The settings `max_size`, `greyscale`, `even_light`, `log_scale`, `denoise` and `denoise_radius` count.

    Returns
    -------
    Image
        h x w pixels of uint8, uint16 or float32, `max_size` on the longer side at most; the image itself where there is
        nothing to do.
    """
    image = shrink(clip_floats(image), max_size=config.max_size)
    if config.greyscale:
        image = to_grayscale(image)
    if config.log_scale:
        refuse_logarithms(image)
    if config.even_light:
        image = even_light(image)
    if config.log_scale:
        image = to_log_scale(image)
    return clip_to_white(denoise(image, method=config.denoise, radius=config.denoise_radius))


def even_light(image: Image) -> Image:
    """Estimate light that varies smoothly over an image, and divide the image by it.

    Parameters
    ----------
    image : Image
        Of any bands: light is the same in all.

    Returns
    -------
    Image
        Of 16 bits or floats, as in mean light. Notes say where the light varies so much that it may be none, where
        none is seen within areas or too little is left to tell it from, and where pixels are above white.

    Raises
    ------
    SettingsError
        If most values lie below 0.

    Examples
    --------
    >>> light, things = np.linspace(0.5, 1, 60), np.arange(40)[:, None] % 2
    >>> image = Image.from_array(np.uint8((90 + 60 * things) * light))
    >>> even = even_light(image)
    >>> [round(float(pixels[0].std() / pixels[0].mean()), 2) for pixels in (image.pixels, even.pixels)]
    [0.2, 0.01]
    """
    refuse_logarithms(image, "even_light (--even-light)")
    sample = sample_light(image)
    n_components = min(LIGHT_COMPONENTS, len(np.unique(sample.logs, axis=0)))
    weights = np.zeros(sample.terms.shape[1])
    has_enough = len(sample.logs) >= MIN_LIGHT_PIXELS
    if has_enough and n_components > 1:
        precision = sample.spread / LIGHT_DEVIATION**2
        weights = fit_shared_offset(
            sample.logs, sample.terms, n_components, min_variance=MIN_LIGHT_VARIANCE, precision=precision
        )
    seen, error = measure_seen_light(image, sample, weights)
    is_seen = seen + 2 * error >= MIN_SEEN_LIGHT
    even, (low, high), n_white = divide_by_light(image, sample, weights if is_seen else np.zeros_like(weights))
    notes = []
    if not is_seen:
        notes.append(
            "no light was divided out: what looks like light differs from area to area, but hardly within areas, as "
            "colors do; leave out --even-light"
        )
    if not has_enough:
        notes.append(
            f"no light was divided out: fewer than {MIN_LIGHT_PIXELS} pixels are neither black nor white, too few to "
            "tell it from; leave out --even-light"
        )
    if high > MAX_LIGHT_FACTOR * low:
        notes.append(
            f"the light that was divided out varies by a factor of {high / low:.2g}: if areas are brighter for another "
            "reason, as a sky is, leave out --even-light"
        )
    n_valid = int(np.count_nonzero(image.valid))
    if n_white > MAX_WHITE_SHARE * n_valid:
        notes.append(
            f"{format_percent(n_white, n_valid)} of the pixels are brighter than white in mean "
            "light, and count as white: to tell them apart leave out --even-light"
        )
    return replace(even, notes=(*image.notes, *notes))


def clip_to_white(image: Image) -> Image:
    """Clip values above white, which occur in 16-bit images where the scale is that of a model.

    Parameters
    ----------
    image : Image

    Returns
    -------
    Image
        The image itself where there are none.
    """
    if image.pixels.dtype != np.uint16 or int(image.pixels.max()) <= image.white:
        return image
    return replace(image, pixels=np.minimum(image.pixels, image.pixels.dtype.type(image.white)))
