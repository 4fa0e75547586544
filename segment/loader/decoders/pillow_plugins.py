"""Decode a file with a plugin of Pillow, whatever its format.

The plugin classes are called directly: ``Image.open`` would import every format, and its own limit on the number of
pixels is a global of the host program. Nothing here needs NumPy until a picture is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from segment.loader.decoders.checks import (
    TRUNCATED_NOTE,
    TruncatedError,
    check_canvas,
    check_size,
    describe_other_frames,
    describe_page,
    select_page,
)
from segment.loader.decoders.jpeg import fills_picture
from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.decoders.png import check_png, has_all_pixels, read_color_codes
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from PIL import ImageFile
    from PIL.Image import Image as PillowImage

    from segment.core.image import Image

__all__ = [
    "Plugin",
    "PluginSource",
    "allow_truncated_files",
    "decode_with_plugin",
    "lift_pixel_limit",
    "load_plugin",
    "read_with_plugin",
]

# Read and decoded at a time. After each block Pillow needs Python's global lock, for which it waits up to 5 ms while
# another thread loads libraries.
MAX_BLOCK_BYTES = 1 << 24

Plugin = Callable[[BinaryIO], "ImageFile.ImageFile"]


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

    def open_picture(stream: BinaryIO) -> ImageFile.ImageFile:
        picture = plugin(stream)
        picture.decodermaxblock = MAX_BLOCK_BYTES
        return picture

    return open_picture


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
    source = PluginSource(stream, plugin, options, profile)
    try:
        with allow_truncated_files(False):
            return read_with_plugin(source, notes, is_truncated=False)
    except (OSError, SyntaxError, EOFError) as error:
        if "truncated" not in str(error).lower():
            raise
        if not options.allow_truncated:
            raise TruncatedError from error
    # Not before the file is known to be truncated: the switch hides other damage as well, such as a wrong checksum.
    with allow_truncated_files(True):
        return read_with_plugin(source, (*notes, TRUNCATED_NOTE), is_truncated=True)


@dataclass(frozen=True)
class PluginSource:
    """A file, how Pillow opens it, and how it is to be read.

    Attributes
    ----------
    stream : binary file
    plugin : callable
        What makes a picture of Pillow from a stream.
    options : ReadOptions
    profile : bytes, optional
        A color profile that Pillow does not find.
    """

    stream: BinaryIO
    plugin: Plugin
    options: ReadOptions
    profile: bytes | None = None


def read_with_plugin(
    source: PluginSource, notes: tuple[str, ...], *, is_truncated: bool, is_marked: bool = False
) -> Image:
    """Open, check, decode and convert a picture.

    Parameters
    ----------
    source : PluginSource
    notes : tuple of str
        The first notes of the image.
    is_truncated : bool
        Whether a part of the picture is known to be missing.
    is_marked : bool
        Whether the file is a copy of :func:`segment.loader.decoders.jpeg.hide_end`.

    Returns
    -------
    Image
        The picture, upright.

    Raises
    ------
    TruncatedError
        If such a copy does not fill the picture.
    """
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
    picture, profile, profile_notes = convert_cmyk_picture(picture, profile)
    notes += profile_notes
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
    source: PluginSource, *, is_truncated: bool, is_marked: bool
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
