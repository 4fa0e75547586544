"""Decode Netpbm (PBM, PGM, PPM, PAM) and PFM files at their full depth.

Pillow reads maximal values other than 255 pixel by pixel in Python, and cuts 16-bit color to 8 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, format_percent
from segment.core.image import Image
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size
from segment.loader.read_options import ReadOptions

__all__ = ["decode_netpbm"]

# Bytes in which a header must end, comments included.
MAX_HEADER_BYTES = 65_536

# Bytes of decimal numbers that are converted at a time.
_CHUNK_BYTES = 1 << 20

# Header of P1 to P6: kind, width, height and, except for bitmaps, the maximal value, with space or comments between.
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM_HEADER = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})(?:" + _GAP + rb"(\d{1,9}))?")
# Header of PFM: kind, width, height and a scale, whose sign tells the byte order.
_PFM_HEADER = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.]{1,20}(?:[eE][-+]?\d{1,3})?)[\r\n\t ]")
# One line of the header of PAM (P7).
_PAM_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})[ \t\r]*$", re.MULTILINE)
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]")
_NOT_A_NUMBER = re.compile(rb"[^0-9\s]")


@dataclass(frozen=True)
class _Header:
    """What the file says about its pixels.

    `kind` is the second character of the file, "1" to "7", or "f" and "F" for floats in little and big endian order;
    `offset` is the byte at which the pixels begin.
    """

    kind: str
    width: int
    height: int
    channels: int
    maximum: int
    offset: int

    @property
    def n_values(self) -> int:
        """Number of values in all pixels and channels."""
        return self.width * self.height * self.channels


def decode_netpbm(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a file of the kinds P1 to P7, Pf or PF; see :data:`segment.loader.loader.Decoder`.

    The file's maximal value is white; one above 255 gives uint16. PFM gives float32.

    Examples
    --------
    >>> from io import BytesIO
    >>> from segment.loader.read_options import ReadOptions
    >>> image = decode_netpbm(BytesIO(b"P2 3 1 5  0 1 5"), ReadOptions())
    >>> image.pixels
    array([[  0,  51, 255]], dtype=uint8)
    """
    header = _parse_header(stream)
    check_size(header.width, header.height, options.max_pixels)
    if not 1 <= header.maximum <= 65535:
        raise ImageError(f"a Netpbm maximal value lies in 1..65535; got {header.maximum}. Export it again.")
    if not 1 <= header.channels <= 4:
        raise ImageError(f"an image has 1 to 4 channels; got {header.channels}. Save it as gray or RGB.")
    flat = _read_decimal_values(stream, header) if header.kind in "123" else _read_binary_values(stream, header)

    # Fill up a truncated file with zeros; the pixels without all their channels are not valid.
    wanted = header.n_values
    complete = flat.size // header.channels
    notes: tuple[str, ...] = ()
    if flat.size < wanted:
        if not options.allow_truncated or not flat.size:
            raise TruncatedError(f"{flat.size} of {wanted} values are there")
        notes = (TRUNCATED_NOTE,)
        flat = np.concatenate([flat, np.zeros(wanted - flat.size, dtype=flat.dtype)])
    array = flat[:wanted].reshape(header.height, header.width, header.channels)
    valid = np.zeros((header.height, header.width), dtype=bool)
    valid.reshape(-1)[:complete] = True

    if header.kind not in "14fF":
        notes += _describe_excess(array, header.maximum)
    if header.kind in "fF":  # stored from the bottom row to the top one
        return Image.from_array(array[::-1], valid=valid[::-1], notes=notes)
    # Two and four channels are gray and RGB with alpha (PAM).
    return _scale_to_white(array, valid, header.maximum, notes, has_alpha=header.channels in (2, 4))


def _describe_excess(array: NDArray[Any], maximum: int) -> tuple[str, ...]:
    """Note values above the largest one that the header allows."""
    n = 0 if maximum in (255, 65535) else int(np.count_nonzero(array > maximum))
    if n == 0:
        return ()
    share = format_percent(n, array.size)
    return (
        f"{share} of the values are above the maximal value of the file, {maximum}, and count as that; bytes of 16 "
        "bits may be in the wrong order",
    )


def _scale_to_white(
    array: NDArray[np.generic], valid: NDArray[np.bool_], maximum: int, notes: tuple[str, ...], *, has_alpha: bool
) -> Image:
    """Make an image in which the maximal value of the file is white."""
    if maximum <= 255:
        table = np.minimum(np.rint(np.arange(256) * (255 / maximum)), 255).astype(np.uint8)
        values = array if maximum == 255 else table[array.astype(np.intp)]
        return Image.from_array(values, valid=valid, notes=notes, alpha=has_alpha)
    pixels = np.minimum(array, np.uint16(maximum)).astype(np.uint16)
    # 65535 says how wide the numbers are, not how bright white is: 10 and 12-bit data come with it.
    if maximum == 65535:
        return Image.from_array(pixels, valid=valid, notes=notes, alpha=has_alpha)
    return Image.from_array(pixels, valid=valid, white=maximum, notes=notes, alpha=has_alpha)


