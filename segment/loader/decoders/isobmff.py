"""Read the boxes of files of the ISO base media format (ISO/IEC 14496-12): AVIF, HEIC, JPEG 2000 and JPEG XL.

A box is its length, its type and its content, which may be boxes again. Nothing is decoded.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, NamedTuple

from segment.core.errors import ImageError
from segment.loader.decoders.checks import check_zeros
from segment.loader.decoders.declared_colors import describe_declared_colors

__all__ = [
    "Box",
    "PictureProperties",
    "find_box",
    "get_size",
    "iterate_boxes",
    "read_properties",
    "require_complete",
    "require_no_zeros",
]

# Boxes that are visited, and bytes of a box of properties: far more than a picture has.
MAX_BOXES = 10_000
MAX_PROPERTY_BYTES = 1 << 24

_CODED_TYPES = (b"hvc1", b"av01")  # of items: pictures of HEVC and of AV1

# EXIF orientation by the number of quarter turns to the left (irot) and the mirroring (imir): none, then top and bottom
# exchanged (axis 0), then left and right exchanged (axis 1). ISO/IEC 23008-12, 6.5.10 and 6.5.12: first turned.
_ORIENTATIONS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}


class Box(NamedTuple):
    """A box: its type, where its content begins, and the first byte behind it."""

    kind: bytes
    begin: int
    end: int


@dataclass(frozen=True)
class PictureProperties:
    """What the file says about its main picture.

    Attributes
    ----------
    width, height : int, pixels
        Size before it is turned; 0 if the file does not say it.
    bits : int
        Bits of a channel; 0 if the file does not say it.
    orientation : int
        How to turn the picture, as an EXIF orientation; 0 if the file does not say it.
    profile : bytes or None
        The color profile (ICC), or that of other colors than those of sRGB that are declared by numbers.
    color_note : str
        What a user should know of colors that no profile describes; empty for others.
    """

    width: int = 0
    height: int = 0
    bits: int = 0
    orientation: int = 0
    profile: bytes | None = None
    color_note: str = ""


def iterate_boxes(stream: BinaryIO, begin: int, end: int) -> Iterator[Box]:
    r"""Yield the boxes within a part of a file.

    Parameters
    ----------
    stream : binary file
        It is moved.
    begin, end : int
        The first byte, and the first byte behind the part.

    Yields
    ------
    Box
        Its end may lie behind that of the part if the file is truncated or damaged; it is the last one then.

    Raises
    ------
    ImageError
        If there are more than `MAX_BOXES`.

    Examples
    --------
    >>> list(iterate_boxes(io.BytesIO(b"\0\0\0\x0cfree\0\0\0\0"), 0, 12))
    [Box(kind=b'free', begin=8, end=12)]
    """
    for _ in range(MAX_BOXES):
        if begin + 8 > end:
            return
        stream.seek(begin)
        head = stream.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        content = 8
        # A length of 1 is followed by one of 64 bits; a length of 0 means up to the end.
        if length == 1 and len(head) == 16:
            content, length = 16, int.from_bytes(head[8:], "big")
        if length == 0:
            length = end - begin
        if length < content:
            return
        yield Box(kind, begin + content, begin + length)
        begin += length
    raise ImageError(f"a file has at most {MAX_BOXES:,} boxes in a row; got more. Export it again.")


def find_box(stream: BinaryIO, kind: bytes, begin: int, end: int) -> Box | None:
    """Find the first box of a type within a part of a file.

    Parameters
    ----------
    stream : binary file
        It is moved.
    kind : bytes
        Four letters.
    begin, end : int
        The part.

    Returns
    -------
    Box or None
    """
    return next((box for box in iterate_boxes(stream, begin, end) if box.kind == kind), None)


def get_size(stream: BinaryIO) -> int:
    """Get the number of bytes of a file.

    Parameters
    ----------
    stream : binary file
        It is moved.

    Returns
    -------
    int
    """
    return stream.seek(0, os.SEEK_END)


def require_complete(stream: BinaryIO, name: str) -> None:
    """Refuse a file that ends within a box.

    Parameters
    ----------
    stream : binary file
        It is moved.
    name : str
        The format, for the message.

    Raises
    ------
    ImageError
        If a box ends behind the end of the file. No decoder of these formats reads a part of a picture.
    """
    size = get_size(stream)
    ends = [box.end for box in iterate_boxes(stream, 0, size)]
    if ends and ends[-1] > size:
        raise ImageError(f"the {name} file is truncated; {size} of {ends[-1]} bytes are there. Fetch it again.")


def require_no_zeros(stream: BinaryIO, name: str) -> None:
    """Refuse a file whose coded pictures have gaps of zeros, as an interrupted copy leaves them.

    The decoders of HEVC and AV1 hide such damage: they invent the missing part. Intact pictures have no long run of
    zeros; HEVC even forbids three in a row.

    Parameters
    ----------
    stream : binary file
        It is moved.
    name : str
        The format, for the message.

    Raises
    ------
    ImageError
        If there is a run of 128 zeros or more in a picture.
    """
    done = 0
    for begin, end in sorted(_find_coded_parts(stream)):
        # Parts may lie over each other: no byte is looked at twice.
        stream.seek(max(begin, done))
        check_zeros(stream.read(max(end - stream.tell(), 0)), name)
        done = max(done, end)


def _find_coded_parts(stream: BinaryIO) -> list[tuple[int, int]]:
    """Find where the coded pictures of a file lie: the first byte of each part, and the first behind it."""
    meta = find_box(stream, b"meta", 0, get_size(stream))
    if meta is None or meta.end - meta.begin > MAX_PROPERTY_BYTES:
        return []
    stream.seek(meta.begin)
    data = stream.read(meta.end - meta.begin)
    boxes = {box.kind: data[box.begin : box.end] for box in iterate_boxes(io.BytesIO(data), 4, len(data))}
    try:
        pictures = _parse_item_types(boxes[b"iinf"])
        parts = list(islice(_parse_locations(boxes[b"iloc"]), MAX_BOXES + 1))
        if len(parts) > MAX_BOXES:
            raise ImageError(f"a file has its pictures in at most {MAX_BOXES:,} parts; got more. Export it again.")
        return [part for item, part in parts if pictures.get(item) in _CODED_TYPES]
    except (KeyError, struct.error, IndexError):  # the decoder says what is wrong
        return []


def _parse_item_types(data: bytes) -> dict[int, bytes]:
    """Return the type of each item from a box of information (ISO/IEC 14496-12, 8.11.6)."""
    types = {}
    for box in iterate_boxes(io.BytesIO(data), 8 if data[0] else 6, len(data)):
        entry = data[box.begin : box.end]
        wide = entry[0] > 2
        types[int.from_bytes(entry[4 : 8 if wide else 6], "big")] = entry[10:14] if wide else entry[8:12]
    return types


def _parse_locations(data: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the number of an item and a part of the file that it lies in (ISO/IEC 14496-12, 8.11.3)."""
    content = io.BytesIO(data)

    def read_number(n_bytes: int) -> int:
        number = content.read(n_bytes)
        if len(number) < n_bytes:
            raise IndexError
        return int.from_bytes(number, "big")

    version, sizes = read_number(1), (content.seek(4), read_number(2))[1]
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(min(read_number(4 if version > 1 else 2), MAX_BOXES)):
        item = read_number(4 if version > 1 else 2)
        method = read_number(2) & 15 if version else 0
        read_number(2)  # which file: this one
        base = read_number(base_size)
        for _ in range(min(read_number(2), MAX_BOXES)):
            read_number(index_size)
            begin = base + read_number(offset_size)
            length = read_number(length_size)
            if method == 0:  # counted from the beginning of the file
                yield item, (begin, begin + length)


