"""Bound what a page of a TIFF can demand before a library reads it: tags, strips, and pictures inside strips.

A strip or tile may be a picture of its own (JPEG, JPEG 2000, PNG, WebP), whose header has the size that is allocated,
whatever the tags of the page say.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.checks import TruncatedError
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
# Compressions that are pictures with headers of their own: JPEG, JPEG 2000, PNG, WebP, JPEG XR, JPEG XL and LERC.
_PICTURES = {6, 7, 33007, 34892, 33003, 33004, 33005, 34712, 34933, 34927, 50001, 22610, 34934, 50002, 52546, 34887}
_LERC, _ZSTD_MARK = 34887, b"\x28\xb5\x2f\xfd"
_HEAD_BYTES, _END_BYTES = 2**16, 64

Tags = Mapping[int, tuple[int, int, int]]


def check_tiff_page(stream: BinaryIO, page: TiffPage, *, allow_truncated: bool = False) -> bool:
    """Refuse a page whose tags or strips demand more than any picture needs, or that lacks strips.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF.
    page : TiffPage
        The page.
    allow_truncated : bool
        Do not refuse a page that lacks strips.

    Returns
    -------
    bool
        Whether it has all its strips or tiles.

    Raises
    ------
    ImageError
        If it has too many tags or strips, a tag is too large, or a strip holds a picture that is larger than the strip.
    TruncatedError
        If there are fewer strips or tiles than the page needs, or pictures in strips are cut or smaller.
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
        is_whole = _has_all_segments(stream, tags, order) and _check_pictures(stream, tags, order)
    except (struct.error, OverflowError, OSError, ValueError):
        return True  # the decoder says what is damaged
    if not is_whole and not allow_truncated:
        raise TruncatedError("some of its strips or tiles are missing or cut")
    return is_whole


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


def _read_first(stream: BinaryIO, tags: Tags, tag: int, order: str, default: int) -> int:
    """Read the first value of a tag of whole numbers."""
    return next(iter(_read_numbers(stream, tags, tag, order)), default)


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


def _has_all_segments(stream: BinaryIO, tags: Tags, order: str) -> bool:
    """Say whether as many strips or tiles are listed as the size of the page needs."""
    width, length = (_read_first(stream, tags, tag, order, 0) for tag in (_WIDTH, _LENGTH))
    is_tiled = _TILE_WIDTH in tags
    columns = _read_first(stream, tags, _TILE_WIDTH, order, width) if is_tiled else width
    rows = _read_first(stream, tags, _TILE_LENGTH if is_tiled else _ROWS, order, length)
    listed = [tags[tag][1] for tag in _OFFSETS if tag in tags]
    if not listed or not columns or not rows:
        return True  # the decoder says what is damaged
    return max(listed) >= -(-width // columns) * -(-length // rows)


def _check_pictures(stream: BinaryIO, tags: Tags, order: str) -> bool:
    """Compare the size of each strip or tile with that in the header of the picture that it is.

    Return whether each strip is filled by its picture, and each JPEG has an end.
    """
    compression = _read_first(stream, tags, _COMPRESSION, order, 1)
    if compression not in _PICTURES:
        return True
    length = _read_first(stream, tags, _LENGTH, order, 0)
    width = _read_first(stream, tags, _TILE_WIDTH, order, _read_first(stream, tags, _WIDTH, order, 0))
    rows = min(_read_first(stream, tags, _ROWS, order, length), length)
    declared = width * _read_first(stream, tags, _TILE_LENGTH, order, rows)
    limit = max(MAX_SEGMENT_GROWTH * declared, MIN_SEGMENT_PIXELS)
    n_strips = 0 if _TILE_WIDTH in tags else -(-length // max(rows, 1))
    is_whole = True
    for index, (begin, size) in enumerate(_list_segments(stream, tags, order)):
        stream.seek(begin)
        head = stream.read(min(size, _HEAD_BYTES))
        if compression == _LERC:
            head = _unpack_lerc(head, stream.read(max(size - _HEAD_BYTES, 0)), limit)
        found = read_picture_size(head)
        if found[0] * found[1] > limit:
            raise ImageError(
                f"a strip or tile of this TIFF has {declared} pixels; got a picture of {found[0]} x {found[1]} in it. "
                "Export it again."
            )
        # The last strip may have fewer rows.
        is_filled = not n_strips or found[1] >= min(rows, length - index % n_strips * rows) or not found[1]
        is_whole = is_whole and is_filled and _has_end(stream, head, begin, size)
    return is_whole


def _unpack_lerc(head: bytes, rest: bytes, limit: int) -> bytes:
    """Return the beginning of a LERC, which may be compressed once more, by Deflate or Zstandard."""
    if head.startswith(_ZSTD_MARK):
        import imagecodecs

        try:
            # As a whole or not at all. A pixel of the strip, of which `limit` counts four, has 64 bytes at most.
            return bytes(imagecodecs.zstd_decode(head + rest, out=16 * limit)[:_HEAD_BYTES])
        except imagecodecs.ZstdError as error:
            raise ImageError("a strip or tile of this TIFF is damaged, or too large. Export it again.") from error
    try:
        return head if head.startswith(b"Lerc2") else zlib.decompressobj().decompress(head, _HEAD_BYTES)
    except zlib.error:
        return head  # the decoder says what is damaged


def _has_end(stream: BinaryIO, head: bytes, begin: int, size: int) -> bool:
    """Say whether a strip or tile that is a JPEG has an end marker, perhaps with some filling behind it."""
    if not head.startswith(b"\xff\xd8"):
        return True
    stream.seek(begin + max(0, size - _END_BYTES))
    return b"\xff\xd9" in stream.read(_END_BYTES)


def _list_segments(stream: BinaryIO, tags: Tags, order: str) -> Iterator[tuple[int, int]]:
    """List where the strips or tiles begin, and their bytes."""
    for offsets, counts in zip(_OFFSETS, _BYTE_COUNTS, strict=True):
        places = _read_numbers(stream, tags, offsets, order)
        sizes = _read_numbers(stream, tags, counts, order)
        yield from zip(places, sizes or [_HEAD_BYTES] * len(places), strict=False)
