"""Decode JPEG, PNG, WebP, GIF and BMP, and for other modules any format, with Pillow.

The plugin classes are called directly: ``Image.open`` would import every format, and its own limit on the number of
pixels is a global of the host program. Nothing here needs NumPy until a picture is decoded.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.checks import (
    TRUNCATED_NOTE,
    TruncatedError,
    check_canvas,
    check_size,
    describe_other_frames,
    describe_page,
    read_all_bytes,
    select_page,
)
from segment.loader.decoders.frame_count import MAX_FRAMES, count_gif_frames
from segment.loader.decoders.jpeg import check_jpeg, fills_picture, has_first_scan, hide_end, read_layout
from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.decoders.picture_size import read_webp_size
from segment.loader.decoders.png import (
    check_chunks,
    check_png,
    copy_essential_chunks,
    has_all_pixels,
    has_profile,
    read_color_codes,
)
from segment.loader.decoders.webp import require_no_gap
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from PIL import ImageFile
    from PIL.Image import Image as PillowImage

    from segment.core.image import Image

__all__ = [
    "allow_truncated_files",
    "decode_bmp",
    "decode_dib",
    "decode_gif",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "decode_with_plugin",
    "lift_pixel_limit",
    "load_plugin",
]

# All of a WebP file is read at once. 268 megapixels, the most that the format allows, fit into as many bytes.
MAX_WEBP_BYTES = 1 << 30

_RUN_LENGTHS = (b"\1\0\0\0", b"\2\0\0\0")  # compressions of a BMP

Plugin = Callable[[BinaryIO], "ImageFile.ImageFile"]


def decode_jpeg(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a JPEG, or the first picture of an MPO.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions

    Returns
    -------
    Image
        The picture, upright.
    """
    plugin = load_plugin("JpegImagePlugin", "jpeg_factory")
    try:
        image = _decode_jpeg_without_end(stream, plugin, options)
    except TruncatedError:
        if not options.allow_truncated:
            raise
        with allow_truncated_files(True):
            return _read(_Source(stream, plugin, options), (TRUNCATED_NOTE,), is_truncated=True)
    return decode_with_plugin(stream, plugin, options) if image is None else image


def _decode_jpeg_without_end(stream: BinaryIO, plugin: Plugin, options: ReadOptions) -> Image | None:
    """Decode a JPEG without its end, so that a missing part shows; None where it has to be read as it is."""
    layout = read_layout(stream)
    if layout is None:
        return None
    check_jpeg(layout, stream.seek(0, os.SEEK_END), options.max_pixels)
    if not has_first_scan(stream, layout, plugin):
        raise TruncatedError
    copies = hide_end(stream, layout)
    if not copies:
        return None
    with allow_truncated_files(True):
        if len(copies) > 1 and fills_picture(plugin(copies[1])):
            raise TruncatedError("a part of it is zeros")
        return _read(_Source(copies[0], plugin, options), (), is_truncated=False, is_marked=True)