def _parse_header(stream: BinaryIO) -> _Header:
    """Read the header of any kind of file."""
    stream.seek(0)
    head = stream.read(MAX_HEADER_BYTES)
    if head.startswith(b"P7"):
        return _parse_pam_header(head)
    if match := _PFM_HEADER.match(head):
        kind, width, height, scale = match.groups()
        byte_order = "f" if float(scale) < 0 else "F"  # little endian, big endian
        return _Header(byte_order, int(width), int(height), 3 if kind == b"F" else 1, 1, match.end())
    match = _PNM_HEADER.match(head)
    if not match or (match[1] not in b"14" and match[4] is None):
        raise ImageError("the Netpbm header is damaged. Export it again.")
    kind = match[1].decode()
    # Bitmaps have no maximal value: what matched as one are pixels. One space follows the last number.
    is_bitmap = kind in "14"
    end = match.end(3) if is_bitmap else match.end(4)
    maximum = 1 if is_bitmap else int(match[4])
    return _Header(kind, int(match[2]), int(match[3]), 3 if kind in "36" else 1, maximum, end + 1)


def _parse_pam_header(head: bytes) -> _Header:
    """Read the header of a PAM file, which has a field a line."""
    end = re.search(rb"^ENDHDR[ \t\r]*\n", head, re.MULTILINE)
    fields = {name: int(value) for name, value in _PAM_FIELD.findall(head[: end.start()] if end else b"")}
    if not end or len(fields) < 4:
        raise ImageError("the PAM header is damaged. Export it again.")
    return _Header("7", fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"], end.end())


def _read_binary_values(stream: BinaryIO, header: _Header) -> NDArray[np.generic]:
    """Return those of the values that are there, in file order."""
    stream.seek(header.offset)
    if header.kind == "4":
        # Eight pixels a byte, and each row begins with a new byte. 1 is black.
        row_bytes = -(-header.width // 8)
        packed = np.frombuffer(stream.read(row_bytes * header.height), dtype=np.uint8)
        rows = packed[: packed.size // row_bytes * row_bytes].reshape(-1, row_bytes)
        bits = np.unpackbits(rows, axis=1, count=header.width)
        return (bits ^ 1).ravel()
    if header.kind in "fF":
        dtype: np.dtype[Any] = np.dtype("<f4" if header.kind == "f" else ">f4")
    else:
        dtype = np.dtype("u1" if header.maximum <= 255 else ">u2")
    data = stream.read(header.n_values * dtype.itemsize)
    return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype=dtype)


def _read_decimal_values(stream: BinaryIO, header: _Header) -> NDArray[np.generic]:
    """Return those of the values that are there, from a file that holds them as decimal digits."""
    wanted = header.n_values
    dtype = np.uint8 if header.maximum <= 255 else np.uint16
    parts: list[NDArray[Any]] = []
    count = 0
    for piece in _split_text(stream, header.offset - 1):
        junk = _NOT_A_NUMBER.search(piece)
        text = piece[: junk.start()] if junk else piece
        if header.kind == "1":  # 1 is black, and the digits may follow each other without space
            digits = np.frombuffer(b"".join(text.split()), dtype=np.uint8)
            values = digits ^ ord("1")
        else:
            values = np.fromstring(text.decode("ascii"), dtype=np.int64, sep=" ")
        # A value above the largest one stays above it.
        parts.append(np.minimum(values, np.iinfo(dtype).max).astype(dtype))
        count += values.size
        # Anything may follow the last pixel.
        if count >= wanted:
            break
        if junk:
            raise ImageError("the Netpbm file holds something other than numbers. Export it again.")
    return np.concatenate(parts)[:wanted] if parts else np.zeros(0, dtype=dtype)


def _split_text(stream: BinaryIO, offset: int) -> Iterator[bytes]:
    """Yield the file from `offset` on, without comments, in pieces that end between two numbers."""
    stream.seek(offset)
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        text = _COMMENT.sub(b" ", rest + chunk)
        # Keep for the next piece a comment or a number that may go on there.
        end = text.find(b"#")
        if end < 0:
            end = len(text.rstrip(b"0123456789"))
        rest = text[end:]
        yield text[:end]
        if len(rest) > _CHUNK_BYTES:
            raise ImageError("the Netpbm file holds an endless comment or number. Export it again.")
    yield rest.partition(b"#")[0]
