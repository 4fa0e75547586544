"""Read PNG chunks: for checksums, for 16-bit color, and to leave out damaged metadata. Pillow does none of this."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from segment.core.errors import ImageError
from segment.loader.decoders.checks import check_size, silence_stderr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "check_chunks",
    "check_png",
    "copy_essential_chunks",
    "decode_png16",
    "has_all_pixels",
    "has_profile",
    "read_color_codes",
]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Number of channels by color type: gray, RGB, palette, gray with alpha, RGB with alpha.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# The seven passes of an interlaced PNG (PNG specification, 8.2): first column and row, steps to the right and down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Chunks that are visited: a file may consist of millions of empty ones. With pixels in chunks of 8 kB, as libpng writes
# them, so many have 1.6 GB.
MAX_CHUNKS = 200_000
# Bytes that the useful chunks may have besides twice the size of the pixels, and those of all chunks that hold none:
# Pillow keeps these in memory.
MAX_OTHER_BYTES, MAX_EXTRA_BYTES = 1 << 20, 1 << 27
# Chunks without which there is no picture, and those that change how it looks.
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT")
_USEFUL = (*_CRITICAL, b"tRNS", b"eXIf")


class _Chunk(NamedTuple):
    """A piece of a PNG file: its name, its content and its checksum."""

    name: bytes
    body: bytes
    checksum: bytes

    @property
    def is_complete(self) -> bool:
        """Whether the file does not end within the chunk."""
        return len(self.checksum) == 4

    @property
    def is_intact(self) -> bool:
        """Whether the checksum is that of the content."""
        return self.checksum == _compute_checksum(self.name, self.body)

    @property
    def encoded(self) -> bytes:
        """The chunk as it stands in a file."""
        return len(self.body).to_bytes(4, "big") + self.name + self.body + self.checksum


def check_chunks(stream: BinaryIO) -> None:
    """Refuse a PNG of far more chunks than a picture needs, before Pillow reads them one by one.

    Parameters
    ----------
    stream : binary file
        The PNG.

    Raises
    ------
    ImageError
        If there are more than `MAX_CHUNKS`, or if those without pixels have more than `MAX_EXTRA_BYTES` bytes.
    """
    at, bytes_left = len(_SIGNATURE), MAX_EXTRA_BYTES
    for _ in range(MAX_CHUNKS):
        stream.seek(at)
        head = stream.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IEND" or len(name) < 4:
            return
        bytes_left -= 0 if name in (b"IDAT", b"fdAT") else length
        if bytes_left < 0:
            raise ImageError(
                f"a PNG file has at most {MAX_EXTRA_BYTES:,} bytes besides its pixels; got more. Export it again."
            )
        at += length + 12
    raise ImageError(f"a PNG file has at most {MAX_CHUNKS:,} chunks; got more. Export it again.")


def has_all_pixels(stream: BinaryIO) -> bool:
    """Decompress a PNG to say whether its data fill the picture: Pillow leaves the rest as it is and says nothing.

    Parameters
    ----------
    stream : binary file
        The PNG.
    """
    chunks = _iterate_chunks(stream)
    data, bytes_left = zlib.decompressobj(), _compute_raw_size(next(chunks).body)
    for chunk in chunks:
        part = chunk.body if chunk.name == b"IDAT" else b""
        while part and bytes_left > 0 and not data.eof:
            bytes_left -= len(data.decompress(part, MAX_OTHER_BYTES))
            part = data.unconsumed_tail
    return bytes_left <= len(data.flush())


def check_png(stream: BinaryIO) -> None:
    """Verify the checksums of header, palette and pixels; Pillow does not verify that of the pixels.

    Parameters
    ----------
    stream : binary file
        The PNG.

    Raises
    ------
    ImageError
        If one is wrong. A chunk that the end of the file cuts off is not looked at.
    """
    for chunk in _iterate_chunks(stream):
        if chunk.name in _CRITICAL and chunk.is_complete and not chunk.is_intact:
            name = chunk.name.decode()
            raise ImageError(f"the PNG file is damaged; wrong checksum of {name}. Fetch or export it again.")


def copy_essential_chunks(stream: BinaryIO, max_pixels: int) -> BinaryIO:
    """Copy a PNG without text, color profile and other chunks that the picture does not need.

    Parameters
    ----------
    stream : binary file
        The PNG.
    max_pixels : int
        A larger picture is refused before its pixels are read.

    Returns
    -------
    binary file
        The copy, in memory. Its end is missing if the file is truncated.
    """
    chunks = list(_iterate_chunks(stream, max_pixels))
    kept = [chunk.encoded for chunk in chunks if chunk.name in _CRITICAL or chunk.is_intact]
    end = _build_chunk(b"IEND", b"").encoded if chunks and chunks[-1].is_complete else b""
    return io.BytesIO(b"".join([_SIGNATURE, *kept, end]))


def has_profile(stream: BinaryIO) -> bool:
    """Tell whether a PNG embeds a color profile.

    Parameters
    ----------
    stream : binary file
        The PNG.

    Returns
    -------
    bool
        Whether there is one before the pixels, be it damaged.
    """
    return _find_chunk(stream, b"iCCP") is not None


def read_color_codes(stream: BinaryIO) -> tuple[int, int]:
    """Read which colors a PNG declares by numbers.

    Parameters
    ----------
    stream : binary file
        The PNG.

    Returns
    -------
    primaries, transfer : int
        Codes of ITU-T H.273: those of sRGB where nothing is declared.
    """
    body = _find_chunk(stream, b"cICP") or b""
    return (body[0], body[1]) if len(body) == 4 else (1, 13)


def _find_chunk(stream: BinaryIO, name: bytes) -> bytes | None:
    """Find a chunk before the pixels, and return the beginning of its body; None if there is none."""
    stream.seek(len(_SIGNATURE))
    for _ in range(MAX_CHUNKS):
        head = stream.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            return None
        if head[4:] == name:
            return stream.read(min(length, 4))
        stream.seek(length + 4, 1)
    return None


def decode_png16(stream: BinaryIO, *, is_truncated: bool) -> NDArray[np.generic]:
    """Decode the pixels of a 16-bit PNG that Pillow has read without error.

    Parameters
    ----------
    stream : binary file
        Only its header and pixels reach the decoder: no color profile, gamma or text can disturb it.
    is_truncated : bool
        Fill what is missing with zeros.

    Returns
    -------
    ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), uint16
        The values of the file.
    """
    import imagecodecs

    chunks = list(_iterate_chunks(stream))
    header = chunks[0].body
    pixels = b"".join(chunk.body for chunk in chunks if chunk.name == b"IDAT")
    del chunks
    # libpng refuses pixels that end early, so decompress what there is, fill it up and compress it again.
    if is_truncated:
        size = _compute_raw_size(header)
        pixels = zlib.compress(zlib.decompressobj().decompress(pixels, size).ljust(size, b"\0"), 0)
    parts = (_build_chunk(b"IHDR", header), _build_chunk(b"IDAT", pixels), _build_chunk(b"IEND", b""))
    with silence_stderr():
        array: NDArray[np.generic] = imagecodecs.png_decode(_SIGNATURE + b"".join(part.encoded for part in parts))
    return array


def _compute_checksum(name: bytes, body: bytes) -> bytes:
    """Return the CRC-32 of a chunk."""
    return zlib.crc32(name + body).to_bytes(4, "big")


def _build_chunk(name: bytes, body: bytes) -> _Chunk:
    """Make a chunk with its checksum."""
    return _Chunk(name, body, _compute_checksum(name, body))


def _iterate_chunks(stream: BinaryIO, max_pixels: int = 0) -> Iterator[_Chunk]:
    """Yield the useful chunks as far as the file goes; refuse far more data, or with `max_pixels` pixels, than allowed.

    The first chunk of a PNG is its header, which tells how much data the picture needs.
    """
    stream.seek(len(_SIGNATURE))
    bytes_left = MAX_OTHER_BYTES
    for _ in range(MAX_CHUNKS):
        head = stream.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IEND" or not name.isalpha():
            break
        if name not in _USEFUL:
            stream.seek(length + 4, 1)
            continue
        # The length is not to be trusted: it could ask for gigabytes of memory.
        bytes_left -= length
        if bytes_left < 0:
            raise ImageError(f"the PNG file is damaged; a chunk {name!r} of {length} bytes. Export it again.")
        chunk = _Chunk(name, stream.read(length), stream.read(4))
        if name == b"IHDR":
            if max_pixels:
                check_size(*_parse_size(chunk.body), max_pixels)
            bytes_left += 2 * _compute_raw_size(chunk.body)
        yield chunk
    else:
        raise ImageError(f"a PNG file has at most {MAX_CHUNKS:,} chunks; got more. Export it again.")


def _parse_size(header: bytes) -> tuple[int, int]:
    """Return width and height from the header chunk."""
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")


def _compute_raw_size(header: bytes) -> int:
    """Return how many bytes the pixels have before compression, with one byte a row for its filter."""
    width, height = _parse_size(header)
    bits = header[8] * _CHANNELS[header[9]]
    # An interlaced file holds seven smaller pictures: every so many columns and rows of the whole.
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    size = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        size += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return size
