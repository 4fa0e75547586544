"""Decode TIFF: with Pillow up to 8 bits, with tifffile whatever Pillow would cut or refuse.

A file may hold several images (pages, or the planes of a stack), smaller copies of them (overviews) and masks. One
image is decoded, and the mask that belongs to it is applied.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, SettingsError
from segment.core.image import Image
from segment.loader.decoders.band_scales import GDAL_METADATA, describe_stored_scales
from segment.loader.decoders.checks import (
    TRUNCATED_NOTE,
    check_size,
    check_tile_size,
    describe_page,
    read_all_bytes,
    select_page,
    silence_stderr,
)
from segment.loader.decoders.color_profile import convert_cmyk_picture, convert_to_srgb, get_profile
from segment.loader.decoders.frame_count import MAX_FRAMES, TiffPage, list_tiff_pages
from segment.loader.decoders.geotiff import describe_lost_place, read_georeference
from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.decoders.pillow_arrays import convert_to_arrays
from segment.loader.decoders.pillow_plugins import allow_truncated_files
from segment.loader.decoders.pixel_sizes import read_microscope_size
from segment.loader.decoders.tiff_high_depth import decode_with_tifffile, describe_masked, read_mask
from segment.loader.decoders.tiff_limits import check_tiff_page
from segment.loader.decoders.tiff_samples import (
    CMYK,
    NODATA,
    PALETTE,
    RGB,
    WHITE_IS_ZERO,
    YCBCR,
    has_palette,
    mask_nodata,
    read_nodata,
)
from segment.loader.decoders.tiff_stack import count_planes, decode_plane, may_be_stack
from segment.loader.read_options import ReadOptions
from segment.loader.tiff_directories import find_full_page

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

__all__ = ["count_tiff_pages", "decode_tiff"]

# Numbers of TIFF tags. Offsets and lengths are those of strips, and those of tiles.
_BITS, _PHOTOMETRIC, _SAMPLES, _COLORS, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 320, 338, 339
_OFFSETS_AND_LENGTHS = ((273, 279), (324, 325))
_TILE_WIDTH, _TILE_LENGTH = 322, 323
# Values of the sample format: unsigned integers, and undefined, which is read as such.
_UNSIGNED = {1, 4}


class _NotForPillowError(Exception):
    """Pillow would cut the depth or the bands of the pixels, or would not report that some are missing."""


def decode_tiff(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode one page of a TIFF or BigTIFF, with its georeference; see :data:`segment.loader.loader.Decoder`.

    GDAL's nodata value and what a mask in the file leaves out are not valid. The channels of a microscope's file are
    bands. A SettingsError is raised if there is no such page or band.
    """
    pages, images = _list_images(stream)
    if not images[0].is_image and (begin := find_full_page(stream)):
        stream = _begin_at(stream, begin)
        pages, images = _list_images(stream)
    image = _decode_one(stream, pages, images, options)
    size, size_notes = read_microscope_size(pages[0])
    return replace(image, pixel_size=size, notes=image.notes + size_notes) if size or size_notes else image


def _decode_one(stream: BinaryIO, pages: Sequence[TiffPage], images: Sequence[TiffPage], options: ReadOptions) -> Image:
    """Decode one page or plane."""
    if may_be_stack(images):
        for item in images:
            check_tiff_page(stream, item, allow_truncated=options.allow_truncated)
        plane = decode_plane(stream, options)
        if plane is not None:
            return plane
    chosen = images[select_page(options.page, len(images)) - 1]
    notes = describe_page(options.page, len(images), at_least=len(pages) >= MAX_FRAMES)
    mask = _find_mask(pages, chosen)
    parts = [chosen, mask] if mask else [chosen]
    are_whole = [check_tiff_page(stream, item, allow_truncated=options.allow_truncated) for item in parts]
    if not all(are_whole):
        notes = (*notes, TRUNCATED_NOTE)
    try:
        # Pillow leaves black what is missing, and does not say it.
        if options.bands or not all(are_whole):
            raise _NotForPillowError
        with allow_truncated_files(False):
            return _decode_with_pillow(stream, chosen, mask, options, notes)
    except (ImageError, SettingsError):
        raise
    except Exception:  # whatever Pillow cannot do, tifffile tries; what neither can do is an error
        index = None if mask is None else mask.index
        return decode_with_tifffile(stream, options, chosen.index, mask=index, notes=notes)


