"""JPEG, PNG, WebP, GIF and BMP with Pillow.

The plugin classes are called directly: ``Image.open`` would import every format, and its own limit on the number of
pixels is a global of the host program.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.decoders.common import TRUNCATED_NOTE, TruncatedError, check_size, frames_note, upright
from segment.decoders.frames import FRAME_CAP, count_gif_frames
from segment.decoders.png import check_png, decode_png16, essential_png
from segment.errors import ImageError
from segment.image import Image

if TYPE_CHECKING:
    from PIL import ImageFile
    from PIL.Image import Image as PillowImage

__all__ = [
    "as_arrays",
    "decode_bmp",
    "decode_dib",
    "decode_gif",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "orientation",
    "strict",
]

_BAND = 64
"""Rows copied at a time: small enough for the processor's cache, and no second copy of the picture is ever whole."""

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
    array, valid = as_arrays(picture)
    if picture.format == "PNG":
        array, valid = _finish_png(stream, picture, array, valid, truncated)
    if picture.format == "GIF":
        valid = _within(box, valid)
    elif picture.format != "MPO":  # there the others are the camera's own previews
        notes = frames_note(int(getattr(picture, "n_frames", 1))) + notes
    way = orientation(picture)
    del picture  # its copy of the pixels is not needed any more
    return Image.from_array(upright(array, way), valid=upright(valid, way), notes=notes)


def orientation(picture: PillowImage) -> int:
    """Return the EXIF orientation of a picture, 1 where there is none or the EXIF data is damaged."""
    try:
        value = picture.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata of any kind never costs the pixels
        return 1
    return value if isinstance(value, int) else 1


def _within(box: tuple[int, int, int, int], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep only what lies in the box (left, top, right, bottom)."""
    left, top, right, bottom = box
    if box == (0, 0, valid.shape[1], valid.shape[0]):
        return valid
    inside = np.zeros_like(valid)
    inside[top:bottom, left:right] = valid[top:bottom, left:right]
    return inside


def _finish_png(
    stream: BinaryIO, picture: PillowImage, array: NDArray[np.generic], valid: NDArray[np.bool_], truncated: bool
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read 16-bit colour again at its depth, and take away the one colour that a PNG without alpha may call clear."""
    stream.seek(24)
    depth = stream.read(1)[0]
    if depth == 16 and picture.mode in ("RGB", "RGBA"):
        array = decode_png16(stream, truncated=truncated)
    clear = picture.info.get("transparency")
    if picture.mode in ("L", "I;16", "RGB") and isinstance(clear, (int, tuple)):
        full = (1 << depth) - 1
        key = (np.atleast_1d(clear) & full) * (255 // full if depth < 8 else 1)
        valid = np.any(array.reshape(*valid.shape, -1) != key.astype(array.dtype), axis=2)
    return array, valid


def as_arrays(picture: PillowImage) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Turn a loaded picture into an array that `Image.from_array` takes.

    Returns
    -------
    array : ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey and alpha, RGB or RGBA at the depth Pillow has.
    valid : ndarray of shape (H, W), bool
        False where the palette is transparent.
    """
    everywhere = np.broadcast_to(np.True_, (picture.height, picture.width))  # takes no memory
    mode = picture.mode
    if mode == "P":
        return _palette_arrays(picture)
    if mode == "1":
        array = _copy(picture.convert("L"))
        if picture.format in ("PNG", "GIF") and isinstance(clear := picture.info.get("transparency"), int):
            return array, np.asarray(array != (255 if clear else 0))  # Pillow says 1 or 255, by its version
        return array, everywhere
    if mode == "L" and picture.format == "GIF" and isinstance(clear := picture.info.get("transparency"), int):
        array = _copy(picture)
        return array, np.asarray(array != clear)
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")
    elif mode in ("RGBa", "La", "PA", "RGBX"):
        picture = picture.convert({"La": "LA", "RGBX": "RGB"}.get(mode, "RGBA"))
    return _copy(picture), everywhere


def _palette_arrays(picture: PillowImage) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Look the colours up; a picture that shows greys only is grey, as it would be in a file without a palette."""
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:, 3] = 255
    colours = np.array(picture.getpalette("RGBA") or [], dtype=np.uint8).reshape(-1, 4)[:256]
    table[: len(colours)] = colours
    clear = picture.info.get("transparency")
    if isinstance(clear, bytes):
        table[: len(clear), 3] = np.frombuffer(clear[:256], dtype=np.uint8)
    elif isinstance(clear, int) and 0 <= clear < 256:
        table[clear, 3] = 0
    opaque = table[:, 3] > 127
    seen = table[opaque & (np.array(picture.histogram()[:256]) > 0), :3]
    grey = len(seen) > 0 and bool((seen == seen[:, :1]).all())
    indices = _copy(picture)
    return np.take(table[:, 0] if grey else table[:, :3], indices, axis=0), opaque[indices]


def _copy(picture: PillowImage) -> NDArray[Any]:
    """Copy the pixels band by band: quicker than ``numpy.asarray(picture)``, with half its peak of memory."""
    width, height = picture.size
    first = np.asarray(picture.crop((0, 0, width, min(_BAND, height))))
    array = np.empty((height, *first.shape[1:]), dtype=first.dtype.newbyteorder("="))
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        array[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return array