def read_properties(stream: BinaryIO) -> PictureProperties:
    """Read the properties of the main picture of an AVIF or HEIC file.

    Parameters
    ----------
    stream : binary file
        It is moved.

    Returns
    -------
    PictureProperties

    Raises
    ------
    ImageError
        If the file has no properties of pictures, or they are damaged.
    """
    damaged = ImageError("the file is damaged; it does not say how large the picture is. Fetch or export it again.")
    meta = find_box(stream, b"meta", 0, get_size(stream))
    if meta is None or meta.end - meta.begin > MAX_PROPERTY_BYTES:
        raise damaged
    try:
        stream.seek(meta.begin)
        found = _parse_meta(stream.read(meta.end - meta.begin))
    except (struct.error, IndexError, ValueError) as error:
        raise damaged from error
    if not found.width or not found.height:
        raise damaged
    return found


def _parse_meta(data: bytes) -> PictureProperties:
    """Parse the content of a box of metadata, which begins with its version and flags."""
    content = io.BytesIO(data)
    boxes = {box.kind: box for box in iterate_boxes(content, 4, len(data))}
    primary, properties = boxes.get(b"pitm"), boxes.get(b"iprp")
    if primary is None or properties is None:
        return PictureProperties()
    # Number of the main picture: 16 bits, and 32 from version 1 on.
    item = int.from_bytes(data[primary.begin + 4 : primary.begin + (8 if data[primary.begin] else 6)], "big")
    container = find_box(content, b"ipco", properties.begin, properties.end)
    if container is None:
        return PictureProperties()
    listed = list(iterate_boxes(content, container.begin, container.end))
    numbers: list[int] = []
    for box in iterate_boxes(content, properties.begin, properties.end):
        if box.kind == b"ipma":
            numbers += _parse_associations(data[box.begin : box.end], item)
    # Properties are counted from 1.
    return _collect([(listed[n - 1].kind, data[listed[n - 1].begin : listed[n - 1].end]) for n in numbers if n])


def _parse_associations(data: bytes, item: int) -> list[int]:
    """Return the numbers of the properties of a picture from a box of associations."""
    version, is_wide = data[0], bool(data[3] & 1)
    (entries,) = struct.unpack_from(">I", data, 4)
    at, found = 8, []
    for _ in range(min(entries, MAX_BOXES)):
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        count, at = data[at], at + 1
        for _ in range(count):
            # The highest bit tells whether the property is essential.
            (index,) = struct.unpack_from(">H" if is_wide else ">B", data, at)
            at += 2 if is_wide else 1
            if number == item:
                found.append(index & (0x7FFF if is_wide else 0x7F))
    return found


def _collect(properties: list[tuple[bytes, bytes]]) -> PictureProperties:
    """Collect the properties of a picture from the types and contents of its boxes."""
    width = height = bits = 0
    turns: int | None = None
    axis: int | None = None
    profile: bytes | None = None
    declared = (2, 2)  # nothing
    for kind, content in properties:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", content, 4)
        elif kind == b"pixi":
            bits = max(content[5 : 5 + content[4]], default=0)
        elif kind == b"irot":
            turns = content[0] & 3
        elif kind == b"imir":
            axis = content[0] & 1
        elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            profile = content[4:]
        elif kind == b"colr" and content[:4] == b"nclx":
            declared = struct.unpack_from(">HH", content, 4)
    notes: tuple[str, ...] = ()
    if profile is None:
        profile, notes = describe_declared_colors(*declared)
    orientation = 0 if turns is None and axis is None else _ORIENTATIONS[axis][turns or 0]
    return PictureProperties(width, height, bits, orientation, profile, "".join(notes))