def _begin_at(stream: BinaryIO, begin: int) -> BinaryIO:
    """Copy a TIFF so that its first page is that which begins here: a preview may have the picture as its subpage."""
    data = bytearray(read_all_bytes(stream, "TIFF"))
    order = "<" if data.startswith(b"II") else ">"
    is_big = bytes(data[2:4]) in (b"+\0", b"\0+")
    struct.pack_into(order + ("Q" if is_big else "I"), data, 8 if is_big else 4, begin)
    return io.BytesIO(data)


def count_tiff_pages(stream: BinaryIO) -> int:
    """Count the pages of a TIFF that can be segmented: the planes of a stack, or the images that are no copies.

    Parameters
    ----------
    stream : binary file

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ImageError
        If there is no page at all.
    """
    _, images = _list_images(stream)
    n_planes = count_planes(stream) if may_be_stack(images) else 0
    return n_planes or len(images)


def _list_images(stream: BinaryIO) -> tuple[list[TiffPage], list[TiffPage]]:
    """List all pages of a TIFF, and those that are images."""
    pages = list_tiff_pages(stream)
    if not pages:
        raise ImageError("the TIFF file is damaged or truncated; its first page lies behind its end. Fetch it again.")
    # Where every page says that it is a copy or a mask, the first one is the image all the same.
    return pages, [item for item in pages if item.is_image] or pages[:1]


def _find_mask(pages: Sequence[TiffPage], image: TiffPage) -> TiffPage | None:
    """Find the mask of an image: the first one of its size that follows before the next image."""
    for page in pages[image.index + 1 :]:
        if page.is_image:
            return None
        if page.is_mask and page.size == image.size:
            return page
    return None


def _decode_with_pillow(
    stream: BinaryIO, page: TiffPage, mask: TiffPage | None, options: ReadOptions, notes: tuple[str, ...]
) -> Image:
    """Decode a page of unsigned numbers of up to 8 bits; raise _NotForPillowError for any other."""
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    picture = TiffImageFile(stream)
    if page.index:
        picture.seek(page.index)
    check_size(picture.width, picture.height, options.max_pixels)
    tags = picture.tag_v2
    bits, formats = _convert_to_tuple(tags.get(_BITS, 1)), _convert_to_tuple(tags.get(_SAMPLE_FORMAT, 1))
    if max(bits) > 8 or set(formats) - _UNSIGNED or _has_further_bands(tags):
        raise _NotForPillowError
    # Pillow reads a palette only where the page says that it is one.
    photometric = max(_convert_to_tuple(tags.get(_PHOTOMETRIC, 1)))
    if photometric != PALETTE and has_palette(photometric, tags.get(_COLORS), tags.get(GDAL_METADATA)):
        raise _NotForPillowError
    # Pillow turns some pictures upright by itself while it loads them.
    stored_orientation = read_orientation(picture)
    tile_width = max(_convert_to_tuple(tags.get(_TILE_WIDTH, 1)))
    check_tile_size(tile_width * max(_convert_to_tuple(tags.get(_TILE_LENGTH, 1))), options.max_pixels)
    # Some codecs of libtiff fill a missing part with white and report nothing.
    if _is_cut_off(picture, stream):
        raise _NotForPillowError
    with silence_stderr():
        picture.load()
    stored = _restore_samples(picture)
    orientation, georeference = read_orientation(picture), read_georeference(tags.get)
    bands = range(1, max(_convert_to_tuple(tags.get(_SAMPLES, 1))) + 1)
    notes += describe_stored_scales(tags.get(GDAL_METADATA), bands) + describe_lost_place(tags.get)
    profile = None if options.keep_profile else get_profile(picture)
    converted, profile, profile_notes = convert_cmyk_picture(picture, profile)
    array, valid = convert_to_arrays(converted)
    notes += profile_notes
    del picture, converted  # frees their copies of the pixels
    has_alpha = array.ndim == 3 and array.shape[2] in (2, 4)
    samples = stored if stored is not None else array[..., :-1] if has_alpha else array
    valid = valid & mask_nodata(samples, read_nodata(tags.get(NODATA)))
    colors = convert_to_srgb(array, profile)
    array, valid = apply_orientation(colors.array, orientation), apply_orientation(valid, orientation)
    if mask is not None:
        is_unmasked = apply_orientation(read_mask(stream, mask.index, options.max_pixels), stored_orientation)
        valid, notes = valid & is_unmasked, notes + describe_masked(is_unmasked)
    image = Image.from_array(array, valid=valid, white=colors.white, notes=notes + colors.notes, alpha=has_alpha)
    upright = georeference.apply_orientation(stored_orientation, image.height, image.width)
    if stored is not None:
        stored = apply_orientation(stored, orientation)
    return replace(image, georeference=upright, stored=stored)


