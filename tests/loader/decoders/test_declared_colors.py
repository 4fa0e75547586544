"""Profiles of colors that are declared by numbers: their colors are those that scikit-image and formulas give."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color

from segment.loader.decoders.color_profile import convert_to_srgb
from segment.loader.decoders.declared_colors import is_srgb, make_adobe_rgb_profile, make_declared_profile

# Chromaticities of red, green and blue; the white is D65.
PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "Adobe RGB": ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)),
}
COLORS = np.array([[[60, 120, 90], [200, 180, 170], [128, 128, 128], [110, 70, 140]]], np.uint8)


def express_in(primaries, decode):
    """Express sRGB colors in other primaries, and encode the light by their curve."""
    xy = np.array(PRIMARIES[primaries])
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(3), (1 - xy.sum(axis=1)) / xy[:, 1]])
    white = np.array([0.3127 / 0.3290, 1, 0.3583 / 0.3290])
    matrix = columns * np.linalg.solve(columns, white)
    light = skimage.color.rgb2xyz(COLORS) @ np.linalg.inv(matrix).T
    return np.rint(255 * decode(np.clip(light, 0, 1))).astype(np.uint8)


def encode_srgb(light):
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)


@pytest.mark.parametrize(
    ("primaries", "transfer", "encode"),
    [
        (12, 13, encode_srgb),
        (9, 13, encode_srgb),
        (9, 4, lambda light: light ** (1 / 2.2)),
        ("Adobe RGB", 0, lambda light: light ** (256 / 563)),
    ],
)
def test_colors_come_back(primaries, transfer, encode):
    stored = express_in(primaries, encode)
    profile = make_adobe_rgb_profile() if primaries == "Adobe RGB" else make_declared_profile(primaries, transfer)
    found = convert_to_srgb(stored, profile)
    assert np.abs(found.array.astype(int) - COLORS).max() <= 1
    assert np.abs(stored.astype(int) - COLORS).max() > 3
    assert "converted from the profile" in found.notes[0]


def test_what_no_profile_describes():
    assert make_declared_profile(9, 16) is None
    assert make_declared_profile(22, 13) is None
    assert make_declared_profile(1, 8) is None
    assert is_srgb(1, 1)
    assert is_srgb(2, 2)
    assert not is_srgb(1, 8)
