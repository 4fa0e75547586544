from __future__ import annotations

import numpy as np
import pytest

from segment.core.pixel_arrays import gather_planes


@pytest.mark.parametrize("k", [1, 4, 7])
def test_gathers_the_values_of_each_pixel(k: int, rng: np.random.Generator) -> None:
    rows = rng.random((50, k), dtype=np.float32)
    places = rng.integers(0, 50, 2**15 + 9)  # more than one block
    np.testing.assert_array_equal(gather_planes(rows, places), rows[places].T)


def test_gathers_nothing_for_no_pixel() -> None:
    assert gather_planes(np.ones((3, 2), np.float32), np.zeros(0, np.intp)).shape == (2, 0)
