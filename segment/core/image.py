"""Image: the pixels, which of them are valid, and which values are black and white."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from segment.core.equality import EqualByValue
from segment.core.errors import ImageError
from segment.core.float_scale import describe_lost_steps
from segment.core.georeference import NOWHERE, Georeference
from segment.core.interest import RegionsOfInterest
from segment.core.pixel_arrays import (
    check_mask,
    combine_masks,
    convert_to_array,
    convert_to_stored_type,
    describe_bands,
    describe_transparent,
    find_opaque,
    is_pillow_picture,
    select_bands,
)
from segment.core.pixel_grid import NO_SIZE, PixelGrid, PixelSize
from segment.core.value_scale import infer_scale_of_pixels

__all__ = ["Image"]

_ROWS_AT_ONCE = 256  # that are converted at a time: no full-size copy in floating point is needed


@dataclass(frozen=True, eq=False, repr=False)
class Image(EqualByValue):
    """Pixels with a mask of the valid ones and the values of black and white.

    Every stage takes one and returns another; none changes it. Make one with :meth:`from_array` or
    :func:`segment.load_image`, which establish what is written below. The constructor checks nothing.

    Parameters
    ----------
    pixels, valid, black, white, notes, is_scale_inferred, georeference, file_name, interest, pixel_size, stored, limits
        The attributes.

    Attributes
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C), uint8, uint16 or float32
        Gray values, or those of C bands, finite everywhere. Three bands are red, green and blue.
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
    interest : RegionsOfInterest, optional
        The regions for which tables have rows of their own; only pixels in them are valid.
    pixel_size : PixelSize
        How large a pixel is, as the user or the file says.
    stored : ndarray of shape (H, W) or (H, W, C), optional
        The values in the file, which `nodata` means, where `pixels` has others: of a TIFF with a palette, of 1 to 7
        bits or with white as 0. None in the image of a result.
    limits : tuple of float, optional
        Floats beyond these count as these in tables; None for black and white. They differ on the scale of a model.

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
    >>> np.asarray(image) is image.pixels
    True
    """

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    black: float
    white: float
    notes: tuple[str, ...] = ()
    is_scale_inferred: bool = False
    georeference: Georeference = NOWHERE
    file_name: str = ""
    interest: RegionsOfInterest | None = None
    pixel_size: PixelSize = NO_SIZE
    stored: NDArray[Any] | None = field(default=None, compare=False)
    limits: tuple[float, float] | None = None

    def __repr__(self) -> str:
        kind = {1: "gray", 3: "RGB"}.get(self.n_bands, f"{self.n_bands} bands")
        name = f" of {self.file_name}" if self.file_name else ""
        return f"<Image{name}: {self.width} x {self.height} pixels, {kind}, {self.pixels.dtype.name}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Give the pixels to NumPy and all that takes its arrays."""
        # NumPy 1 does not know None as "if it has to be", and asks for no copy itself.
        if copy:
            return np.array(self.pixels, dtype)
        pixels = np.asarray(self.pixels, dtype)
        if copy is False and pixels is not self.pixels:
            raise ValueError(f"copy: pixels of {self.pixels.dtype} become {dtype} by a copy alone. Leave copy out.")
        return pixels

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
    def n_bands(self) -> int:
        """Number of values of a pixel: 1 for gray, 3 for RGB."""
        return 1 if self.is_gray else int(self.pixels.shape[2])

    @property
    def grid(self) -> PixelGrid:
        """Areas and sides of the pixels, where the user, the file or the georeference tells them."""
        return PixelGrid(self.pixel_size, self.georeference)

    @property
    def pixel_area(self) -> float:
        """Mean area of a pixel in square meters; NaN where it is not known."""
        return self.grid.compute_mean_area((self.height, self.width))

    @property
    def band_names(self) -> tuple[str, ...]:
        """What tables call the bands: gray, R, G and B, or their numbers."""
        usual = {1: ("gray",), 3: ("R", "G", "B")}
        return usual.get(self.n_bands) or tuple(f"band {number}" for number in range(1, self.n_bands + 1))

    def show_as_rgb(self) -> Image:
        """Choose the bands that pictures show.

        Returns
        -------
        Image
            The image itself if it is gray or RGB; else its first three bands, or of two bands these and black.

        Examples
        --------
        >>> import segment
        >>> image = segment.Image.from_array(np.array([[[1, 2, 3, 4]]], dtype=np.uint8))
        >>> image.show_as_rgb().pixels.tolist()
        [[[1, 2, 3]]]
        """
        if self.is_gray or self.n_bands == 3:
            return self
        pixels = self.pixels[..., :3]
        if self.n_bands == 2:
            black = np.full_like(pixels[..., :1], self.black)
            pixels = np.concatenate([pixels, np.where(self.valid[..., None], black, black.dtype.type(0))], axis=2)
        return replace(self, pixels=np.ascontiguousarray(pixels))

    @property
    def step(self) -> float:
        """Width of the interval that one stored value stands for: 1 for integers, 0 for float32."""
        return 0.0 if self.pixels.dtype.kind == "f" else 1.0

    def to_uint8(self) -> NDArray[np.uint8]:
        """Convert the pixels to 8 bits.

        Returns
        -------
        ndarray of the shape of `pixels`, uint8
            0 is black and 255 is white; values beyond are clipped. These are the pixels themselves if they are uint8
            with a black of 0 and a white of 255.
        """
        if self.pixels.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return self.pixels
        out = np.empty(self.pixels.shape, dtype=np.uint8)
        factor = 255.0 / (self.white - self.black)
        for start in range(0, self.height, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            out[rows] = np.clip(np.rint((self.pixels[rows].astype(np.float64) - self.black) * factor), 0, 255)
        return out

    def restrict(self, counts: NDArray[np.bool_]) -> Image:
        """Let only some of the pixels count.

        Parameters
        ----------
        counts : ndarray of shape (H, W), bool
            True where a pixel counts, if it is valid.

        Returns
        -------
        Image
            All others are not valid and hold 0. Where black and white are inferred, they are those of the pixels that
            count: a value such as -9999 in the rest has no effect on them.
        """
        valid = self.valid & counts
        if np.array_equal(valid, self.valid):
            return self
        pixels = np.where(valid if self.pixels.ndim == 2 else valid[..., None], self.pixels, self.pixels.dtype.type(0))
        return replace(self, pixels=pixels, valid=valid).infer_scale_again(self)

    def infer_scale_again(self, whole: Image) -> Image:
        """Infer black and white of a part of an image from the pixels of the part.

        Parameters
        ----------
        whole : Image
            The image before, of which some pixels are left out here.

        Returns
        -------
        Image
            The same pixels with their own scale and the notes about it; this image where the scale is not inferred.
        """
        if not self.is_scale_inferred:
            return self
        *_, before = infer_scale_of_pixels(whole.pixels, whole.valid)
        black, white, is_data, notes = infer_scale_of_pixels(self.pixels, self.valid)
        if not is_data.all() and not np.array_equal(self.valid & is_data, self.valid):
            return self.restrict(is_data)
        others = tuple(note for note in self.notes if note not in before)
        return replace(self, black=black, white=white, notes=others + notes)

    def select_bands(self, bands: tuple[int, ...]) -> Image:
        """Keep some of the bands, on the same scale.

        Parameters
        ----------
        bands : tuple of int
            Those to keep, counted from 1, in their new order; empty for all.

        Returns
        -------
        Image
            Gray if it is one band.

        Raises
        ------
        SettingsError
            If a band does not exist or is named twice.

        Examples
        --------
        >>> import segment
        >>> image = segment.Image.from_array(np.array([[[1, 2, 3]]], dtype=np.uint8))
        >>> image.select_bands((3, 1)).pixels.tolist()
        [[[3, 1]]]
        """
        if not bands:
            return self
        others = tuple(note for note in self.notes if note not in describe_bands(self.n_bands))
        pixels = np.ascontiguousarray(select_bands(self.pixels, bands))
        stored = self.stored
        if stored is not None and stored.shape == self.pixels.shape:
            stored = select_bands(stored, bands)
        return replace(self, pixels=pixels, stored=stored, notes=others + describe_bands(len(bands)))

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        *,
        valid: ArrayLike | None = None,
        white: float | None = None,
        notes: tuple[str, ...] = (),
        alpha: bool | None = None,
        channel_axis: int | None = None,
        bands: tuple[int, ...] = (),
        keep_profile: bool = False,
    ) -> Image:
        """Make an image from an array; the array stays as it is.

        Parameters
        ----------
        array : array_like of shape (H, W) or (H, W, C), or PIL.Image.Image
            Gray values or C bands, of which three are red, green and blue. Booleans become 0 and 255. Integers that fit
            become uint8 or uint16, all other numbers float32. Pixels that a masked array masks are not valid. A
            picture of Pillow is read as from a file: upright, in gray or RGB, with its own transparency.
        valid : array_like of shape (H, W), bool, optional
            True where a pixel may be used. Pixels with an alpha of at most one half, NaN or infinity are never used.
        white : float, optional
            The value of full light, and of full alpha, if it is known; black is 0 then. Only integers use it, and for
            uint8 a value of 255 changes nothing.
        notes : tuple of str
            The first of the image's notes.
        alpha : bool, optional
            Whether the last of the C bands is the opacity. By default it is a band like the others, and a note says so
            where there are two or four.
        channel_axis : int, optional
            The axis of the bands, if it is not the last one or if there are more bands than rows or columns.
        bands : tuple of int
            Bands to use, counted from 1 and without alpha; empty for all.
        keep_profile : bool
            Keep the color values of a picture of Pillow with a color profile; by default they are converted to sRGB.

        Returns
        -------
        Image
            Contiguous pixels in the byte order of the machine, with 0 where they are not valid. Without copying, where
            that is possible.

        Raises
        ------
        ImageError
            If the array has no pixels, another number of dimensions, its bands in another axis, or values that are not
            numbers, or if the mask has another shape.
        SettingsError
            If a band does not exist or is named twice.

        Notes
        -----
        Black is 0, and white is 255 for uint8. For uint16 white is the largest value of the smallest depth of 8, 10,
        12, 14 and 16 bits that holds the brightest pixel, so that 12-bit data of a camera keep their contrast; 8-bit
        data multiplied by 256 or 257 have white 65535. Floats within 0..1 have white 1, unless nearly all lie below
        1/256; for any others black and white are the smallest and the largest value, without values far beyond all
        others and without those that stand for no data; see :func:`segment.core.float_scale.choose_float_scale`.

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
        ('16-bit values, none above 4095, are read as 12-bit: white is 4095, no value is changed',)
        >>> image.to_uint8()
        array([[  0, 125, 255]], dtype=uint8)
        """
        if is_pillow_picture(array):
            # Imported here: pictures of Pillow are read by the loader, which lies one layer above.
            read = import_module("segment.loader.decoders.pillow_objects").read_picture
            picture = read(array, keep_profile=keep_profile)
            shown = picture.valid
            if valid is not None:
                shown = combine_masks(shown, check_mask(valid, shown.shape))
            options: dict[str, Any] = {"notes": notes + picture.notes, "alpha": picture.has_alpha, "bands": bands}
            return cls.from_array(
                picture.array, valid=shown, white=picture.white if white is None else white, **options
            )
        # A pixel is valid if it is opaque, allowed by the caller and finite.
        values, is_valid, gaps = convert_to_array(array, channel_axis, bands)
        if alpha and (values.ndim == 2 or values.shape[2] < 2):
            raise ImageError(f"alpha: the last of at least two bands; got the shape {values.shape}. Leave it out.")
        if alpha:
            is_opaque = find_opaque(values, white)
            notes += describe_transparent(is_opaque)
            is_valid = combine_masks(is_opaque, is_valid)
            values = values[..., :-1]
        values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
        n_bands = len(bands) or (1 if values.ndim == 2 else values.shape[2])
        notes += describe_bands(n_bands, is_known=alpha is not None or bool(bands))
        values = select_bands(values, bands) if bands else values
        if valid is not None:
            is_valid = combine_masks(is_valid, check_mask(valid, is_valid.shape))
        pixels, is_number, nans = convert_to_stored_type(values, is_valid)
        is_valid = combine_masks(is_valid, is_number)

        # Floats are always scaled by their values: 0..1, or from the smallest to the largest.
        is_known = white is not None and pixels.dtype.kind == "u"
        scale_notes: tuple[str, ...] = ()
        if is_known:
            low, high = 0.0, float(cast(float, white))
        else:
            low, high, is_data, scale_notes = infer_scale_of_pixels(pixels, is_valid)
            is_valid = combine_masks(is_valid, is_data)
            scale_notes += describe_lost_steps(values.dtype, low, high)
        # A mask that takes no memory is copied: that of an image may be changed and sent elsewhere.
        # It is filled, as NumPy takes twenty times as long to copy or to reduce it.
        is_valid = is_valid if is_valid.strides != (0, 0) else np.full(is_valid.shape, is_valid[0, 0])
        if not is_valid.all():
            pixels = np.where(is_valid if pixels.ndim == 2 else is_valid[..., None], pixels, pixels.dtype.type(0))
        is_inferred = not is_known and values.dtype not in (np.uint8, bool)
        return cls(np.ascontiguousarray(pixels), is_valid, low, high, notes + gaps + nans + scale_notes, is_inferred)
