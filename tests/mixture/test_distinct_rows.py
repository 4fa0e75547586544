"""Equal rows, found by sorting and by codes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segment.mixture.distinct_rows import count_integer_rows, sort_equal_rows


def draw_rows(low: int, high: int, d: int) -> NDArray[np.float64]:
    """Draw 400 rows of whole numbers, many of them equal."""
    rng = np.random.default_rng(0)
    rows = rng.integers(low, high, (60, d), endpoint=True).astype(float)
    rows[0], rows[1] = low, high
    return np.concatenate([rows[:2], rows[rng.integers(0, 60, 398)]])


# The last three have codes of 32 bits, of 48 and of 63.
@pytest.mark.parametrize(
    ("low", "high", "d"),
    [(0, 1, 1), (0, 255, 3), (-7, 7, 4), (0, 2**32 - 2, 1), (0, 65535, 3), (-(2**20), 2**20 - 1, 3)],
)
def test_codes_find_the_rows_that_sorting_finds(low: int, high: int, d: int) -> None:
    rows = draw_rows(low, high, d)
    found = count_integer_rows(rows)
    assert found is not None
    order, starts = sort_equal_rows(rows)
    np.testing.assert_array_equal(found[0], rows[order[starts]])
    np.testing.assert_array_equal(found[1], np.diff(np.append(starts, len(rows))))


def test_zeros_of_both_signs_are_one_value() -> None:
    found = count_integer_rows(np.array([[-0.0, 3.0], [0.0, 3.0]]))
    assert found is not None
    assert found[1].tolist() == [2]
    assert not np.signbit(found[0]).any()


@pytest.mark.parametrize("odd", [0.5, np.nan, np.inf, -np.inf, 2.0**53])
def test_other_numbers_have_no_codes(odd: float) -> None:
    rows = draw_rows(0, 255, 3)
    rows[7, 1] = odd
    assert count_integer_rows(rows) is None
    # Nor have halves, of which all differences are whole.
    assert count_integer_rows(np.array([[0.5], [1.5]])) is None


def test_numbers_too_far_apart_for_a_code_have_none() -> None:
    assert count_integer_rows(draw_rows(0, 2**22 - 1, 3)) is None
