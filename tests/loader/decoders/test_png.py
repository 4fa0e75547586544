"""PNG of every depth and color type, and damaged ones."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from encoded_images import (
    ALPHA,
    ALPHA16,
    GRAY,
    GRAY16,
    RGB16,
    compute_relative_values,
    encode_png,
    encode_with_pillow,
    get_error_message,
)

from segment.core.errors import ImageError
from segment.loader.decoders.png import check_chunks, check_png, copy_essential_chunks, decode_png16
from segment.loader.loader import load_image


@pytest.mark.parametrize(("depth", "kind"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (1, 3), (2, 3), (4, 3), (8, 3)])
def test_gray_and_palette_of_every_depth(write_file, depth, kind):
    top = 2**depth - 1
    raw = b"\0" + (bytes([0b00011011]) if depth == 2 else bytes([0, 255] * 8)[: max(1, depth // 4)])
    values = {1: [0, 0], 2: [0, 1], 4: [0, 0], 8: [0, 255], 16: [255, 255]}[depth]
    palette = [(b"PLTE", bytes(v for i in range(min(top, 255) + 1) for v in (i * 255 // top, 0, 9)))] if kind else []
    image = load_image(write_file(encode_png(kind, depth, raw, (2, 1), chunks=palette)))
    if kind:
        assert image.pixels.tolist() == [[[v * 255 // top, 0, 9] for v in values]]
    else:
        same = [v / top for v in values] if depth != 16 else [1.0, 1.0]
        assert compute_relative_values(image)[0].tolist() == pytest.approx(same)


def test_16_bit_color_keeps_its_depth(write_file):
    for array in (RGB16 + np.uint16(1) * (RGB16 < 65535), np.dstack([RGB16, ALPHA16]), np.dstack([GRAY16, ALPHA16])):
        image = load_image(write_file(imagecodecs.png_encode(array)))
        colors = array[..., :3] if array.shape[2] > 2 else array[..., 0]
        assert image.pixels.dtype == np.uint16
        np.testing.assert_array_equal(image.pixels[image.valid], colors[image.valid])
        assert image.valid.all() if array.shape[2] == 3 else (image.valid == (ALPHA > 127)).all()


def test_16_bit_interlaced(write_file):
    raw = b"\0" + struct.pack(">3H", 1, 2, 3) + b"\0" + struct.pack(">3H", 400, 5, 60000)  # passes 1 and 6 of a 2x1
    image = load_image(write_file(encode_png(2, 16, raw, (2, 1), interlace=1)))
    assert image.pixels.tolist() == [[[1, 2, 3], [400, 5, 60000]]]


@pytest.mark.parametrize(
    ("kind", "depth", "raw", "clear"),
    [
        (0, 1, b"\0\x40", b"\0\1"),
        (0, 4, b"\0\x05", b"\0\5"),
        (0, 8, b"\0\x01\x07", b"\0\7"),
        (0, 16, b"\0\1\2\1\3", b"\1\3"),
        (2, 8, b"\0\1\2\3\1\2\4", b"\0\1\0\2\0\4"),
        (2, 16, b"\0\1\1\1\1\1\1\1\1\1\1\1\2", b"\1\1\1\1\1\2"),
        (3, 8, b"\0\0\1", b"\xff\x00"),
        (3, 8, b"\0\0\1", b"\xf0\x40"),
    ],
)
def test_transparent_color_of_a_png_is_not_valid(write_file, kind, depth, raw, clear):
    palette = [(b"PLTE", bytes(6))] if kind == 3 else []
    image = load_image(write_file(encode_png(kind, depth, raw, (2, 1), chunks=[*palette, (b"tRNS", clear)])))
    assert image.valid.tolist() == [[True, False]]


def test_damaged_metadata_does_not_prevent_reading_the_pixels(write_file):
    data = encode_png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"iCCP", b"x\0\1????"), (b"zTXt", b"Title\0\0broken")])
    assert load_image(write_file(data)).pixels.tolist() == [[1, 2]]
    damaged = bytearray(encode_png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"tEXt", b"Title\0words")]))
    damaged[damaged.index(b"words")] ^= 1
    assert load_image(write_file(bytes(damaged))).pixels.tolist() == [[1, 2]]


@pytest.mark.parametrize("kind", ["gray", "16-bit"])
@pytest.mark.parametrize("allow", [False, True])
def test_wrong_checksum_of_the_pixels_is_an_error_even_if_truncated_files_are_allowed(write_file, kind, allow):
    data = bytearray(encode_with_pillow(GRAY, "PNG") if kind == "gray" else imagecodecs.png_encode(RGB16))
    end = data.index(b"IEND") - 8
    data[end] ^= 1
    with pytest.raises(ImageError, match="checksum"):
        load_image(write_file(bytes(data)), allow_truncated=allow)


@pytest.mark.parametrize("raw", [bytes(13), bytes(60), bytes(9), b"\x09" + bytes(12)])
@pytest.mark.parametrize("tail", [None, -4, b"more"])
def test_damaged_16_bit_pixels_print_nothing(write_file, capfd, monkeypatch, raw, tail):
    compress = zlib.compress
    if tail is not None:
        monkeypatch.setattr(
            zlib, "compress", lambda data: compress(data) + tail if tail == b"more" else compress(data)[:-4] + bytes(4)
        )
    path = write_file(encode_png(2, 16, raw, (2, 1)))
    monkeypatch.undo()
    get_error_message(path, False)
    get_error_message(path, True)
    assert capfd.readouterr().err == ""


def test_copy_has_the_chunks_that_the_picture_needs():
    pixels = b"\0\1\2"
    small = encode_png(0, 8, pixels, (2, 1))
    large = encode_png(0, 8, pixels, (2, 1), chunks=[(b"tEXt", b"Title\0words"), (b"iCCP", b"profile")])
    assert copy_essential_chunks(io.BytesIO(large), 100).read() == small
    with pytest.raises(ImageError, match="at most 1 pixels"):
        copy_essential_chunks(io.BytesIO(large), 1)


def test_chunk_far_longer_than_its_picture_is_refused():
    data = bytearray(encode_png(0, 8, b"\0\1\2", (2, 1)))
    position = data.index(b"IDAT") - 4
    data[position : position + 4] = (2**30).to_bytes(4, "big")
    with pytest.raises(ImageError, match="a chunk b'IDAT' of 1073741824 bytes"):
        check_png(io.BytesIO(bytes(data)))


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [("MAX_CHUNKS", 50, "50 chunks"), ("MAX_EXTRA_BYTES", 200, "200 bytes besides its pixels")],
)
@pytest.mark.parametrize("name", [b"tEXt", b"prIv", b"ABCD", b"IDAT"])
def test_more_chunks_than_a_picture_has_are_refused_as_such(write_file, monkeypatch, name, limit, value, words):
    monkeypatch.setattr(f"segment.loader.decoders.png.{limit}", value)
    body = b"" if limit == "MAX_CHUNKS" else b"T\0word"
    data = encode_png(0, 8, b"\0\1\2", (2, 1), chunks=[(name, body)] * 60)
    message = get_error_message(write_file(data), allow=False)
    # What the pixels have is bounded by their number.
    assert (f"a PNG file has at most {words}; got more. Export it again." in message) == (
        limit == "MAX_CHUNKS" or name != b"IDAT"
    )


def test_pictures_of_an_animation_are_no_extra_bytes(monkeypatch):
    monkeypatch.setattr("segment.loader.decoders.png.MAX_EXTRA_BYTES", 20)
    check_chunks(io.BytesIO(encode_png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"fdAT", bytes(99))])))


@pytest.mark.parametrize(("interlace", "height"), [(0, 24), (1, 24), (1, 23), (1, 1)])
def test_data_that_end_before_the_picture_are_truncated(write_file, interlace, height):
    # The rows of seven pictures have other filters.
    raw = bytes(12 * 41) if interlace else b"".join(b"\0" + bytes(row) for row in GRAY[:12])
    path = write_file(encode_png(0, 8, raw[: height * 23], (40, height), interlace=interlace))
    assert "the file is truncated" in get_error_message(path, allow=False)
    image = load_image(path, allow_truncated=True)
    assert "truncated" in image.notes[0]
    # Black below is a picture too.
    assert load_image(write_file(encode_png(0, 8, raw + bytes(12 * 41), (40, 24)))).notes == ()


def test_truncated_16_bit_pixels_are_filled_with_zeros():
    array = np.arange(1, 5, dtype=np.uint16).reshape(2, 2) * 10_000
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    cut = encode_png(0, 16, raw[:7], (2, 2))  # a row, and the first half of the next pixel
    np.testing.assert_array_equal(decode_png16(io.BytesIO(cut), is_truncated=True), [[10_000, 20_000], [29_952, 0]])


def test_copy_leaves_out_a_damaged_chunk_that_is_not_critical():
    small = encode_png(0, 8, b"\0\1\2", (2, 1))
    damaged = bytearray(encode_png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"tRNS", b"\0\2")]))
    assert copy_essential_chunks(io.BytesIO(bytes(damaged)), 100).read() == damaged
    damaged[damaged.index(b"tRNS") + 5] ^= 1
    assert copy_essential_chunks(io.BytesIO(bytes(damaged)), 100).read() == small
