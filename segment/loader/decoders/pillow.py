"""JPEG, PNG, WebP, GIF and BMP with Pillow.

The plugin classes are called directly: ``Image.open`` would import every format, and its own limit on the number of
pixels is a global of the host program. Nothing here needs NumPy until a picture is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size, frames_note
from segment.loader.decoders.frame_count import FRAME_CAP, count_gif_frames
from segment.loader.decoders.orientation import turn_upright
from segment.loader.decoders.png import check_png, essential_png

if TYPE_CHECKING:
    from PIL import ImageFile

    from segment.core.image import Image
from segment.loader.decoders.orientation import read_orientation

__all__ = ["decode_bmp", "decode_dib", "decode_gif", "decode_jpeg", "decode_png", "decode_webp", "strict"]


_WEBP_CAP = 1 << 30
"""A WebP file is read whole; 268 megapixels, the most the format has, fit into this many bytes."""


_Opener = Callable[[BinaryIO], "ImageFile.ImageFile"]


def decode_jpeg(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read a JPEG or the first picture of an MPO."""
    return _decode(stream, _opener("JpegImagePlugin", "jpeg_factory"), max_pixels, allow_truncated)


def decode_png(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read a PNG or the first picture of an animated one."""
    opener = _opener("PngImagePlugin", "PngImageFile")
    try:
        return _decode(stream, opener, max_pixels, allow_truncated)
    except ImageError:
        raise
    except Exception:  # damaged metadata of any kind never costs the pixels
        return _decode(essential_png(stream, max_pixels), opener, max_pixels, allow_truncated)


def decode_gif(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read the first picture of a GIF; the canvas around it is not valid."""
    frames = count_gif_frames(stream)
    if frames == 0:
        raise ImageError("the GIF file holds no picture. Export it again.")
    notes = frames_note(frames, at_least=frames >= FRAME_CAP)
    return _decode(stream, _opener("GifImagePlugin", "GifImageFile"), max_pixels, allow_truncated, notes)


def decode_bmp(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read a Windows bitmap."""
    return _decode(stream, _opener("BmpImagePlugin", "BmpImageFile"), max_pixels, allow_truncated)


def decode_dib(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read a Windows bitmap without a file header."""
    return _decode(stream, _opener("BmpImagePlugin", "DibImageFile"), max_pixels, allow_truncated)


def decode_webp(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool) -> Image:
    """Read a WebP or the first picture of an animated one; a truncated one cannot be read in part."""
    stream.seek(0)
    head = stream.read(30)
    check_size(*_webp_size(head), max_pixels)
    size = int.from_bytes(head[4:8], "little") + 8
    if size > _WEBP_CAP:
        raise ImageError(f"a WebP file has at most {_WEBP_CAP} bytes; got {size}. Export it again.")
    stream.seek(0)
    data = stream.read(size)
    if len(data) < size:
        raise ImageError(f"the WebP file is truncated; {len(data)} of {size} bytes are there. Fetch it again.")
    return _decode(io.BytesIO(data), _opener("WebPImagePlugin", "WebPImageFile"), max_pixels, allow_truncated)


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height from the three kinds of WebP header; 0 for what is none."""
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def _opener(module: str, name: str) -> _Opener:
    opener: _Opener = getattr(import_module(f"PIL.{module}"), name)
    return opener


@contextmanager
def strict(strictly: bool) -> Iterator[None]:
    """Make Pillow refuse truncated files, or fill what is missing; the only place that touches its global switch."""
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = not strictly
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _decode(
    stream: BinaryIO, opener: _Opener, max_pixels: int, allow_truncated: bool, notes: tuple[str, ...] = ()
) -> Image:
    try:
        with strict(True):
            return _read(stream, opener, max_pixels, notes, truncated=False)
    except (OSError, SyntaxError, EOFError) as error:
        if "truncated" not in str(error).lower():
            raise
        if not allow_truncated:
            raise TruncatedError from error
    # Only now: the switch hides other damage as well, such as a wrong checksum.
    with strict(False):
        return _read(stream, opener, max_pixels, (*notes, TRUNCATED_NOTE), truncated=True)


def _read(stream: BinaryIO, opener: _Opener, max_pixels: int, notes: tuple[str, ...], *, truncated: bool) -> Image:
    stream.seek(0)
    picture = opener(stream)
    check_size(picture.width, picture.height, max_pixels)
    box = picture.tile[0][1] if picture.tile and picture.tile[0][1] else (0, 0, *picture.size)
    if picture.format == "PNG":
        check_png(stream)
    picture.load()
    # Only now: NumPy may still be loading in another thread while Pillow decodes.
    from segment.core.image import Image
    from segment.loader.decoders.pillow_arrays import as_arrays, finish_png, within

    array, valid = as_arrays(picture)
    if picture.format == "PNG":
        array, valid = finish_png(stream, picture, array, valid, truncated)
    if picture.format == "GIF":
        valid = within(box, valid)
    elif picture.format != "MPO":  # there the others are the camera's own previews
        notes = frames_note(int(getattr(picture, "n_frames", 1))) + notes
    way = read_orientation(picture)
    del picture  # its copy of the pixels is not needed any more
    return Image.from_array(turn_upright(array, way), valid=turn_upright(valid, way), notes=notes)
