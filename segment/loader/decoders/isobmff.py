"""Read the boxes of files of the ISO base media format (ISO/IEC 14496-12): AVIF, HEIC, JPEG 2000 and JPEG XL.

A box is its length, its type and its content, which may be boxes again. Nothing is decoded.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from segment.core.errors import ImageError

__all__ = ["MAX_BOXES", "Box", "find_box", "get_size", "iterate_boxes", "require_complete"]

MAX_BOXES = 10_000  # that are visited: far more than a picture has


class Box(NamedTuple):
    """A box: its type, where its content begins, and the first byte behind it."""

    kind: bytes
    begin: int
    end: int


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
    >>> import io
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
        (length, kind), content = struct.unpack_from(">I4s", head), 8
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
    """
    return next((box for box in iterate_boxes(stream, begin, end) if box.kind == kind), None)


def get_size(stream: BinaryIO) -> int:
    """Get the number of bytes of a file.

    Parameters
    ----------
    stream : binary file
        It is moved.
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
