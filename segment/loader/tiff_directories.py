"""Read the few tags of the pages of a TIFF that tell what each page is; nothing is decoded, and no library is needed.

Camera RAW files of most makers are TIFFs: the first page is a small preview, and the pixels of the sensor lie in a page
of another kind, often a subpage (SubIFD).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

__all__ = ["MAX_DIRECTORIES", "find_full_page", "identify_raw", "iterate_directories", "read_tiff_header"]

# Pages and subpages that are visited, and entries of each: far more than a camera writes.
MAX_DIRECTORIES = 256
MAX_ENTRIES = 4096
MAX_VALUES = 64

# Numbers of tags.
_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 271, 330, 50706
_WANTED = {_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION}
# Values of the tag for photometric interpretation that only sensors have: a mosaic of color filters, and linear RGB.
_SENSOR_VALUES = {32803, 34892}
# Number of bytes and format code of each type of tag that is read.
_TYPES = {1: (1, "B"), 2: (1, "B"), 3: (2, "H"), 4: (4, "I"), 7: (1, "B"), 13: (4, "I"), 16: (8, "Q"), 18: (8, "Q")}
# Names of the RAW files of some makers.
_MAKERS = (("nikon", "NEF"), ("sony", "ARW"), ("canon", "CR2"), ("pentax", "PEF"), ("ricoh", "PEF"), ("samsung", "SRW"))

Directory = Mapping[int, tuple[int, ...]]


def identify_raw(stream: BinaryIO) -> str:
    """Tell whether a TIFF holds the pixels of a camera's sensor.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF.

    Returns
    -------
    str
        "DNG", "CR2", "NEF", "ARW", "PEF", "SRW" or "camera RAW"; empty for any other TIFF.
    """
    stream.seek(0)
    if stream.read(16)[8:11] == b"CR\2":
        return "CR2"
    make, has_sensor_values = "", False
    for directory in iterate_directories(stream):
        if _DNG_VERSION in directory:
            return "DNG"
        make = make or bytes(value & 255 for value in directory.get(_MAKE, ())).decode("latin1").lower()
        has_sensor_values |= bool(_SENSOR_VALUES & set(directory.get(_PHOTOMETRIC, ())))
    if not has_sensor_values:
        return ""
    return next((name for maker, name in _MAKERS if make.startswith(maker)), "camera RAW")


def iterate_directories(stream: BinaryIO) -> Iterator[Directory]:
    r"""Yield the tags of each page of a TIFF, and after each page those of its subpages.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF.

    Yields
    ------
    mapping of int to tuple of int
        The first values of the tags for the kind of page (254, 262, 271, 330 and 50706) by their numbers. Pages that
        lie behind the end of the file are left out.

    Examples
    --------
    >>> from io import BytesIO
    >>> entry = (262).to_bytes(2, "little") + b"\3\0" + b"\1\0\0\0" + (32803).to_bytes(4, "little")
    >>> page = b"\1\0" + entry + bytes(4)
    >>> list(iterate_directories(BytesIO(b"II*\0" + (8).to_bytes(4, "little") + page)))
    [{262: (32803,)}]
    """
    return (directory for _, directory in _walk(stream))


def find_full_page(stream: BinaryIO) -> int:
    """Find the first page or subpage of a TIFF that is neither a reduced copy nor a mask.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF.

    Returns
    -------
    int
        Where it begins in the file; 0 if there is none.
    """
    kinds = ((offset, directory.get(_SUBFILE_TYPE, (0,))) for offset, directory in _walk(stream))
    return next((offset for offset, kind in kinds if not kind[0] & 5), 0)


def read_tiff_header(stream: BinaryIO) -> tuple[str, bool, int]:
    r"""Read the first bytes of a TIFF.

    Parameters
    ----------
    stream : binary file
        A TIFF or BigTIFF. Read from its beginning.

    Returns
    -------
    order : {"<", ">"}
        The order of bytes, as :mod:`struct` writes it.
    is_big : bool
        Whether it is a BigTIFF (version 43), which has wider numbers than a TIFF (version 42).
    first : int
        Where the first page begins; 0 in a file that ends before it says so.

    Examples
    --------
    >>> from io import BytesIO
    >>> read_tiff_header(BytesIO(b"II*\0\x08\0\0\0"))
    ('<', False, 8)
    """
    stream.seek(0)
    head = stream.read(16)
    order, is_big = "<" if head.startswith(b"II") else ">", head[2:4] in (b"+\0", b"\0+")
    try:
        (first,) = struct.unpack_from(order + ("Q" if is_big else "I"), head, 8 if is_big else 4)
    except struct.error:
        first = 0
    return order, is_big, first


def _walk(stream: BinaryIO) -> Iterator[tuple[int, Directory]]:
    """Yield where each page and subpage begins, and its tags."""
    order, is_big, first = read_tiff_header(stream)
    waiting, visited = [first], set[int]()
    while waiting and len(visited) < MAX_DIRECTORIES:
        offset = waiting.pop()
        if not offset or offset in visited:
            continue
        visited.add(offset)
        try:
            directory, following = _read_directory(stream, offset, order, is_big=is_big)
        except (struct.error, OverflowError, OSError, ValueError):
            continue
        yield offset, directory
        waiting += [following, *reversed(directory.get(_SUB_DIRECTORIES, ()))]


def _read_directory(stream: BinaryIO, offset: int, order: str, *, is_big: bool) -> tuple[Directory, int]:
    """Read the wanted tags of one page, and the offset of the next one."""
    count_code, link_code, room = ("Q", "Q", 8) if is_big else ("H", "I", 4)
    stream.seek(offset)
    (entries,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
    if entries > MAX_ENTRIES:
        raise ValueError(entries)
    # An entry is the number of the tag, its type, how many values it has, and these or their offset.
    size = 4 + 2 * room
    table = stream.read(entries * size)
    following = stream.read(room)
    directory = {}
    for start in range(0, len(table) - size + 1, size):
        tag, kind, count = struct.unpack_from(f"{order}HH{link_code}", table, start)
        if tag in _WANTED and kind in _TYPES:
            field = table[start + size - room : start + size]
            directory[tag] = _read_values(stream, field, kind, min(count, MAX_VALUES), order + link_code)
    return directory, struct.unpack(order + link_code, following)[0] if len(following) == room else 0


def _read_values(stream: BinaryIO, field: bytes, kind: int, count: int, link_format: str) -> tuple[int, ...]:
    """Read the values of a tag: they lie in its field or, where they do not fit, at the offset that the field holds."""
    width, code = _TYPES[kind]
    data = field
    if count * width > len(field):
        stream.seek(struct.unpack(link_format, field)[0])
        data = stream.read(count * width)
    return struct.unpack_from(f"{link_format[0]}{count}{code}", data)
