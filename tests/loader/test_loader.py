"""load_image and load_stream: every format, damaged and truncated files, limits, paths and messages."""

from __future__ import annotations

import csv
import errno
import io
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from encoded_images import (
    GRAY,
    NOISE,
    RGB,
    TRUNCATABLE_FILES,
    assert_same_picture,
    encode_png,
    encode_with_pillow,
    get_error_message,
)
from PIL import ImageFile

from segment.core.errors import ImageError, printable_path
from segment.core.image import Image
from segment.loader.loader import LoadedFile, load_image, load_stream
from segment.loader.read_options import ReadOptions


@pytest.mark.parametrize("array", [GRAY, RGB], ids=["gray", "rgb"])
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
def test_8_bit_formats(write_file, array, kind, options):
    image = load_image(write_file(encode_with_pillow(array, kind, **options)))
    expected = np.repeat(array[..., None], 3, axis=2) if kind == "WEBP" and array.ndim == 2 else array
    assert_same_picture(image, expected, 0.03 if kind == "JPEG" else 0)
    assert image.valid.all()
    assert image.notes == ()


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff"])
def test_file_with_a_signature_only_is_reported_as_damaged(write_file, data):
    with pytest.raises(ImageError) as caught:
        load_image(write_file(data))
    message = str(caught.value).split(": ", 1)[1]
    assert not re.search(r"Error|unpack|bytes for", message)
    assert re.match(r"the (image|file|\w+ file) is (damaged|truncated|empty)", message)


