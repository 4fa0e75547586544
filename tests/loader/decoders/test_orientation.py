"""EXIF orientation: all eight, in every format that has it."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import tifffile
from encoded_images import RGB, RGB16, assert_same_picture, encode_with_pillow
from PIL import ImageOps

from segment.loader.decoders.orientation import apply_orientation, read_orientation
from segment.loader.loader import load_image


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
        assert_same_picture(load_image(tmp_path / name), upright, 0)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40])
def test_damaged_exif_does_not_prevent_reading_the_pixels(write_file, exif):
    for kind in ("JPEG", "PNG", "WEBP"):
        assert load_image(write_file(encode_with_pillow(RGB, kind, exif=exif))).pixels.shape == RGB.shape


def test_each_orientation_puts_the_first_pixel_into_its_corner():
    stored = np.array([["first", "."], [".", "."], [".", "."]])
    corners = [tuple(int(i) for i in np.argwhere(apply_orientation(stored, way) == "first")[0]) for way in range(1, 9)]
    assert corners == [(0, 0), (0, 1), (2, 1), (2, 0), (0, 0), (0, 2), (1, 2), (1, 0)]


def test_unknown_orientation_changes_nothing():
    for way in (0, 9, -1, None):
        assert apply_orientation(RGB, way) is RGB


@pytest.mark.parametrize("value", ["6", 2.5, (1, 2)])
def test_orientation_that_is_no_integer_is_upright(value):
    picture = PIL.Image.new("L", (1, 1))
    picture.getexif()[0x0112] = value
    assert read_orientation(picture) == 1
