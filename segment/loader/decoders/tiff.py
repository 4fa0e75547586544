"""Decode TIFF: with Pillow up to 8 bits, with tifffile whatever Pillow would cut or refuse."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, check_tile_size, describe_other_frames, silence_stderr
from segment.loader.decoders.frame_count import MAX_FRAMES, count_tiff_pages
from segment.loader.decoders.geotiff import read_georeference
from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.decoders.pillow import allow_truncated_files
from segment.loader.decoders.pillow_arrays import convert_to_arrays
from segment.loader.decoders.tiff_high_depth import decode_with_tifffile, mask_nodata

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

__all__ = ["decode_tiff"]

# Numbers of TIFF tags. Offsets and lengths are those of strips, and those of tiles.
_BITS, _SAMPLE_FORMAT, _NODATA = 258, 339, 42113
_OFFSETS_AND_LENGTHS = ((273, 279), (324, 325))
_TILE_WIDTH, _TILE_LENGTH = 322, 323
# Values of the sample format: unsigned integers, and undefined, which is read as such.
_UNSIGNED = {1, 4}


class _NotForPillowError(Exception):
    """Pillow would cut the depth of the pixels, or would not report that some are missing."""


def decode_tiff(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Decode the first page of a TIFF or BigTIFF.

    Parameters
    ----------
    stream, max_pixels, allow_truncated
        As in :func:`segment.loader.loader.load_image`.

    Returns
    -------
    Image
        The page, upright, with its georeference. GDAL's nodata value is not valid.

    Raises
    ------
    ImageError
        If the file is damaged, too large, or of a kind that cannot be read.
    """
    pages = count_tiff_pages(stream)
    if pages == 0:
        raise ImageError("the TIFF file is damaged or truncated; its first page lies behind its end. Fetch it again.")
    notes = describe_other_frames(pages, at_least=pages >= MAX_FRAMES)
    try:
        with allow_truncated_files(False):
            return _decode_with_pillow(stream, max_pixels, notes)
    except ImageError:
        raise
    except Exception:  # whatever Pillow cannot do, tifffile tries; what neither can do is an error
        return decode_with_tifffile(stream, max_pixels=max_pixels, allow_truncated=allow_truncated, notes=notes)


def _decode_with_pillow(stream: BinaryIO, max_pixels: int, notes: tuple[str, ...]) -> Image:
    """Decode a page of unsigned numbers of up to 8 bits; raise _NotForPillowError for any other."""
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    picture = TiffImageFile(stream)
    check_size(picture.width, picture.height, max_pixels)
    tags = picture.tag_v2
    bits, formats = _convert_to_tuple(tags.get(_BITS, 1)), _convert_to_tuple(tags.get(_SAMPLE_FORMAT, 1))
    if max(bits) > 8 or set(formats) - _UNSIGNED:
        raise _NotForPillowError
    tile_width = max(_convert_to_tuple(tags.get(_TILE_WIDTH, 1)))
    check_tile_size(tile_width * max(_convert_to_tuple(tags.get(_TILE_LENGTH, 1))), max_pixels)
    if picture.tile and picture.tile[0][0] == "libtiff":
        # Some codecs of libtiff fill a missing part with white and report nothing.
        if _is_cut_off(picture, stream):
            raise _NotForPillowError
        with silence_stderr():
            picture.load()
    else:
        picture.load()
    nodata = tags.get(_NODATA)
    array, valid = convert_to_arrays(picture)
    orientation, georeference = read_orientation(picture), read_georeference(tags.get)
    del picture  # frees its copy of the pixels
    array, valid = apply_orientation(array, orientation), apply_orientation(valid, orientation)
    image = Image.from_array(array, valid=valid & mask_nodata(array, nodata), notes=notes)
    upright = georeference.apply_orientation(orientation, image.height, image.width)
    return replace(image, georeference=upright)


def _convert_to_tuple(value: Any) -> tuple[int, ...]:
    """Return the numbers of a tag, of which Pillow gives a single one as such."""
    return tuple(value) if isinstance(value, tuple) else (int(value),)


def _is_cut_off(picture: TiffImageFile, stream: BinaryIO) -> bool:
    """Whether a strip or a tile lies, in part, behind the end of the file."""
    size = os.fstat(stream.fileno()).st_size
    for offsets_tag, lengths_tag in _OFFSETS_AND_LENGTHS:
        offsets, lengths = picture.tag_v2.get(offsets_tag), picture.tag_v2.get(lengths_tag)
        if offsets is not None and lengths is not None:
            pairs = zip(_convert_to_tuple(offsets), _convert_to_tuple(lengths), strict=False)
            return any(offset + length > size for offset, length in pairs)
    return False
