"""TIFF: layouts, compressions and tiles."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
import tifffile
from encoded_images import GRAY, GRAY16, RGB, RGB16, assert_same_picture, encode_tiff, encode_with_pillow

from segment.core.errors import ImageError, SettingsError
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


def write_pages(path, kinds, **options):
    """Write pages of the kinds, each of its own gray; masks leave out the first ten columns."""
    with tifffile.TiffWriter(path) as file:
        for number, kind in enumerate(kinds):
            shape = (15, 20) if kind & 1 else (30, 40)
            values = np.full(shape, 20 * number + 10, np.uint8)
            if kind & 4:
                values = np.broadcast_to(np.arange(shape[1]) >= 10, shape)
            file.write(
                values, subfiletype=kind, photometric="mask" if kind & 4 else "minisblack", metadata=None, **options
            )


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
def test_overviews_are_no_pages(tmp_path, compression):
    write_pages(tmp_path / "o.tif", [0, 1, 1], compression=compression)
    image = load_image(tmp_path / "o.tif")
    assert (image.pixels == 10).all()
    assert image.notes == ()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("array", [RGB, GRAY16])
def test_picture_in_a_subpage_of_its_copy_is_the_image(tmp_path, array, big):
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=big) as file:
        file.write(array[::4, ::4], subfiletype=1, subifds=2, metadata=None)
        file.write(array[::2, ::2], subfiletype=1, metadata=None)
        file.write(array, compression="zlib", metadata=None)
    image = load_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, array)
    assert image.notes == ()


def test_copy_that_stands_first_is_not_the_image(tmp_path):
    write_pages(tmp_path / "o.tif", [1, 0])
    image = load_image(tmp_path / "o.tif")
    assert image.pixels.shape == (30, 40)
    assert (image.pixels == 30).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [(), (1,)])
def test_mask_in_the_file_leaves_pixels_out(tmp_path, dtype, bands):
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        options = {"photometric": "minisblack", "metadata": None}
        file.write(np.full((30, 40), 7, dtype), extratags=[(274, "H", 1, 3, True)], **options)
        mask = np.ones((30, 40), bool)
        mask[:10] = False
        file.write(mask, subfiletype=4, photometric="mask", metadata=None)
    image = load_image(tmp_path / "m.tif", bands=bands)
    assert image.valid.mean() == pytest.approx(2 / 3)
    assert not image.valid[20:].any()  # the picture stands upside down in the file
    assert image.notes[0] == "33.3 % of the pixels are masked in the file: they get no label"


def test_each_page_has_the_mask_that_follows_it(tmp_path):
    write_pages(tmp_path / "m.tif", [0, 0, 4, 5, 0])
    assert [load_image(tmp_path / "m.tif", page=page).valid.mean() for page in (1, 2, 3)] == [1, 0.75, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_page_is_chosen_and_told(tmp_path, dtype):
    stack = np.stack([np.full((30, 40), value, dtype) for value in (5, 6, 7)])
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    for page in (1, 2, 3):
        image = load_image(tmp_path / "s.tif", page=page)
        assert (image.pixels == 4 + page).all()
        assert image.notes[0] == f"page {page} of 3 is used; --page takes another"
    with pytest.raises(SettingsError, match=r"s\.tif: page \(--page\): a page of the file, 1 to 3; got 4"):
        load_image(tmp_path / "s.tif", page=4)
