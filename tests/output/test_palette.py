"""The colors of classes: as different as they can be, for color-blind readers too."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from segment.output.palette import pick_class_colors, pick_ramp_colors

# Machado, Oliveira & Fernandes 2009, IEEE TVCG 15: what each kind of reader sees of linear RGB, at full severity.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen(colors: np.ndarray, vision: str) -> np.ndarray:
    """CIELAB of 8-bit sRGB colors (n, 3) as a reader sees them."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    light = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    again = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb2lab(again[None])[0]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("n", "least"), [(4, 19), (8, 15), (12, 12), (20, 11)])
def test_colors_differ_for_every_reader(n: int, least: float, vision: str) -> None:
    lab = seen(pick_class_colors(n), vision)
    differences = deltaE_ciede2000(lab[:, None], lab[None]) + 1000 * np.eye(n)
    assert differences.min() >= least


@pytest.mark.parametrize("vision", VISION)
def test_no_color_is_taken_for_the_paper(vision: str) -> None:
    lab, white = seen(pick_class_colors(20), vision), seen(np.full((1, 3), 255), vision)
    assert deltaE_ciede2000(lab, white).min() >= 9


@pytest.mark.parametrize("name", ["viridis", "cividis", "grey"])
@pytest.mark.parametrize("vision", VISION)
def test_a_ramp_goes_from_dark_to_light_for_every_reader(name: str, vision: str) -> None:
    light = seen(pick_ramp_colors(name, 9), vision)[:, 0]
    assert (np.diff(light) > 3).all()
    assert pick_ramp_colors(name, 0).shape == (0, 3)
    assert pick_ramp_colors(name, 1).shape == (1, 3)
