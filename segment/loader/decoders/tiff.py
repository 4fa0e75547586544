"""TIFF: Pillow for pictures of up to 8 bits, which it converts well; tifffile for everything it would cut or refuse."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, frames_note, stderr_closed
from segment.loader.decoders.frame_count import FRAME_CAP, count_tiff_pages
from segment.loader.decoders.geotiff import read_georeference
from segment.loader.decoders.orientation import read_orientation, turn_upright
from segment.loader.decoders.pillow import strict
from segment.loader.decoders.pillow_arrays import as_arrays
from segment.loader.decoders.tiff_high_depth import decode_deep, valid_data

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

__all__ = ["decode_tiff"]

_BITS, _SAMPLE_FORMAT, _NODATA = 258, 339, 42113
_CHUNKS = ((273, 279), (324, 325))
_TILE_WIDTH, _TILE_LENGTH = 322, 323


class _NotForPillowError(Exception):
    """The pixels are deeper than Pillow keeps, or the file does not hold all of them."""


def decode_tiff(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read the first page of a TIFF or BigTIFF; GDAL's nodata value is not valid."""
    pages = count_tiff_pages(stream)
    if pages == 0:
        raise ImageError("the TIFF file is damaged or truncated; its first page lies behind its end. Fetch it again.")
    notes = frames_note(pages, at_least=pages >= FRAME_CAP)
    try:
        with strict(True):
            return _with_pillow(stream, max_pixels, notes)
    except ImageError:
        raise
    except Exception:  # whatever Pillow cannot do, tifffile tries; what both cannot do is an error
        return decode_deep(stream, max_pixels=max_pixels, allow_truncated=allow_truncated, notes=notes)


def _with_pillow(stream: BinaryIO, max_pixels: int, notes: tuple[str, ...]) -> Image:
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    picture = TiffImageFile(stream)
    check_size(picture.width, picture.height, max_pixels)
    tags = picture.tag_v2
    bits, formats = _numbers(tags.get(_BITS, 1)), _numbers(tags.get(_SAMPLE_FORMAT, 1))
    if max(bits) > 8 or set(formats) - {1, 4}:
        raise _NotForPillowError
    tile = max(_numbers(tags.get(_TILE_WIDTH, 1))) * max(_numbers(tags.get(_TILE_LENGTH, 1)))
    if tile > max(max_pixels, 1 << 26):
        raise ImageError(f"a TIFF tile holds at most {max_pixels} pixels; got {tile}. Export it again.")
    if picture.tile and picture.tile[0][0] == "libtiff":
        if _ends_early(picture, stream):  # some codecs of libtiff fill up with white and say nothing
            raise _NotForPillowError
        with stderr_closed():
            picture.load()
    else:
        picture.load()
    nodata = tags.get(_NODATA)
    array, valid = as_arrays(picture)
    way, place = read_orientation(picture), read_georeference(tags.get)
    del picture  # its copy of the pixels is not needed any more
    array, valid = turn_upright(array, way), turn_upright(valid, way)
    image = Image.from_array(array, valid=valid & valid_data(array, nodata), notes=notes)
    return replace(image, georeference=place.turned(way, image.height, image.width))


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (int(value),)


def _ends_early(picture: TiffImageFile, stream: BinaryIO) -> bool:
    """Say whether a strip or a tile lies, in part, behind the end of the file."""
    size = os.fstat(stream.fileno()).st_size
    for starts, lengths in _CHUNKS:
        begin, count = picture.tag_v2.get(starts), picture.tag_v2.get(lengths)
        if begin is not None and count is not None:
            return any(a + b > size for a, b in zip(_numbers(begin), _numbers(count), strict=False))
    return False
