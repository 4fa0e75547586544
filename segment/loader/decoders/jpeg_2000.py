"""Decode JPEG 2000: with Pillow up to 8 bits, with imagecodecs at a higher depth, which Pillow would cut.

The headers (ISO/IEC 15444-1, annexes A and I) are read here, before anything is decoded.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, read_all_bytes
from segment.loader.decoders.color_profile import Colors, convert_to_srgb
from segment.loader.decoders.geotiff import read_georeference
from segment.loader.decoders.isobmff import Box, find_box, get_size, iterate_boxes
from segment.loader.decoders.pillow_plugins import decode_with_plugin, load_plugin
from segment.loader.read_options import ReadOptions

__all__ = ["Codestream", "decode_jpeg_2000", "read_codestream"]

# Markers of a codestream: start, size, first of a part of a tile, and end.
_START, _SIZE, _TILE_PART, _END = 0xFF4F, 0xFF51, 0xFF90, 0xFFD9
# Segments that are visited before the first part of a tile, parts of tiles, and bytes of a color profile.
MAX_SEGMENTS = 1000
MAX_TILE_PARTS = 1_000_000
MAX_BOX_BYTES = 1 << 24
# Methods of a box of colors that are followed by a profile, and the numbers of the color spaces of inks and of
# gray.
_PROFILE_METHODS = {b"\2", b"\3"}
_CMYK, _GRAY = 12, 17
# The box of GeoJP2 holds a TIFF of one pixel with the tags of a GeoTIFF. GMLJP2 is text in boxes with a label.
_GEOJP2 = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_GMLJP2 = b"gml.data"
MAX_PLACE_BYTES = 1 << 20
# Types of channels: opacity, and opacity that the colors are multiplied with.
_OPACITY = {1, 2}


@dataclass(frozen=True)
class Codestream:
    """What the header of a codestream says.

    Attributes
    ----------
    width, height : int, pixels
        Size.
    grid : tuple of int
        Width and height of the grid that the channels are samples of.
    depths : tuple of int
        Bits of each channel.
    is_complete : bool
        Whether each tile begins in the file, and all parts of tiles that begin in it end in it.
    """

    width: int
    height: int
    grid: tuple[int, int]
    depths: tuple[int, ...]
    is_complete: bool


@dataclass(frozen=True)
class _Colors:
    """What the boxes of a file say about its channels, and the width and height that they claim."""

    size: tuple[int, int] | None = None
    profile: bytes | None = None
    has_alpha: bool = False
    space: int = 0


def decode_jpeg_2000(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a JPEG 2000 file or codestream of up to 16 bits, with its georeference.

    See :data:`segment.loader.loader.Decoder`. A truncated file is refused. Channels that are neither colors nor opacity
    are bands.
    """
    size = get_size(stream)
    header, data = find_box(stream, b"jp2h", 0, size), find_box(stream, b"jp2c", 0, size)
    stream.seek(0)
    codestream = read_codestream(stream, 0 if stream.read(2) == b"\xffO" else data.begin if data else size)
    check_size(codestream.width, codestream.height, options.max_pixels)
    if not codestream.is_complete:  # versions of OpenJPEG differ in what they make of a part
        raise ImageError("the JPEG 2000 file is truncated; the picture is incomplete. Fetch it again.")
    n_channels, depth = len(codestream.depths), max(codestream.depths)
    if depth > 16:
        raise ImageError(f"a JPEG 2000 image has up to 16 bits; got {depth}. Save it as TIFF.")
    colors = _read_colors(stream, header) if header else _Colors()
    if colors.size not in (None, codestream.grid):
        raise ImageError("the JPEG 2000 file is damaged; its headers differ in their size. Fetch or export it again.")
    has_colors = n_channels == 1 or (n_channels == 3 and colors.space != _GRAY)
    is_picture = has_colors or (n_channels in (2, 4) and colors.has_alpha) or colors.space == _CMYK
    place, place_notes = _read_place(stream, size)
    if depth <= 8 and is_picture:
        plugin = load_plugin("Jpeg2KImagePlugin", "Jpeg2KImageFile")
        image = decode_with_plugin(stream, plugin, replace(options, allow_truncated=False), profile=colors.profile)
        return replace(image, georeference=place, notes=image.notes + place_notes)
    import imagecodecs

    array = imagecodecs.jpeg2k_decode(read_all_bytes(stream, "JPEG 2000"))
    # 16 bits say how wide the numbers are, not how bright white is, as in a TIFF and for 'segment raster'.
    converted = Colors(array, float(2**depth - 1) if array.dtype.kind == "u" and depth < 16 else None)
    if is_picture:
        converted = convert_to_srgb(array, colors.profile, keep_profile=options.keep_profile, white=converted.white)
    notes, has_alpha = converted.notes + place_notes, colors.has_alpha if array.ndim == 3 else None
    image = Image.from_array(converted.array, white=converted.white, notes=notes, alpha=has_alpha)
    return replace(image, georeference=place)


