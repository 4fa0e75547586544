"""Decode AVIF with imagecodecs, which keeps 10 and 12 bits, and the first picture of a film with Pillow."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.av1 import MAX_HEADER_BYTES, read_av1_size
from segment.loader.decoders.checks import check_size, read_all_bytes
from segment.loader.decoders.color_profile import convert_to_srgb
from segment.loader.decoders.heif_pictures import (
    PictureProperties,
    find_coded_pictures,
    read_properties,
    require_no_zeros,
)
from segment.loader.decoders.isobmff import find_box, get_size, require_complete
from segment.loader.decoders.orientation import apply_orientation
from segment.loader.decoders.pillow_plugins import decode_with_plugin, load_plugin
from segment.loader.read_options import ReadOptions

__all__ = ["decode_avif"]

_BLOCK = 128  # pixels a side of the largest block of AV1


def decode_avif(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode the main picture of an AVIF; see :data:`segment.loader.loader.Decoder`. A truncated file is refused."""
    require_complete(stream, "AVIF")
    require_no_zeros(stream, "AVIF")
    properties = read_properties(stream)
    check_size(properties.width, properties.height, options.max_pixels)
    notes = _check_coded_sizes(stream, options.max_pixels) + _describe_crop(properties)
    # imagecodecs would decode all pictures of a film at once.
    if find_box(stream, b"moov", 0, get_size(stream)) is not None:
        return _decode_film(stream, options, notes)
    import imagecodecs

    if not imagecodecs.AVIF.available:
        raise ImageError("AVIF is not among the formats of this imagecodecs. Install it with pip, or save it as PNG.")
    array = imagecodecs.avif_decode(read_all_bytes(stream, "AVIF"))
    if array.ndim > 3:
        array = array[0]
    white = float(2 ** (properties.bits or 16) - 1) if array.dtype.itemsize == 2 else None
    colors = convert_to_srgb(array, properties.profile, keep_profile=options.keep_profile, white=white)
    if properties.color_note and not options.keep_profile:
        notes = (*notes, properties.color_note)
    upright = apply_orientation(colors.array, properties.orientation)
    has_alpha = True if array.ndim == 3 and array.shape[2] in (2, 4) else None
    return Image.from_array(upright, white=colors.white, notes=colors.notes + notes, alpha=has_alpha)


def _check_coded_sizes(stream: BinaryIO, max_pixels: int) -> tuple[str, ...]:
    """Refuse pictures that are not as large as the file says, to which the decoder scales them, or note it."""
    notes: tuple[str, ...] = ()
    for picture in find_coded_pictures(stream):
        stream.seek(picture.begin)
        coded = read_av1_size(stream.read(MAX_HEADER_BYTES))
        if coded is None:
            continue
        check_size(*coded, max_pixels)
        claimed = picture.width, picture.height
        if coded == claimed or picture.has_layers:
            continue
        sizes = f"{claimed[0]} x {claimed[1]} pixels, and its picture has {coded[0]} x {coded[1]}"
        # Some encoders fill up the last blocks.
        if not all(0 <= a - b < _BLOCK for a, b in zip(coded, claimed, strict=True)):
            raise ImageError(f"the AVIF file is damaged; it claims {sizes}. Fetch or export it again.")
        notes = (f"the file claims {sizes}; it is scaled",)
    return notes


def _describe_crop(properties: PictureProperties) -> tuple[str, ...]:
    """Note that the file asks for a part of its picture, which some programs show and others do not: all counts."""
    if len(properties.clap) < 16:
        return ()
    width, width_divisor, height, height_divisor = struct.unpack_from(">4I", properties.clap)
    shown = round(width / max(width_divisor, 1)), round(height / max(height_divisor, 1))
    full = properties.width, properties.height
    if shown == full or not all(0 < part <= whole for part, whole in zip(shown, full, strict=True)):
        return ()  # nor is a part asked for where the numbers are wrong
    sizes = f"{shown[0]} x {shown[1]} of its {full[0]} x {full[1]} pixels"
    return (f"the file asks to show {sizes}; all are used. Give --crop to use a part",)


def _decode_film(stream: BinaryIO, options: ReadOptions, notes: tuple[str, ...]) -> Image:
    """Decode the first picture of a film, where Pillow can (from version 11.3 on)."""
    try:
        from PIL import AvifImagePlugin

        is_supported = AvifImagePlugin.SUPPORTED
    except ImportError:  # before version 11.3
        is_supported = False
    if not is_supported:
        raise ImageError("an animated AVIF is read with Pillow 11.3 or later; got an earlier one. Update Pillow.")
    plugin = load_plugin("AvifImagePlugin", "AvifImageFile")
    return decode_with_plugin(stream, plugin, replace(options, allow_truncated=False), notes)
