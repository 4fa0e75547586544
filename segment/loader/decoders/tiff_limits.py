"""Bound what a page of a TIFF can demand before a library reads it: tags, strips, and pictures inside strips.

A strip or tile may be a picture of its own (JPEG, JPEG 2000, PNG, WebP), whose header has the size that is allocated,
whatever the tags of the page say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.frame_count import TiffPage
from segment.loader.decoders.picture_size import read_picture_size

__all__ = ["check_tiff_page"]

MAX_TAGS = 4096
MAX_TAG_BYTES = 2**27  # of one tag, such as a color profile or the layers of an editor
MAX_SEGMENTS = 2**20  # strips or tiles: 200 megapixels in tiles of 16 x 16
# A picture in a strip may be somewhat larger than the strip, such as padded to whole blocks.
MAX_SEGMENT_GROWTH, MIN_SEGMENT_PIXELS = 4, 2**22

_WIDTH, _LENGTH, _COMPRESSION, _ROWS, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 259, 278, 322, 323
_OFFSETS, _BYTE_COUNTS = (273, 324), (279, 325)
_BYTES_OF_TYPES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_CODES = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
# Compressions that are pictures with headers of their own.
_PICTURES = {6, 7, 33003, 33004, 33005, 34712, 34933, 50001}
_HEAD_BYTES = 2**16

Tags = Mapping[int, tuple[int, int, int]]


def check_tiff_page(stream: BinaryIO, page: TiffPage) -> None:
    """Refuse a page whose tags or strips demand more than any picture needs.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF.
    page : TiffPage
        The page.

    Raises
    ------
    ImageError
        If it has too many tags or strips, a tag is too large, or a strip holds a picture that is larger than the strip.
    """
    stream.seek(0)
    head = stream.read(4)
    order, is_big = "<" if head.startswith(b"II") else ">", head[2:] in (b"+\0", b"\0+")
    try:
        tags = _read_tags(stream, page.offset, order, is_big=is_big)
        for tag, (kind, count, _) in tags.items():
            if tag in (*_OFFSETS, *_BYTE_COUNTS) and count > MAX_SEGMENTS:
                raise ImageError(f"a TIFF has at most {MAX_SEGMENTS} strips or tiles; got {count}. Export it again.")
            size = count * _BYTES_OF_TYPES.get(kind, 1)
            if size > MAX_TAG_BYTES:
                raise ImageError(
                    f"a tag of a TIFF has at most {MAX_TAG_BYTES} bytes; tag {tag} has {size}. Export it again, "
                    "without layers."
                )
        _check_pictures(stream, tags, order)
    except (struct.error, OverflowError, OSError, ValueError):
        return  # the decoder says what is damaged


def _read_tags(stream: BinaryIO, offset: int, order: str, *, is_big: bool) -> Tags:
    """Read type, count and place of the values of each tag."""
    count_code, word = ("Q", "Q") if is_big else ("H", "I")
    stream.seek(offset)
    (n,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
    if n > MAX_TAGS:
        raise ImageError(f"a page of a TIFF has at most {MAX_TAGS} tags; got {n}. Export it again.")
    entry = struct.Struct(f"{order}HH{word}{struct.calcsize(word)}s")
    begin = stream.tell()
    tags: dict[int, tuple[int, int, int]] = {}
    for i, (tag, kind, count, value) in enumerate(entry.iter_unpack(_trim(stream.read(n * entry.size), entry.size))):
        is_inside = count * _BYTES_OF_TYPES.get(kind, 1) <= len(value)
        # Values that do not fit into the entry lie elsewhere.
        place = begin + (i + 1) * entry.size - len(value) if is_inside else struct.unpack(order + word, value)[0]
        tags.setdefault(tag, (kind, count, place))
    return tags


def _trim(table: bytes, size: int) -> bytes:
    """Leave out an entry that was cut short."""
    return table[: len(table) // size * size]


def _read_numbers(stream: BinaryIO, tags: Tags, tag: int, order: str) -> tuple[int, ...]:
    """Read the values of a tag of whole numbers; none if it is not there."""
    if tag not in tags or tags[tag][0] not in _CODES:
        return ()
    kind, count, place = tags[tag]
    stream.seek(place)
    data = stream.read(count * _BYTES_OF_TYPES[kind])
    return struct.unpack(
        f"{order}{len(data) // _BYTES_OF_TYPES[kind]}{_CODES[kind]}", _trim(data, _BYTES_OF_TYPES[kind])
    )


def _check_pictures(stream: BinaryIO, tags: Tags, order: str) -> None:
    """Compare the size of each strip or tile with that in the header of the picture that it is."""

    def read_one(tag: int, default: int) -> int:
        return next(iter(_read_numbers(stream, tags, tag, order)), default)

    if read_one(_COMPRESSION, 1) not in _PICTURES:
        return
    length = read_one(_LENGTH, 0)
    width = read_one(_TILE_WIDTH, read_one(_WIDTH, 0))
    declared = width * read_one(_TILE_LENGTH, min(read_one(_ROWS, length), length))
    limit = max(MAX_SEGMENT_GROWTH * declared, MIN_SEGMENT_PIXELS)
    for begin, size in _list_segments(stream, tags, order):
        stream.seek(begin)
        found = read_picture_size(stream.read(min(size, _HEAD_BYTES)))
        if found[0] * found[1] > limit:
            raise ImageError(
                f"a strip or tile of this TIFF has {declared} pixels; got a picture of {found[0]} x {found[1]} in it. "
                "Export it again."
            )


def _list_segments(stream: BinaryIO, tags: Tags, order: str) -> Iterator[tuple[int, int]]:
    """List where the strips or tiles begin, and their bytes."""
    for offsets, counts in zip(_OFFSETS, _BYTE_COUNTS, strict=True):
        places = _read_numbers(stream, tags, offsets, order)
        sizes = _read_numbers(stream, tags, counts, order)
        yield from zip(places, sizes or [_HEAD_BYTES] * len(places), strict=False)
