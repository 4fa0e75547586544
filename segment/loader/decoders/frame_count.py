"""Count the frames of a file by walking its blocks, without decoding and without trusting it.

Pillow counts GIF frames byte by byte and has to build every TIFF page; a crafted or huge file makes that slow.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

__all__ = ["FRAME_CAP", "count_gif_frames", "count_tiff_pages"]

FRAME_CAP = 10_000
"""Frames are counted up to here."""

_BLOCK_CAP = 500_000
"""Blocks of a GIF visited at most: a quarter of a second."""


def count_gif_frames(stream: BinaryIO) -> int:
    """Count the pictures of a GIF up to `FRAME_CAP`, or to the first block that makes no sense."""
    stream.seek(0)
    head = stream.read(13)
    if len(head) < 13:
        return 0
    _skip_colors(stream, head[10])
    frames = blocks = 0
    while frames < FRAME_CAP and blocks < _BLOCK_CAP:
        introducer = stream.read(1)
        if introducer == b"!":
            stream.seek(1, 1)
        elif introducer == b",":
            descriptor = stream.read(9)
            if len(descriptor) < 9:
                break
            _skip_colors(stream, descriptor[8])
            stream.seek(1, 1)
            frames += 1
        else:
            break
        while blocks < _BLOCK_CAP and (size := stream.read(1)) not in (b"", b"\0"):
            stream.seek(size[0], 1)
            blocks += 1
        blocks += 1
    return frames


def _skip_colors(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        stream.seek(3 << ((flags & 7) + 1), 1)


def count_tiff_pages(stream: BinaryIO) -> int:
    """Count the pages of a TIFF or BigTIFF up to `FRAME_CAP`; a chain that loops or breaks ends there."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    count_code, link_code, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + link_code, head, 8 if big else 4)
        while offset and offset not in seen and len(seen) < FRAME_CAP:
            stream.seek(offset)
            (entries,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
            stream.seek(entries * entry, 1)
            link = stream.read(struct.calcsize(link_code))
            seen.add(offset)
            (offset,) = struct.unpack(order + link_code, link)
    except (struct.error, OverflowError, OSError, ValueError):
        pass  # what was counted before the chain broke is the answer
    return len(seen)
