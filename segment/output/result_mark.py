"""The mark inside the pictures that this program writes, by which it recognizes its own results in a folder."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

__all__ = ["MARK", "has_mark", "make_mark_options"]

MARK = "segment (a result)"  # stored as the "Software" of a PNG or a TIFF, and as the comment of a JPEG
_MARK_BYTES = MARK.encode("ascii")
_HEAD_BYTES = 4096  # at the beginning of a PNG or a JPEG, where its mark is: before anything large
_MAX_TAGS = 4096  # of a TIFF that are read

# TIFF: the number of the tag "Software", and the type of its value.
_SOFTWARE, _ASCII = 305, 2


def make_mark_options(suffix: str) -> dict[str, Any]:
    """Make the options with which Pillow saves a marked file.

    Parameters
    ----------
    suffix : {".png", ".jpg"}
        Format of the file.

    Returns
    -------
    dict of str to object
        Keyword arguments of ``PIL.Image.Image.save``.
    """
    if suffix == ".jpg":
        return {"comment": _MARK_BYTES}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Software", MARK)
    return {"pnginfo": info}


def has_mark(file: BinaryIO) -> bool:
    """Check whether a file is a PNG, JPEG or TIFF that carries the mark.

    Parameters
    ----------
    file : binary file
        Any file. Only a few kilobytes are read.

    Returns
    -------
    bool
        False also for a damaged file.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    # A PNG holds a chunk of type tEXt: keyword, zero byte, text.
    if head.startswith(b"\x89PNG"):
        return b"tEXtSoftware\0" + _MARK_BYTES in head
    # A JPEG holds a comment segment: marker FFFE, length including its own two bytes, text.
    if head.startswith(b"\xff\xd8"):
        return b"\xff\xfe" + struct.pack(">H", len(_MARK_BYTES) + 2) + _MARK_BYTES in head
    try:
        return head[:2] in (b"II", b"MM") and _read_software_tag(file, head) == _MARK_BYTES + b"\0"
    except (OSError, ValueError, struct.error, OverflowError):
        return False


def _read_software_tag(file: BinaryIO, head: bytes) -> bytes:
    """Read the tag "Software" of a TIFF or BigTIFF; empty without one, or with one of another length than the mark."""
    order = "<" if head[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version not in (42, 43):
        return b""
    # TIFF (42) has 4-byte offsets and 12-byte tags, BigTIFF (43) 8-byte offsets and 20-byte tags.
    number, offset, entry, at = ("H", "I", "HHI4s", 4) if version == 42 else ("Q", "Q", "HHQ8s", 8)
    (start,) = struct.unpack_from(order + offset, head, at)
    file.seek(start)
    (n_tags,) = struct.unpack(order + number, file.read(struct.calcsize(order + number)))
    size = struct.calcsize(order + entry)
    for tag, kind, count, value in struct.iter_unpack(order + entry, file.read(size * min(n_tags, _MAX_TAGS))):
        if (tag, kind, count) == (_SOFTWARE, _ASCII, len(_MARK_BYTES) + 1):
            file.seek(struct.unpack(order + offset, value)[0])
            return file.read(count)
    return b""
