"""Convert pixels from the color profile (ICC) that a file embeds to sRGB, the colors of all later stages.

Pillow's LittleCMS converts 8 bits, imagecodecs' LittleCMS 16 bits.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import printable_path
from segment.loader.decoders.declared_colors import make_adobe_rgb_profile

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageCms import ImageCmsTransform

__all__ = [
    "DAMAGED_PROFILE",
    "DAMAGED_PROFILE_NOTE",
    "Colors",
    "convert_cmyk_picture",
    "convert_to_srgb",
    "describe_unused_profile",
    "get_profile",
]

# Stands for a profile that is there and cannot be read.
DAMAGED_PROFILE = b""
DAMAGED_PROFILE_NOTE = "the color profile is damaged and not used: the colors are read as sRGB"

# Profiles that change no color by more than this, in levels of 8 bits, are sRGB by another name.
MAX_SRGB_DIFFERENCE = 2
# Rows that are converted at a time, so that there is never a second copy of the whole picture.
_ROWS_AT_ONCE = 256
# Kind of pixels that a profile describes (ICC.1:2022, 7.2.8): bytes 16 to 19 of its header, and Pillow's mode.
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_SIGNATURE_AT, _SIGNATURE = 36, b"acsp"
# Tags of EXIF data: the parts with the color space and with the rules of the file, and values of the color space.
_EXIF_TAG, _INTEROPERABILITY_TAG, _COLOR_SPACE_TAG = 0x8769, 0xA005, 0xA001
_ADOBE_RGB, _UNCALIBRATED = 2, 65535


@dataclass(frozen=True)
class Colors:
    """Pixels, and what was done with their color profile.

    Attributes
    ----------
    array : ndarray of shape (H, W) or (H, W, C)
        Gray or RGB, each with alpha or without.
    white : float or None
        The value of white, if the conversion fixes it.
    notes : tuple of str
        What a user should know.
    """

    array: NDArray[Any]
    white: float | None = None
    notes: tuple[str, ...] = ()


def get_profile(picture: PillowImage) -> bytes | None:
    """Get the color profile of a picture, or that of Adobe RGB where EXIF data declare it as cameras do.

    Parameters
    ----------
    picture : PIL.Image.Image
        It need not be loaded.

    Returns
    -------
    bytes or None
        None if there is none, `DAMAGED_PROFILE` if Pillow has found one that it cannot put together.
    """
    if "icc_profile" not in picture.info:
        return make_adobe_rgb_profile() if _is_adobe_rgb(picture) else None
    profile = picture.info["icc_profile"]
    return bytes(profile) if profile else DAMAGED_PROFILE


def _is_adobe_rgb(picture: PillowImage) -> bool:
    """Tell whether EXIF data declare Adobe RGB: by the rule of DCF ("R03"), or by a color space of 2."""
    try:
        exif = picture.getexif()
        if _EXIF_TAG not in exif:
            return False
        space = exif.get_ifd(_EXIF_TAG).get(_COLOR_SPACE_TAG)
        is_other = space == _UNCALIBRATED and _INTEROPERABILITY_TAG in exif.get_ifd(_EXIF_TAG)
        return space == _ADOBE_RGB or (is_other and exif.get_ifd(_INTEROPERABILITY_TAG).get(1) == "R03")
    except Exception:  # damaged metadata of any kind must not prevent reading the pixels
        return False


def convert_to_srgb(
    array: NDArray[Any], profile: bytes | None, *, keep_profile: bool = False, white: float | None = None
) -> Colors:
    """Convert pixels to sRGB.

    Parameters
    ----------
    array : ndarray of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Gray or RGB, each with alpha or without. Types other than uint8 and uint16 are not converted.
    profile : bytes or None
        An ICC profile for gray or RGB.
    keep_profile : bool
        Leave the pixels as they are.
    white : float, optional
        The value of white of uint16 pixels; 65535 if it is not given.

    Returns
    -------
    Colors
        The same array where there is nothing to convert, with a note if a user would expect that it is. A damaged
        profile is no error.

    Examples
    --------
    >>> import PIL.ImageCms
    >>> same = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    >>> pixels = np.array([[[10, 20, 30]]], dtype=np.uint8)
    >>> convert_to_srgb(pixels, same).array is pixels
    True
    >>> convert_to_srgb(pixels, b"no profile").notes
    ('the color profile is damaged and not used: the colors are read as sRGB',)
    """
    if profile is None or keep_profile:
        return Colors(array, white)
    try:
        mode, name, is_srgb = _describe_profile(profile)
        n_colors = 1 if array.ndim == 2 or array.shape[2] <= 2 else 3
        if mode == "CMYK" or (mode == "L" and n_colors == 3):
            kind = "gray" if mode == "L" else mode
            return Colors(array, white, (f"the color profile is not used: it is for {kind}",))
        if is_srgb:
            return Colors(array, white)
        if array.dtype not in (np.uint8, np.uint16):
            note = (
                f"the color profile {name} is not used: {array.dtype} pixels are not converted to sRGB. Save them with "
                "16 bits to have it done"
            )
            return Colors(array, white, (note,))
        converted = _convert(array, n_colors, profile, mode, white)
    except Exception:  # a damaged profile must not prevent reading the pixels
        return Colors(array, white, (DAMAGED_PROFILE_NOTE,))
    return Colors(converted, 65535.0 if array.dtype == np.uint16 else white, (_write_note(name),))


def describe_unused_profile(profile: bytes) -> tuple[str, ...]:
    """Write a note that the colors of pixels are not converted by their color profile.

    Parameters
    ----------
    profile : bytes
        An ICC profile.

    Returns
    -------
    tuple of str
        The note, or nothing where the profile is that of sRGB.

    Examples
    --------
    >>> import PIL.ImageCms
    >>> describe_unused_profile(PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes())
    ()
    """
    try:
        _, name, is_srgb = _describe_profile(profile)
    except Exception:  # a damaged profile must not prevent reading the pixels
        return (DAMAGED_PROFILE_NOTE,)
    if is_srgb:
        return ()
    return (f"the colors are not converted from the profile {name} to sRGB: 'segment run' does that",)


def convert_cmyk_picture(
    picture: PillowImage, profile: bytes | None
) -> tuple[PillowImage, bytes | None, tuple[str, ...]]:
    """Convert a picture of inks to sRGB by its color profile.

    Parameters
    ----------
    picture : PIL.Image.Image
        A loaded picture. One that is not of mode CMYK is left as it is.
    profile : bytes or None
        An ICC profile for its mode.

    Returns
    -------
    picture : PIL.Image.Image
        RGB, or the same picture where the profile cannot be used.
    profile : bytes or None
        What is left to be applied: nothing of a picture of inks.
    notes : tuple of str
        What a user should know.
    """
    if picture.mode != "CMYK":
        return picture, profile, ()
    if profile is None:
        return picture, None, ()
    try:
        mode, name, _ = _describe_profile(profile)
        if mode != "CMYK":
            return picture, None, ("the color profile is not used: it is not for CMYK",)
        return _apply(_build_transform(profile, mode), picture), None, (_write_note(name),)
    except Exception:  # a damaged profile must not prevent reading the pixels
        return picture, None, (DAMAGED_PROFILE_NOTE,)


def _write_note(name: str) -> str:
    """Write what was done; said once for an image."""
    return f"the colors are converted from the profile {name} to sRGB (--keep-profile leaves them)"


@lru_cache(maxsize=8)
def _describe_profile(profile: bytes) -> tuple[str, str, bool]:
    """Return the mode of the pixels that a profile describes, its name, and whether it is sRGB; raise if damaged."""
    from PIL import ImageCms

    if profile[_SIGNATURE_AT : _SIGNATURE_AT + 4] != _SIGNATURE or int.from_bytes(profile[:4], "big") > len(profile):
        raise ValueError("no ICC profile")
    mode = _MODES[profile[16:20]]
    name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    if mode == "CMYK":
        return mode, _quote(name), False
    # There are dozens of profiles called sRGB, and others that are: compare colors, not names.
    colors: NDArray[np.uint8]
    if mode == "RGB":
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    else:
        colors = np.arange(256, dtype=np.uint8).reshape(16, 16)
    converted = _make_converter(profile, mode)(colors)
    expected = colors if mode == "RGB" else colors[..., None]
    difference = int(np.abs(converted.astype(np.int16) - expected).max())
    return mode, _quote(name), difference <= MAX_SRGB_DIFFERENCE


def _quote(name: str) -> str:
    """Return the name of a profile so that it fits a message."""
    return f'"{printable_path(name, limit=60)}"' if name else "of the file"


def _make_converter(profile: bytes, mode: str, *, is_deep: bool = False) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Make a function that converts pixels of a mode to RGB, of 8 bits or of 16."""
    if not is_deep:
        from PIL import Image

        transform = _build_transform(profile, mode)
        return lambda block: np.asarray(_apply(transform, Image.fromarray(block)))
    import imagecodecs

    options: dict[str, Any] = {
        "profile": profile,
        "outprofile": imagecodecs.cms_profile("srgb"),
        "colorspace": "gray" if mode == "L" else "rgb",
        "outcolorspace": "rgb",
        "intent": int(imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC),
        "flags": int(imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION),
    }
    return lambda block: np.asarray(imagecodecs.cms_transform(block, **options))


