"""The pixels of a picture that Pillow has decoded, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.loader.decoders.png import decode_png16

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = ["as_arrays", "finish_png", "within"]

_BAND = 64
"""Rows copied at a time: small enough for the processor's cache, and no second copy of the picture is ever whole."""


def within(box: tuple[int, int, int, int], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which valid pixels (H, W), bool, lie in the box (left, top, right, bottom)."""
    left, top, right, bottom = box
    if box == (0, 0, valid.shape[1], valid.shape[0]):
        return valid
    inside = np.zeros_like(valid)
    inside[top:bottom, left:right] = valid[top:bottom, left:right]
    return inside


def finish_png(
    stream: BinaryIO, picture: PillowImage, array: NDArray[np.generic], valid: NDArray[np.bool_], truncated: bool
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read 16-bit color again at its depth, and take away the one color that a PNG without alpha may call clear."""
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
        Gray, gray and alpha, RGB or RGBA at the depth Pillow has.
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
    """Look the colors up; a picture that shows grays only is gray, as it would be in a file without a palette."""
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:, 3] = 255
    colors = np.array(picture.getpalette("RGBA") or [], dtype=np.uint8).reshape(-1, 4)[:256]
    table[: len(colors)] = colors
    clear = picture.info.get("transparency")
    if isinstance(clear, bytes):
        table[: len(clear), 3] = np.frombuffer(clear[:256], dtype=np.uint8)
    elif isinstance(clear, int) and 0 <= clear < 256:
        table[clear, 3] = 0
    opaque = table[:, 3] > 127
    seen = table[opaque & (np.array(picture.histogram()[:256]) > 0), :3]
    gray = len(seen) > 0 and bool((seen == seen[:, :1]).all())
    indices = _copy(picture)
    return np.take(table[:, 0] if gray else table[:, :3], indices, axis=0), opaque[indices]


def _copy(picture: PillowImage) -> NDArray[Any]:
    """Copy the pixels band by band: quicker than ``numpy.asarray(picture)``, with half its peak of memory."""
    width, height = picture.size
    first = np.asarray(picture.crop((0, 0, width, min(_BAND, height))))
    array = np.empty((height, *first.shape[1:]), dtype=first.dtype.newbyteorder("="))
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        array[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return array
