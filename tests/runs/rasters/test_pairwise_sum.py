"""Sums in a binary tree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segment.runs.rasters.pairwise_sum import PairwiseSum


@given(st.integers(1, 40))
def test_parts_are_added_in_their_order_and_in_few_steps(number: int) -> None:
    sums: PairwiseSum[tuple[Any, ...]] = PairwiseSum(lambda first, second: (first, second))
    for part in range(number):
        sums.add((part,))
    assert list_parts(sums.compute_total()) == list(range(number))
    assert count_steps(sums.compute_total()) == math.ceil(math.log2(number)) + 1


def list_parts(node: tuple[Any, ...]) -> list[int]:
    return list(node) if len(node) == 1 else [*list_parts(node[0]), *list_parts(node[1])]


def count_steps(node: tuple[Any, ...]) -> int:
    return 1 if len(node) == 1 else 1 + max(count_steps(node[0]), count_steps(node[1]))


def test_a_sum_of_many_numbers_has_little_rounding_error() -> None:
    numbers = np.full(2**16, 0.1, dtype=np.float32)
    sums: PairwiseSum[np.float32] = PairwiseSum(np.add)
    for number in numbers:
        sums.add(number)
    assert abs(float(sums.compute_total()) - 6553.6) < 0.01
    assert abs(float(np.cumsum(numbers)[-1]) - 6553.6) > 0.1  # one after the other