def _build_transform(profile: bytes, mode: str) -> ImageCmsTransform:
    """Build the conversion of 8-bit pictures of a mode to sRGB."""
    from PIL import ImageCms

    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    # The default of photo editors: colors that both have stay, and black becomes black.
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.buildTransform(source, target, mode, "RGB", renderingIntent=intent, flags=flags)


def _apply(transform: ImageCmsTransform, picture: PillowImage) -> PillowImage:
    """Convert a picture to a new one."""
    from PIL import ImageCms

    converted = ImageCms.applyTransform(picture, transform)
    if converted is None:
        raise ValueError("the picture is converted in place")
    return converted


def _convert(array: NDArray[Any], n_colors: int, profile: bytes, mode: str, white: float | None) -> NDArray[Any]:
    """Convert gray or RGB and leave alpha; 16-bit values are scaled to a white of 65535 first."""
    is_deep = array.dtype == np.uint16
    if is_deep and white not in (None, 65535.0):
        array = np.minimum(np.rint(array * (65535.0 / float(white or 1))), 65535).astype(np.uint16)
    colors = array if array.ndim == 2 else array[..., :n_colors]
    convert = _make_converter(profile, mode, is_deep=is_deep)
    if n_colors == 1:
        # Gray stays gray: convert each value once. With a profile for RGB a gray has equal red, green and blue.
        levels = np.arange(65536 if is_deep else 256, dtype=array.dtype).reshape(-1, 16)
        levels = levels if mode == "L" else np.repeat(levels[..., None], 3, axis=2)
        converted = convert(levels)[..., 1].ravel()[colors]
    else:
        converted = np.empty(colors.shape, dtype=array.dtype)
        for top in range(0, len(colors), _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            converted[rows] = convert(np.ascontiguousarray(colors[rows]))
    if array.ndim == 2 or array.shape[2] == n_colors:
        return np.asarray(converted)
    converted = converted if converted.ndim == 3 else converted[..., None]
    return np.concatenate([converted, array[..., n_colors:]], axis=2)
