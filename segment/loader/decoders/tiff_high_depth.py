"""Decode TIFF with tifffile: 16 bits and more, floats, signed numbers, BigTIFF, and truncated files."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, format_percent
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.core.nodata_notes import count_partial_nodata, describe_partial_nodata
from segment.loader.decoders.band_scales import GDAL_METADATA, describe_stored_scales
from segment.loader.decoders.checks import (
    TRUNCATED_NOTE,
    TruncatedError,
    check_size,
    check_tile_size,
    silence_stderr,
)
from segment.loader.decoders.color_profile import DAMAGED_PROFILE, convert_to_srgb
from segment.loader.decoders.geotiff import describe_lost_place, read_georeference
from segment.loader.decoders.orientation import apply_orientation
from segment.loader.decoders.tiff_samples import NODATA, YCBCR, DecodedPage, convert_samples, get_tag, read_nodata
from segment.loader.read_options import ReadOptions

__all__ = [
    "check_color_space",
    "decode_page",
    "decode_with_tifffile",
    "describe_absent",
    "describe_masked",
    "make_image",
    "open_with_tifffile",
    "read_mask",
    "read_place",
]

# Values of the tag for photometric interpretation; the second line lists those that need a color profile.
_NEEDS_A_PROFILE = {8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
# Values of the tag for compression.
_UNCOMPRESSED = 1
_JPEG = {6, 7, 34892, 33007}
_DEFLATE = {8, 32946}
# Numbers of tags.
_ORIENTATION, _PROFILE = 274, 34675
# A strip may be longer than its pixels before compression, but not by more bytes than this.
_MAX_EXTRA_BYTES = 1 << 20
# All bands of a page together have at most this many bytes for each pixel that is allowed.
_MAX_BYTES_PER_PIXEL = 32


@contextmanager
def open_with_tifffile(stream: BinaryIO) -> Iterator[Any]:
    """Open a TIFF with tifffile, which then neither logs nor opens other files.

    Parameters
    ----------
    stream : binary file
        Stays open.

    Yields
    ------
    tifffile.TiffFile
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    stream.seek(0)
    # The metadata of a microscope's file may name other files; only the one that was named is read.
    # A pipe has a number in place of a name, which tifffile does not take.
    with tifffile.TiffFile(stream, name="image.tif", _multifile=False) as file:
        yield file


def decode_with_tifffile(
    stream: BinaryIO,
    options: ReadOptions,
    index: int = 0,
    *,
    mask: int | None = None,
    notes: tuple[str, ...] = (),
) -> Image:
    """Decode one page of a TIFF with tifffile.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions
    index : int
        Number of the page in the file, from 0.
    mask : int, optional
        Number of the page that holds its mask.
    notes : tuple of str
        The first notes of the image.

    Returns
    -------
    Image
        The page at its depth, upright, with its georeference.

    Raises
    ------
    ImageError
        If the page is too large, truncated, or of a kind that cannot be converted.
    SettingsError
        If there is no such band.
    """
    with open_with_tifffile(stream) as file:
        page = file.pages[index]
        decoded = decode_page(page, stream, options)
        place, nodata = read_place(page), read_nodata(get_tag(page, NODATA))
        notes += describe_stored_scales(
            get_tag(page, GDAL_METADATA), options.bands or range(1, page.samplesperpixel + 1)
        )
        notes += describe_lost_place(lambda tag: get_tag(page, tag))
        if not options.keep_profile and not options.bands:
            decoded = _apply_profile(decoded, page.tags.get(_PROFILE))
    if mask is not None:
        is_unmasked = read_mask(stream, mask, options.max_pixels)
        notes += describe_masked(is_unmasked)
        decoded = replace(decoded, valid=decoded.valid & is_unmasked)
    image = make_image(decoded, place, notes)
    n_partial = count_partial_nodata(image.pixels, nodata, image.valid)
    return replace(image, notes=image.notes + describe_partial_nodata(nodata, n_partial, image.valid.size))


def _apply_profile(decoded: DecodedPage, tag: Any) -> DecodedPage:
    """Convert gray or RGB to sRGB by the color profile in a tag, if there is one."""
    n_colors = 1 if decoded.array.ndim == 2 else decoded.array.shape[2] - decoded.has_alpha
    if tag is None:
        return decoded
    if n_colors not in (1, 3):
        return replace(decoded, notes=(*decoded.notes, f"the color profile is not used: there are {n_colors} bands"))
    # The tag of a damaged profile may have another type than bytes.
    profile = tag.value if isinstance(tag.value, bytes) else DAMAGED_PROFILE
    colors = convert_to_srgb(decoded.array, profile, white=decoded.white)
    return replace(decoded, array=colors.array, white=colors.white, notes=decoded.notes + colors.notes)


