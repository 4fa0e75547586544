"""Decode JPEG, PNG, WebP, GIF and BMP with Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.checks import (
    TRUNCATED_NOTE,
    TruncatedError,
    check_size,
    describe_page,
    read_all_bytes,
    select_page,
)
from segment.loader.decoders.frame_count import MAX_FRAMES, count_gif_frames
from segment.loader.decoders.jpeg import (
    JpegLayout,
    check_jpeg,
    copy_first_scan,
    fills_first_scan,
    fills_picture,
    hide_end,
    read_layout,
)
from segment.loader.decoders.picture_size import read_webp_size
from segment.loader.decoders.pillow_plugins import (
    Plugin,
    PluginSource,
    allow_truncated_files,
    decode_with_plugin,
    lift_pixel_limit,
    load_plugin,
    read_with_plugin,
)
from segment.loader.decoders.png import check_chunks, copy_essential_chunks, has_profile
from segment.loader.decoders.webp import require_no_gap
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from segment.core.image import Image

__all__ = ["decode_bmp", "decode_dib", "decode_gif", "decode_jpeg", "decode_png", "decode_webp"]

# All of a WebP file is read at once. 268 megapixels, the most that the format allows, fit into as many bytes.
MAX_WEBP_BYTES = 1 << 30

_RUN_LENGTHS = (b"\1\0\0\0", b"\2\0\0\0")  # compressions of a BMP


def decode_jpeg(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a JPEG, or the first picture of an MPO; see :data:`segment.loader.loader.Decoder`."""
    plugin = load_plugin("JpegImagePlugin", "jpeg_factory")
    try:
        return _decode_complete_jpeg(stream, plugin, options)
    except TruncatedError:
        if not options.allow_truncated:
            raise
        with allow_truncated_files(True):
            return read_with_plugin(PluginSource(stream, plugin, options), (TRUNCATED_NOTE,), is_truncated=True)


def _decode_complete_jpeg(stream: BinaryIO, plugin: Plugin, options: ReadOptions) -> Image:
    """Decode a JPEG; raise a TruncatedError if a part of it is missing."""
    layout = read_layout(stream)
    if layout is None:
        return decode_with_plugin(stream, plugin, options)
    check_jpeg(layout, stream.seek(0, os.SEEK_END), options.max_pixels)
    copies = hide_end(stream, layout)
    if not copies:
        return _decode_with_all_scans(stream, layout, plugin, options)
    # Without the end marker Pillow tells that data are missing.
    with allow_truncated_files(True):
        if len(copies) > 1 and fills_picture(plugin(copies[1])):
            raise TruncatedError("a part of it is zeros")
        return read_with_plugin(PluginSource(copies[0], plugin, options), (), is_truncated=False, is_marked=True)


def _decode_with_all_scans(stream: BinaryIO, layout: JpegLayout, plugin: Plugin, options: ReadOptions) -> Image:
    """Decode a JPEG as it is; raise a TruncatedError if the data of its first scan end before the picture does."""
    scan = copy_first_scan(stream, layout)
    if not scan:
        return decode_with_plugin(stream, plugin, options)
    # The check takes nearly as long as decoding, so another thread does it, where one can be started.
    check: Callable[[], bool] = partial(fills_first_scan, scan, layout, plugin)
    with ThreadPoolExecutor(1) as pool:
        with suppress(RuntimeError):
            check = pool.submit(check).result
        try:
            image = decode_with_plugin(stream, plugin, options)
        except Exception:  # Pillow raises many kinds for damaged data
            if not check():
                raise TruncatedError from None
            raise
    if not check():
        raise TruncatedError
    return image


def decode_png(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a PNG, or the first picture of an animated one; see :data:`segment.loader.loader.Decoder`."""
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
    """Decode one picture of a GIF; see :data:`segment.loader.loader.Decoder`.

    It is the whole canvas; what the picture does not cover is not valid.
    """
    frames = count_gif_frames(stream)
    if frames == 0:
        raise ImageError("the GIF file holds no picture. Export it again.")
    notes = describe_page(select_page(options.page, frames), frames, at_least=frames >= MAX_FRAMES)
    plugin = load_plugin("GifImagePlugin", "GifImageFile")
    return decode_with_plugin(stream, plugin, options, notes)


def decode_bmp(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a Windows bitmap; see :data:`segment.loader.loader.Decoder`."""
    plugin = load_plugin("BmpImagePlugin", "BmpImageFile")
    stream.seek(30)
    if stream.read(4) in _RUN_LENGTHS:  # Pillow reads them one by one
        stream = io.BytesIO(read_all_bytes(stream, "BMP"))
    return decode_with_plugin(stream, plugin, options)


def decode_dib(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a Windows bitmap without a file header; see :data:`segment.loader.loader.Decoder`."""
    plugin = load_plugin("BmpImagePlugin", "DibImageFile")
    return decode_with_plugin(stream, plugin, options)


def decode_webp(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a WebP, or one picture of an animated one; see :data:`segment.loader.loader.Decoder`.

    A truncated file is refused: libwebp decodes complete files only.
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
