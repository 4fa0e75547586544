"""Develop camera RAW files with rawpy (LibRaw), which the extra `raw` of this package installs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from segment.core.errors import MAX_REASON, DependencyError, ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, read_all_bytes, silence_stderr
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode_camera_raw"]

# LibRaw takes a factor for red that is not above this for a white balance that is missing.
MIN_BALANCE = 1e-5

_NOTE = "the camera RAW is developed to sRGB with the camera's white balance and without automatic brightness"
_NO_BALANCE_NOTE = "the camera RAW is developed to sRGB with an automatic white balance: it holds none of the camera"


def decode_camera_raw(stream: BinaryIO, options: ReadOptions) -> Image:
    """Develop the pixels of a camera's sensor to 16-bit sRGB; previews in the file are never the image.

    See :data:`segment.loader.loader.Decoder`. A truncated file is refused, and the pixels of a sensor have no profile.
    """
    try:
        import rawpy
    except ImportError as error:
        raise DependencyError(
            f"camera RAW is read with the library rawpy; it cannot be imported ({error}). "
            "Run: pip install 'gmm-segment[raw]'."
        ) from error
    data = read_all_bytes(stream, "camera RAW")
    try:
        with silence_stderr(), rawpy.imread(io.BytesIO(data)) as raw:
            # Nothing is decoded yet.
            check_size(raw.sizes.width, raw.sizes.height, options.max_pixels)
            check_size(raw.sizes.raw_width, raw.sizes.raw_height, 2 * options.max_pixels)
            pixels: NDArray[Any] = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
            notes = (_NOTE,) if raw.camera_whitebalance[0] > MIN_BALANCE else (_NO_BALANCE_NOTE,)
    except rawpy.LibRawError as error:
        raise ImageError(_describe_error(rawpy, error)) from error
    return Image.from_array(pixels, white=65535.0, notes=notes)


def _describe_error(rawpy: Any, error: Exception) -> str:
    """Describe why LibRaw could not develop a file."""
    if isinstance(error, (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError)):
        return (
            f"LibRaw {'.'.join(map(str, rawpy.libraw_version))} does not know this camera or kind of RAW. "
            "Update rawpy, or convert it to TIFF."
        )
    reason = error.args[0] if error.args else error
    text = reason.decode("utf8", "replace") if isinstance(reason, bytes) else str(reason)
    return f"the camera RAW is damaged or truncated; LibRaw says: {text[:MAX_REASON].lower()}. Fetch it again."
