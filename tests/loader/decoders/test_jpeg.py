"""JPEG: complete pictures as Pillow decodes them, and half ones refused."""

import io
import struct

import numpy as np
import PIL.Image
import pytest
from encoded_images import NOISE, RGB, encode_with_pillow

from segment.core.errors import ImageError
from segment.loader.decoders import jpeg
from segment.loader.loader import load_image

BLANK = np.full((700, 900, 3), 250, np.uint8)


@pytest.mark.parametrize(
    "pixels", [RGB, NOISE, RGB[..., 0], RGB[:1, :1], RGB[:9, :17], BLANK, BLANK * 0, np.full((5, 1), 11, np.uint8)]
)
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"subsampling": 0}, {"progressive": True}])
def test_complete_pictures_are_decoded_as_they_are(write_file, pixels, options):
    data = encode_with_pillow(pixels, "JPEG", quality=90, **options)
    expected = np.asarray(PIL.Image.open(io.BytesIO(data)))
    for more in (b"", bytes(2000), b"\xff\xd9"):
        np.testing.assert_array_equal(load_image(write_file(data + more)).pixels, expected)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"optimize": True}])
def test_half_a_picture_is_refused(write_file, options):
    data = encode_with_pillow(np.kron(NOISE, np.ones((3, 3, 1), np.uint8)), "JPEG", quality=95, **options)
    half = len(data) // 2
    restarts = b"\xff\xd0\xff\xd1" * 300
    for damaged in (
        data[:half] + restarts + b"\xff\xd9",
        data[:half],
        data[:half] + b"\xff\xd9",
        data[:half] + bytes(half),
        data[:half] + bytes(half) + b"\xff\xd9",
    ):
        with pytest.raises(ImageError, match="the file is truncated"):
            load_image(write_file(damaged))
        assert load_image(write_file(damaged), allow_truncated=True).notes


@pytest.mark.parametrize(
    ("options", "fill"),
    [
        *(({}, b""), ({}, b"\xff" * 3), ({"subsampling": 0}, b"")),
        *(({"restart_marker_blocks": 3}, b""), ({"restart_marker_rows": 1}, b"")),
    ],
)
@pytest.mark.parametrize("factor", [1.1, 2])
def test_a_progressive_picture_that_claims_more_rows_is_refused(write_file, options, fill, factor):
    pixels = np.kron(NOISE, np.ones((2, 2, 1), np.uint8))
    encoded = encode_with_pillow(pixels, "JPEG", progressive=True, **options)
    # Bytes may fill up to the tables behind the first scan.
    end = encoded.index(b"\xff\xc4", encoded.index(b"\xff\xda"))
    data = bytearray(encoded[:end] + fill + encoded[end:])
    begin = data.index(b"\xff\xc2")
    (height,) = struct.unpack_from(">H", data, begin + 5)
    load_image(write_file(bytes(data)))
    struct.pack_into(">H", data, begin + 5, int(factor * height))
    with pytest.raises(ImageError, match="the file is truncated"):
        load_image(write_file(bytes(data)))
    assert load_image(write_file(bytes(data)), allow_truncated=True).notes


def test_only_arithmetic_code_has_intervals_without_bits():
    data = encode_with_pillow(NOISE, "JPEG", restart_marker_blocks=1).replace(b"\xff\xd0", b"\xff\xd0\xff\xd1", 1)
    with pytest.raises(ImageError, match="a part of it is missing"):
        jpeg.read_layout(io.BytesIO(data))
    assert jpeg.read_layout(io.BytesIO(data.replace(b"\xff\xc0", b"\xff\xc9"))).n_scans == 1


def test_a_size_that_the_bytes_cannot_hold_is_refused(write_file):
    data = bytearray(encode_with_pillow(RGB, "JPEG"))
    begin = data.index(b"\xff\xc0")
    data[begin + 5 : begin + 9] = struct.pack(">HH", 14000, 14000)
    with pytest.raises(ImageError, match=r"truncated; 14000 x 14000 pixels are more than \d+ bytes can hold"):
        load_image(write_file(bytes(data)))


