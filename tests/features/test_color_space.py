"""Colors as features."""

from __future__ import annotations

import numpy as np
import pytest

from segment.features.color_space import FeatureSpace


def test_given_colors_are_scaled_to_the_range_of_the_image() -> None:
    sky = np.array([[0x87, 0xCE, 0xEB]], dtype=np.uint8)
    np.testing.assert_allclose(FeatureSpace("rgb", 3, 0, 65535).convert_rgb(sky), sky, atol=0.01)
    luma = 0.2125 * 0x87 + 0.7154 * 0xCE + 0.0721 * 0xEB
    assert FeatureSpace("intensity", 1, 0, 255).convert_rgb(sky).item() == pytest.approx(luma, abs=0.5)
