"""Logarithms of the values of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.preprocessor.logarithms import refuse_logarithms, to_log_scale


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_equal_ratios_are_equal_steps_on_a_logarithmic_scale_of_every_depth(dtype: type) -> None:
    shares = np.array([[1, 4, 16, 64, 128]]) / 255
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}[dtype]
    image = Image.from_array((shares * white).astype(dtype), white=None if dtype == np.float32 else white)
    logs = to_log_scale(image)
    assert (logs.pixels.dtype, logs.black, logs.white) == (np.uint16, 0, 65535)
    np.testing.assert_allclose(logs.pixels, 65535 * (1 + np.log2(shares) / 16), atol=0.51)
    # What is not above 0 counts as half a step, or as the least value of a sensor of 12 bits.
    dark = to_log_scale(replace(image, pixels=image.pixels * (np.arange(5) != 1).astype(dtype)))
    lowest = {np.uint8: 0.5 / 255, np.uint16: 2**-16, np.float32: 2**-12}[dtype]
    assert dark.pixels[0, 1] == pytest.approx(65535 * (1 + np.log2(lowest) / 16), abs=0.51)


def test_logarithms_are_not_taken_of_logarithms() -> None:
    decibels = np.linspace(-25, 5, 60).reshape(6, 10)
    with pytest.raises(SettingsError, match=r"^log_scale \(--log-scale\): of values above 0; 83.3 % lie below, as"):
        refuse_logarithms(Image.from_array(decibels))
    refuse_logarithms(Image.from_array(np.zeros((6, 10), np.float32)))  # darkness, as in integers
