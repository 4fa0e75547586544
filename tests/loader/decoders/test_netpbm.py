"""Netpbm and PFM: every kind, comments, depths and damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from encoded_images import compute_relative_values

from segment.core.errors import ImageError
from segment.loader.loader import load_image


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
def test_values_are_shares_of_the_maximal_value(write_file, data, expected):
    np.testing.assert_allclose(compute_relative_values(load_image(write_file(data))), expected, atol=1e-6)


def test_alpha_of_a_pam_is_applied(write_file):
    head = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 1000\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    image = load_image(write_file(head + struct.pack(">8H", 1, 2, 3, 400, 1, 2, 3, 600)))
    assert image.valid.tolist() == [[False, True]]
    assert image.white == 1000


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
def test_damaged_file_is_refused(write_file, data):
    with pytest.raises(ImageError, match=r"picture\.bin: "):
        load_image(write_file(data))


def test_decimal_numbers_across_chunks(write_file):
    values = np.random.default_rng(0).integers(0, 256, (500, 1100))
    text = b"P2 1100 500 255\n" + b" ".join(b"%d" % value for value in values.ravel())
    np.testing.assert_array_equal(load_image(write_file(text)).pixels, values)


@pytest.mark.parametrize(
    ("kind", "values"), [(b"P2", b"100 4095 5000 60000"), (b"P5", struct.pack(">4H", 100, 4095, 5000, 60_000))]
)
def test_values_above_the_maximal_one_are_told(write_file, kind, values):
    image = load_image(write_file(kind + b" 2 2 4095\n" + values))
    assert image.pixels.tolist() == [[100, 4095], [4095, 4095]]
    assert image.notes[0].startswith("50 % of the values are above the maximal value of the file, 4095, and count as")
