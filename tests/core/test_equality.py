"""Equality of values that hold arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from segment.core.equality import EqualByValue, is_equal


@dataclass(frozen=True, eq=False)
class Sample(EqualByValue):
    values: np.ndarray
    parts: tuple[object, ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Generated:
    values: np.ndarray


SAME = [
    (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    (np.array(["a", None], object), np.array(["a", None], object)),
    ({"a": [np.arange(3)]}, {"a": [np.arange(3)]}),
    (Generated(np.arange(3)), Generated(np.arange(3))),
    (Sample(np.arange(3), (Generated(np.ones(2)),), 1.0), Sample(np.arange(3), (Generated(np.ones(2)),), 2.0)),
    (1, 1.0),
    ((1.0, float("nan")), (1.0, float("nan"))),
]
DIFFERENT = [
    (np.arange(3), np.arange(4)),
    (np.arange(3), np.arange(3.0)),
    (np.arange(3), [0, 1, 2]),
    (float("nan"), 1.0),
    ({"a": np.arange(3)}, {"b": np.arange(3)}),
    ((np.arange(3),), (np.arange(3), 1)),
    (Sample(np.arange(3)), Sample(np.arange(3), (1,))),
    (Sample(np.arange(3)), Generated(np.arange(3))),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_equal_values_are_equal(first: object, second: object) -> None:
    assert is_equal(first, second) is True
    assert is_equal(second, first) is True


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_other_values_are_not(first: object, second: object) -> None:
    assert is_equal(first, second) is False
    assert is_equal(second, first) is False


def test_equal_objects_have_one_hash() -> None:
    first, second = Sample(np.arange(3)), Sample(np.arange(3))
    assert first == second
    assert first != "text"
    assert len({first, second, Sample(np.arange(1, 4))}) == 2
