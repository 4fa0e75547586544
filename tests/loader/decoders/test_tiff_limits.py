"""What a page of a TIFF can demand."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from encoded_images import RGB, encode_tiff, encode_with_pillow

from segment.core.errors import ImageError
from segment.loader.decoders.checks import TRUNCATED_NOTE
from segment.loader.loader import load_image


def encode_strip(strip, compression):
    """Write a TIFF of 40 x 24 gray pixels in one strip by hand."""
    tags = [(256, 4, 40), (257, 4, 24), (258, 3, 8), (259, 3, compression), (262, 3, 1), (277, 3, 1), (278, 4, 24)]
    offset = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags = sorted([*tags, (273, 4, offset), (279, 4, len(strip))])
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + table + bytes(4) + strip


def claim_size(data, at, code, width, height):
    size = struct.pack(code, *((height, width) if code == ">HH" else (width, height)))
    return data[:at] + size + data[at + len(size) :]


def encode_lying_pictures():
    jpeg = encode_with_pillow(RGB[..., 0], "JPEG")
    yield 7, claim_size(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 65000, 65000)
    codestream = imagecodecs.jpeg2k_encode(RGB[..., 0], codecformat="j2k")
    yield 34712, claim_size(codestream, codestream.index(b"\xff\x51") + 6, ">II", 65000, 65000)
    yield 34933, claim_size(encode_with_pillow(RGB[..., 0], "PNG"), 16, ">II", 65000, 65000)
    large = np.zeros((3000, 3000), np.uint8)
    yield 50001, imagecodecs.webp_encode(np.dstack([large] * 3), lossless=True)
    yield 34934, imagecodecs.jpegxr_encode(large)
    for pack in (bytes, zlib.compress, imagecodecs.zstd_encode):
        yield 34887, pack(imagecodecs.lerc_encode(large))
    yield 50002, imagecodecs.jpegxl_encode(large, effort=1)


@pytest.mark.parametrize(
    ("compression", "strip"),
    list(encode_lying_pictures()),
    ids=["JPEG", "JPEG 2000", "PNG", "WebP", "JPEG XR", "LERC", "LERC and Deflate", "LERC and Zstandard", "JPEG XL"],
)
def test_a_picture_larger_than_its_strip_is_refused(write_file, compression, strip):
    with pytest.raises(
        ImageError, match=r"a strip or tile of this TIFF has 960 pixels; got a picture of \d+ x \d+ in it"
    ):
        load_image(write_file(encode_strip(strip, compression)))


def test_pictures_that_fit_are_read(write_file):
    data = encode_strip(encode_with_pillow(RGB[..., 0], "JPEG"), 7)
    assert load_image(write_file(data)).pixels.shape == (24, 40)


@pytest.mark.parametrize(
    ("tag", "kind", "count", "words"),
    [
        (279, 4, 10_000_000, "at most 1048576 strips or tiles; got 10000000"),
        (305, 2, 2_000_000_000, "a tag of a TIFF has at most 134217728 bytes; tag 305 has 2000000000"),
    ],
)
def test_counts_have_bounds(write_file, tag, kind, count, words):
    data = encode_tiff(RGB, software="x" * 20, rowsperstrip=1)
    at = data.index(struct.pack("<H", tag), 8)
    changed = data[:at] + struct.pack("<HHI", tag, kind, count) + data[at + 8 :]
    with pytest.raises(ImageError, match=words):
        load_image(write_file(changed))


def test_a_page_has_few_tags(write_file):
    tags = b"".join(struct.pack("<HHII", 256 + i, 3, 1, 9) for i in range(5000))
    with pytest.raises(ImageError, match="a page of a TIFF has at most 4096 tags; got 5000"):
        load_image(write_file(struct.pack("<2sHIH", b"II", 42, 8, 5000) + tags + bytes(4)))


def change_tag(data, number, value):
    """Set the value of a tag of the first page, which lies in its entry."""
    begin = int.from_bytes(data[4:8], "little")
    (n,) = struct.unpack_from("<H", data, begin)
    place = next(
        begin + 2 + 12 * i for i in range(n) if struct.unpack_from("<H", data, begin + 2 + 12 * i)[0] == number
    )
    return data[: place + 8] + struct.pack("<I", value) + data[place + 12 :]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw", "rowsperstrip": 8}])
def test_strips_that_are_not_there_are_truncated(write_file, options, dtype):
    path = write_file(change_tag(encode_tiff(RGB.astype(dtype), **options), 257, 48))
    with pytest.raises(ImageError, match="truncated; some of its strips or tiles are missing or cut"):
        load_image(path)
    image = load_image(path, allow_truncated=True)
    assert image.notes[0] == TRUNCATED_NOTE
    assert image.valid[:24].all()
    assert not image.valid[24:].any()


def test_a_jpeg_in_a_strip_is_whole_and_fills_it(write_file):
    jpeg = encode_with_pillow(RGB[..., 0], "JPEG")
    for strip in (jpeg[: len(jpeg) // 2], encode_with_pillow(RGB[:12, :, 0], "JPEG")):
        with pytest.raises(ImageError, match="truncated; some of its strips or tiles are missing or cut"):
            load_image(write_file(encode_strip(strip, 7)))


def test_strips_without_data_are_said(write_file):
    data = encode_tiff(RGB, compression="zlib", rowsperstrip=8)
    begin = int.from_bytes(data[4:8], "little")
    place = next(at for at in range(begin + 2, len(data), 12) if struct.unpack_from("<H", data, at)[0] == 273)
    (offsets,) = struct.unpack_from("<I", data, place + 8)
    image = load_image(write_file(data[:offsets] + bytes(4) + data[offsets + 4 :]))
    assert image.notes == ("1 of the 3 strips or tiles have no data in the file: they are blank",)
    np.testing.assert_array_equal(image.pixels[8:], RGB[8:])


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 8}])
def test_lengths_of_strips_that_nobody_needs_may_be_wrong(write_file, options):
    data = encode_tiff(RGB, **options)
    if options == {"rowsperstrip": 8}:
        counts = struct.pack("<3H", *[RGB[:8].size] * 3)
        assert counts in data
        data = data.replace(counts, counts[:4] + struct.pack("<H", 60_000))
    else:
        data = change_tag(data, 279, 0)
    image = load_image(write_file(data))
    assert image.notes == ()
    np.testing.assert_array_equal(image.pixels, RGB)
    image = load_image(write_file(change_tag(encode_tiff(RGB.astype(np.uint16)), 279, 0)))
    assert "no data" not in "".join(image.notes)
    np.testing.assert_array_equal(image.pixels, RGB)


def test_a_single_strip_without_data_is_blank(write_file):
    data = change_tag(change_tag(encode_tiff(RGB), 273, 0), 279, 0)
    image = load_image(write_file(data))
    assert image.notes == ("1 of the 1 strips or tiles have no data in the file: they are blank",)
    assert not image.pixels.any()