def decode_png(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a PNG, or the first picture of an animated one.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions

    Returns
    -------
    Image
        The picture, upright; 16-bit files keep their depth.
    """
    plugin = load_plugin("PngImagePlugin", "PngImageFile")
    check_chunks(stream)
    try:
        return decode_with_plugin(stream, plugin, options)
    except ImageError:
        raise
    except Exception:  # damaged metadata of any kind must not prevent reading the pixels
        from segment.loader.decoders.color_profile import DAMAGED_PROFILE

        profile = DAMAGED_PROFILE if has_profile(stream) else None
        copy = copy_essential_chunks(stream, options.max_pixels)
        return decode_with_plugin(copy, plugin, options, profile=profile)


def decode_gif(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode one picture of a GIF.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions

    Returns
    -------
    Image
        The whole canvas; what the picture does not cover is not valid.
    """
    frames = count_gif_frames(stream)
    if frames == 0:
        raise ImageError("the GIF file holds no picture. Export it again.")
    notes = describe_page(select_page(options.page, frames), frames, at_least=frames >= MAX_FRAMES)
    plugin = load_plugin("GifImagePlugin", "GifImageFile")
    return decode_with_plugin(stream, plugin, options, notes)


def decode_bmp(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a Windows bitmap.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions

    Returns
    -------
    Image
        The picture.
    """
    plugin = load_plugin("BmpImagePlugin", "BmpImageFile")
    stream.seek(30)
    if stream.read(4) in _RUN_LENGTHS:  # Pillow reads them one by one
        stream = io.BytesIO(read_all_bytes(stream, "BMP"))
    return decode_with_plugin(stream, plugin, options)


def decode_dib(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a Windows bitmap without a file header.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions

    Returns
    -------
    Image
        The picture.
    """
    plugin = load_plugin("BmpImagePlugin", "DibImageFile")
    return decode_with_plugin(stream, plugin, options)


def decode_webp(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a WebP, or one picture of an animated one.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions
        A truncated file is refused in any case: libwebp decodes complete files only.

    Returns
    -------
    Image
        The picture, upright.
    """
    stream.seek(0)
    head = stream.read(30)
    check_size(*read_webp_size(head), options.max_pixels)
    size = int.from_bytes(head[4:8], "little") + 8
    if size > MAX_WEBP_BYTES:
        raise ImageError(f"a WebP file has at most {MAX_WEBP_BYTES} bytes; got {size}. Export it again.")
    stream.seek(0)
    data = stream.read(size)
    if len(data) < size:
        raise ImageError(f"the WebP file is truncated; {len(data)} of {size} bytes are there. Fetch it again.")
    plugin = load_plugin("WebPImagePlugin", "WebPImageFile")
    with lift_pixel_limit():
        require_no_gap(data, options.max_pixels)
        return decode_with_plugin(io.BytesIO(data), plugin, options)


def load_plugin(module: str, name: str) -> Plugin:
    """Import what opens one format in Pillow.

    Parameters
    ----------
    module, name : str
        Module in ``PIL``, and its class or function.

    Returns
    -------
    callable
        It makes a picture of a stream.
    """
    plugin: Plugin = getattr(import_module(f"PIL.{module}"), name)
    return plugin


@contextmanager
def allow_truncated_files(allowed: bool) -> Iterator[None]:
    """Set for a block whether Pillow fills up truncated files or refuses them.

    Nothing else touches this switch of Pillow. The host program's own setting comes back afterwards.

    Parameters
    ----------
    allowed : bool
        Whether Pillow fills up the missing part.
    """
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = allowed
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextmanager
def lift_pixel_limit() -> Iterator[None]:
    """Set for a block that Pillow has no limit of its own on the pixels of an image, which has been checked."""
    from PIL import Image as PillowModule

    before = PillowModule.MAX_IMAGE_PIXELS
    PillowModule.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        PillowModule.MAX_IMAGE_PIXELS = before


def decode_with_plugin(
    stream: BinaryIO,
    plugin: Plugin,
    options: ReadOptions,
    notes: tuple[str, ...] = (),
    *,
    profile: bytes | None = None,
) -> Image:
    """Decode a complete file with Pillow, or where that is allowed and needed, a truncated one.

    Parameters
    ----------
    stream : binary file
        It is moved.
    plugin : callable
        What makes a picture of Pillow from a stream.
    options : ReadOptions
    notes : tuple of str
        The first notes of the image.
    profile : bytes, optional
        A color profile that Pillow does not find.

    Returns
    -------
    Image
        The picture, upright.

    Raises
    ------
    ImageError
        If the file is damaged, truncated or too large.
    """
    source = _Source(stream, plugin, options, profile)
    try:
        with allow_truncated_files(False):
            return _read(source, notes, is_truncated=False)
    except (OSError, SyntaxError, EOFError) as error:
        if "truncated" not in str(error).lower():
            raise
        if not options.allow_truncated:
            raise TruncatedError from error
    # Not before the file is known to be truncated: the switch hides other damage as well, such as a wrong checksum.
    with allow_truncated_files(True):
        return _read(source, (*notes, TRUNCATED_NOTE), is_truncated=True)


@dataclass(frozen=True)
class _Source:
    """A file, how Pillow opens it, and how it is to be read."""

    stream: BinaryIO
    plugin: Plugin
    options: ReadOptions
    profile: bytes | None = None  # one that Pillow does not find


def _read(source: _Source, notes: tuple[str, ...], *, is_truncated: bool, is_marked: bool = False) -> Image:
    """Open, check, decode and convert the picture."""
    picture, n_frames, box = _load_picture(source, is_truncated=is_truncated, is_marked=is_marked)
    # Import NumPy as late as possible: another thread may still be loading it while Pillow decodes.
    from segment.core.image import Image
    from segment.core.pixel_arrays import describe_transparent
    from segment.loader.decoders.color_profile import convert_cmyk_picture, convert_to_srgb, get_profile
    from segment.loader.decoders.declared_colors import describe_declared_colors
    from segment.loader.decoders.pillow_arrays import convert_to_arrays, finish_png, mask_outside

    stream, options, format_ = source.stream, source.options, picture.format
    orientation = read_orientation(picture)
    profile = None if options.keep_profile else get_profile(picture) if source.profile is None else source.profile
    if picture.mode == "CMYK":
        picture, profile_notes = convert_cmyk_picture(picture, profile)
        notes, profile = (*notes, *profile_notes), None
    array, valid = convert_to_arrays(picture)
    if format_ == "PNG":
        array, valid = finish_png(stream, picture, array, valid, is_truncated)
    if format_ == "GIF":
        valid = mask_outside(box, valid)
    elif format_ != "MPO":  # its other pictures are the camera's own previews
        others = describe_page(options.page, n_frames) if format_ == "WEBP" else describe_other_frames(n_frames)
        notes = others + notes
    del picture  # frees its copy of the pixels
    notes += describe_transparent(valid)
    if format_ == "PNG" and profile is None and not options.keep_profile:
        profile, color_notes = describe_declared_colors(*read_color_codes(stream))
        notes += color_notes
    colors = convert_to_srgb(array, profile)
    upright, upright_valid = apply_orientation(colors.array, orientation), apply_orientation(valid, orientation)
    has_alpha = True if array.ndim == 3 and array.shape[2] in (2, 4) else None
    return Image.from_array(
        upright, valid=upright_valid, white=colors.white, notes=notes + colors.notes, alpha=has_alpha
    )


def _load_picture(
    source: _Source, *, is_truncated: bool, is_marked: bool
) -> tuple[PillowImage, int, tuple[int, int, int, int]]:
    """Open, check and decode the picture; return the number of pictures in the file too, and the box that it covers."""
    stream, options = source.stream, source.options
    stream.seek(0)
    picture: PillowImage = source.plugin(stream)
    check_size(picture.width, picture.height, options.max_pixels)
    format_ = picture.format
    # Pictures of a GIF have been counted, faster than Pillow does.
    n_frames = options.page if format_ == "GIF" else int(getattr(picture, "n_frames", 1))
    if options.page > 1:
        picture.seek(select_page(options.page, n_frames) - 1)
    # Later pictures of an animation lie over the first one.
    tile = getattr(picture, "tile", None) if options.page == 1 else None
    box = tile[0][1] if tile and tile[0][1] else (0, 0, *picture.size)
    if format_ == "PNG":
        check_png(stream)
    if format_ == "GIF":
        check_canvas(box, picture.size)
    if format_ == "PNG" and not is_truncated:
        # A row may look like the mark, and the only row of an interlaced picture is decoded in parts.
        if not (fills_picture(picture) and picture.height > 1) and not has_all_pixels(stream):
            raise OSError("the picture is truncated")
    elif not is_marked:
        picture.load()
    elif not fills_picture(picture):
        raise TruncatedError
    return picture, n_frames, box
