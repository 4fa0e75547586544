"""The image every stage works on: pixels, which of them count, and what their values mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference

__all__ = ["Image", "infer_scale"]

_ROWS = 256  # that are converted at once: no full-size copy in floating point


@dataclass(frozen=True)
class Image:
    """Pixels with their valid mask and their scale.

    Attributes
    ----------
    pixels : ndarray of shape (H, W) or (H, W, 3), uint8, uint16 or float32
        Gray or RGB values, finite everywhere. Rasters may have another number of bands (H, W, C).
    valid : ndarray of shape (H, W), bool
        True where the pixel counts. Transparent and NaN pixels are False and hold 0.
    black, white : float
        The pixel values that stand for no light and full light. ``(pixels - black) / (white - black)`` lies in 0..1.
    notes : tuple of str
        What a person should know about how the pixels were read, a sentence each.
    is_scale_inferred : bool
        Whether black and white were guessed from the smallest and largest values.
    georeference : Georeference
        Where the pixels lie on the earth, if the file says so.
    file_name : str
        Name of the file without its folders; empty for an array.
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    black: float
    white: float
    notes: tuple[str, ...] = ()
    is_scale_inferred: bool = False
    georeference: Georeference = NOWHERE
    file_name: str = ""

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def is_gray(self) -> bool:
        return self.pixels.ndim == 2

    @property
    def step(self) -> float:
        """Width of the interval that one stored value stands for: 1 for integers, 0 for float32."""
        return 0.0 if self.pixels.dtype.kind == "f" else 1.0

    def to_uint8(self) -> NDArray[np.uint8]:
        """The pixels in 8 bits, from black to white."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        out = np.empty(self.pixels.shape, dtype=np.uint8)
        factor = 255.0 / (self.white - self.black)
        for start in range(0, self.height, _ROWS):
            rows = slice(start, start + _ROWS)
            out[rows] = np.clip(np.rint((self.pixels[rows].astype(np.float64) - self.black) * factor), 0, 255)
        return out

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        *,
        valid: ArrayLike | None = None,
        white: float | None = None,
        notes: tuple[str, ...] = (),
    ) -> Image:
        """Make an image of an array, without changing the array.

        Parameters
        ----------
        array : array_like of shape (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
            Gray, gray with alpha, RGB or RGB with alpha. Booleans are black and white. Integers that fit are kept as
            uint8 or uint16, all other numbers become float32. White is 255 for uint8; for uint16 it is the largest
            value of the smallest depth of 8, 10, 12, 14 and 16 bits that holds the brightest pixel, so data of a
            camera or a scanner in 16-bit files keep their contrast; 8-bit data spread over 16 bits have white 65535.
            Floats within 0..1 have white 1; any other floats are read from their smallest to their largest value.
        valid : array_like of shape (H, W), bool, optional
            Pixels to use. Pixels with an alpha of at most one half, NaN or infinity are left out as well. Full
            alpha is `white`, else 1 for floats up to 1 and the largest value of the integer type; for wider integers
            and larger floats 255 or 65535, if no value is larger.
        white : float, optional
            The value of full light, and of full alpha, where it is known from elsewhere; black is 0 then. Only
            integers make use of it, and a value of 255 for uint8 changes nothing.
        notes : tuple of str
            Remarks to start the image's own with.

        Raises
        ------
        ImageError
            If the array is not an image: no pixels, another number of dimensions or channels, values that are not
            numbers, a mask of another shape.
        """
        values = np.asarray(array)
        if values.ndim not in (2, 3) or (values.ndim == 3 and not 1 <= values.shape[2] <= 4):
            raise ImageError(f"array: an image has the shape (H, W) or (H, W, 1 to 4); got {values.shape}.")
        if values.size == 0:
            raise ImageError(f"array: an image has at least one pixel; got the shape {values.shape}.")
        if values.dtype.kind not in "buif":
            raise ImageError(f"array: pixels are booleans, integers or floats; got {values.dtype}.")
        opaque = _opaque(values, white)
        if values.ndim == 3:
            values = values[..., : 3 if values.shape[2] >= 3 else 1]
            values = values[..., 0] if values.shape[2] == 1 else values
        if valid is not None:
            given = np.asarray(valid, dtype=bool)
            if given.shape != opaque.shape:
                raise ImageError(f"valid: the mask has the image's shape {opaque.shape}; got {given.shape}.")
            opaque = _both(opaque, given)
        pixels, usable = _storable(values)
        opaque = _both(opaque, usable)
        if not opaque.all():
            pixels = np.where(opaque if pixels.ndim == 2 else opaque[..., None], pixels, pixels.dtype.type(0))
        if white is not None and pixels.dtype.kind == "u":
            return cls(np.ascontiguousarray(pixels), opaque, 0.0, float(white), notes)
        low, high, remark = _scale(pixels, opaque)
        inferred = pixels.dtype != np.uint8
        return cls(np.ascontiguousarray(pixels), opaque, low, high, notes + remark, inferred)


def _opaque(values: NDArray[Any], white: float | None) -> NDArray[np.bool_]:
    """True where the alpha channel, if there is one, is more than one half."""
    if values.ndim == 2 or values.shape[2] in (1, 3):
        return np.ones(values.shape[:2], dtype=bool)
    alpha = values[..., -1]
    if alpha.dtype in (np.uint8, np.uint16, bool):
        full = 1.0 if alpha.dtype == bool else float(np.iinfo(alpha.dtype).max)
    else:
        with np.errstate(invalid="ignore"):
            most = float(np.fmax.reduce(alpha if alpha.dtype.kind == "f" else values, axis=None))
        depths = (1.0, 255.0, 65535.0) if alpha.dtype.kind == "f" else (255.0, 65535.0)
        full = next((depth for depth in depths if most <= depth), most)
    if white is not None and alpha.dtype.kind in "ui":
        full = float(white)
    return np.asarray(alpha > full / 2)


def _both(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where both are True; the mask as it is where the other is one True for all pixels."""
    return mask if other.strides == (0, 0) and other[0, 0] else mask & other


def _storable(values: NDArray[Any]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """The values as uint8, uint16 or float32, and True where they are finite."""
    everywhere = np.broadcast_to(np.True_, values.shape[:2])  # takes no memory
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255), everywhere
    if values.dtype in (np.uint8, np.uint16):
        return values, everywhere
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 65535:
        return values.astype(np.uint8 if values.max() <= 255 else np.uint16), everywhere
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    finite = np.isfinite(floats)
    return floats, np.asarray(finite if finite.ndim == 2 else finite.all(axis=2))


def _scale(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> tuple[float, float, tuple[str, ...]]:
    """The values of black and white, and a remark where they had to be inferred."""
    if pixels.dtype == np.uint8 or not valid.any():
        return infer_scale(pixels.dtype.name, math.nan, math.nan)
    if pixels.dtype == np.uint16:
        return infer_scale("uint16", 0.0, float(pixels.max()), is_spread=_is_spread(pixels))
    counted = pixels if valid.all() else pixels[valid]
    return infer_scale("float32", float(counted.min()), float(counted.max()))


def infer_scale(
    dtype: str, low: float, high: float, *, is_spread: bool = False
) -> tuple[float, float, tuple[str, ...]]:
    """The values of black and white in an image of which only the extremes are known, and what is to be said of them.

    Parameters
    ----------
    dtype : {"uint8", "uint16", "float32"}
    low, high : float
        The smallest and the largest value of a valid pixel; NaN where there is none.
    is_spread : bool
        Whether 16-bit values are 8-bit values times 257, or times 256: a dark 8-bit picture, not a 10-bit one.
    """
    if dtype == "uint8":
        return 0.0, 255.0, ()
    if math.isnan(high):
        return 0.0, 65535.0 if dtype == "uint16" else 1.0, ()
    if dtype == "uint16":
        depth = 16 if is_spread else next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
        remark = f"16-bit values up to {high:.0f} are read as {depth}-bit" if depth < 16 else ""
        return 0.0, float(2**depth - 1), (remark,) if remark else ()
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0, ()
    remark = f"float values are read from {low:g} (black) to {high:g} (white)"
    return low, high if high > low else low + max(1.0, abs(low)), (remark,)


def _is_spread(pixels: NDArray[Any]) -> bool:
    """Say whether 16-bit values are multiples of 256 or of 257, and reach a height at which that tells something."""
    high = int(pixels.max())
    if not 255 < high < 2**14:
        return False
    return any(high % factor == 0 and not np.any(pixels % np.uint16(factor)) for factor in (257, 256))