def test_scans_and_header_have_bounds(write_file, monkeypatch):
    data = encode_with_pillow(NOISE, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scans = data[:last] + data[last:-2] * (jpeg.MAX_SCANS + 1) + b"\xff\xd9"
    with pytest.raises(ImageError, match="at most 256 scans; got more"):
        load_image(write_file(scans))
    monkeypatch.setattr(jpeg, "MAX_HEADER_BYTES", 2**18)
    exif = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0" + bytes(65527)
    with pytest.raises(ImageError, match="at most 262144 bytes before its pixels"):
        load_image(write_file(data[:2] + exif * 5 + data[2:]))


@pytest.mark.parametrize(
    ("segment", "n", "what"),
    [
        (b"\xff\xe1\x80\x02Exif\0\0" + bytes(0x7FFA), 33, "1048576 bytes of Exif"),
        (b"\xff\xfe\0\2", 8192, "8192 segments"),
    ],
)
def test_many_small_segments_are_refused(segment: bytes, n: int, what: str) -> None:
    data = encode_with_pillow(RGB, "JPEG")
    assert jpeg.read_layout(io.BytesIO(data[:2] + 30 * segment + data[2:])) is not None
    with pytest.raises(ImageError, match=f"at most {what}; got more"):
        jpeg.read_layout(io.BytesIO(data[:2] + n * segment + data[2:]))


def test_a_progressive_jpeg_of_one_scan_is_truncated(write_file):
    data = encode_with_pillow(NOISE, "JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    with pytest.raises(ImageError, match="some scans of the picture are missing"):
        load_image(write_file(data[:second] + b"\xff\xd9"))


def test_bytes_between_segments_have_a_bound(write_file):
    data = encode_with_pillow(NOISE, "JPEG")
    assert load_image(write_file(data[:2] + b"\xff" * 60_000 + data[2:])).notes == ()
    with pytest.raises(ImageError, match="at most 65536 bytes between segments"):
        load_image(write_file(data[:2] + b"\xff" * 70_000 + data[2:]))


def test_the_first_scan_is_decoded_without_metadata():
    data = encode_with_pillow(NOISE, "JPEG", progressive=True, comment=b"words")
    segment = b"\xff\xed" + struct.pack(">H", 60_002) + bytes(60_000)
    sizes = []

    def plugin(stream):
        sizes.append(len(stream.getvalue()))
        return PIL.Image.open(stream)

    stream = io.BytesIO(data[:2] + segment * 9 + data[2:])
    layout = jpeg.read_layout(stream)
    assert jpeg.fills_first_scan(jpeg.copy_first_scan(stream, layout), layout, plugin)
    assert max(sizes) < len(data) + 2000


def test_the_first_scan_is_checked_where_no_thread_can_be_started(write_file, monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    data = encode_with_pillow(NOISE, "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xc4", first)  # the tables behind the first scan
    monkeypatch.setattr("segment.loader.decoders.pillow.ThreadPoolExecutor.submit", refuse)
    assert load_image(write_file(data)).notes == ()
    with pytest.raises(ImageError, match="the file is truncated"):
        load_image(write_file(data[: (first + second) // 2] + data[second:]))


def test_damage_behind_a_first_scan_that_ends_early_can_be_read_as_truncated(write_file):
    data = encode_with_pillow(NOISE, "JPEG", progressive=True)
    first, last = data.index(b"\xff\xda"), data.rindex(b"\xff\xc4")
    second = data.index(b"\xff\xc4", first)
    tables = last + 5  # of the last scan, which become impossible ones
    broken = data[:tables] + b"\xff" * 16 + data[tables + 16 :]
    with pytest.raises(ImageError, match="damaged"):
        load_image(write_file(broken), allow_truncated=True)
    path = write_file(broken[: (first + second) // 2] + broken[second:])
    with pytest.raises(ImageError, match="the file is truncated"):
        load_image(path)
    assert load_image(path, allow_truncated=True).notes[0].startswith("the file is truncated")


def test_a_first_scan_without_its_last_colors_is_refused(write_file):
    # Blocks of light, then two of color.
    data = encode_with_pillow(np.full((8, 8, 3), (250, 10, 40), np.uint8), "JPEG", progressive=True, quality=100)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xc4", first)
    assert load_image(write_file(data)).notes == ()
    with pytest.raises(ImageError, match="the file is truncated"):
        load_image(write_file(data[: second - 3] + data[second:]))


def test_jpegs_that_no_decoder_takes_are_called_by_their_kind(write_file):
    import imagecodecs

    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    twelve, other = imagecodecs.jpeg_encode(pixels, bitspersample=12), imagecodecs.jpegls_encode(pixels)
    for data, message in ((twelve, "a JPEG has 8 bits; got 12"), (other, "a JPEG of another kind, JPEG-LS, is not")):
        with pytest.raises(ImageError, match=message):
            load_image(write_file(bytes(data)))