def decode_page(page: Any, stream: BinaryIO, options: ReadOptions) -> DecodedPage:
    """Decode a page, as it is stored.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    stream : binary file
        It is moved.
    options : ReadOptions

    Raises
    ------
    ImageError
        If the page is too large, truncated, or of a kind that cannot be converted.
    """
    _check_page(page, options.max_pixels)
    is_complete = _is_complete(page, stream)
    if not is_complete and not options.allow_truncated:
        raise TruncatedError
    # tifffile's five axes: planes, depth, height, width, samples of a pixel.
    with silence_stderr():
        if is_complete:
            # Without any data tifffile would read a single strip from the beginning of the file.
            is_blank = not any(page.dataoffsets)
            shaped = (
                np.full(page.shaped, page.nodata, page.dtype) if is_blank else page.asarray(squeeze=False, maxworkers=1)
            )
            present = np.ones(shaped.shape[2:4], dtype=bool)
        else:
            shaped, present = _decode_present_parts(page, stream)
    samples = np.moveaxis(shaped, 0, -1)[0].reshape(*shaped.shape[2:4], -1)
    notes = describe_absent(page) if is_complete else (TRUNCATED_NOTE,)
    return convert_samples(page, samples, present, options.bands, notes)


def read_place(page: Any) -> tuple[Any, Georeference]:
    """Read the orientation and the georeference of a page.

    Parameters
    ----------
    page : tifffile.TiffPage

    Returns
    -------
    orientation : int or None
        As of EXIF.
    georeference : Georeference
        Of the pixels as they are stored.
    """
    return get_tag(page, _ORIENTATION), read_georeference(lambda tag: get_tag(page, tag))


def make_image(decoded: DecodedPage, place: tuple[Any, Georeference], notes: tuple[str, ...]) -> Image:
    """Make an image of a decoded page: upright, on its scale.

    Parameters
    ----------
    decoded : DecodedPage
    place : tuple of (int, Georeference)
        Of `read_place`.
    notes : tuple of str
        The first notes of the image.
    """
    orientation, georeference = place
    array, valid = (apply_orientation(part, orientation) for part in (decoded.array, decoded.valid))
    image = Image.from_array(
        array,
        valid=valid,
        white=decoded.white,
        notes=tuple(dict.fromkeys(notes + decoded.notes)),
        alpha=decoded.has_alpha,
        channel_axis=-1 if decoded.array.ndim == 3 else None,
    )
    stored = None if decoded.stored is None else apply_orientation(decoded.stored, orientation)
    upright = georeference.apply_orientation(orientation, image.height, image.width)
    return replace(image, georeference=upright, stored=stored)


def read_mask(stream: BinaryIO, index: int, max_pixels: int) -> NDArray[np.bool_]:
    """Read the page that says which pixels of another page count.

    Parameters
    ----------
    stream : binary file
        A TIFF.
    index : int
        Number of the page of the mask, from 0.
    max_pixels : int
        A larger one is refused.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where a pixel counts: more than half of the largest value, as GDAL has it.
    """
    with open_with_tifffile(stream) as file:
        page = file.pages[index]
        check_size(page.imagewidth, page.imagelength, max_pixels)
        values = page.asarray(maxworkers=1)
        full = 1 if values.dtype == bool else 2 ** int(page.bitspersample) - 1
    return np.asarray(values.reshape(page.imagelength, page.imagewidth, -1)[..., 0] > full / 2)


def describe_masked(unmasked: NDArray[np.bool_]) -> tuple[str, ...]:
    """Write a note on the share of the pixels that a mask in the file leaves out.

    Parameters
    ----------
    unmasked : ndarray of shape (H, W), bool
        False where a pixel is left out.

    Returns
    -------
    tuple of str
        The note, or nothing if none is left out.

    Examples
    --------
    >>> describe_masked(np.array([[True, False]]))
    ('50 % of the pixels are masked in the file: they get no label',)
    """
    n = int(np.count_nonzero(~unmasked))
    return (f"{format_percent(n, unmasked.size)} of the pixels are masked in the file: they get no label",) if n else ()


def check_color_space(page: Any) -> None:
    """Refuse a page whose numbers are no amounts of light or ink.

    Raises
    ------
    ImageError
        If its colors need a profile to become RGB, such as CIELAB.
    """
    if page.photometric in _NEEDS_A_PROFILE:
        name = _NEEDS_A_PROFILE[page.photometric]
        raise ImageError(f"TIFF colors are gray, RGB, palette or CMYK; got {name}. Save it as RGB.")