def _read_place(stream: BinaryIO, size: int) -> tuple[Georeference, tuple[str, ...]]:
    """Read the georeference from the box of GeoJP2; note one that is in GMLJP2 alone."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    notes: tuple[str, ...] = ()
    for box in iterate_boxes(stream, 0, size):
        if box.kind not in (b"uuid", b"asoc") or box.end - box.begin > MAX_PLACE_BYTES:
            continue
        stream.seek(box.begin)
        content = stream.read(box.end - box.begin)
        if box.kind == b"asoc" and _GMLJP2 in content[:64]:
            notes = ("the file says where it lies on the earth, as GML alone: only 'segment raster' reads that",)
        elif content.startswith(_GEOJP2):
            try:
                tags = io.BytesIO(content[len(_GEOJP2) :])
                directory = ImageFileDirectory_v2(tags.read(8))
                tags.seek(directory.next)
                directory.load(tags)
            except Exception:  # damaged metadata must not prevent reading the pixels
                continue
            if place := read_georeference(directory.get):
                return place, ()
    return NOWHERE, notes


def read_codestream(stream: BinaryIO, begin: int) -> Codestream:
    """Read the size and depth of a codestream, and whether all of it is there.

    Parameters
    ----------
    stream : binary file
        It is moved.
    begin : int
        The first byte of the codestream.

    Raises
    ------
    ImageError
        If there is none, or its header is damaged.
    """
    end = get_size(stream)
    stream.seek(begin)
    try:
        if struct.unpack(">HH", stream.read(4)) != (_START, _SIZE):
            raise ValueError("no codestream")
        # Length, capabilities, size of the reference grid, offset of the image in it, the same of tiles, and channels.
        fields = struct.unpack(">HH8IH", stream.read(38))
        width, height, n_channels = fields[2] - fields[4], fields[3] - fields[5], fields[10]
        channels = [struct.unpack(">BBB", stream.read(3)) for _ in range(n_channels)]
        # Without channels, or sampled at steps of 0, the rest makes no sense.
        if not channels or any(not dx or not dy for _, dx, dy in channels):
            raise ValueError("no channels")
        # Sides are rounded up where a channel has fewer samples than the grid.
        step_x, step_y = min(dx for _, dx, _ in channels), min(dy for _, _, dy in channels)
        depths = tuple((depth & 0x7F) + 1 for depth, _, _ in channels)
        # Tiles lie on a grid with its own beginning.
        n_tiles = -((fields[8] - fields[2]) // fields[6]) * -((fields[9] - fields[3]) // fields[7])
        is_complete = _is_complete(stream, end, n_tiles)
    except (struct.error, ValueError, ZeroDivisionError) as error:
        raise ImageError("the JPEG 2000 file is damaged; it holds no picture. Fetch or export it again.") from error
    return Codestream(-(-width // step_x), -(-height // step_y), (width, height), depths, is_complete)


def _is_complete(stream: BinaryIO, end: int, n_tiles: int) -> bool:
    """Follow the segments of a codestream from where the file stands to its end marker or the end of the file."""
    tiles: set[int] = set()
    for _ in range(MAX_SEGMENTS):
        marker, length = struct.unpack(">HH", stream.read(4))
        if marker == _TILE_PART:
            break
        stream.seek(length - 2, 1)
    at = stream.tell() - 4
    for _ in range(MAX_TILE_PARTS):
        stream.seek(at)
        head = stream.read(12)
        if len(head) < 2:
            # Files without an end marker are common, and complete.
            return at == end and len(tiles) == n_tiles
        (marker,) = struct.unpack_from(">H", head)
        if marker != _TILE_PART:
            return int(marker) == _END and len(tiles) == n_tiles
        # Marker, length of this segment, number of the tile, length of this part, 0 for up to the end.
        if len(head) < 12:
            return False
        tile, part = struct.unpack_from(">HI", head, 4)
        tiles.add(tile)
        if part == 0:
            return len(tiles) == n_tiles
        if at + part > end:
            return False
        at += max(part, 12)
    raise ImageError(f"a JPEG 2000 file has at most {MAX_TILE_PARTS:,} parts of tiles; got more. Export it again.")


def _read_colors(stream: BinaryIO, header: Box) -> _Colors:
    """Read from the boxes of the header what the channels are, and the size."""
    size, profile, has_alpha, space = None, None, False, 0
    for box in iterate_boxes(stream, header.begin, header.end):
        if box.end - box.begin > MAX_BOX_BYTES or box.kind not in (b"ihdr", b"colr", b"cdef"):
            continue
        stream.seek(box.begin)
        content = stream.read(box.end - box.begin)
        if box.kind == b"ihdr" and len(content) >= 8:
            size = int.from_bytes(content[4:8], "big"), int.from_bytes(content[:4], "big")
        elif box.kind == b"colr" and content[:1] in _PROFILE_METHODS:
            profile = content[3:]
        elif box.kind == b"colr":
            space = int.from_bytes(content[3:7], "big")
        elif box.kind == b"cdef":
            # The number of channels, and for each its number, its type and the color that it belongs to.
            types = [int.from_bytes(content[at : at + 2], "big") for at in range(4, len(content) - 3, 6)]
            has_alpha = bool(_OPACITY & set(types))
    return _Colors(size, profile, has_alpha, space)
