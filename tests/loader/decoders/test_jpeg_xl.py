"""JPEG XL: the picture at its depth; its header is read before anything is decoded."""

from __future__ import annotations

import io
import random

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from box_files import SMOOTH, make_box, make_exif, turn
from color_profiles import WIDE_RGB
from encoded_images import get_error_message

from segment.core.errors import ImageError
from segment.loader.decoders.jpeg_xl import read_header
from segment.loader.loader import load_image


def encode_jxl(pixels, **options):
    return bytes(imagecodecs.jpegxl_encode(pixels, **({"lossless": True, "effort": 1} | options)))


def encode_jpeg(**options):
    stream = io.BytesIO()
    PIL.Image.fromarray(SMOOTH).save(stream, "JPEG", quality=95, **options)
    return bytes(imagecodecs.jpegxl_encode_jpeg(stream.getvalue()))


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("pixels", [SMOOTH, SMOOTH[..., 0].copy()], ids=["rgb", "gray"])
def test_picture_is_read(write_file, pixels, container):
    image = load_image(write_file(encode_jxl(pixels, usecontainer=container)))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.white == 255
    assert image.notes == ()


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_depth_is_kept(write_file, bits):
    deep = (SMOOTH.astype(np.uint16) * 257) >> (16 - bits)
    data = encode_jxl(deep, bitspersample=bits)
    if read_header(io.BytesIO(data)).bits != bits:
        pytest.skip("this imagecodecs writes 16 bits in any case")
    image = load_image(write_file(data))
    np.testing.assert_array_equal(image.pixels, deep)
    assert image.white == 2**bits - 1


def test_sixteen_bits_do_not_say_how_bright_white_is(write_file):
    image = load_image(write_file(encode_jxl(SMOOTH.astype(np.uint16) * 40, bitspersample=16)))
    assert (image.white, image.is_scale_inferred) == (16383, True)


def test_floats_are_kept(write_file):
    floats = SMOOTH.astype(np.float32) / 255
    np.testing.assert_allclose(load_image(write_file(encode_jxl(floats))).pixels, floats)


@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_pixels_are_not_valid(write_file, channels):
    alpha = np.broadcast_to(np.where(np.arange(60) < 30, 0, 255).astype(np.uint8), (40, 60))
    image = load_image(write_file(encode_jxl(np.dstack([SMOOTH[..., : channels - 1], alpha]))))
    assert image.pixels.shape == (SMOOTH.shape if channels == 4 else (40, 60))
    np.testing.assert_array_equal(image.valid, alpha > 0)


def test_first_frame_of_a_film_is_used(write_file):
    image = load_image(write_file(encode_jxl(np.stack([SMOOTH, 255 - SMOOTH, SMOOTH]))))
    np.testing.assert_array_equal(image.pixels, SMOOTH)
    assert image.notes == ("only the first frame is used: the file holds at least 1 more",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(write_file, orientation):
    image = load_image(write_file(encode_jpeg(exif=make_exif(orientation))))
    expected = turn(SMOOTH, orientation)
    assert image.pixels.shape == expected.shape
    assert np.abs(image.pixels.astype(int) - expected).mean() < 3


def test_colors_that_are_not_converted_are_said(write_file):
    path = write_file(encode_jpeg(icc_profile=WIDE_RGB))
    assert "not converted" in load_image(path).notes[0]
    assert load_image(path, keep_profile=True).notes == ()
    assert load_image(write_file(encode_jpeg())).notes == ()


@pytest.mark.parametrize(("primaries", "transfer", "expected"), [(11, 13, (12, 13)), (9, 16, (9, 16)), (2, 13, (0, 0))])
def test_header_gives_the_colors(primaries, transfer, expected):
    # Each number with its bits: the size, depth and channels of the defaults, and the colors in full.
    fields = [(1, 1), (31, 5), (1, 3), (0, 1), (0, 1), (0, 1), (0, 2), (1, 1), (0, 2), (1, 1)]
    fields += [(0, 1), (0, 1), (0, 2), (1, 2), (2, 2), (primaries - 2, 4), (0, 1), (2, 2), (transfer - 2, 4)]
    number = begin = 0
    for value, n in fields:
        number, begin = number | value << begin, begin + n
    header = read_header(io.BytesIO(b"\xff\n" + number.to_bytes(20, "little")))
    assert (header.width, header.height, header.colors) == (256, 256, expected)


def test_header_gives_the_size_of_any_picture():
    numbers = np.random.default_rng(1)
    sizes = [*numbers.integers(1, 400, (60, 2)), (8, 8), (256, 256), (240, 320), (90, 160), (1, 700), (600, 1)]
    for height, width in sizes:
        header = read_header(io.BytesIO(encode_jxl(np.zeros((height, width), np.uint8))))
        assert (header.width, header.height, header.bits, header.colors) == (width, height, 8, (1, 13))


def test_codestream_in_several_boxes_is_found():
    data = encode_jxl(SMOOTH)
    parts = b"".join(make_box(b"jxlp", bytes((0, 0, 0, i)) + data[4 * i : 4 * i + 4]) for i in range(30))
    header = read_header(io.BytesIO(b"\0\0\0\x0cJXL \r\n\x87\n" + make_box(b"ftyp", b"jxl \0\0\0\0jxl ") + parts))
    assert (header.width, header.height) == (60, 40)


def test_too_many_pixels_are_refused_without_decoding(write_file):
    path = write_file(encode_jxl(SMOOTH))
    assert load_image(path, max_pixels=2400).width == 60
    with pytest.raises(ImageError, match="got 60 x 40 = 2400"):
        load_image(path, max_pixels=2399)


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize("container", [False, True])
def test_truncated_files_give_one_line(write_file, container, allow):
    data = encode_jxl(SMOOTH, usecontainer=container)
    for size in (len(data) // 2, len(data) - 1):
        with pytest.raises(ImageError, match=r"the JPEG XL file is truncated; [^\n]*Fetch it again\.$"):
            load_image(write_file(data[:size]), allow_truncated=allow)


def test_damaged_files_load_or_give_one_line(write_file):
    data, numbers = encode_jxl(SMOOTH), random.Random(3)
    for _ in range(60):
        bad = bytearray(data)
        for _ in range(3):
            bad[2 + int((len(bad) - 2) * numbers.random() ** 2)] = numbers.randrange(256)
        assert "\n" not in get_error_message(write_file(bytes(bad)), False)
    for head in (b"\xff\n", b"\xff\n\x7f", b"\0\0\0\x0cJXL \r\n\x87\n"):
        with pytest.raises(ImageError, match="the JPEG XL file is damaged"):
            load_image(write_file(head))
