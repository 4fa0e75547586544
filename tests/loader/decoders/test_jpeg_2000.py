"""JPEG 2000: the picture at its depth, with its bands; its headers are read before anything is decoded."""

from __future__ import annotations

import io
import random
import struct

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from box_files import SMOOTH, make_box
from color_profiles import WIDE_RGB, convert_from_srgb
from encoded_images import NOISE, get_error_message

from segment.core.errors import ImageError
from segment.loader.decoders.jpeg_2000 import read_codestream
from segment.loader.loader import load_image


def encode_with_pillow(picture, **options):
    stream = io.BytesIO()
    picture = picture if isinstance(picture, PIL.Image.Image) else PIL.Image.fromarray(picture)
    picture.save(stream, "JPEG2000", **options)
    return stream.getvalue()


def encode_deep(pixels, **options):
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, **options))


def embed_profile(data, profile):
    """Replace the box of colors by one with a profile."""
    at = data.index(b"jp2h") - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    boxes, place = [], at + 8
    while place < end:
        size = int.from_bytes(data[place : place + 4], "big")
        boxes.append(data[place : place + size])
        place += size
    boxes = [make_box(b"colr", b"\2\0\0" + profile) if box[4:8] == b"colr" else box for box in boxes]
    return data[:at] + make_box(b"jp2h", b"".join(boxes)) + data[end:]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("pixels", [SMOOTH, SMOOTH[..., 0].copy()], ids=["rgb", "gray"])
def test_picture_is_read(write_file, pixels, raw):
    image = load_image(write_file(encode_with_pillow(pixels, no_jp2=raw)))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.white == 255
    assert image.notes == ()


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("n", [1, 3])
def test_depth_is_kept(write_file, bits, n):
    deep = (SMOOTH.astype(np.uint16) * 257) >> (16 - bits)
    deep = deep if n == 3 else deep[..., 0].copy()
    image = load_image(write_file(encode_deep(deep, bitspersample=bits)))
    np.testing.assert_array_equal(image.pixels, deep)
    assert image.white == 2**bits - 1


def test_sixteen_bits_do_not_say_how_bright_white_is(write_file):
    # As in a TIFF, and as 'segment raster' reads it: a model of one is one of the other.
    image = load_image(write_file(encode_deep(SMOOTH.astype(np.uint16) * 40)))
    assert (image.white, image.is_scale_inferred) == (16383, True)


def test_fourth_channel_is_alpha_only_if_the_file_says_so(write_file):
    alpha = np.broadcast_to(np.where(np.arange(60) < 30, 0, 255).astype(np.uint8), (40, 60))
    four = np.dstack([SMOOTH, alpha])
    image = load_image(write_file(encode_with_pillow(four)))
    np.testing.assert_array_equal(image.valid, alpha > 0)
    assert image.pixels.shape == SMOOTH.shape
    bands = load_image(write_file(encode_deep(four)))
    assert bands.valid.all()
    np.testing.assert_array_equal(bands.pixels, four)


def test_profile_is_converted(write_file):
    data = embed_profile(encode_with_pillow(convert_from_srgb(SMOOTH, WIDE_RGB)), WIDE_RGB)
    image = load_image(write_file(data))
    kept = load_image(write_file(data), keep_profile=True)
    assert "Scanner 7" in image.notes[0]
    assert np.abs(image.pixels.astype(int) - SMOOTH).mean() < np.abs(kept.pixels.astype(int) - SMOOTH).mean() / 3


def test_header_gives_size_depth_and_completeness():
    data = encode_with_pillow(SMOOTH, no_jp2=True, tile_size=(16, 16))
    stream = read_codestream(io.BytesIO(data), 0)
    assert (stream.width, stream.height, stream.depths, stream.is_complete) == (60, 40, (8, 8, 8), True)
    assert not read_codestream(io.BytesIO(data[:-10]), 0).is_complete
    # Without its end marker, a file whose tiles are all there is complete.
    assert read_codestream(io.BytesIO(data[:-2]), 0).is_complete


def test_too_many_pixels_are_refused_without_decoding(write_file):
    data = encode_with_pillow(SMOOTH)
    assert load_image(write_file(data), max_pixels=2400).width == 60
    with pytest.raises(ImageError, match="got 60 x 40 = 2400"):
        load_image(write_file(data), max_pixels=2399)
    at = data.index(b"\xffO\xffQ") + 8
    huge = data[:at] + struct.pack(">II", 60_000, 60_000) + data[at + 8 :]
    with pytest.raises(ImageError, match="got 60000 x 60000"):
        load_image(write_file(huge))


