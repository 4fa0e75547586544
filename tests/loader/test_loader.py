"""load_image: every format and depth, and files that are broken on purpose."""

from __future__ import annotations

import csv
import io
import os
import random
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
from PIL import ImageFile, ImageOps

from segment.core.errors import DependencyError, ImageError, printable_path
from segment.core.opencv import load_cv2
from segment.loader.loader import load_image

ROWS, COLUMNS = np.mgrid[0:24, 0:40]
GRAY = (ROWS * 10 + COLUMNS % 7).astype(np.uint8)
GRAY[0, :2] = 0, 255
RGB = np.stack([GRAY, COLUMNS * 6, 255 - GRAY], axis=2).astype(np.uint8)
ALPHA = np.where(COLUMNS < 15, 100, 200).astype(np.uint8)
RGB16, GRAY16, ALPHA16 = (array.astype(np.uint16) * 257 for array in (RGB, GRAY, ALPHA))


def relative(image):
    return (image.pixels.astype(float) - image.black) / (image.white - image.black)


def same_picture(image, expected, tolerance=1e-3):
    assert image.pixels.shape == expected.shape
    difference = np.abs(relative(image) - expected / 255)[image.valid]
    assert difference.max() <= tolerance


def png(kind, depth, raw, size, *, chunks=(), interlace=0):
    """Write a PNG by hand: chunks are (name, body), put before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlace)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


@pytest.fixture
def put(tmp_path):
    def write(data, name="picture.bin"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def encoded(array, kind, **options):
    stream = io.BytesIO()
    (array if isinstance(array, PIL.Image.Image) else PIL.Image.fromarray(array)).save(stream, kind, **options)
    return stream.getvalue()


# ------------------------------------------------------------------------------------------ the same picture everywhere


@pytest.mark.parametrize("array", [GRAY, RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "packbits"}),
        ("BMP", {}),
        ("DIB", {}),
        ("PPM", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("JPEG", {"quality": 100, "subsampling": 0, "progressive": True}),
    ],
)
def test_8_bit_formats(put, array, kind, options):
    image = load_image(put(encoded(array, kind, **options)))
    expected = np.repeat(array[..., None], 3, axis=2) if kind == "WEBP" and array.ndim == 2 else array
    same_picture(image, expected, 0.03 if kind == "JPEG" else 0)
    assert image.valid.all()
    assert image.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_gray_picture_with_a_palette_is_gray(put, kind):
    picture = PIL.Image.frombytes("P", (40, 24), GRAY.tobytes())
    picture.putpalette([value for value in range(255, -1, -1) for _ in "rgb"])
    same_picture(load_image(put(encoded(picture, kind))), 255 - GRAY, 0)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_palette_colors(put, kind):
    table = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
    picture = PIL.Image.frombytes("P", (40, 24), GRAY.tobytes())
    picture.putpalette(table.tobytes())
    same_picture(load_image(put(encoded(picture, kind))), table[GRAY], 0)


@pytest.mark.parametrize(("depth", "kind"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (1, 3), (2, 3), (4, 3), (8, 3)])
def test_png_gray_and_palette_of_every_depth(put, depth, kind):
    top = 2**depth - 1
    raw = b"\0" + (bytes([0b00011011]) if depth == 2 else bytes([0, 255] * 8)[: max(1, depth // 4)])
    values = {1: [0, 0], 2: [0, 1], 4: [0, 0], 8: [0, 255], 16: [255, 255]}[depth]
    palette = [(b"PLTE", bytes(v for i in range(min(top, 255) + 1) for v in (i * 255 // top, 0, 9)))] if kind else []
    image = load_image(put(png(kind, depth, raw, (2, 1), chunks=palette)))
    if kind:
        assert image.pixels.tolist() == [[[v * 255 // top, 0, 9] for v in values]]
    else:
        same = [v / top for v in values] if depth != 16 else [1.0, 1.0]
        assert relative(image)[0].tolist() == pytest.approx(same)


def test_png_16_bit_color_keeps_its_depth(put):
    for array in (RGB16 + np.uint16(1) * (RGB16 < 65535), np.dstack([RGB16, ALPHA16]), np.dstack([GRAY16, ALPHA16])):
        image = load_image(put(imagecodecs.png_encode(array)))
        colors = array[..., :3] if array.shape[2] > 2 else array[..., 0]
        assert image.pixels.dtype == np.uint16
        np.testing.assert_array_equal(image.pixels[image.valid], colors[image.valid])
        assert image.valid.all() if array.shape[2] == 3 else (image.valid == (ALPHA > 127)).all()


def test_png_16_bit_interlaced(put):
    raw = b"\0" + struct.pack(">3H", 1, 2, 3) + b"\0" + struct.pack(">3H", 400, 5, 60000)  # passes 1 and 6 of a 2x1
    image = load_image(put(png(2, 16, raw, (2, 1), interlace=1)))
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
def test_png_clear_color(put, kind, depth, raw, clear):
    palette = [(b"PLTE", bytes(6))] if kind == 3 else []
    image = load_image(put(png(kind, depth, raw, (2, 1), chunks=[*palette, (b"tRNS", clear)])))
    assert image.valid.tolist() == [[True, False]]


def test_alpha_of_webp_and_png(put):
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        image = load_image(put(encoded(np.dstack([RGB, ALPHA]), kind, **options)))
        np.testing.assert_array_equal(image.valid, ALPHA > 127)
        same_picture(image, RGB, 0)


def test_fully_transparent_loads_without_a_valid_pixel(put):
    assert not load_image(put(encoded(np.zeros((3, 4, 4), np.uint8), "PNG"))).valid.any()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(put, kind):
    picture = PIL.Image.fromarray(np.full((8, 8, 3), [250, 120, 10], np.uint8)).convert("CMYK")
    image = load_image(put(encoded(picture, kind)))
    np.testing.assert_allclose(image.pixels.mean(axis=(0, 1)), [250, 120, 10], atol=3)


# ------------------------------------------------------------------------------------------------------------------ BMP


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 32])
@pytest.mark.parametrize("down", [False, True], ids=["bottom-up", "top-down"])
def test_bmp_of_every_depth(put, bits, down):
    rows = {1: b"\x80\0\0\0", 4: b"\x10\0\0\0", 8: b"\1\0\0\0", 16: b"\xe0\x03\0\0", 32: b"\0\xff\0\0\0\0\0\0"}
    dark = bytes(len(rows[bits]))
    body = rows[bits] + dark if down else dark + rows[bits]
    palette = b"\0\0\0\0\0\xff\0\0" if bits <= 8 else b""
    info = struct.pack("<IiiHHIIiiII", 40, 2, -2 if down else 2, 1, bits, 0, len(body), 0, 0, len(palette) // 4, 0)
    start = 14 + len(info) + len(palette)
    image = load_image(put(b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + palette + body))
    assert image.pixels.tolist() == [[[0, 255, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]


# --------------------------------------------------------------------------------------------------------------- Netpbm


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1 3 1\n010", [[1, 0, 1]]),
        (b"P1\n# why\n3 1 #x\n0 1\n0", [[1, 0, 1]]),
        (b"P4\n3 2\n\x40\xa0", [[1, 0, 1], [0, 1, 0]]),
        (b"P2 3 1 255 0 51 255", [[0, 0.2, 1]]),
        (b"P2 2 1 5 # comment\n1 # another\n5\n", [[0.2, 1]]),
        (b"P2 2 1 1000 200 1000 junk", [[0.2, 1]]),
        (b"P5 2 1 255\n\x33\xff", [[0.2, 1]]),
        (b"P5 2 1 5\n\1\5", [[0.2, 1]]),
        (b"P5 2 1 1000\n" + struct.pack(">2H", 200, 1000), [[0.2, 1]]),
        (b"P5 2 1 65535\n" + struct.pack(">2H", 13107, 65535), [[0.2, 1]]),
        (b"P3 1 1 10 0 2 10", [[[0, 0.2, 1]]]),
        (b"P3 1 1 60000 0 12000 60000", [[[0, 0.2, 1]]]),
        (b"P6 1 1 255\n\x00\x33\xff", [[[0, 0.2, 1]]]),
        (b"P6 1 1 500\n" + struct.pack(">3H", 0, 100, 500), [[[0, 0.2, 1]]]),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\0\1", [[0, 1]]),
        (b"Pf 1 2 -1.0\n" + struct.pack("<2f", 0.25, 0.5), [[0.5], [0.25]]),
        (b"PF 1 1 1.0\n" + struct.pack(">3f", 0, 0.25, 1), [[[0, 0.25, 1]]]),
    ],
)
def test_netpbm(put, data, expected):
    np.testing.assert_allclose(relative(load_image(put(data))), expected, atol=1e-6)


def test_pam_alpha(put):
    head = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 1000\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    image = load_image(put(head + struct.pack(">8H", 1, 2, 3, 400, 1, 2, 3, 600)))
    assert image.valid.tolist() == [[False, True]]
    assert image.white == 1000


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff"])
def test_a_mere_signature_is_a_damaged_image_in_words(put, data):
    with pytest.raises(ImageError) as caught:
        load_image(put(data))
    message = str(caught.value).split(": ", 1)[1]
    assert not re.search(r"Error|unpack|bytes for", message)
    assert re.match(r"the (image|file|\w+ file) is (damaged|truncated|empty)", message)


@pytest.mark.parametrize(
    "data",
    [
        b"P5 x",
        b"P5 2 2 0\n1234",
        b"P5 2 2 70000\n1234",
        b"P3 1 1 255 1 2 x",
        b"P3 1 1 255 -1 2 3",
        b"P2 2 2 255 1 2",
        b"P6 9 9 255\n123",
        b"P7\nWIDTH 2\n",
        b"P5 0 2 255\n",
    ],
)
def test_damaged_netpbm(put, data):
    with pytest.raises(ImageError, match=r"picture\.bin: "):
        load_image(put(data))


def test_plain_numbers_across_blocks(put):
    values = np.random.default_rng(0).integers(0, 256, (500, 1100))
    text = b"P2 1100 500 255\n" + b" ".join(b"%d" % value for value in values.ravel())
    np.testing.assert_array_equal(load_image(put(text)).pixels, values)


# ----------------------------------------------------------------------------------------------------------------- TIFF


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"compression": "deflate", "predictor": 2}])
@pytest.mark.parametrize("array", [GRAY, RGB, GRAY16, RGB16], ids=["g8", "c8", "g16", "c16"])
def test_tiff_byte_orders_and_compressions(tmp_path, array, options, big, order):
    path = tmp_path / "a.tif"
    photometric = "rgb" if array.ndim == 3 else "minisblack"
    tifffile.imwrite(path, array, byteorder=order, bigtiff=big, photometric=photometric, **options)
    image = load_image(path)
    same_picture(image, RGB if array.ndim == 3 else GRAY, 0)
    assert image.pixels.dtype == array.dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"tile": (16, 16), "compression": "deflate"}])
def test_tiff_planar_and_tiled(tmp_path, dtype, options):
    array = RGB if dtype == np.uint8 else RGB16
    for name, data, layout in (("p", np.moveaxis(array, 2, 0), "separate"), ("c", array, "contig")):
        tifffile.imwrite(tmp_path / name, data, photometric="rgb", planarconfig=layout, **options)
        same_picture(load_image(tmp_path / name), RGB, 0)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_tiff_white_is_zero(tmp_path, dtype, compression):
    array = 255 - GRAY if dtype == "u1" else 65535 - GRAY16
    tifffile.imwrite(tmp_path / "w.tif", array, photometric="miniswhite", compression=compression)
    same_picture(load_image(tmp_path / "w.tif"), GRAY, 0)


@pytest.mark.parametrize("compression", [None, "group3", "group4", "tiff_ccitt"])
def test_tiff_1_bit_is_gray(put, compression):
    data = encoded(PIL.Image.fromarray(GRAY > 100), "TIFF", compression=compression)
    same_picture(load_image(put(data)), (GRAY > 100) * 255, 0)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 10, 12, 14])
def test_tiff_odd_depths(tmp_path, bits):
    values = np.arange(2**bits, dtype=np.uint8 if bits < 8 else np.uint16).reshape(2, -1)
    try:
        tifffile.imwrite(tmp_path / "b.tif", values, bitspersample=bits, photometric="minisblack")
    except NotImplementedError:
        pytest.skip("this imagecodecs reads packed integers but does not write them")
    np.testing.assert_allclose(relative(load_image(tmp_path / "b.tif")), values / (2**bits - 1), atol=0.003)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("gray", [True, False], ids=["grey", "rgb"])
def test_tiff_floats(tmp_path, dtype, gray):
    array = ((GRAY if gray else RGB) / 255).astype(dtype)
    tifffile.imwrite(tmp_path / "f.tif", array, photometric="minisblack" if gray else "rgb")
    image = load_image(tmp_path / "f.tif")
    assert image.pixels.dtype == np.float32
    same_picture(image, GRAY if gray else RGB)


def test_tiff_nan_is_not_valid(tmp_path):
    array = np.array([[0.5, np.nan, 1.0]], dtype=np.float32)
    tifffile.imwrite(tmp_path / "n.tif", array)
    assert load_image(tmp_path / "n.tif").valid.tolist() == [[True, False, True]]
    tifffile.imwrite(tmp_path / "n.tif", np.full((2, 2), np.nan, np.float32))
    assert not load_image(tmp_path / "n.tif").valid.any()


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4"])
def test_tiff_wide_and_signed_numbers_are_not_clipped(tmp_path, dtype):
    array = np.array([[-100, 0, 100]]) if dtype[0] == "i" else np.array([[0, 10**6, 2 * 10**6]])
    tifffile.imwrite(tmp_path / "i.tif", array.astype(dtype), photometric="minisblack")
    np.testing.assert_allclose(relative(load_image(tmp_path / "i.tif")), [[0, 0.5, 1]])


@pytest.mark.parametrize("full", [255, 65535, 1.0])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
def test_tiff_alpha(tmp_path, full, kind):
    dtype = {255: np.uint8, 65535: np.uint16, 1.0: np.float32}[full]
    alpha = (ALPHA / 255)[..., None]
    colors = RGB / 255 * (alpha if kind == "assocalpha" else 1)
    array = np.dstack([colors, alpha]) * full
    array = array.astype(dtype) if full == 1 else np.rint(array).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=[kind])
    image = load_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.valid, np.ones_like(ALPHA, bool) if kind == "unspecified" else ALPHA > 127)
    same_picture(image, RGB, 0.01)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_tiff_nodata_is_not_valid(tmp_path, dtype):
    array = np.array([[7, 8, 9]], dtype=dtype)
    tifffile.imwrite(tmp_path / "n.tif", array, extratags=[(42113, "s", 0, "8", True)])
    assert load_image(tmp_path / "n.tif").valid.tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((4, 4, 5), np.uint16), {"photometric": "minisblack", "planarconfig": "contig"}, "1 to 4 channels"),
        (RGB16, {"photometric": "cielab"}, "CIELAB"),
        (GRAY.astype(np.complex64), {}, "complex"),
    ],
)
def test_tiff_of_unreadable_kinds_is_refused_in_a_sentence(tmp_path, array, options, words):
    tifffile.imwrite(tmp_path / "x.tif", array, **options)
    with pytest.raises(ImageError, match=words):
        load_image(tmp_path / "x.tif")


def test_tiff_page_chain_that_loops(put):
    entries = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 2)]
    page = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    image = load_image(put(b"II*\0" + struct.pack("<I", 10) + b"\0\xff" + page + struct.pack("<I", 10)))
    assert image.pixels.tolist() == [[0, 255]]
    assert image.notes == ()


# ----------------------------------------------------------------------------------------------- orientation, frames


@pytest.mark.parametrize("way", range(1, 9))
def test_orientation_is_applied(tmp_path, way):
    exif = PIL.Image.Exif()
    exif[0x0112] = way
    PIL.Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    PIL.Image.fromarray(RGB).save(tmp_path / "a.webp", exif=exif, lossless=True)
    orientation = [(274, "H", 1, way, True)]
    tifffile.imwrite(tmp_path / "a8.tif", RGB, photometric="rgb", extratags=orientation)
    tifffile.imwrite(tmp_path / "a16.tif", RGB16, photometric="rgb", extratags=orientation)
    upright = np.asarray(ImageOps.exif_transpose(PIL.Image.open(tmp_path / "a.png")))
    for name in ("a.png", "a.webp", "a8.tif", "a16.tif"):
        same_picture(load_image(tmp_path / name), upright, 0)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40])
def test_broken_exif_never_costs_the_pixels(put, exif):
    for kind in ("JPEG", "PNG", "WEBP"):
        assert load_image(put(encoded(RGB, kind, exif=exif))).pixels.shape == RGB.shape


def test_broken_text_of_a_png_never_costs_the_pixels(put):
    data = png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"iCCP", b"x\0\1????"), (b"zTXt", b"Title\0\0broken")])
    assert load_image(put(data)).pixels.tolist() == [[1, 2]]
    damaged = bytearray(png(0, 8, b"\0\1\2", (2, 1), chunks=[(b"tEXt", b"Title\0words")]))
    damaged[damaged.index(b"words")] ^= 1
    assert load_image(put(bytes(damaged))).pixels.tolist() == [[1, 2]]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_with_a_remark(put, kind):
    frames = [PIL.Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in (0, 5, 11)]
    image = load_image(put(encoded(frames[0], kind, save_all=True, append_images=frames[1:])))
    assert image.pixels.shape == RGB.shape
    assert len(image.notes) == 1
    assert "2 more" in image.notes[0]


def test_the_previews_in_a_phones_photograph_are_no_frames(put):
    frames = [PIL.Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in (0, 5)]
    image = load_image(put(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])))
    assert image.pixels.shape == RGB.shape
    assert image.notes == ()


def test_gif_canvas_around_the_first_frame_is_not_valid(put):
    picture = PIL.Image.frombytes("P", (2, 1), b"\0\1")
    picture.putpalette([255, 0, 0, 0, 255, 0])
    data = bytearray(encoded(picture, "GIF"))
    data[6:10] = struct.pack("<HH", 4, 3)
    block = data.index(b",\0\0\0\0\2\0\1\0")
    data[block + 1 : block + 5] = struct.pack("<HH", 1, 2)
    image = load_image(put(bytes(data)))
    assert image.valid.tolist() == [[False] * 4, [False] * 4, [False, True, True, False]]
    assert image.pixels[2, 1:3].tolist() == [[255, 0, 0], [0, 255, 0]]


# -------------------------------------------------------------------------------------------------- truncated, damaged


NOISE = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def tiff(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, photometric="rgb", **options)
    return stream.getvalue()


CUT = {
    "jpeg": lambda: encoded(NOISE, "JPEG"),
    "progressive": lambda: encoded(NOISE, "JPEG", progressive=True),
    "png": lambda: encoded(NOISE, "PNG"),
    "png16": lambda: imagecodecs.png_encode(NOISE.astype(np.uint16) * 257),
    "gif": lambda: encoded(NOISE, "GIF"),
    "bmp": lambda: encoded(NOISE, "BMP"),
    "ppm": lambda: encoded(NOISE, "PPM"),
    "tiff": lambda: tiff(NOISE),
    "tiff16": lambda: tiff(NOISE.astype(np.uint16) * 257),
    "tiff-strips": lambda: tiff(NOISE, compression="lzw", rowsperstrip=8),
    "tiff-deflate": lambda: tiff(NOISE, compression="deflate", rowsperstrip=64),
    "tiff-planar": lambda: tiff(np.moveaxis(NOISE, 2, 0), planarconfig="separate", compression="lzw", rowsperstrip=8),
}


@pytest.mark.parametrize("name", CUT)
def test_truncated_files_are_refused_unless_allowed(put, name):
    data = CUT[name]()
    assert load_image(put(data)).notes == ()
    path = put(data[: len(data) * 7 // 10], f"{name}.cut")
    with pytest.raises(ImageError, match=rf"{name}\.cut: the file is truncated; .*--allow-truncated"):
        load_image(path)
    if name == "tiff-planar":  # a pixel without its blue is not valid, and blue is what is missing everywhere
        return
    image = load_image(path, allow_truncated=True)
    assert any("truncated" in note for note in image.notes)
    assert image.pixels.shape == NOISE.shape
    assert image.pixels.any()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("name", ["tiff", "tiff16", "tiff-strips", "tiff-deflate", "ppm"])
def test_the_missing_part_is_not_valid_where_it_is_known(put, name):
    data = CUT[name]()
    image = load_image(put(data[: len(data) * 7 // 10]), allow_truncated=True)
    rows = image.valid.all(axis=1)
    assert 30 < rows.sum() < 50
    same_picture(image, NOISE, 0)


def test_truncated_webp_is_refused(put):
    data = encoded(NOISE, "WEBP")
    for allow in (False, True):
        with pytest.raises(ImageError, match="truncated"):
            load_image(put(data[: len(data) // 2]), allow_truncated=allow)


@pytest.mark.parametrize("kind", ["grey", "16-bit"])
@pytest.mark.parametrize("allow", [False, True])
def test_a_wrong_checksum_of_the_pixels_is_an_error_even_when_truncated_files_are_allowed(put, kind, allow):
    data = bytearray(encoded(GRAY, "PNG") if kind == "grey" else imagecodecs.png_encode(RGB16))
    end = data.index(b"IEND") - 8
    data[end] ^= 1
    with pytest.raises(ImageError, match="checksum"):
        load_image(put(bytes(data)), allow_truncated=allow)


@pytest.mark.parametrize("raw", [bytes(13), bytes(60), bytes(9), b"\x09" + bytes(12)])
@pytest.mark.parametrize("tail", [None, -4, b"more"])
def test_odd_pixels_of_a_16_bit_png_make_no_noise(put, capfd, monkeypatch, raw, tail):
    compress = zlib.compress
    if tail is not None:
        monkeypatch.setattr(
            zlib, "compress", lambda data: compress(data) + tail if tail == b"more" else compress(data)[:-4] + bytes(4)
        )
    path = put(png(2, 16, raw, (2, 1)))
    monkeypatch.undo()
    failure(path, False)
    failure(path, True)
    assert capfd.readouterr().err == ""


def test_a_host_that_allows_truncated_files_changes_nothing(put, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = CUT["jpeg"]()
    with pytest.raises(ImageError, match="truncated"):
        load_image(put(data[: len(data) // 2]))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def failure(path, allow):
    try:
        load_image(path, max_pixels=1_000_000, allow_truncated=allow)
    except ImageError as error:
        return str(error)
    return ""


def test_mutants_load_or_raise_one_line(put, capfd):
    random_ = random.Random(5)
    seeds = [make() for make in CUT.values()] + [encoded(RGB, "WEBP"), encoded(PIL.Image.fromarray(GRAY > 9), "TIFF")]
    seeds.append(encoded(PIL.Image.fromarray(GRAY > 9), "TIFF", compression="group4"))
    for turn in range(300):
        data = bytearray(seeds[turn % len(seeds)])
        for _ in range(random_.randrange(1, 12)):
            data[int(len(data) * random_.random() ** 3)] = random_.randrange(256)
        path = put(bytes(data[: random_.randrange(20, len(data))] if turn % 3 == 0 else data), f"{turn}.bin")
        for allow in (False, True):
            message = failure(path, allow)
            if message:
                assert message.startswith(str(path) + ": ")
                assert "\n" not in message
                assert len(message) - len(str(path)) < 200
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


# --------------------------------------------------------------------------------------------------------------- limits


BOMBS = {
    "png": png(2, 8, b"", (60_000, 60_000)),
    "png16": png(2, 16, b"", (60_000, 60_000)),
    "bmp": b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, *[0] * 6),
    "gif": b"GIF89a"
    + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0)
    + b","
    + struct.pack("<4HB", *[0] * 4, 0)
    + b"\2\0;",
    "ppm": b"P6 60000 60000 255\n",
    "plain": b"P3 60000 60000 255\n",
    "webp": b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (59_999).to_bytes(3, "little") * 2 + bytes(40),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(put, name):
    with pytest.raises(ImageError, match=r"at most 200000000 pixels are read; got 60000 x 60000 = 3600000000\."):
        load_image(put(BOMBS[name]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_the_limit_is_the_number_of_pixels(put, kind):
    path = put(encoded(RGB, kind))
    assert load_image(path, max_pixels=960).width == 40
    with pytest.raises(ImageError, match="got 40 x 24 = 960"):
        load_image(path, max_pixels=959)


@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8-bit", "16-bit"])
def test_tiff_with_a_giant_tile_is_refused(put, array):
    stream = io.BytesIO(tiff(array, tile=(16, 16), compression="lzw"))
    with tifffile.TiffFile(stream) as file:
        offsets = [file.pages[0].tags[code].valueoffset for code in (322, 323)]
    data = bytearray(stream.getvalue())
    for offset in offsets:
        data[offset : offset + 2] = struct.pack("<H", 60_000)
    with pytest.raises(ImageError, match="a TIFF tile holds at most 200000000 pixels; got 3600000000"):
        load_image(put(bytes(data)))


# ------------------------------------------------------------------------------------------------------ paths, messages


def refused(path, words):
    with pytest.raises(ImageError, match=words) as info:
        load_image(path)
    assert "\n" not in str(info.value)
    assert str(info.value).startswith(printable_path(path) + ": ")


def test_what_is_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "memory.png").symlink_to("/proc/self/mem")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "pipe.png", "a pipe")
    refused(tmp_path, "a folder")
    refused(tmp_path / "loop.png", "symbolic links")
    refused(tmp_path / "null.png", "a device")
    refused(tmp_path / "memory.png", "empty")
    refused(tmp_path / "empty.png", "empty")
    refused(tmp_path / "missing.png", "no such file")
    refused(tmp_path / ("x" * 300), "too long")
    refused("a\0b.png", "null byte")
    refused(b"no-such\xff.png".decode("utf-8", "surrogateescape"), r"no-such\\xff\.png")


def test_symbolic_links_to_files_are_followed(put, tmp_path):
    (tmp_path / "link.png").symlink_to(put(encoded(RGB, "PNG")))
    assert load_image(tmp_path / "link.png").width == 40


def test_a_sparse_file_is_not_read_whole(tmp_path, put):
    for name, data in (("a.png", encoded(RGB, "PNG")), ("b.jpg", b"\xff\xd8\xff"), ("c.ppm", b"P3 9000 9000 255\n")):
        path = put(data, name)
        os.truncate(path, 64 << 30)
        if name == "a.png":
            assert load_image(path).width == 40
        else:
            refused(path, "damaged|something other")


def test_unknown_content_is_named(put):
    refused(put(b"%PDF-1.7 and so on"), "begins with %PDF")
    refused(put(b"\x89PNG\r\n\x1a\n", "short.png"), "damaged")


def test_unreadable_file(put, monkeypatch):
    path = put(encoded(RGB, "PNG"))

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("segment.loader.loader.io.FileIO", deny)
    refused(path, "permission denied")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("plain.png", "plain.png"),
        ("naïve 图像.png", "naïve 图像.png"),
        ("a\nb\x1b[31m.png", r"a\nb\x1b[31m.png"),
        (b"caf\xe9.png", r"caf\xe9.png"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (Path("x") / "y.png", "x/y.png"),
    ],
)
def test_shown_paths_are_printable(path, expected):
    assert printable_path(path) == expected
    printable_path(path).encode("utf-8")


def test_shown_paths_are_short():
    assert printable_path("d/" * 300 + "name.png").endswith("…/name.png")
    assert len(printable_path("d/" * 300 + "name.png")) <= 160
    assert len(printable_path("x" * 255)) <= 160


def test_inputs_are_not_changed_and_no_module_is_loaded_in_vain(put):
    path = put(encoded(RGB, "PNG"))
    before = path.read_bytes()
    code = (
        "import sys, segment.loader.loader as l, segment.loader.decoders.pillow; "
        "assert not {'numpy', 'PIL', 'cv2', 'tifffile', 'imagecodecs'} & set(sys.modules); "
        "l.load_image(sys.argv[1]); assert not {'cv2', 'tifffile', 'imagecodecs'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.read_bytes() == before


def test_a_missing_opencv_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DependencyError, match=r"libgl1 libglib2\.0-0.*opencv-python-headless") as info:
        load_cv2()
    assert "\n" not in str(info.value)


# --------------------------------------------------------------------------------------------------------------- corpus


def test_corpus():
    folder = os.environ.get("SEGMENT_HOSTILE_CORPUS")
    if not folder:
        pytest.skip("SEGMENT_HOSTILE_CORPUS does not name a folder with manifest.csv")
    with (Path(folder) / "manifest.csv").open(encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row in rows:
        path = Path(folder) / row["file"]
        if not path.exists():
            continue
        try:
            image = load_image(path)
            size = (image.width, image.height)
            outcome = "ok"
        except ImageError:
            outcome = "error"
        expect = row["expect"]
        if (
            (expect == "ok" and outcome == "error")
            or (expect in ("error", "refuse", "error_or_warn") and outcome == "ok")
            or (expect == "ok" and row["width"] and size != (int(row["width"]), int(row["height"])))
        ):
            wrong.append((row["file"], expect, outcome))
    assert wrong == []
