"""Decode AVIF with imagecodecs, which keeps 10 and 12 bits, and the first picture of a film with Pillow."""

from __future__ import annotations

from typing import BinaryIO

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, read_all_bytes
from segment.loader.decoders.color_profile import convert_to_srgb
from segment.loader.decoders.isobmff import find_box, get_size, read_properties, require_complete, require_no_zeros
from segment.loader.decoders.orientation import apply_orientation
from segment.loader.decoders.pillow import decode_with_plugin, load_plugin

__all__ = ["decode_avif"]


def decode_avif(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool, keep_profile: bool = False) -> Image:
    """Decode the main picture of an AVIF.

    Parameters
    ----------
    stream, max_pixels, allow_truncated, keep_profile
        As in :func:`segment.loader.loader.load_image`, but a truncated file is refused in any case.

    Returns
    -------
    Image
        The picture, upright, at the depth of the file.

    Raises
    ------
    ImageError
        If the file is damaged or too large, or is a film and Pillow cannot read AVIF.
    """
    del allow_truncated  # the decoder reads complete files only
    require_complete(stream, "AVIF")
    require_no_zeros(stream, "AVIF")
    properties = read_properties(stream)
    check_size(properties.width, properties.height, max_pixels)
    # imagecodecs would decode all pictures of a film at once.
    if find_box(stream, b"moov", 0, get_size(stream)) is not None:
        return _decode_film(stream, max_pixels, keep_profile)
    import imagecodecs

    if not imagecodecs.AVIF.available:
        raise ImageError("AVIF is not among the formats of this imagecodecs. Install it with pip, or save it as PNG.")
    array = imagecodecs.avif_decode(read_all_bytes(stream, "AVIF"))
    if array.ndim > 3:
        array = array[0]
    white = float(2 ** (properties.bits or 16) - 1) if array.dtype.itemsize == 2 else None
    colors = convert_to_srgb(array, properties.profile, keep_profile=keep_profile, white=white)
    notes = (properties.color_note,) if properties.color_note and not keep_profile else ()
    upright = apply_orientation(colors.array, properties.orientation)
    has_alpha = True if array.ndim == 3 and array.shape[2] in (2, 4) else None
    return Image.from_array(upright, white=colors.white, notes=colors.notes + notes, alpha=has_alpha)


def _decode_film(stream: BinaryIO, max_pixels: int, keep_profile: bool) -> Image:
    """Decode the first picture of a film, where Pillow can (from version 11.3 on)."""
    try:
        from PIL import AvifImagePlugin

        is_supported = AvifImagePlugin.SUPPORTED
    except ImportError:  # before version 11.3
        is_supported = False
    if not is_supported:
        raise ImageError("an animated AVIF is read with Pillow 11.3 or later; got an earlier one. Update Pillow.")
    plugin = load_plugin("AvifImagePlugin", "AvifImageFile")
    return decode_with_plugin(stream, plugin, max_pixels, False, keep_profile=keep_profile)
