"""Small pictures, and encoders that write them in every format, for the tests of the loader."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.loader import load_image

ROWS, COLUMNS = np.mgrid[0:24, 0:40]
GRAY = (ROWS * 10 + COLUMNS % 7).astype(np.uint8)
GRAY[0, :2] = 0, 255
RGB = np.stack([GRAY, COLUMNS * 6, 255 - GRAY], axis=2).astype(np.uint8)
ALPHA = np.where(COLUMNS < 15, 100, 200).astype(np.uint8)
RGB16, GRAY16, ALPHA16 = (array.astype(np.uint16) * 257 for array in (RGB, GRAY, ALPHA))
NOISE = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def compute_relative_values(image: Image) -> np.ndarray:
    """The pixels as shares of the range from black to white."""
    return (image.pixels.astype(float) - image.black) / (image.white - image.black)


def assert_same_picture(image, expected, tolerance=1e-3):
    assert image.pixels.shape == expected.shape
    difference = np.abs(compute_relative_values(image) - expected / 255)[image.valid]
    assert difference.max() <= tolerance


def get_error_message(path, allow):
    try:
        load_image(path, max_pixels=1_000_000, allow_truncated=allow)
    except ImageError as error:
        return str(error)
    return ""


def encode_with_pillow(array, kind, **options):
    stream = io.BytesIO()
    (array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)).save(stream, kind, **options)
    return stream.getvalue()


def encode_tiff(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, photometric="rgb", **options)
    return stream.getvalue()


def encode_png(kind, depth, raw, size, *, chunks=(), interlace=0):
    """Write a PNG by hand: chunks are (name, body), write_file before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlace)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


# Files whose truncation is recognized, by a name.
TRUNCATABLE_FILES = {
    "jpeg": lambda: encode_with_pillow(NOISE, "JPEG"),
    "progressive": lambda: encode_with_pillow(NOISE, "JPEG", progressive=True),
    "png": lambda: encode_with_pillow(NOISE, "PNG"),
    "png16": lambda: imagecodecs.png_encode(NOISE.astype(np.uint16) * 257),
    "gif": lambda: encode_with_pillow(NOISE, "GIF"),
    "bmp": lambda: encode_with_pillow(NOISE, "BMP"),
    "ppm": lambda: encode_with_pillow(NOISE, "PPM"),
    "tiff": lambda: encode_tiff(NOISE),
    "tiff16": lambda: encode_tiff(NOISE.astype(np.uint16) * 257),
    "tiff-strips": lambda: encode_tiff(NOISE, compression="lzw", rowsperstrip=8),
    "tiff-deflate": lambda: encode_tiff(NOISE, compression="deflate", rowsperstrip=64),
    "tiff-planar": lambda: encode_tiff(
        np.moveaxis(NOISE, 2, 0), planarconfig="separate", compression="lzw", rowsperstrip=8
    ),
}
