"""Read the size of a picture from its first bytes, before a library decodes it."""

from __future__ import annotations

import io

from segment.core.errors import ImageError

__all__ = ["FRAME_MARKERS", "read_picture_size", "read_webp_size"]

# Markers of a JPEG before its size: one for each coding process.
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_picture_size(head: bytes) -> tuple[int, int]:
    r"""Read width and height of a PNG, WebP, JPEG, JPEG 2000, JPEG XL, JPEG XR or LERC.

    Parameters
    ----------
    head : bytes
        The beginning of the file.

    Returns
    -------
    tuple of (int, int), pixels
        0 where it is of no known kind.

    Examples
    --------
    >>> read_picture_size(b"\xff\xd8\xff\xc0\0\x11\x08\0\x10\0\x20")
    (32, 16)
    """
    if head.startswith(b"\x89PNG"):
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if head[:4] == b"RIFF":
        return read_webp_size(head)
    if (begin := head.find(b"\xff\x4f\xff\x51", 0, 4096)) >= 0:
        return int.from_bytes(head[begin + 8 : begin + 12], "big"), int.from_bytes(head[begin + 12 : begin + 16], "big")
    return _read_jpeg_size(head) if head.startswith(b"\xff\xd8") else _read_rarer_size(head)


def _read_rarer_size(head: bytes) -> tuple[int, int]:
    """Read the size of a JPEG XL, LERC or JPEG XR."""
    if head.startswith((b"\xff\n", b"\0\0\0\x0cJXL ")):
        return _read_jpeg_xl_size(head)
    if head.startswith(b"Lerc2 "):  # its version, from 3 on a checksum, height and width
        begin = 14 if int.from_bytes(head[6:10], "little") > 2 else 10
        return int.from_bytes(head[begin + 4 : begin + 8], "little"), int.from_bytes(head[begin : begin + 4], "little")
    if (begin := head.find(b"WMPHOTO\0")) >= 0:  # JPEG XR: a flag says whether the sides, less 1, have 16 or 32 bits
        n = 2 if head[begin + 10] & 0x80 else 4
        sides = (head[begin + 12 + at : begin + 12 + at + n] for at in (0, n))
        width, height = (int.from_bytes(side, "big") + 1 for side in sides)
        return width, height
    return 0, 0


def _read_jpeg_xl_size(head: bytes) -> tuple[int, int]:
    """Read the size of a JPEG XL."""
    from segment.loader.decoders.jpeg_xl import read_header

    try:
        header = read_header(io.BytesIO(head))
    except ImageError:
        return 0, 0
    return header.width, header.height


def _read_jpeg_size(head: bytes) -> tuple[int, int]:
    """Read the size of a JPEG from its frame."""
    at = 2
    while at + 9 <= len(head):
        if head[at] == 0xFF and head[at + 1] in FRAME_MARKERS:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0, 0


def read_webp_size(head: bytes) -> tuple[int, int]:
    """Read width and height from one of the three kinds of WebP header (RFC 9649).

    Parameters
    ----------
    head : bytes
        The first 30 bytes of the file.

    Returns
    -------
    tuple of (int, int), pixels
        0 if it is none of them.
    """
    kind = head[12:16]
    if kind == b"VP8X":  # extended: 24 bits each, less 1
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":  # lossless: 14 bits each, less 1
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":  # lossy: 14 bits each, and 2 bits for scaling
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0
