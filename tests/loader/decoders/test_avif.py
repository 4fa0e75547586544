"""AVIF: the picture at its depth, upright, in sRGB; damaged files give one line."""

from __future__ import annotations

import io
import struct
from importlib.util import find_spec

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from box_files import SMOOTH, make_box, make_exif, measure_difference, turn
from color_profiles import WIDE_RGB, convert_from_srgb

from segment.core.errors import ImageError
from segment.loader.loader import load_image

HAS_PILLOW_AVIF = find_spec("PIL.AvifImagePlugin") is not None
needs_pillow = pytest.mark.skipif(not HAS_PILLOW_AVIF, reason="this Pillow writes no AVIF (11.3 and later do)")


def encode_avif(pixels, **options):
    return bytes(imagecodecs.avif_encode(pixels, level=95, speed=9, **options))


def encode_with_pillow(pixels, **options):
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, "AVIF", quality=95, speed=9, **options)
    return stream.getvalue()


@pytest.mark.parametrize("pixels", [SMOOTH, SMOOTH[..., 0].copy()], ids=["rgb", "gray"])
def test_picture_is_read(write_file, pixels):
    image = load_image(write_file(encode_avif(pixels)))
    assert image.pixels.dtype == np.uint8
    assert measure_difference(image, pixels) < 3
    assert image.notes == ()


@pytest.mark.parametrize("bits", [10, 12])
def test_depth_is_kept(write_file, bits):
    deep = (SMOOTH.astype(np.uint16) * 257) >> (16 - bits)
    image = load_image(write_file(encode_avif(deep, bitspersample=bits)))
    assert image.pixels.dtype == np.uint16
    assert image.white == 2**bits - 1
    assert measure_difference(image, SMOOTH) < 3


def test_transparent_pixels_are_not_valid(write_file):
    alpha = np.broadcast_to(np.where(np.arange(60) < 30, 0, 255).astype(np.uint8), (40, 60))
    image = load_image(write_file(encode_avif(np.dstack([SMOOTH, alpha]))))
    assert image.pixels.shape == SMOOTH.shape
    np.testing.assert_array_equal(image.valid[:, [0, 20, 40, 59]], [[False, False, True, True]] * 40)


@needs_pillow
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(write_file, orientation):
    image = load_image(write_file(encode_with_pillow(SMOOTH, exif=make_exif(orientation))))
    assert measure_difference(image, turn(SMOOTH, orientation)) < 3


@needs_pillow
def test_profile_is_converted(write_file):
    path = write_file(encode_with_pillow(convert_from_srgb(SMOOTH, WIDE_RGB), icc_profile=WIDE_RGB))
    image = load_image(path)
    assert "Scanner 7" in image.notes[0]
    assert measure_difference(image, SMOOTH) < measure_difference(load_image(path, keep_profile=True), SMOOTH)


def add_crop(data, width, height):
    """Let an AVIF with one picture ask for a part of it (clean aperture)."""
    clap = make_box(b"clap", struct.pack(">8i", width, 1, height, 1, 0, 1, 0, 1))
    container, entries = (data.index(kind) - 4 for kind in (b"ipco", b"ipma"))
    (size,) = struct.unpack_from(">I", data, container)
    (length,) = struct.unpack_from(">I", data, entries)
    listed = bytearray(data[entries : entries + length])
    listed[18] += 1  # properties of the only picture
    parts = [data[: container + size], clap, data[container + size : entries], listed, bytes((0x80 | listed[18],))]
    out, more = bytearray(b"".join(parts) + data[entries + length :]), len(clap) + 1
    for at, n in [
        *((container, len(clap)), (entries + len(clap), 1)),
        *((data.index(kind) - 4, more) for kind in (b"iprp", b"meta")),
        (out.index(b"iloc") + 18, more),  # where the picture begins
    ]:
        struct.pack_into(">I", out, at, struct.unpack_from(">I", out, at)[0] + n)
    return bytes(out)


@pytest.mark.parametrize(
    ("size", "notes"),
    [
        ((30, 20), ("the file asks to show 30 x 20 of its 60 x 40 pixels; all are used. Give --crop to use a part",)),
        ((60, 40), ()),
        ((0, 20), ()),
    ],
)
def test_a_part_that_is_to_be_shown_is_said(write_file, size, notes):
    image = load_image(write_file(add_crop(encode_avif(SMOOTH), *size)))
    assert image.pixels.shape == SMOOTH.shape
    assert image.notes == notes


def test_first_picture_of_a_film_is_used_or_the_remedy_named(write_file):
    path = write_file(encode_avif(np.stack([SMOOTH, 255 - SMOOTH, SMOOTH])))
    if HAS_PILLOW_AVIF:
        image = load_image(path)
        assert measure_difference(image, SMOOTH) < 3
        assert image.notes == ("only the first frame is used: the file holds 2 more",)
    else:
        with pytest.raises(ImageError, match=r"Pillow 11\.3 or later; .* Update Pillow\."):
            load_image(path)


def test_too_many_pixels_are_refused_without_decoding(write_file):
    path = write_file(encode_avif(SMOOTH))
    assert load_image(path, max_pixels=2400).width == 60
    with pytest.raises(ImageError, match="got 60 x 40 = 2400"):
        load_image(path, max_pixels=2399)


@pytest.mark.parametrize("allow", [False, True])
def test_truncated_and_damaged_files_give_one_line(write_file, allow):
    data = encode_avif(SMOOTH)
    for size in (60, len(data) // 2, len(data) - 1):
        with pytest.raises(ImageError, match=rf"the AVIF file is truncated; {size} of \d+ bytes are there\. Fetch it"):
            load_image(write_file(data[:size]), allow_truncated=allow)
    head = make_box(b"ftyp", b"avif\0\0\0\0avif")
    for bad in (head, head + make_box(b"meta", bytes(40)), data[:-40] + bytes(40)):
        with pytest.raises(ImageError, match=r"bin: the [^\n]*damaged[^\n]*$"):
            load_image(write_file(bad), allow_truncated=allow)


@pytest.mark.parametrize(("width", "height"), [(60, 80), (30, 40), (59, 39), (61, 40)])
@pytest.mark.parametrize("larger", [0, 140])
def test_another_size_than_that_of_the_picture_is_refused_or_noted(write_file, width, height, larger):
    shape = (40 + larger, 60 + larger, 3)
    data = encode_avif(np.resize(SMOOTH, shape))
    begin = data.index(b"ispe") + 8
    changed = data[:begin] + struct.pack(">II", width, height) + data[begin + 8 :]
    if not larger and width <= 60 and height <= 40:  # as encoders that fill up blocks write it
        try:
            image = load_image(write_file(changed))
        except ImageError as error:
            if "the image is damaged" not in str(error):
                raise
            pytest.skip(f"{imagecodecs.avif_version()} scales no picture")
        assert image.pixels.shape[:2] == (height, width)
        assert image.notes == (f"the file claims {width} x {height} pixels, and its picture has 60 x 40; it is scaled",)
    else:
        with pytest.raises(ImageError, match=rf"claims {width} x {height} pixels, and its picture has {shape[1]} x"):
            load_image(write_file(changed))
        if larger:
            with pytest.raises(ImageError, match="at most 10000 pixels are read; got 200 x 180"):
                load_image(write_file(changed), max_pixels=10_000)
