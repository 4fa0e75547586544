"""Decode HEIC with pillow-heif, which the extra `heif` of this package installs."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from segment.core.errors import DependencyError, ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, describe_other_frames, read_all_bytes
from segment.loader.decoders.color_profile import convert_to_srgb
from segment.loader.decoders.heif_pictures import read_properties, require_no_zeros
from segment.loader.decoders.isobmff import require_complete
from segment.loader.decoders.orientation import apply_orientation
from segment.loader.read_options import ReadOptions

__all__ = ["decode_heic"]


def decode_heic(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode the main picture of a HEIC file, or of another HEIF file that libheif reads.

    See :data:`segment.loader.loader.Decoder`. A truncated file is refused.
    """
    require_complete(stream, "HEIC")
    require_no_zeros(stream, "HEIC")
    try:
        import pillow_heif
    except ImportError as error:
        raise DependencyError(
            f"HEIC is read with the library pillow-heif; it cannot be imported ({error}). "
            "Run: pip install 'gmm-segment[heif]'."
        ) from error
    file = pillow_heif.open_heif(
        read_all_bytes(stream, "HEIC"), convert_hdr_to_8bit=False, hdr_to_16bit=False, bgr_mode=False
    )
    # Nothing is decoded yet.
    picture, properties = file[file.primary_index], read_properties(stream)
    width, height = picture.size
    check_size(width, height, options.max_pixels)
    if picture.mode.endswith(("a", "a;16")):
        raise ImageError("the colors of the HEIC file are multiplied with alpha. Save it as PNG.")
    try:
        array = np.array(picture)  # a copy: some versions free the memory of a picture with it
    except (OSError, RuntimeError, ValueError) as error:
        raise ImageError(
            "the HEIC file is damaged; its picture cannot be decoded. Fetch or export it again."
        ) from error
    info: dict[str, Any] = picture.info
    bits = int(info.get("bit_depth") or 8)
    white = float(2**bits - 1) if array.dtype == np.uint16 else None
    colors = convert_to_srgb(array, properties.profile, keep_profile=options.keep_profile, white=white)
    notes: tuple[str, ...] = (properties.color_note,) if properties.color_note and not options.keep_profile else ()
    notes = (*describe_other_frames(len(file)), *colors.notes, *notes)
    # libheif has turned the picture as the file says. EXIF data repeat that; where they alone say it, they count.
    orientation = 1 if properties.orientation else _read_exif_orientation(info.get("exif"))
    upright = apply_orientation(colors.array, orientation)
    if orientation != 1:
        notes += ("the picture is turned as its EXIF data say; other programs may not turn it",)
    has_alpha = True if array.ndim == 3 and array.shape[2] in (2, 4) else None
    return Image.from_array(upright, white=colors.white, notes=notes, alpha=has_alpha)


def _read_exif_orientation(exif: bytes | None) -> int:
    """Read the orientation from EXIF data; 1 if there is none or the data are damaged."""
    from PIL import Image as PillowImage

    try:
        data = PillowImage.Exif()
        data.load(exif or b"")
        value = data.get(0x0112, 1)
    except Exception:  # damaged metadata of any kind must not prevent reading the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