def _restore_samples(picture: TiffImageFile) -> NDArray[np.uint8] | None:
    """Return the values in the file (H, W) where Pillow has replaced, inverted or stretched them; None elsewhere."""
    if picture.mode in ("P", "PA"):
        indices = np.asarray(picture)
        return indices if indices.ndim == 2 else indices[..., 0]
    bits = max(_convert_to_tuple(picture.tag_v2.get(_BITS, 1)))
    is_inverted = max(_convert_to_tuple(picture.tag_v2.get(_PHOTOMETRIC, WHITE_IS_ZERO))) == WHITE_IS_ZERO
    if picture.mode not in ("1", "L") or (bits == 8 and not is_inverted):
        return None
    white = 2**bits - 1
    values = np.asarray(picture.convert("L")) // np.uint8(255 // white)  # 1, 2, 4 or 8 bits: no remainder
    return np.uint8(white) - values if is_inverted else values


def _has_further_bands(tags: Any) -> bool:
    """Whether a page has bands beyond its colors and alpha, by its tags."""
    photometric = max(_convert_to_tuple(tags.get(_PHOTOMETRIC, 1)))
    n_colors = 3 if photometric in (RGB, YCBCR) else 4 if photometric == CMYK else 1
    n_samples = max(_convert_to_tuple(tags.get(_SAMPLES, 1)))
    extra = _convert_to_tuple(tags.get(_EXTRA_SAMPLES, ()))
    return n_samples > n_colors and not (n_samples == n_colors + 1 and extra[:1] in ((1,), (2,)))


def _convert_to_tuple(value: Any) -> tuple[int, ...]:
    """Return the numbers of a tag, of which Pillow gives a single one as such."""
    return tuple(value) if isinstance(value, tuple) else (int(value),)


def _is_cut_off(picture: TiffImageFile, stream: BinaryIO) -> bool:
    """Whether a strip or a tile lies nowhere, or in part behind the end of the file.

    Lengths may be wrong where nothing depends on them: Pillow finds out itself whether raw strips are whole, and
    libtiff estimates a length of 0.
    """
    size = os.fstat(stream.fileno()).st_size
    is_raw = all(tile[0] == "raw" for tile in picture.tile)
    for offsets_tag, lengths_tag in _OFFSETS_AND_LENGTHS:
        offsets, lengths = picture.tag_v2.get(offsets_tag), picture.tag_v2.get(lengths_tag)
        if offsets is not None and lengths is not None:
            pairs = zip(_convert_to_tuple(offsets), _convert_to_tuple(lengths), strict=False)
            return any(not offset or (not is_raw and offset + length > size) for offset, length in pairs)
    return False
