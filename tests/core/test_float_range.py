"""The range of floats with extreme values."""

from __future__ import annotations

import numpy as np

from segment.core.float_range import find_float_range
from segment.core.float_scale import choose_float_scale


def make_values(*extremes: float, low: float = 10, high: float = 20, n: int = 5000) -> np.ndarray:
    """Make n values between two ends in random order, with some extreme ones among them."""
    values = np.random.default_rng(0).uniform(low, high, n)
    values[100 : 100 + len(extremes)] = extremes
    return values.astype(np.float32)[:, None]


def test_parts_together_are_the_whole():
    values = np.concatenate([make_values(-9999.0, 65535.0, 1e38), make_values(-9999.0, 65535.0, low=-7, high=2)])
    whole = find_float_range(values)
    parts = find_float_range(values[:1234]).unite(find_float_range(values[1234:1300]))
    parts = parts.unite(find_float_range(values[1300:1300])).unite(find_float_range(values[1300:]))
    np.testing.assert_array_equal(parts.counts, whole.counts)
    for name in (
        "low",
        "second",
        "below",
        "high",
        "n_low",
        "n_high",
        "n_pixels",
        "n_low_pixels",
        "n_high_pixels",
        "n_beyond",
    ):
        assert getattr(parts, name) == getattr(whole, name), name
    assert (whole.below, whole.n_high, whole.n_high_pixels) == (values[values < 65535].max(), 2, 2)
    assert choose_float_scale(parts) == choose_float_scale(whole)


def test_pixels_count_once_whatever_their_bands():
    pixels = np.concatenate([make_values(-9999.0, 1e38), make_values(-9999.0, 5.0)], axis=1)
    found = find_float_range(pixels)
    assert (found.n_pixels, found.n_low, found.n_low_pixels, found.n_beyond) == (5000, 2, 1, 1)
