"""Read what AVIF and HEIC files (HEIF, ISO/IEC 23008-12) say about their pictures: place, size, turns and colors."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, NamedTuple

from segment.core.errors import ImageError
from segment.loader.decoders.checks import check_zeros
from segment.loader.decoders.declared_colors import describe_declared_colors
from segment.loader.decoders.isobmff import MAX_BOXES, Box, find_box, get_size, iterate_boxes

__all__ = ["CodedPicture", "PictureProperties", "find_coded_pictures", "read_properties", "require_no_zeros"]

# Bytes of the box of metadata, and properties of all pictures: far more than a file has.
MAX_PROPERTY_BYTES, MAX_ASSOCIATIONS = 1 << 24, 1_000_000

_CODED_TYPES = (b"hvc1", b"av01")  # of items: pictures of HEVC and of AV1
_LAYERS = {b"lsel", b"a1op", b"a1lx"}  # properties of pictures in layers, of which one is shown

# EXIF orientation by the number of quarter turns to the left (irot) and the mirroring (imir): none, then top and bottom
# exchanged (axis 0), then left and right exchanged (axis 1). ISO/IEC 23008-12, 6.5.10 and 6.5.12: first turned.
_ORIENTATIONS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}


class CodedPicture(NamedTuple):
    """A coded picture: its first byte, its size in pixels as the file says, and whether it has layers."""

    begin: int
    width: int
    height: int
    has_layers: bool


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
    clap : bytes
        Which part of the picture is to be shown (clean aperture, ISO/IEC 14496-12, 12.1.4); empty for all of it.
    """

    width: int = 0
    height: int = 0
    bits: int = 0
    orientation: int = 0
    profile: bytes | None = None
    color_note: str = ""
    clap: bytes = b""


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
    for begin, end in sorted(part for _, part in _find_coded_parts(stream)):
        # Parts may lie over each other: no byte is looked at twice.
        stream.seek(max(begin, done))
        check_zeros(stream.read(max(end - stream.tell(), 0)), name)
        done = max(done, end)


def find_coded_pictures(stream: BinaryIO) -> list[CodedPicture]:
    """Find the coded pictures of an AVIF or HEIC file whose properties are not damaged.

    Parameters
    ----------
    stream : binary file
        It is moved.
    """
    begins: dict[int, int] = {}
    for item, (begin, _) in _find_coded_parts(stream):
        begins.setdefault(item, begin)
    _, data = _read_meta(stream)
    found = []
    for item, boxes in _list_properties(data).items():
        size = next((data[box.begin + 4 : box.begin + 12] for box in boxes if box.kind == b"ispe"), b"")
        if item in begins and len(size) == 8:
            has_layers = any(box.kind in _LAYERS for box in boxes)
            width, height = struct.unpack(">II", size)
            found.append(CodedPicture(begins[item], width, height, has_layers))
    return found


def _read_meta(stream: BinaryIO) -> tuple[int, bytes]:
    """Read the box of metadata: where its content begins, and the content; empty without a sane one."""
    meta = find_box(stream, b"meta", 0, get_size(stream))
    if meta is None or meta.end - meta.begin > MAX_PROPERTY_BYTES:
        return 0, b""
    stream.seek(meta.begin)
    return meta.begin, stream.read(meta.end - meta.begin)


def _find_coded_parts(stream: BinaryIO) -> list[tuple[int, tuple[int, int]]]:
    """Find where the coded pictures of a file lie: number of the item, first byte of a part, and first behind it."""
    begin, data = _read_meta(stream)
    boxes = {box.kind: box for box in iterate_boxes(io.BytesIO(data), 4, len(data))}
    # Places are counted from the beginning of the file, or of a box with small data.
    origins = {0: 0, 1: begin + boxes[b"idat"].begin} if b"idat" in boxes else {0: 0}
    try:
        information, locations = (data[boxes[kind].begin : boxes[kind].end] for kind in (b"iinf", b"iloc"))
        pictures = _parse_item_types(information)
        parts = list(islice(_parse_locations(locations, origins), MAX_BOXES + 1))
        if len(parts) > MAX_BOXES:
            raise ImageError(f"a file has its pictures in at most {MAX_BOXES:,} parts; got more. Export it again.")
        return [(item, part) for item, part in parts if pictures.get(item) in _CODED_TYPES]
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


