"""Colors of classes: distinct, for color-blind readers too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from segment.output.palette import pick_class_colors, pick_ramp_colors

# Machado, Oliveira & Fernandes 2009, IEEE TVCG 15: what each kind of reader sees of linear RGB, at full severity.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def convert_to_lab(colors: np.ndarray, vision: str) -> np.ndarray:
    """Convert 8-bit sRGB colors (n, 3) to CIELAB, as a reader sees them."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    light = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    again = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb2lab(again[None])[0]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("n", "least"), [(4, 19), (8, 15), (12, 12), (20, 8.9)])
def test_colors_differ_for_every_reader(n: int, least: float, vision: str) -> None:
    lab = convert_to_lab(pick_class_colors(n), vision)
    differences = deltaE_ciede2000(lab[:, None], lab[None]) + 1000 * np.eye(n)
    assert differences.min() >= least


@pytest.mark.parametrize("vision", VISION)
def test_no_color_is_close_to_white(vision: str) -> None:
    lab, white = convert_to_lab(pick_class_colors(20), vision), convert_to_lab(np.full((1, 3), 255), vision)
    assert deltaE_ciede2000(lab, white).min() >= 9


def test_no_color_is_nearly_black() -> None:
    assert convert_to_lab(pick_class_colors(20), "normal")[:, 0].min() >= 30


@pytest.mark.parametrize("name", ["viridis", "cividis", "grey"])
@pytest.mark.parametrize("vision", VISION)
def test_a_ramp_goes_from_dark_to_light_for_every_reader(name: str, vision: str) -> None:
    light = convert_to_lab(pick_ramp_colors(name, 9), vision)[:, 0]
    assert (np.diff(light) > 3).all()
    assert pick_ramp_colors(name, 0).shape == (0, 3)
    assert pick_ramp_colors(name, 1).shape == (1, 3)


@given(st.integers(0, 255))
def test_class_colors_are_distinct_and_the_same_for_any_number_of_classes(k: int) -> None:
    colors = pick_class_colors(k)
    assert (colors.shape, colors.dtype) == ((k, 3), np.uint8)
    assert len(np.unique(colors, axis=0)) == k
    np.testing.assert_array_equal(colors, pick_class_colors(255)[:k])


def test_no_class_color_is_white() -> None:
    assert not (pick_class_colors(255) == 255).all(axis=1).any()


def test_the_first_colors_look_different() -> None:
    lab = rgb2lab(pick_class_colors(20)[None] / 255)[0]
    distances = np.linalg.norm(lab[:, None] - lab, axis=2) + 1000 * np.eye(20)
    assert distances.min() > 12
    assert distances[:8, :8].min() > 24
