"""What pixel values stand for, and how those of an image are read for a class model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segment.core.float_scale import ScaleNote
from segment.core.image import Image

__all__ = ["ValueScale", "apply_value_scale", "set_scale"]

# Share of the pixel values that may lie beyond the model's black and white where these replace a guess.
_MAX_SHARE_OUTSIDE = 0.01
# Floats are measured in a unit, such as degrees or reflectance, and range as far as the scene does. Where more than
# this share of them lies beyond and they range so many times as far, they are in another unit, such as percent. A small
# fire ranges far, too, and in a warm summer most values may lie beyond.
_MAX_FLOAT_SHARE_OUTSIDE, _MAX_RANGE_FACTOR = 0.5, 10.0
_MAX_SHARE = 16.0  # that floats reach as shares of full light, in which HDR images exceed 1


@dataclass(frozen=True)
class ValueScale:
    """What the pixel values of images stand for.

    Attributes
    ----------
    dtype : {"uint8", "uint16", "float32"}
        What the pixels are stored as.
    black, white : float
        The values of no and of full light.
    is_guess : bool
        Whether white is a guess from the largest value.
    """

    dtype: str
    black: float
    white: float
    is_guess: bool = False

    @classmethod
    def from_image(cls, image: Image) -> ValueScale:
        """Take the scale of an image.

        Examples
        --------
        >>> values = np.array([[20, 200]])
        >>> [ValueScale.from_image(Image.from_array(values.astype(dtype))).dtype for dtype in (np.uint8, np.int16)]
        ['uint8', 'uint16']
        """
        # Wider integers are stored in 8 bits where they fit: other images of their kind have larger ones.
        name = image.pixels.dtype.name
        name = "uint16" if name == "uint8" and image.is_scale_inferred else name
        return cls(name, image.black, image.white, image.is_scale_inferred)

    def has_unit_of(self, other: ValueScale) -> bool:
        """Say whether equal values stand for the same in both, where black and white are guesses.

        Parameters
        ----------
        other : ValueScale

        Returns
        -------
        bool
            True for pixels of one type. Also for 16-bit numbers and floats, unless the floats are shares of full light
            or range otherwise and between ends that are no whole numbers: integers with signs are stored as the former,
            and as the latter if one of them lies below 0. Floats of 0 to 255, some above 16, are in the unit of 8-bit
            numbers.

        Examples
        --------
        >>> numbers = ValueScale("uint16", 0, 16383)
        >>> [numbers.has_unit_of(ValueScale("float32", *ends)) for ends in ((-30, 6200), (0, 1))]
        [True, False]
        """
        if self.dtype == other.dtype:
            return True
        whole, real = (other, self) if self.dtype == "float32" else (self, other)
        low, high = real.black, real.white
        if real.dtype != "float32":
            return False
        if whole.dtype == "uint8":
            return low >= 0 and _MAX_SHARE <= high <= whole.white
        is_whole = (low, high) != (0, 1) and float(low).is_integer() and float(high).is_integer()
        ranges = whole.white - whole.black, high - low
        is_inside = low <= whole.black < whole.white <= high
        return is_whole or is_inside or max(ranges) < _MAX_RANGE_FACTOR * min(ranges)


def set_scale(image: Image, scale: ValueScale) -> Image:
    """Set black and white of an image; integers that were stored in 8 bits get 16 where white is not 255."""
    pixels = image.pixels
    if pixels.dtype == np.uint8 and (scale.black, scale.white) != (0, 255):
        pixels = pixels.astype(np.uint16)
    return replace(image, pixels=pixels, black=scale.black, white=scale.white)


def apply_value_scale(image: Image, scale: ValueScale) -> Image:
    """Set what the pixel values of an image mean, as in the training images of a model if that can be known.

    Parameters
    ----------
    image : Image
        Any image. Its pixels are not changed.
    scale : ValueScale
        Of the training images.

    Returns
    -------
    Image
        The image itself if it has this scale, otherwise a copy with a note: either with these black and white, or
        with its own.

    Notes
    -----
    Values are compared as shares of the range from black to white, so a model of 8-bit images explains 16-bit images
    of full range. Where the white of an image is only a guess from its largest value, and its pixels have the type of
    the training images, the black and white of the model replace the guess: the same value is the same light in every
    image. They do not where more than 1 % of the values would lie beyond them; of floats, which are in a unit, only
    where that holds for more than half, and their range is 10 times that of the model or more. Signed integers, which
    are 16-bit numbers in one scene and floats in another that has a value below 0, are in one unit, too.

    Examples
    --------
    >>> image = Image.from_array(np.full((4, 4), 900, np.uint16))
    >>> image.white, image.is_scale_inferred
    (1023.0, True)
    >>> apply_value_scale(image, ValueScale("uint16", 0, 4095)).white
    4095
    >>> apply_value_scale(image, ValueScale("uint8", 0, 255)).notes[-1]
    "its values from 0 to 1023 stand for the model's 0 to 255"
    """
    own, black, white = ValueScale.from_image(image), scale.black, scale.white
    if (own.black, own.white) == (black, white):
        return image
    # Two images of one camera have one scale; an image whose white is stored in the file keeps its own.
    if own.is_guess and own.has_unit_of(scale):
        values = image.pixels[image.valid]
        share = float(np.count_nonzero((values < black) | (values > white)) / max(1, values.size))
        is_near = image.white - image.black < _MAX_RANGE_FACTOR * (white - black)
        is_unit = "float32" in (own.dtype, scale.dtype) and (is_near or share <= _MAX_FLOAT_SHARE_OUTSIDE)
        if share <= _MAX_SHARE_OUTSIDE or is_unit:
            notes = tuple(note for note in image.notes if not isinstance(note, ScaleNote))
            note = f"its values are read on the model's scale, {black:g} to {white:g}"
            if share > _MAX_SHARE_OUTSIDE:
                note += f": {100 * share:.3g} % of them lie beyond and count as black or white"
            if share > _MAX_FLOAT_SHARE_OUTSIDE:
                note += ". Give values in the unit of the training images, or fit the model again"
            # Values beyond the scale of the model are no outliers: tables have them as they are.
            limits = (min(own.black, black), max(own.white, white))
            return replace(set_scale(image, scale), notes=(*notes, note), limits=limits)
    note = f"its values from {image.black:g} to {image.white:g} stand for the model's {black:g} to {white:g}"
    return replace(image, notes=(*image.notes, note))
