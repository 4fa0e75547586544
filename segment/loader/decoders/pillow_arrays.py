"""Convert a picture that Pillow has decoded to arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.loader.decoders.png import decode_png16

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = ["convert_to_arrays", "finish_png", "mask_outside"]

# Rows copied at a time: they fit the processor's cache, and there is never a second copy of the whole picture.
_ROWS_AT_ONCE = 64


def mask_outside(box: tuple[int, int, int, int], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the pixels outside a box as not valid.

    Parameters
    ----------
    box : tuple of int
        Left, top, right and bottom in pixels; the last two are the first column and row outside.
    valid : ndarray of shape (H, W), bool
        Valid pixels.

    Returns
    -------
    ndarray of shape (H, W), bool
        The valid pixels inside the box.
    """
    left, top, right, bottom = box
    if box == (0, 0, valid.shape[1], valid.shape[0]):
        return valid
    inside = np.zeros_like(valid)
    inside[top:bottom, left:right] = valid[top:bottom, left:right]
    return inside


def finish_png(
    stream: BinaryIO, picture: PillowImage, array: NDArray[np.generic], valid: NDArray[np.bool_], is_truncated: bool
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Add what Pillow leaves out of a PNG: 16-bit color, and the one color that is declared to be transparent.

    Parameters
    ----------
    stream : binary file
        The PNG.
    picture : PIL.Image.Image
        The same, loaded.
    array, valid : ndarray
        What `convert_to_arrays` made of it.
    is_truncated : bool
        Whether the missing part of the pixels is to be filled with zeros.

    Returns
    -------
    array, valid : ndarray
        The same arrays or better ones.
    """
    # Byte 24 is the bit depth in the header chunk.
    stream.seek(24)
    depth = stream.read(1)[0]
    if depth == 16 and picture.mode in ("RGB", "RGBA"):
        array = decode_png16(stream, is_truncated=is_truncated)
    # The transparent color is given in the depth of the file, which Pillow has widened to 8 bits.
    transparent = picture.info.get("transparency")
    if picture.mode in ("L", "I;16", "RGB") and isinstance(transparent, (int, tuple)):
        full = (1 << depth) - 1
        key = (np.atleast_1d(transparent) & full) * (255 // full if depth < 8 else 1)
        valid = np.any(array.reshape(*valid.shape, -1) != key.astype(array.dtype), axis=2)
    return array, valid


def convert_to_arrays(picture: PillowImage) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Convert a loaded picture to an array that `Image.from_array` takes.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any mode.

    Returns
    -------
    array : ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Gray, gray and alpha, RGB or RGBA at the depth Pillow has.
    valid : ndarray of shape (H, W), bool
        False where the palette, or the one transparent gray, says so. Alpha is not applied.

    Examples
    --------
    >>> import PIL.Image
    >>> picture = PIL.Image.new("RGB", (3, 2), (10, 20, 30))
    >>> array, valid = convert_to_arrays(picture)
    >>> array.shape, array[0, 0].tolist(), bool(valid.all())
    ((2, 3, 3), [10, 20, 30], True)
    """
    everywhere = np.broadcast_to(np.True_, (picture.height, picture.width))  # takes no memory
    mode = picture.mode
    if mode == "P":
        return _look_up_palette(picture)
    if mode == "1":
        array = _copy_pixels(picture.convert("L"))
        transparent = picture.info.get("transparency")
        if picture.format in ("PNG", "GIF") and isinstance(transparent, int):
            # White is 1 or 255 here, depending on Pillow's version.
            return array, np.asarray(array != (255 if transparent else 0))
        return array, everywhere
    if mode == "L" and picture.format == "GIF" and isinstance(transparent := picture.info.get("transparency"), int):
        array = _copy_pixels(picture)
        return array, np.asarray(array != transparent)
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")
    elif mode in ("RGBa", "La", "PA", "RGBX"):
        picture = picture.convert({"La": "LA", "RGBX": "RGB"}.get(mode, "RGBA"))
    return _copy_pixels(picture), everywhere


def _look_up_palette(picture: PillowImage) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Replace palette indices by colors, or by grays if the picture shows nothing else, and mask the transparent."""
    # 256 entries of RGBA, so that an index beyond the palette of the file finds an entry too.
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:, 3] = 255
    colors = np.array(picture.getpalette("RGBA") or [], dtype=np.uint8).reshape(-1, 4)[:256]
    table[: len(colors)] = colors
    # PNG gives an alpha for each entry, GIF the index of one transparent entry.
    transparent = picture.info.get("transparency")
    if isinstance(transparent, bytes):
        table[: len(transparent), 3] = np.frombuffer(transparent[:256], dtype=np.uint8)
    elif isinstance(transparent, int) and 0 <= transparent < 256:
        table[transparent, 3] = 0
    is_opaque = table[:, 3] > 127
    shown = table[is_opaque & (np.array(picture.histogram()[:256]) > 0), :3]
    is_gray = len(shown) > 0 and bool((shown == shown[:, :1]).all())
    indices = _copy_pixels(picture)
    return np.take(table[:, 0] if is_gray else table[:, :3], indices, axis=0), is_opaque[indices]


def _copy_pixels(picture: PillowImage) -> NDArray[Any]:
    """Copy the pixels some rows at a time: faster than ``numpy.asarray(picture)``, with half its peak of memory."""
    width, height = picture.size
    first = np.asarray(picture.crop((0, 0, width, min(_ROWS_AT_ONCE, height))))
    array = np.empty((height, *first.shape[1:]), dtype=first.dtype.newbyteorder("="))
    for top in range(0, height, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, height)
        array[top:bottom] = np.asarray(picture.crop((0, top, width, bottom)))
    return array
