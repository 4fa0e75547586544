"""Read a picture that a program has opened or made with Pillow, as the same picture is read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.pixel_arrays import describe_transparent
from segment.loader.decoders.color_profile import convert_cmyk_picture, convert_to_srgb, get_profile
from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.decoders.pillow_arrays import convert_to_arrays, mask_outside

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = ["PictureArrays", "read_picture"]


@dataclass(frozen=True)
class PictureArrays:
    """The pixels of a picture.

    Attributes
    ----------
    array : ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Gray or RGB, upright, each with alpha or without.
    valid : ndarray of shape (H, W), bool
        False where the palette or the one transparent color says so. Alpha is not applied.
    white : float or None
        The value of white, if a color profile fixes it.
    has_alpha : bool
        Whether the last band is alpha.
    notes : tuple of str
        What a user should know.
    """

    array: NDArray[Any]
    valid: NDArray[np.bool_]
    white: float | None
    has_alpha: bool
    notes: tuple[str, ...]


def read_picture(picture: PillowImage, *, keep_profile: bool = False) -> PictureArrays:
    """Read the pixels of a picture of Pillow: the frame at which it stands.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any mode. Its EXIF orientation and its color profile are applied to the result.
    keep_profile : bool
        Do not apply its color profile.

    Raises
    ------
    ImageError
        If it cannot be loaded or has a mode that Pillow does not convert to RGB.

    Examples
    --------
    >>> import PIL.Image
    >>> picture = PIL.Image.new("HSV", (2, 1), (0, 255, 255))
    >>> read_picture(picture).array.tolist()
    [[[255, 0, 0], [255, 0, 0]]]
    """
    if 0 in picture.size:
        raise ImageError(f"image: a picture has at least one pixel; got {picture.width} x {picture.height}.")
    notes = _describe_frames(picture) + _describe_depth(picture)
    try:
        picture.load()
        # Pillow converts CIELAB itself; the profile of such a picture says no more than that.
        has_profile = not keep_profile and picture.mode != "LAB"
        orientation, profile = read_orientation(picture), get_profile(picture) if has_profile else None
        box = getattr(picture, "dispose_extent", None) if picture.format == "GIF" else None
        key = picture.info.get("transparency")
        picture, profile, profile_notes = convert_cmyk_picture(picture, profile)
        notes += profile_notes
        array, valid = convert_to_arrays(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(
            f"image: a picture of Pillow that can be loaded and converted to RGB; got mode {picture.mode}, {error}. "
            "Convert it: picture.convert('RGB')."
        ) from error
    if picture.mode in ("L", "I;16", "RGB") and isinstance(key, (int, tuple)):
        valid = np.any(array.reshape(*valid.shape, -1) != np.atleast_1d(key), axis=2)
    if box is not None:
        valid = mask_outside(box, valid)
    colors = convert_to_srgb(array, profile)
    has_alpha = array.ndim == 3 and array.shape[2] in (2, 4)
    notes = notes + colors.notes + describe_transparent(valid)
    upright, upright_valid = apply_orientation(colors.array, orientation), apply_orientation(valid, orientation)
    return PictureArrays(upright, upright_valid, colors.white, has_alpha, notes)


def _describe_frames(picture: PillowImage) -> tuple[str, ...]:
    """Write a note that one of several frames is used."""
    n = int(getattr(picture, "n_frames", 1))
    # The other pictures of an MPO are the camera's own previews.
    if n < 2 or picture.format == "MPO":
        return ()
    return (f"frame {picture.tell() + 1} of {n} is used",)


def _describe_depth(picture: PillowImage) -> tuple[str, ...]:
    """Write a note that Pillow has cut 16-bit colors, which can be seen before the pixels are loaded."""
    tiles = getattr(picture, "tile", None) or ()
    is_cut = picture.mode in ("RGB", "RGBA", "LA") and any(";16" in str(part) for tile in tiles for part in tile[3:])
    return ("Pillow keeps 8 of the 16 bits of this picture; give the path of the file to use all",) if is_cut else ()
