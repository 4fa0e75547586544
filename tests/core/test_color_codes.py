"""Codes of colors: counted in a table or by sorting, and found again."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core import color_codes
from segment.core.color_codes import count_codes, make_code_finder


@pytest.mark.parametrize("high", [2**13, 2**24, 2**32])
def test_a_table_counts_as_sorting_does(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, high: int) -> None:
    codes = rng.integers(0, high, 3000).astype(np.uint32)  # dense ones, for a table, and spread ones, which are sorted
    expected, counts = np.unique(codes, return_counts=True)
    monkeypatch.setattr(color_codes, "MIN_TABLED", 1)
    found = count_codes(codes.copy())
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], counts)
    assert found[0].dtype == codes.dtype
    if high <= 2**24:
        np.testing.assert_array_equal(expected[make_code_finder(found[0])(codes)], codes)
