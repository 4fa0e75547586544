"""TIFF: layouts, compressions and tiles."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
import tifffile
from encoded_images import GRAY, GRAY16, RGB, RGB16, assert_same_picture, encode_tiff, encode_with_pillow

from segment.core.errors import ImageError
from segment.loader.loader import load_image


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"compression": "deflate", "predictor": 2}])
@pytest.mark.parametrize("array", [GRAY, RGB, GRAY16, RGB16], ids=["g8", "c8", "g16", "c16"])
def test_byte_orders_and_compressions(tmp_path, array, options, big, order):
    path = tmp_path / "a.tif"
    photometric = "rgb" if array.ndim == 3 else "minisblack"
    tifffile.imwrite(path, array, byteorder=order, bigtiff=big, photometric=photometric, **options)
    image = load_image(path)
    assert_same_picture(image, RGB if array.ndim == 3 else GRAY, 0)
    assert image.pixels.dtype == array.dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"tile": (16, 16), "compression": "deflate"}])
def test_planes_and_tiles(tmp_path, dtype, options):
    array = RGB if dtype == np.uint8 else RGB16
    for name, data, layout in (("p", np.moveaxis(array, 2, 0), "separate"), ("c", array, "contig")):
        tifffile.imwrite(tmp_path / name, data, photometric="rgb", planarconfig=layout, **options)
        assert_same_picture(load_image(tmp_path / name), RGB, 0)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_white_is_zero(tmp_path, dtype, compression):
    array = 255 - GRAY if dtype == "u1" else 65535 - GRAY16
    tifffile.imwrite(tmp_path / "w.tif", array, photometric="miniswhite", compression=compression)
    assert_same_picture(load_image(tmp_path / "w.tif"), GRAY, 0)


@pytest.mark.parametrize("compression", [None, "group3", "group4", "tiff_ccitt"])
def test_1_bit_is_gray(write_file, compression):
    data = encode_with_pillow(PIL.Image.fromarray(GRAY > 100), "TIFF", compression=compression)
    assert_same_picture(load_image(write_file(data)), (GRAY > 100) * 255, 0)


@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8-bit", "16-bit"])
def test_giant_tile_is_refused(write_file, array):
    stream = io.BytesIO(encode_tiff(array, tile=(16, 16), compression="lzw"))
    with tifffile.TiffFile(stream) as file:
        offsets = [file.pages[0].tags[code].valueoffset for code in (322, 323)]
    data = bytearray(stream.getvalue())
    for offset in offsets:
        data[offset : offset + 2] = struct.pack("<H", 60_000)
    with pytest.raises(ImageError, match="a TIFF tile holds at most 200000000 pixels; got 3600000000"):
        load_image(write_file(bytes(data)))