@pytest.mark.parametrize("allow", [False, True])
@pytest.mark.parametrize(
    "encode", [encode_with_pillow, lambda pixels: encode_with_pillow(pixels[..., 0].astype(np.uint16) * 257)]
)
def test_truncated_files_give_one_line(write_file, encode, allow):
    data = encode(NOISE)
    for size in (len(data) * 2 // 3, len(data) - 10):
        with pytest.raises(ImageError, match=r"the JPEG 2000 file is truncated; the picture is incomplete\."):
            load_image(write_file(data[:size]), allow_truncated=allow)


def test_damaged_files_load_or_give_one_line(write_file, capfd):
    data, numbers = encode_with_pillow(SMOOTH), random.Random(3)
    for _ in range(60):
        bad = bytearray(data)
        for _ in range(3):
            bad[12 + int((len(bad) - 12) * numbers.random() ** 2)] = numbers.randrange(256)
        assert "\n" not in get_error_message(write_file(bytes(bad)), False)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    for head in (b"\xffO\xffQ", b"\0\0\0\x0cjP  \r\n\x87\n", data[:100]):
        with pytest.raises(ImageError, match="the JPEG 2000 file is damaged"):
            load_image(write_file(head))


def test_a_file_without_all_tiles_is_truncated(write_file):
    data = encode_with_pillow(NOISE, tile_size=(32, 32), no_jp2=True)
    assert load_image(write_file(data)).pixels.shape == NOISE.shape
    last = data.rindex(b"\xff\x90\x00\x0a")
    assert "truncated; the picture is incomplete" in get_error_message(write_file(data[:last] + b"\xff\xd9"), False)


def test_headers_that_differ_in_size_are_refused(write_file):
    data = bytearray(encode_with_pillow(SMOOTH, offset=(5, 3), tile_offset=(2, 1), tile_size=(64, 64)))
    load_image(write_file(bytes(data)))
    begin = data.index(b"\xff\x51") + 10
    struct.pack_into(">I", data, begin, 2 * int.from_bytes(data[begin : begin + 4], "big"))
    struct.pack_into(">I", data, begin + 16, 200)  # one tile as before
    with pytest.raises(ImageError, match="the JPEG 2000 file is damaged; its headers differ in their size"):
        load_image(write_file(bytes(data)))


def test_three_channels_that_are_called_gray_are_read(write_file):
    data = encode_with_pillow(SMOOTH)
    changed = data.replace(b"colr\1\0\0\0\0\0\x10", b"colr\1\0\0\0\0\0\x11")
    assert changed != data
    np.testing.assert_array_equal(load_image(write_file(changed)).pixels, SMOOTH)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_georeference_is_that_of_the_same_tiff(tmp_path, dtype):
    rasterio = pytest.importorskip("rasterio")
    pixels = np.arange(600, dtype=dtype).reshape(20, 30)
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 500_000, 0, -20, 5_000_000)}
    size = {"width": 30, "height": 20, "count": 1, "dtype": dtype}
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    for name, how in (
        ("a.jp2", lossless),
        ("gml.jp2", {**lossless, "GeoJP2": "NO", "GMLJP2": "YES"}),
        ("none.jp2", {**lossless, "GeoJP2": "NO", "GMLJP2": "NO"}),
        ("a.tif", {"driver": "GTiff"}),
    ):
        with rasterio.open(tmp_path / name, "w", **size, **place, **how) as file:
            file.write(pixels, 1)
    image, gml, none, tiff = (load_image(tmp_path / name) for name in ("a.jp2", "gml.jp2", "none.jp2", "a.tif"))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.georeference == tiff.georeference
    assert image.pixel_area == 200
    assert not gml.georeference
    assert "the file says where it lies on the earth, as GML alone: only 'segment raster' reads that" in gml.notes
    assert not none.georeference
    assert not any("earth" in note for note in none.notes + image.notes)
    # A damaged box must not prevent reading the pixels.
    data = (tmp_path / "a.jp2").read_bytes()
    at = data.index(bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")) + 16
    (tmp_path / "damaged.jp2").write_bytes(data[:at] + bytes(64) + data[at + 64 :])
    damaged = load_image(tmp_path / "damaged.jp2")
    np.testing.assert_array_equal(damaged.pixels, pixels)
    assert not damaged.georeference
