"""Image: the pixels, which of them are valid, and which values are black and white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.equality import EqualByValue
from segment.core.errors import ImageError
from segment.core.georeference import NOWHERE, Georeference

__all__ = ["Image", "infer_scale"]

# Rows that are converted at a time, so that no full-size copy in floating point is needed.
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False, repr=False)
class Image(EqualByValue):
    """Pixels with a mask of the valid ones and the values of black and white.

    Every stage takes one and returns another; none changes it. Make one with :meth:`from_array` or
    :func:`segment.load_image`, which establish what is written below. The constructor checks nothing.

    Parameters
    ----------
    pixels, valid, black, white, notes, is_scale_inferred, georeference, file_name
        The attributes.

    Attributes
    ----------
    pixels : ndarray of shape (H, W) or (H, W, 3), uint8, uint16 or float32
        Gray or RGB values, finite everywhere. Rasters may have another number of bands, (H, W, C).
    valid : ndarray of shape (H, W), bool
        True where the pixel is used. Transparent, nodata and NaN pixels are False and hold 0.
    black, white : float
        The pixel values of no light and of full light. ``(pixels - black) / (white - black)`` lies in 0..1.
    notes : tuple of str
        What a user should know about how the pixels were read, a sentence each.
    is_scale_inferred : bool
        Whether black and white were inferred from the smallest and largest values.
    georeference : Georeference
        Where the pixels lie on the earth, if the file says so.
    file_name : str
        Name of the file without its folders; empty for an array.

    See Also
    --------
    segment.load_image : Read an image file.
    segment.segment_image : Segment an image.

    Examples
    --------
    >>> import numpy as np
    >>> import segment
    >>> image = segment.Image.from_array(np.array([[0.0, 0.5, np.nan]]))
    >>> image.pixels
    array([[0. , 0.5, 0. ]], dtype=float32)
    >>> image.valid
    array([[ True,  True, False]])
    >>> image.black, image.white, image.is_gray
    (0.0, 1.0, True)
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    black: float
    white: float
    notes: tuple[str, ...] = ()
    is_scale_inferred: bool = False
    georeference: Georeference = NOWHERE
    file_name: str = ""

    def __repr__(self) -> str:
        name = f" of {self.file_name}" if self.file_name else ""
        kind = "gray" if self.is_gray else "RGB"
        return f"<Image{name}: {self.width} x {self.height} pixels, {kind}, {self.pixels.dtype.name}>"

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])

    @property
    def is_gray(self) -> bool:
        """Whether a pixel has one value instead of several channels."""
        return self.pixels.ndim == 2

    @property
    def step(self) -> float:
        """Width of the interval that one stored value stands for: 1 for integers, 0 for float32."""
        return 0.0 if self.pixels.dtype.kind == "f" else 1.0

    def to_uint8(self) -> NDArray[np.uint8]:
        """Convert the pixels to 8 bits.

        Returns
        -------
        ndarray of the shape of `pixels`, uint8
            0 is black and 255 is white; values beyond are clipped. These are the pixels themselves if they are uint8.
        """
        if self.pixels.dtype == np.uint8:
            return self.pixels
        out = np.empty(self.pixels.shape, dtype=np.uint8)
        factor = 255.0 / (self.white - self.black)
        for start in range(0, self.height, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
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
        """Make an image from an array; the array stays as it is.

        Parameters
        ----------
        array : array_like of shape (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
            Gray, gray with alpha, RGB or RGB with alpha. Booleans become 0 and 255. Integers that fit become uint8 or
            uint16, all other numbers float32.
        valid : array_like of shape (H, W), bool, optional
            True where a pixel may be used. Pixels with an alpha of at most one half, NaN or infinity are never used.
        white : float, optional
            The value of full light, and of full alpha, if it is known; black is 0 then. Only integers use it, and for
            uint8 a value of 255 changes nothing.
        notes : tuple of str
            The first of the image's notes.

        Returns
        -------
        Image
            Contiguous pixels in the byte order of the machine, with 0 where they are not valid. Without copying, where
            that is possible.

        Raises
        ------
        ImageError
            If the array has no pixels, another number of dimensions or channels, or values that are not numbers, or if
            the mask has another shape.

        Notes
        -----
        Black is 0, and white is 255 for uint8. For uint16 white is the largest value of the smallest depth of 8, 10,
        12, 14 and 16 bits that holds the brightest pixel, so that 12-bit data of a camera keep their contrast; 8-bit
        data multiplied by 256 or 257 have white 65535. Floats within 0..1 have white 1; for any other floats black and
        white are the smallest and the largest value.

        Full alpha is `white` or the largest value of the integer type. For floats and wider integers it is the first of
        1 (floats only), 255 and 65535 that no value exceeds.

        Examples
        --------
        >>> import numpy as np
        >>> import segment
        >>> image = segment.Image.from_array(np.array([[0, 2000, 4095]], dtype=np.uint16))
        >>> image.white
        4095.0
        >>> image.notes
        ('16-bit values up to 4095 are read as 12-bit',)
        >>> image.to_uint8()
        array([[  0, 125, 255]], dtype=uint8)
        """
        values = np.asarray(array)
        if values.ndim not in (2, 3) or (values.ndim == 3 and not 1 <= values.shape[2] <= 4):
            raise ImageError(f"array: an image has the shape (H, W) or (H, W, 1 to 4); got {values.shape}.")
        if values.size == 0:
            raise ImageError(f"array: an image has at least one pixel; got the shape {values.shape}.")
        if values.dtype.kind not in "buif":
            raise ImageError(f"array: pixels are booleans, integers or floats; got {values.dtype}.")

        # A pixel is valid if it is opaque, allowed by the caller and finite.
        is_valid = _find_opaque(values, white)
        # Drop alpha, and the axis of a single channel.
        if values.ndim == 3:
            values = values[..., : 3 if values.shape[2] >= 3 else 1]
            values = values[..., 0] if values.shape[2] == 1 else values
        if valid is not None:
            mask = np.asarray(valid, dtype=bool)
            if mask.shape != is_valid.shape:
                raise ImageError(f"valid: the mask has the image's shape {is_valid.shape}; got {mask.shape}.")
            is_valid = _combine_masks(is_valid, mask)
        pixels, is_finite = _convert_to_stored_type(values)
        is_valid = _combine_masks(is_valid, is_finite)
        if not is_valid.all():
            pixels = np.where(is_valid if pixels.ndim == 2 else is_valid[..., None], pixels, pixels.dtype.type(0))

        # Floats are always scaled by their values: 0..1, or from the smallest to the largest.
        if white is not None and pixels.dtype.kind == "u":
            return cls(np.ascontiguousarray(pixels), is_valid, 0.0, float(white), notes)
        low, high, scale_notes = _infer_scale_of_pixels(pixels, is_valid)
        is_inferred = pixels.dtype != np.uint8
        return cls(np.ascontiguousarray(pixels), is_valid, low, high, notes + scale_notes, is_inferred)


def _find_opaque(values: NDArray[Any], white: float | None) -> NDArray[np.bool_]:
    """Return True where the alpha channel, if there is one, is more than one half: (H, W)."""
    if values.ndim == 2 or values.shape[2] in (1, 3):
        return np.ones(values.shape[:2], dtype=bool)
    alpha = values[..., -1]
    if alpha.dtype in (np.uint8, np.uint16, bool):
        full = 1.0 if alpha.dtype == bool else float(np.iinfo(alpha.dtype).max)
    else:
        # The type does not tell how large full alpha is, so take the smallest usual scale that holds all values.
        with np.errstate(invalid="ignore"):
            largest = float(np.fmax.reduce(alpha if alpha.dtype.kind == "f" else values, axis=None))
        scales = (1.0, 255.0, 65535.0) if alpha.dtype.kind == "f" else (255.0, 65535.0)
        full = next((scale for scale in scales if largest <= scale), largest)
    # The caller knows better.
    if white is not None and alpha.dtype.kind in "ui":
        full = float(white)
    return np.asarray(alpha > full / 2)


def _combine_masks(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True where both masks are True: (H, W)."""
    # Strides of 0 are those of a single True broadcast to the whole picture: nothing to compute.
    return mask if other.strides == (0, 0) and other[0, 0] else mask & other


def _convert_to_stored_type(values: NDArray[Any]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return the values as uint8, uint16 or float32, and True where a pixel is finite: (H, W)."""
    everywhere = np.broadcast_to(np.True_, values.shape[:2])  # takes no memory
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255), everywhere
    if values.dtype in (np.uint8, np.uint16):
        return values, everywhere
    # Wider integers often hold 8-bit or 16-bit values; kept as such, their depth can be inferred.
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 65535:
        return values.astype(np.uint8 if values.max() <= 255 else np.uint16), everywhere
    # What float32 cannot hold becomes infinite, hence not valid.
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    finite = np.isfinite(floats)
    return floats, np.asarray(finite if finite.ndim == 2 else finite.all(axis=2))


def _infer_scale_of_pixels(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> tuple[float, float, tuple[str, ...]]:
    """Infer black and white from the valid pixels, as `infer_scale` does."""
    if pixels.dtype == np.uint8 or not valid.any():
        return infer_scale(pixels.dtype.name, math.nan, math.nan)
    if pixels.dtype == np.uint16:
        return infer_scale("uint16", 0.0, float(pixels.max()), is_spread=_is_spread(pixels))
    used = pixels if valid.all() else pixels[valid]
    return infer_scale("float32", float(used.min()), float(used.max()))


def infer_scale(
    dtype: str, low: float, high: float, *, is_spread: bool = False
) -> tuple[float, float, tuple[str, ...]]:
    """Infer the values of black and white from the smallest and the largest pixel.

    Parameters
    ----------
    dtype : {"uint8", "uint16", "float32"}
        The type of the pixels.
    low, high : float
        The smallest and the largest value of a valid pixel; NaN if no pixel is valid.
    is_spread : bool
        Whether 16-bit values are 8-bit values times 256 or 257: a dark 8-bit picture, not a 10-bit one.

    Returns
    -------
    black, white : float
        ``white`` is always above ``black``.
    notes : tuple of str
        A sentence for the user if the scale is not the usual one of the type.

    Examples
    --------
    >>> infer_scale("uint16", 0, 1000)
    (0.0, 1023.0, ('16-bit values up to 1000 are read as 10-bit',))
    >>> infer_scale("float32", 0.2, 0.9)
    (0.0, 1.0, ())
    """
    if dtype == "uint8":
        return 0.0, 255.0, ()
    if math.isnan(high):
        return 0.0, 65535.0 if dtype == "uint16" else 1.0, ()
    if dtype == "uint16":
        depth = 16 if is_spread else next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
        notes = (f"16-bit values up to {high:.0f} are read as {depth}-bit",) if depth < 16 else ()
        return 0.0, float(2**depth - 1), notes
    # The usual scale of float images; any other range is stretched, a constant image gets a white above its black.
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0, ()
    note = f"float values are read from {low:g} (black) to {high:g} (white)"
    return low, high if high > low else low + max(1.0, abs(low)), (note,)


def _is_spread(pixels: NDArray[Any]) -> bool:
    """Whether all 16-bit values are multiples of 256 or of 257."""
    high = int(pixels.max())
    # Below 256 only 0 is a multiple; from 2**14 on the depth is 16 bits in any case.
    if not 255 < high < 2**14:
        return False
    return any(high % factor == 0 and not np.any(pixels % np.uint16(factor)) for factor in (257, 256))
