"""What Pillow leaves out of PNG: checksums of the pixels, 16-bit color at its depth, damage outside the picture."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from segment.core.errors import ImageError
from segment.loader.decoders.checks import check_size, stderr_closed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["check_png", "decode_png16", "essential_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHUNK_CAP = 1_000_000
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT")
_USEFUL = (*_CRITICAL, b"tRNS", b"eXIf")


class _Chunk(NamedTuple):
    kind: bytes
    body: bytes
    checksum: bytes

    @property
    def complete(self) -> bool:
        return len(self.checksum) == 4

    @property
    def sound(self) -> bool:
        return self.checksum == zlib.crc32(self.kind + self.body).to_bytes(4, "big")

    @property
    def encoded(self) -> bytes:
        return len(self.body).to_bytes(4, "big") + self.kind + self.body + self.checksum


def check_png(stream: BinaryIO) -> None:
    """Compare the checksums of header, palette and pixels, which Pillow does not do for pixels.

    Raises
    ------
    ImageError
        If one is wrong. A chunk that the end of the file cuts off is not looked at.
    """
    for chunk in _chunks(stream):
        if chunk.kind in _CRITICAL and chunk.complete and not chunk.sound:
            name = chunk.kind.decode()
            raise ImageError(f"the PNG file is damaged; wrong checksum of {name}. Fetch or export it again.")


def essential_png(stream: BinaryIO, max_pixels: int) -> BinaryIO:
    """Return a copy of the file without text, color profiles and other chunks that the picture does not need."""
    chunks = list(_chunks(stream, max_pixels))
    kept = [chunk.encoded for chunk in chunks if chunk.kind in _CRITICAL or chunk.sound]
    end = _made(b"IEND", b"").encoded if chunks and chunks[-1].complete else b""
    return io.BytesIO(b"".join([_SIGNATURE, *kept, end]))


def decode_png16(stream: BinaryIO, *, truncated: bool) -> NDArray[np.generic]:
    """Decode the pixels of a 16-bit PNG that Pillow has found whole, or truncated.

    Parameters
    ----------
    stream : binary file
        Only its header and pixel chunks reach the decoder: no color profile, gamma or text can disturb it.
    truncated : bool
        Fill what is missing with zeros.

    Returns
    -------
    ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), uint16
    """
    import imagecodecs

    chunks = list(_chunks(stream))
    header = chunks[0].body
    pixels = b"".join(chunk.body for chunk in chunks if chunk.kind == b"IDAT")
    del chunks
    if truncated:
        size = _raw_size(header)
        pixels = zlib.compress(zlib.decompressobj().decompress(pixels, size).ljust(size, b"\0"), 0)
    parts = (_made(b"IHDR", header), _made(b"IDAT", pixels), _made(b"IEND", b""))
    with stderr_closed():
        array: NDArray[np.generic] = imagecodecs.png_decode(_SIGNATURE + b"".join(part.encoded for part in parts))
    return array


def _made(kind: bytes, body: bytes) -> _Chunk:
    return _Chunk(kind, body, zlib.crc32(kind + body).to_bytes(4, "big"))


def _chunks(stream: BinaryIO, max_pixels: int = 0) -> Iterator[_Chunk]:
    """Yield the chunks that hold the picture, as far as the file goes; the first is the header.

    Raises
    ------
    ImageError
        If they are much longer than the picture could need, or the picture is larger than `max_pixels`, if given.
    """
    stream.seek(len(_SIGNATURE))
    left = 1 << 20
    for _ in range(_CHUNK_CAP):
        head = stream.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND" or not kind.isalpha():
            break
        if kind not in _USEFUL:
            stream.seek(length + 4, 1)
            continue
        left -= length
        if left < 0:
            raise ImageError(f"the PNG file is damaged; a chunk {kind!r} of {length} bytes. Export it again.")
        chunk = _Chunk(kind, stream.read(length), stream.read(4))
        if kind == b"IHDR":
            if max_pixels:
                check_size(*_size(chunk.body), max_pixels)
            left += 2 * _raw_size(chunk.body)
        yield chunk


def _size(header: bytes) -> tuple[int, int]:
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")


def _raw_size(header: bytes) -> int:
    """Bytes of the pixels before compression, a filter byte a row included."""
    width, height = _size(header)
    bits = header[8] * _CHANNELS[header[9]]
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    size = 0
    for left, top, right, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        size += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return size