def _check_page(page: Any, max_pixels: int) -> None:
    """Refuse a page that is too large or of a kind that cannot be converted, before it is decoded."""
    check_size(page.imagewidth, page.imagelength, max_pixels)
    if page.imagedepth > 1:
        raise ImageError(f"a TIFF page has one layer; got {page.imagedepth}. Save the layers one by one.")
    check_tile_size(max(page.tilewidth, 1) * max(page.tilelength, 1), max_pixels)
    n_bytes = page.imagewidth * page.imagelength * page.samplesperpixel * np.dtype(page.dtype or np.uint8).itemsize
    if n_bytes > _MAX_BYTES_PER_PIXEL * max_pixels:
        raise ImageError(
            f"an image of as many pixels has at most {_MAX_BYTES_PER_PIXEL * max_pixels} bytes; got "
            f"{page.samplesperpixel} bands, {n_bytes} bytes. Raise the limit (--max-pixels), or give it to 'segment "
            "raster'."
        )
    check_color_space(page)
    if page.photometric == YCBCR and page.compression not in _JPEG:
        raise ImageError("TIFF colors are gray, RGB, palette or CMYK; got YCbCr of an unusual kind. Save it as RGB.")
    if page.dtype is None:
        raise ImageError(f"the TIFF numbers have an unknown type; {page.bitspersample} bits. Export it again.")


def describe_absent(page: Any) -> tuple[str, ...]:
    """Write a note on strips or tiles without data, as GDAL leaves out those of a sparse file.

    Parameters
    ----------
    page : tifffile.TiffPage

    Returns
    -------
    tuple of str
        The note, or nothing if all have data.
    """
    if page.is_contiguous and page.dataoffsets[0]:
        return ()  # tifffile reads all at once
    n = sum(not offset or not count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False))
    if not n:
        return ()
    return (f"{n:,} of the {len(page.dataoffsets):,} strips or tiles have no data in the file: they are blank",)


def _is_complete(page: Any, stream: BinaryIO) -> bool:
    """Whether every strip or tile is listed and lies within the file."""
    size = stream.seek(0, 2)
    if len(page.dataoffsets) < math.prod(page.chunked):
        return False
    if page.is_contiguous and page.dataoffsets[0]:
        return bool(page.dataoffsets[0] + page.nbytes <= size)
    return all(offset + count <= size for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False))


def _decode_present_parts(page: Any, stream: BinaryIO) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Decode the strips or tiles that a truncated file still holds; return them and True where a pixel is there."""
    shaped = np.zeros(page.shaped, dtype=page.dtype)
    present = np.zeros(page.shaped[2:4], dtype=bool)
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        stream.seek(offset)
        data = stream.read(min(count, page.nbytes + _MAX_EXTRA_BYTES))
        if not data:
            continue
        data, share = _pad_part(page, data, count)
        try:
            part, (plane, _, top, left, _), (_, rows, columns, _) = page.decode(
                data, index, jpegtables=page.jpegtables
            )[:3]
        except Exception:  # this codec cannot decode an incomplete strip
            continue
        if part is None:
            continue
        # Tiles at the right and at the bottom are larger than what is left of the image.
        rows, columns = min(rows, shaped.shape[2] - top), min(columns, shaped.shape[3] - left)
        shaped[plane, 0, top : top + rows, left : left + columns] = part[0, :rows, :columns]
        # A pixel is present if it is present in every plane; the rows that were padded are not.
        present_rows = int(rows * share)
        if plane == 0:
            present[top : top + present_rows, left : left + columns] = True
        present[top + present_rows : top + rows, left : left + columns] = False
    if not present.any():
        raise TruncatedError("no part of the picture can be read")
    return shaped, present


def _pad_part(page: Any, data: bytes, count: int) -> tuple[bytes, float]:
    """Fill up an incomplete strip or tile with zeros if its compression allows it; return it and the share present."""
    if len(data) >= count:
        return data, 1.0
    if page.compression == _UNCOMPRESSED:
        return data.ljust(count, b"\0"), len(data) / count
    # Deflate gives all pixels up to the cut: decompress them, fill them up, and compress them again.
    if page.compression in _DEFLATE:
        height, width = page.chunks[-3:-1] if len(page.chunks) > 2 else page.chunks[:2]
        size = int(height * width * page.bitspersample // 8) * (page.samplesperpixel if page.planarconfig == 1 else 1)
        raw = zlib.decompressobj().decompress(data, size)
        return zlib.compress(raw.ljust(size, b"\0"), 0), len(raw) / size
    return data, 1.0
