"""JPEG, WebP, GIF and BMP: frames, canvases and damage."""

from __future__ import annotations

import struct

import numpy as np
import PIL.Image
import pytest
from encoded_images import NOISE, RGB, encode_with_pillow

from segment.core.errors import ImageError
from segment.loader.loader import load_image


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 32])
@pytest.mark.parametrize("down", [False, True], ids=["bottom-up", "top-down"])
def test_bmp_of_every_depth(write_file, bits, down):
    rows = {1: b"\x80\0\0\0", 4: b"\x10\0\0\0", 8: b"\1\0\0\0", 16: b"\xe0\x03\0\0", 32: b"\0\xff\0\0\0\0\0\0"}
    dark = bytes(len(rows[bits]))
    body = rows[bits] + dark if down else dark + rows[bits]
    palette = b"\0\0\0\0\0\xff\0\0" if bits <= 8 else b""
    info = struct.pack("<IiiHHIIiiII", 40, 2, -2 if down else 2, 1, bits, 0, len(body), 0, 0, len(palette) // 4, 0)
    start = 14 + len(info) + len(palette)
    image = load_image(write_file(b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + palette + body))
    assert image.pixels.tolist() == [[[0, 255, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]


def test_previews_in_an_mpo_are_no_frames(write_file):
    frames = [PIL.Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in (0, 5)]
    image = load_image(write_file(encode_with_pillow(frames[0], "MPO", save_all=True, append_images=frames[1:])))
    assert image.pixels.shape == RGB.shape
    assert image.notes == ()


def test_webp_has_the_limit_of_this_program_alone(write_file, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    path = write_file(encode_with_pillow(RGB, "WEBP", lossless=True))
    assert load_image(path, max_pixels=960).pixels.shape[:2] == (24, 40)
    assert PIL.Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(ImageError, match="at most 959 pixels are read"):
        load_image(path, max_pixels=959)


def test_gif_canvas_with_next_to_no_picture_is_refused(write_file):
    data = encode_with_pillow(RGB, "GIF")
    huge = data[:6] + (14000).to_bytes(2, "little") * 2 + data[10:]
    with pytest.raises(
        ImageError, match="more than 16777216 pixels is filled by its picture; got 960 of 14000 x 14000"
    ):
        load_image(write_file(huge))


def test_gif_canvas_grows_with_a_larger_frame(write_file):
    data = encode_with_pillow(RGB, "GIF")
    small = data[:6] + (4).to_bytes(2, "little") * 2 + data[10:]
    assert load_image(write_file(small)).pixels.shape[:2] == (24, 40)


def test_gif_canvas_around_the_first_frame_is_not_valid(write_file):
    picture = PIL.Image.frombytes("P", (2, 1), b"\0\1")
    picture.putpalette([255, 0, 0, 0, 255, 0])
    data = bytearray(encode_with_pillow(picture, "GIF"))
    data[6:10] = struct.pack("<HH", 4, 3)
    block = data.index(b",\0\0\0\0\2\0\1\0")
    data[block + 1 : block + 5] = struct.pack("<HH", 1, 2)
    image = load_image(write_file(bytes(data)))
    assert image.valid.tolist() == [[False] * 4, [False] * 4, [False, True, True, False]]
    assert image.pixels[2, 1:3].tolist() == [[255, 0, 0], [0, 255, 0]]


def test_truncated_webp_is_refused(write_file):
    data = encode_with_pillow(NOISE, "WEBP")
    with pytest.raises(ImageError, match="the WebP file is damaged; zeros stand in place of a part of the picture"):
        load_image(write_file(data[: len(data) // 2] + bytes(len(data) - len(data) // 2)))
    for allow in (False, True):
        with pytest.raises(ImageError, match="truncated"):
            load_image(write_file(data[: len(data) // 2]), allow_truncated=allow)


def test_runs_of_a_bmp_are_no_search_through_a_damaged_file(write_file, monkeypatch):
    monkeypatch.setattr("segment.loader.loader.MAX_SMALL_READS", 50)
    sizes = struct.pack("<IiiHHIIiiII", 40, 100, 2, 1, 8, 1, 0, 0, 0, 256, 0)
    palette = bytes(value for index in range(256) for value in (index, index, index, 0))
    row = b"".join(bytes([1, value]) for value in range(100)) + b"\0\0"
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + sizes + palette + row * 2 + b"\0\1"
    np.testing.assert_array_equal(load_image(write_file(data)).pixels, np.tile(np.arange(100, dtype=np.uint8), (2, 1)))
