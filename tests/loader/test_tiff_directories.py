"""The tags that tell what the pages of a TIFF are."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import tifffile
from camera_files import encode_dng, encode_nef
from encoded_images import GRAY, RGB

from segment.loader.tiff_directories import MAX_DIRECTORIES, identify_raw, iterate_directories


def test_pages_are_followed_by_their_subpages():
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as tiff:
        tiff.write(RGB, photometric="rgb", subifds=2)
        tiff.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
        tiff.write(RGB[::4, ::4], photometric="rgb", subfiletype=1)
        tiff.write(GRAY, photometric="minisblack")
    pages = list(iterate_directories(stream))
    assert [(page.get(254, (0,))[0], page[262][0]) for page in pages] == [(0, 2), (1, 2), (1, 2), (0, 1)]


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}])
def test_wide_and_big_endian_numbers_are_read(options):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, **options) as tiff:
        tiff.write(GRAY, photometric="cfa", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    (page,) = iterate_directories(stream)
    assert page[262] == (32803,)
    assert page[50706] == (1, 4, 0, 0)


def test_sensor_values_in_any_page_make_a_camera_raw():
    assert identify_raw(io.BytesIO(encode_dng(RGB))) == "DNG"
    assert identify_raw(io.BytesIO(encode_nef(RGB))) == "NEF"
    linear = io.BytesIO()
    tifffile.imwrite(linear, RGB.astype(np.uint16), photometric=34892)
    assert identify_raw(linear) == "camera RAW"
    plain = io.BytesIO()
    tifffile.imwrite(plain, RGB, photometric="rgb", extratags=[(271, "s", 0, "NIKON", True)])
    assert identify_raw(plain) == ""


def test_damaged_and_endless_chains_end():
    data = encode_dng(RGB)
    numbers = random.Random(2)
    for turn in range(300):
        bad = bytearray(data[: numbers.randrange(4, len(data))] if turn % 2 else data)
        for _ in range(8):
            bad[int(len(bad) * numbers.random() ** 3)] = numbers.randrange(256)
        assert len(list(iterate_directories(io.BytesIO(bytes(bad))))) <= MAX_DIRECTORIES
    loop = b"II*\0" + (8).to_bytes(4, "little") + b"\0\0" + (8).to_bytes(4, "little")
    assert list(iterate_directories(io.BytesIO(loop))) == [{}]