@pytest.mark.parametrize("name", TRUNCATABLE_FILES)
def test_truncated_files_are_refused_unless_allowed(write_file, name):
    data = TRUNCATABLE_FILES[name]()
    assert load_image(write_file(data)).notes == ()
    path = write_file(data[: len(data) * 7 // 10], f"{name}.cut")
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
def test_missing_part_of_a_truncated_file_is_not_valid(write_file, name):
    data = TRUNCATABLE_FILES[name]()
    image = load_image(write_file(data[: len(data) * 7 // 10]), allow_truncated=True)
    rows = image.valid.all(axis=1)
    assert 30 < rows.sum() < 50
    assert_same_picture(image, NOISE, 0)


def test_damaged_files_load_or_raise_one_line(write_file, capfd):
    random_ = random.Random(5)
    seeds = [make() for make in TRUNCATABLE_FILES.values()] + [
        encode_with_pillow(RGB, "WEBP"),
        encode_with_pillow(PIL.Image.fromarray(GRAY > 9), "TIFF"),
    ]
    seeds.append(encode_with_pillow(PIL.Image.fromarray(GRAY > 9), "TIFF", compression="group4"))
    for turn in range(300):
        data = bytearray(seeds[turn % len(seeds)])
        for _ in range(random_.randrange(1, 12)):
            data[int(len(data) * random_.random() ** 3)] = random_.randrange(256)
        path = write_file(bytes(data[: random_.randrange(20, len(data))] if turn % 3 == 0 else data), f"{turn}.bin")
        for allow in (False, True):
            message = get_error_message(path, allow)
            if message:
                assert message.startswith(str(path) + ": ")
                assert "\n" not in message
                assert len(message) - len(str(path)) < 200
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


BOMBS = {
    "png": encode_png(2, 8, b"", (60_000, 60_000)),
    "png16": encode_png(2, 16, b"", (60_000, 60_000)),
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
def test_huge_size_in_a_header_is_refused_before_decoding(write_file, name):
    with pytest.raises(ImageError, match=r"at most 200000000 pixels are read; got 60000 x 60000 = 3600000000\."):
        load_image(write_file(BOMBS[name]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_the_limit_is_the_number_of_pixels(write_file, kind):
    path = write_file(encode_with_pillow(RGB, kind))
    assert load_image(path, max_pixels=960).width == 40
    with pytest.raises(ImageError, match="got 40 x 24 = 960"):
        load_image(path, max_pixels=959)


def assert_refused(path, words):
    with pytest.raises(ImageError, match=words) as info:
        load_image(path)
    assert "\n" not in str(info.value)
    assert str(info.value).startswith(printable_path(path) + ": ")


@pytest.mark.parametrize("what", [b"\x89PNG", io.BytesIO(b"\x89PNG")])
def test_what_is_no_path_is_refused(what):
    with pytest.raises(ImageError, match=f"^path: of a file; got {type(what).__name__}. Give an open file, or io.B"):
        load_image(what)


def test_anything_but_a_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "memory.png").symlink_to("/proc/self/mem")
    (tmp_path / "empty.png").touch()
    assert_refused(tmp_path / "pipe.png", "a pipe")
    assert_refused(tmp_path, "a folder")
    assert_refused(tmp_path / "loop.png", "symbolic links")
    assert_refused(tmp_path / "null.png", "a device")
    assert_refused(tmp_path / "memory.png", "empty")
    assert_refused(tmp_path / "empty.png", "empty")
    assert_refused(tmp_path / "missing.png", "no such file")
    assert_refused(tmp_path / ("x" * 300), "too long")
    assert_refused("a\0b.png", "null (byte|character)")
    assert_refused(b"no-such\xff.png".decode("utf-8", "surrogateescape"), r"no-such\\xff\.png")


def test_symbolic_links_to_files_are_followed(write_file, tmp_path):
    (tmp_path / "link.png").symlink_to(write_file(encode_with_pillow(RGB, "PNG")))
    assert load_image(tmp_path / "link.png").width == 40


def test_sparse_file_of_gigabytes_is_not_read_to_its_end(write_file, monkeypatch):
    monkeypatch.setattr("segment.loader.decoders.jpeg.MAX_HEADER_BYTES", 2**20)
    for name, data in (
        ("a.png", encode_with_pillow(RGB, "PNG")),
        ("b.jpg", b"\xff\xd8\xff"),
        ("c.ppm", b"P3 9000 9000 255\n"),
    ):
        path = write_file(data, name)
        os.truncate(path, 64 << 30)
        if name == "a.png":
            assert load_image(path).width == 40
        else:
            assert_refused(path, "between segments|something other")


def test_unknown_content_is_named_by_its_first_bytes(write_file):
    assert_refused(write_file(b"\0%PDF and so on"), r"begins with \\x00%PDF")
    assert_refused(write_file(b"\x89PNG\r\n\x1a\n", "short.png"), "damaged")


def test_unreadable_file(write_file, monkeypatch):
    path = write_file(encode_with_pillow(RGB, "PNG"))

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("segment.loader.loader.io.FileIO", deny)
    assert_refused(path, "permission denied")


def test_input_is_unchanged_and_only_needed_libraries_are_imported(write_file):
    path = write_file(encode_with_pillow(RGB, "PNG"))
    before = path.read_bytes()
    code = (
        "import sys, segment.loader.loader as l, segment.loader.decoders.pillow; "
        "assert not {'numpy', 'PIL', 'cv2', 'tifffile', 'imagecodecs'} & set(sys.modules); "
        "l.load_image(sys.argv[1]); assert not {'cv2', 'tifffile', 'imagecodecs'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.read_bytes() == before


def test_hostile_corpus_loads_or_fails_as_its_manifest_says():
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


# ------------------------------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "PPM"])
def test_stream_gives_what_a_file_gives(write_file, kind):
    data = encode_with_pillow(RGB, kind)
    image = load_stream(io.BytesIO(data), ReadOptions())
    np.testing.assert_array_equal(image.pixels, load_image(write_file(data)).pixels)
    assert image.file_name == "stdin"


def test_stream_is_named_in_messages():
    with pytest.raises(ImageError, match=r"^stdin: there is no image; 0 bytes came\. Pipe an image file into it\.$"):
        load_stream(io.BytesIO(), ReadOptions())
    with pytest.raises(ImageError, match=r"^stdin: an image is bytes; got str\. Open the file in the mode 'rb'\.$"):
        load_stream(io.StringIO("text"), ReadOptions())
    with pytest.raises(ImageError, match=r"^stdin: an image is .*; got a PDF document\. Save a page"):
        load_stream(io.BytesIO(b"%PDF-1.7" + bytes(100)), ReadOptions())


def test_a_full_temporary_folder_is_no_damaged_image(monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(ImageError, match=r"^stdin: what .* kept in the temporary folder; no space left on"):
        load_stream(io.BytesIO(encode_with_pillow(RGB, "PNG")), ReadOptions())


class Endless(io.RawIOBase):
    """A stream that never ends; it counts what is read from it."""

    def __init__(self, head: bytes) -> None:
        self.head, self.count = head, 0

    def read(self, size: int = -1) -> bytes:
        part = (self.head if self.count == 0 else b"").ljust(size, b"\0")
        self.count += size
        return part


@pytest.mark.parametrize(
    ("head", "words"), [(b"no image", "begins with no"), (b"P5 9 9 255\n", "at most 1048592 bytes")]
)
def test_endless_stream_is_refused(head, words):
    stream = Endless(head)
    with pytest.raises(ImageError, match=words):
        load_stream(stream, ReadOptions(max_pixels=1))
    assert stream.count <= 2**21


def test_loaded_file_is_a_path():
    image = Image.from_array(RGB)
    assert os.fspath(LoadedFile("folder/a.png", image, 0.0)) == "folder/a.png"


@pytest.mark.parametrize("name", ["https://example.com/a.png", "http:/example.com/a.png", "file:///a.png"])
def test_an_address_is_no_path(name):
    with pytest.raises(ImageError, match=r"a file of this machine; got an address\. Download it first"):
        load_image(name)
