"""Properties of the pictures of AVIF and HEIC files, and gaps in these."""

from __future__ import annotations

import io
import random
import struct
from contextlib import suppress

import pytest
from box_files import make_box

from segment.core.errors import ImageError
from segment.loader.decoders import heif_pictures
from segment.loader.decoders.heif_pictures import read_properties, require_no_zeros


def make_file(properties, numbers, *, item=1, wide=False):
    """Write the boxes of a file with one picture, whose properties have these numbers."""
    entry = b"".join(struct.pack(">H" if wide else ">B", n) for n in numbers)
    other = struct.pack(">HB", item + 1, 1) + (b"\0\1" if wide else b"\1")
    ipma = struct.pack(">II", int(wide), 2) + other + struct.pack(">HB", item, len(numbers)) + entry
    iprp = make_box(b"ipco", b"".join(properties)) + make_box(b"ipma", ipma)
    meta = bytes(4) + make_box(b"pitm", bytes(4) + struct.pack(">H", item)) + make_box(b"iprp", iprp)
    return io.BytesIO(make_box(b"ftyp", b"avif\0\0\0\0avif") + make_box(b"meta", meta) + make_box(b"mdat", bytes(9)))


def make_size(width, height):
    return make_box(b"ispe", bytes(4) + struct.pack(">II", width, height))


@pytest.mark.parametrize("wide", [False, True])
def test_properties_of_the_main_picture_count(wide):
    boxes = [
        make_size(160, 120),  # of another picture, such as the thumbnail
        make_size(4000, 3000),
        make_box(b"pixi", bytes(4) + bytes((3, 10, 10, 10))),
        make_box(b"colr", b"prof" + b"a profile"),
    ]
    found = read_properties(make_file(boxes, [2, 3, 4], item=7, wide=wide))
    assert (found.width, found.height, found.bits) == (4000, 3000, 10)
    assert found.profile == b"a profile"
    assert found.orientation == 0
    assert found.color_note == ""


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        *(((1, 13), ""), ((2, 2), ""), ((12, 13), "profile"), ((9, 1), "profile"), ((1, 4), "profile")),
        *(((9, 16), "note"), ((1, 18), "note"), ((1, 8), "note"), ((22, 13), "note")),
    ],
)
def test_colors_by_numbers_get_a_profile_or_are_said(codes, kind):
    nclx = make_box(b"colr", b"nclx" + struct.pack(">HHHB", *codes, 6, 128))
    found = read_properties(make_file([make_size(4, 3), nclx], [1, 2]))
    assert (found.profile is not None, bool(found.color_note)) == (kind == "profile", kind == "note")
    # A profile is better than numbers.
    both = read_properties(make_file([make_size(4, 3), nclx, make_box(b"colr", b"prof" + b"x")], [1, 2, 3]))
    assert (both.profile, both.color_note) == (b"x", "")


@pytest.mark.parametrize(("version", "method"), [(0, 0), (1, 0), (2, 0), (1, 1)])
@pytest.mark.parametrize("kind", [b"hvc1", b"av01", b"Exif"])
def test_zeros_in_coded_pictures_are_found(version, method, kind):
    def make(payload, begin):
        item = struct.pack(">I" if version > 1 else ">H", 3)
        infe = bytes((3 if version > 1 else 2, 0, 0, 0)) + item + b"\0\0" + kind + b"\0"
        iinf = make_box(b"iinf", bytes(4) + struct.pack(">H", 1) + make_box(b"infe", infe))
        entry = item + (struct.pack(">H", method) if version else b"") + struct.pack(">HHII", 0, 1, begin, len(payload))
        count = struct.pack(">I" if version > 1 else ">H", 1)
        iloc = make_box(b"iloc", bytes((version, 0, 0, 0, 0x44, 0)) + count + entry)
        meta = make_box(b"meta", bytes(4) + iinf + iloc)
        return meta + make_box(b"mdat", payload), len(meta) + 8

    for payload, is_damaged in ((b"abc" * 200, False), (b"a" + bytes(127), False), (b"a" + bytes(300) + b"b", True)):
        data = make(payload, make(payload, 0)[1])[0]
        if is_damaged and method == 0 and kind != b"Exif":
            with pytest.raises(ImageError, match=r"the AVIF file is damaged; zeros stand .* Fetch it again\."):
                require_no_zeros(io.BytesIO(data), "AVIF")
        else:
            require_no_zeros(io.BytesIO(data), "AVIF")


def test_properties_have_a_bound(monkeypatch):
    file = make_file([make_size(4, 3)], [1] * 9)
    monkeypatch.setattr(heif_pictures, "MAX_ASSOCIATIONS", 10)  # one is of another picture
    assert read_properties(file).width == 4
    monkeypatch.setattr(heif_pictures, "MAX_ASSOCIATIONS", 9)
    with pytest.raises(ImageError, match=r"pictures of a file have at most 9 properties; got more\."):
        read_properties(file)


def test_missing_or_damaged_properties_are_one_error():
    data = make_file([make_size(4, 3), make_box(b"irot", b"\1")], [1, 2]).getvalue()
    numbers = random.Random(4)
    for _ in range(400):
        bad = bytearray(data)
        for _ in range(4):
            bad[numbers.randrange(len(bad))] = numbers.randrange(256)
        with suppress(ImageError):  # and no other error
            read_properties(io.BytesIO(bytes(bad)))
            require_no_zeros(io.BytesIO(bytes(bad)), "AVIF")
    for stream in (
        make_file([], []),
        make_file([make_size(0, 3)], [1]),
        make_file([make_size(4, 3)], [9]),
        io.BytesIO(),
    ):
        with pytest.raises(ImageError, match="does not say how large"):
            read_properties(stream)