def _parse_locations(data: bytes, origins: dict[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
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
        base = read_number(base_size) + origins.get(method, 0)
        for _ in range(min(read_number(2), MAX_BOXES)):
            read_number(index_size)
            begin = base + read_number(offset_size)
            length = read_number(length_size)
            if method in origins:
                yield item, (begin, begin + length)


def read_properties(stream: BinaryIO) -> PictureProperties:
    """Read the properties of the main picture of an AVIF or HEIC file.

    Parameters
    ----------
    stream : binary file
        It is moved.

    Raises
    ------
    ImageError
        If the file has no properties of pictures, or they are damaged.
    """
    damaged = ImageError("the file is damaged; it does not say how large the picture is. Fetch or export it again.")
    _, data = _read_meta(stream)
    try:
        boxes = _list_properties(data).get(_find_main_item(data), [])
        found = _collect([(box.kind, data[box.begin : box.end]) for box in boxes])
    except (struct.error, IndexError, ValueError) as error:
        raise damaged from error
    if not found.width or not found.height:
        raise damaged
    return found


def _find_main_item(data: bytes) -> int:
    """Return the number of the main picture from the content of a box of metadata; -1 if it says none."""
    primary = find_box(io.BytesIO(data), b"pitm", 4, len(data))
    n_bytes = 4 if primary and data[primary.begin] else 2  # 4 from version 1 on
    return int.from_bytes(data[primary.begin + 4 :][:n_bytes], "big") if primary else -1


def _list_properties(data: bytes) -> dict[int, list[Box]]:
    """List the boxes of the properties of each item in the content of a box of metadata."""
    content = io.BytesIO(data)
    properties = find_box(content, b"iprp", 4, len(data))
    container = properties and find_box(content, b"ipco", properties.begin, properties.end)
    if not properties or not container:
        return {}
    listed = list(iterate_boxes(content, container.begin, container.end))
    found: dict[int, list[Box]] = {}
    boxes = (box for box in iterate_boxes(content, properties.begin, properties.end) if box.kind == b"ipma")
    pairs = (pair for box in boxes for pair in _parse_associations(data[box.begin : box.end]))
    for i, (item, n) in enumerate(pairs):
        if i == MAX_ASSOCIATIONS:
            raise ImageError(f"pictures of a file have at most {i:,} properties; got more. Export it again.")
        if 0 < n <= len(listed):  # counted from 1
            found.setdefault(item, []).append(listed[n - 1])
    return found


def _parse_associations(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the numbers of items and of their properties from a box of associations."""
    version, is_wide = data[0], bool(data[3] & 1)
    (entries,) = struct.unpack_from(">I", data, 4)
    at = 8
    for _ in range(min(entries, MAX_BOXES)):
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        count, at = data[at], at + 1
        for _ in range(count):
            # The highest bit tells whether the property is essential.
            (index,) = struct.unpack_from(">H" if is_wide else ">B", data, at)
            at += 2 if is_wide else 1
            yield number, index & (0x7FFF if is_wide else 0x7F)


def _collect(properties: list[tuple[bytes, bytes]]) -> PictureProperties:
    """Collect the properties of a picture from the types and contents of its boxes."""
    width, height, bits, clap = 0, 0, 0, b""
    turns: int | None = None
    axis: int | None = None
    profile: bytes | None = None
    declared = (2, 2)  # nothing
    for kind, content in properties:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", content, 4)
        elif kind == b"pixi":
            bits = max(content[5 : 5 + content[4]], default=0)
        elif kind == b"clap":
            clap = content
        elif kind == b"irot":
            turns = content[0] & 3
        elif kind == b"imir":
            axis = content[0] & 1
        elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            profile = content[4:]
        elif kind == b"colr" and content[:4] == b"nclx":
            declared = struct.unpack_from(">HH", content, 4)
    profile, notes = (profile, ()) if profile is not None else describe_declared_colors(*declared)
    orientation = 0 if turns is None and axis is None else _ORIENTATIONS[axis][turns or 0]
    return PictureProperties(width, height, bits, orientation, profile, "".join(notes), clap)
