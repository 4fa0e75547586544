"""Netpbm (PBM, PGM, PPM, PAM) and PFM: arrays with a header, read at their depth.

Pillow reads other maximal values than 255 pixel by pixel in Python and cuts 16-bit color to 8 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size

__all__ = ["decode_netpbm"]

_HEADER_BYTES = 65_536
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PLAIN = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})(?:" + _GAP + rb"(\d{1,9}))?")
_FLOAT = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.]{1,20}(?:[eE][-+]?\d{1,3})?)[\r\n\t ]")
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]")
_NOT_A_NUMBER = re.compile(rb"[^0-9\s]")
_BLOCK = 1 << 20
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class _Header:
    kind: str
    width: int
    height: int
    channels: int
    maximum: int
    offset: int


def decode_netpbm(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read P1 to P7, Pf or PF.

    Values are scaled so that the file's maximal value is white; a maximum above 255 gives uint16. PFM gives float32.
    """
    header = _header(stream)
    check_size(header.width, header.height, max_pixels)
    if not 1 <= header.maximum <= 65535:
        raise ImageError(f"a Netpbm maximal value lies in 1..65535; got {header.maximum}. Export it again.")
    if not 1 <= header.channels <= 4:
        raise ImageError(f"an image has 1 to 4 channels; got {header.channels}. Save it as gray or RGB.")
    flat = _plain(stream, header) if header.kind in "123" else _binary(stream, header)
    wanted = header.width * header.height * header.channels
    complete = flat.size // header.channels
    notes: tuple[str, ...] = ()
    if flat.size < wanted:
        if not allow_truncated or not flat.size:
            raise TruncatedError(f"{flat.size} of {wanted} values are there")
        notes = (TRUNCATED_NOTE,)
        flat = np.concatenate([flat, np.zeros(wanted - flat.size, dtype=flat.dtype)])
    array = flat[:wanted].reshape(header.height, header.width, header.channels)
    valid = (np.arange(header.width * header.height) < complete).reshape(header.height, header.width)
    if header.kind in "fF":  # stored from the bottom row to the top one
        return Image.from_array(array[::-1], valid=valid[::-1], notes=notes)
    return _scaled(array, valid, header.maximum, notes)


def _scaled(array: NDArray[np.generic], valid: NDArray[np.bool_], maximum: int, notes: tuple[str, ...]) -> Image:
    if maximum <= 255:
        table = np.minimum(np.rint(np.arange(256) * (255 / maximum)), 255).astype(np.uint8)
        return Image.from_array(array if maximum == 255 else table[array.astype(np.intp)], valid=valid, notes=notes)
    pixels = np.minimum(array, np.uint16(maximum)).astype(np.uint16)
    if maximum == 65535:  # says how wide the numbers are, not how bright white is
        return Image.from_array(pixels, valid=valid, notes=notes)
    return Image.from_array(pixels, valid=valid, white=maximum, notes=notes)


def _header(stream: BinaryIO) -> _Header:
    stream.seek(0)
    head = stream.read(_HEADER_BYTES)
    if head.startswith(b"P7"):
        return _pam_header(head)
    if match := _FLOAT.match(head):
        kind, width, height, scale = match.groups()
        letter = "f" if float(scale) < 0 else "F"  # little endian, big endian
        return _Header(letter, int(width), int(height), 3 if kind == b"F" else 1, 1, match.end())
    match = _PLAIN.match(head)
    if not match or (match[1] not in b"14" and match[4] is None):
        raise ImageError("the Netpbm header is damaged. Export it again.")
    kind = match[1].decode()
    bitmap = kind in "14"
    end = match.end(3) if bitmap else match.end(4)
    maximum = 1 if bitmap else int(match[4])
    return _Header(kind, int(match[2]), int(match[3]), 3 if kind in "36" else 1, maximum, end + 1)


def _pam_header(head: bytes) -> _Header:
    end = re.search(rb"^ENDHDR[ \t\r]*\n", head, re.MULTILINE)
    fields = {name: int(value) for name, value in _FIELD.findall(head[: end.start()] if end else b"")}
    if not end or len(fields) < 4:
        raise ImageError("the PAM header is damaged. Export it again.")
    return _Header("7", fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"], end.end())


def _binary(stream: BinaryIO, header: _Header) -> NDArray[np.generic]:
    """Return the values in file order, as many as are there."""
    stream.seek(header.offset)
    if header.kind == "4":
        row = -(-header.width // 8)
        packed = np.frombuffer(stream.read(row * header.height), dtype=np.uint8)
        whole = packed[: packed.size // row * row].reshape(-1, row)
        bits = np.unpackbits(whole, axis=1, count=header.width)
        return (bits ^ 1).ravel()
    if header.kind in "fF":
        dtype: np.dtype[Any] = np.dtype("<f4" if header.kind == "f" else ">f4")
    else:
        dtype = np.dtype("u1" if header.maximum <= 255 else ">u2")
    data = stream.read(header.width * header.height * header.channels * dtype.itemsize)
    return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype=dtype)


def _plain(stream: BinaryIO, header: _Header) -> NDArray[np.generic]:
    """Return the values written as decimal digits, as many as are there."""
    wanted = header.width * header.height * header.channels
    dtype = np.uint8 if header.maximum <= 255 else np.uint16
    parts: list[NDArray[Any]] = []
    count = 0
    for piece in _texts(stream, header.offset - 1):
        junk = _NOT_A_NUMBER.search(piece)
        text = piece[: junk.start()] if junk else piece
        if header.kind == "1":  # 1 is black, and nothing need part the digits
            digits = np.frombuffer(b"".join(text.split()), dtype=np.uint8)
            values = digits ^ ord("1")
        else:
            values = np.fromstring(text.decode("ascii"), dtype=np.int64, sep=" ")
        parts.append(np.minimum(values, header.maximum).astype(dtype))
        count += values.size
        if count >= wanted:
            break
        if junk:
            raise ImageError("the Netpbm file holds something else than numbers. Export it again.")
    return np.concatenate(parts)[:wanted] if parts else np.zeros(0, dtype=dtype)


def _texts(stream: BinaryIO, offset: int) -> Iterator[bytes]:
    """Yield the file from `offset` on in pieces that end between two numbers, without comments."""
    stream.seek(offset)
    rest = b""
    while block := stream.read(_BLOCK):
        text = _COMMENT.sub(b" ", rest + block)
        end = text.find(b"#")  # a comment that goes on in the next block
        if end < 0:
            end = len(text.rstrip(b"0123456789"))
        rest = text[end:]
        yield text[:end]
        if len(rest) > _BLOCK:
            raise ImageError("the Netpbm file holds an endless comment or number. Export it again.")
    yield rest.partition(b"#")[0]
