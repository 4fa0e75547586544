"""The mark that pictures made here carry, so that a folder's results are told from its images."""

from __future__ import annotations

import stat
import struct
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["MARK", "is_marked", "mark_result"]

MARK = "segment (a result)"  # as the software that wrote a PNG or a TIFF, and as the comment of a JPEG
_TEXT = MARK.encode("ascii")
_HEAD = 4096  # bytes in which a PNG or a JPEG has its mark: it comes before anything large
_SOFTWARE, _ASCII = 305, 2  # a tag of TIFF and its type
_MOST_TAGS = 4096


def mark_result(suffix: str) -> dict[str, Any]:
    """What Pillow is to be given to save a marked ``.png`` or ``.jpg`` file."""
    if suffix == ".jpg":
        return {"comment": _TEXT}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Software", MARK)
    return {"pnginfo": info}


def is_marked(path: Path) -> bool:
    """Whether a file is a PNG, JPEG or TIFF with the mark. Little of it is read, and nothing but regular files."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head.startswith(b"\x89PNG"):
                return b"tEXtSoftware\0" + _TEXT in head
            if head.startswith(b"\xff\xd8"):
                return b"\xff\xfe" + struct.pack(">H", len(_TEXT) + 2) + _TEXT in head
            return head[:2] in (b"II", b"MM") and _software(file, head) == _TEXT + b"\0"
    except (OSError, ValueError, struct.error):
        return False


def _software(file: BinaryIO, head: bytes) -> bytes:
    """The software that a TIFF or BigTIFF names; empty where it names none, or one of another length than the mark."""
    order = "<" if head[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version not in (42, 43):
        return b""
    number, offset, entry, at = ("H", "I", "HHI4s", 4) if version == 42 else ("Q", "Q", "HHQ8s", 8)
    (start,) = struct.unpack_from(order + offset, head, at)
    file.seek(start)
    (n_tags,) = struct.unpack(order + number, file.read(struct.calcsize(order + number)))
    size = struct.calcsize(order + entry)
    for tag, kind, count, value in struct.iter_unpack(order + entry, file.read(size * min(n_tags, _MOST_TAGS))):
        if (tag, kind, count) == (_SOFTWARE, _ASCII, len(_TEXT) + 1):
            file.seek(struct.unpack(order + offset, value)[0])
            return file.read(count)
    return b""
