"""WebP: tell a gap of zeros, as an interrupted copy leaves it, from zeros that code an even area."""

from __future__ import annotations

import io
from collections.abc import Iterator

from segment.loader.decoders.checks import ZERO_RUN, check_zeros
from segment.loader.decoders.frame_count import iterate_webp_chunks
from segment.loader.decoders.picture_size import read_webp_size

__all__ = ["require_no_gap"]

_PICTURES = (b"VP8 ", b"VP8L")
_LAST_BYTES = 8  # without which a picture that needs all its data cannot be decoded


def require_no_gap(data: bytes, max_pixels: int) -> None:
    """Refuse a WebP with a run of zeros that its pictures do not need.

    A fast encoder writes such runs for even areas. In place of other data they code more pixels than these, so that a
    picture is filled before its data end.

    Parameters
    ----------
    data : bytes
        The file.
    max_pixels : int
        Pictures with runs of zeros are decoded up to so many pixels together; with more, the file is refused.

    Raises
    ------
    ImageError
        If a picture is filled without its last bytes, and has 128 zeros or more in a row.
    """
    for picture in _iterate_pictures(data):
        if bytes(ZERO_RUN) not in picture:
            continue
        still = _build_still(picture[:4], picture[8:-_LAST_BYTES])
        width, height = read_webp_size(still[:30])
        max_pixels -= width * height
        if max_pixels < 0 or _can_be_decoded(still):
            check_zeros(picture, "WebP")


def _iterate_pictures(data: bytes) -> Iterator[bytes]:
    """Yield the chunks with coded pixels, those of an animation too."""
    for kind, begin, end in iterate_webp_chunks(io.BytesIO(data)):
        if kind in _PICTURES:
            yield data[begin - 8 : end]
        elif kind == b"ANMF":
            # Chunks follow 16 bytes on the place and duration, as they follow the first 12 bytes of a file.
            frame = data[begin + 4 : end]
            chunks = iterate_webp_chunks(io.BytesIO(frame))
            yield from (frame[first - 8 : last] for name, first, last in chunks if name in _PICTURES)


def _build_still(kind: bytes, body: bytes) -> bytes:
    """Build a WebP of one picture."""
    chunk = kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk


def _can_be_decoded(still: bytes) -> bool:
    """Say whether libwebp decodes a file."""
    from PIL.WebPImagePlugin import WebPImageFile

    try:
        WebPImageFile(io.BytesIO(still)).load()
    except Exception:  # of any kind: the file has been cut
        return False
    return True
