"""Pictures in files of boxes (AVIF, HEIC, JPEG 2000, JPEG XL) for the tests of the loader."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageOps

# A smooth picture, which lossy formats keep within a few levels; each corner has a color of its own.
_ROWS, _COLUMNS = np.mgrid[0:40, 0:60]
SMOOTH = np.stack([_COLUMNS * 4, _ROWS * 6, 255 - _COLUMNS * 2 - _ROWS * 2], axis=2).astype(np.uint8)


def make_box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def turn(pixels, orientation):
    """Turn an array upright with Pillow, by the meaning of the EXIF orientation."""
    picture = PIL.Image.fromarray(pixels)
    picture.getexif()[274] = orientation
    return np.asarray(PIL.ImageOps.exif_transpose(picture))


def make_exif(orientation):
    exif = PIL.Image.Exif()
    exif[274] = orientation
    return exif


def encode_heic(pixels, **options):
    """Encode an array as HEIC; the test is skipped where pillow-heif is not installed."""
    import pytest

    library = pytest.importorskip("pillow_heif", reason="the extra [heif] is not installed")
    library.options.QUALITY = 95
    stream = io.BytesIO()
    picture = pixels if isinstance(pixels, library.HeifFile) else library.from_pillow(PIL.Image.fromarray(pixels))
    picture.save(stream, quality=-1 if options.pop("lossless", False) else 95, **options)
    return stream.getvalue()


def measure_difference(image, expected):
    """The mean difference of an image from pixels of 8 bits, in their units."""
    assert image.pixels.shape == expected.shape
    return np.abs(image.pixels * (255 / image.white) - expected).mean()
