"""Palettes and grays that Pillow has decoded, as arrays."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from encoded_images import GRAY, assert_same_picture, encode_with_pillow

from segment.loader.decoders.pillow_arrays import convert_to_arrays, mask_outside
from segment.loader.loader import load_image


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_gray_picture_with_a_palette_is_gray(write_file, kind):
    picture = PIL.Image.frombytes("P", (40, 24), GRAY.tobytes())
    picture.putpalette([value for value in range(255, -1, -1) for _ in "rgb"])
    assert_same_picture(load_image(write_file(encode_with_pillow(picture, kind))), 255 - GRAY, 0)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_palette_colors(write_file, kind):
    table = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
    picture = PIL.Image.frombytes("P", (40, 24), GRAY.tobytes())
    picture.putpalette(table.tobytes())
    assert_same_picture(load_image(write_file(encode_with_pillow(picture, kind))), table[GRAY], 0)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, 255),
        ("L", 9, 9),
        ("LA", (9, 100), [9, 100]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 4), [1, 2, 3, 4]),
        ("RGBX", (1, 2, 3, 4), [1, 2, 3]),
        ("CMYK", (255, 0, 0, 0), [0, 255, 255]),
        ("I;16", 60_000, 60_000),
        ("F", 0.5, 0.5),
    ],
)
def test_pixels_of_every_mode(mode, value, expected):
    array, valid = convert_to_arrays(PIL.Image.new(mode, (3, 200), value))  # more rows than are copied at a time
    assert array.shape[:2] == valid.shape == (200, 3)
    assert valid.all()
    assert (array == expected).all()


def test_transparent_entries_of_a_palette_are_not_valid():
    picture = PIL.Image.frombytes("P", (4, 1), bytes([0, 1, 2, 3]))
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 8, 8, 8])
    picture.info["transparency"] = bytes([255, 127, 128])
    _, valid = convert_to_arrays(picture)
    assert valid.tolist() == [[True, False, True, True]]
    picture.info["transparency"] = 3
    _, valid = convert_to_arrays(picture)
    assert valid.tolist() == [[True, True, True, False]]


def test_pixels_outside_a_box_are_not_valid():
    valid = np.array([[True, True, True], [True, False, True]])
    assert mask_outside((1, 0, 3, 2), valid).tolist() == [[False, True, True], [False, False, True]]
    assert mask_outside((0, 0, 3, 2), valid) is valid
