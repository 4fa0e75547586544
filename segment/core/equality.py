"""Compare values that hold arrays, for which ``==`` alone gives an array or an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["EqualByValue", "is_equal"]


class EqualByValue:
    """Equality of frozen dataclasses whose fields may be arrays; they are made with ``eq=False``.

    Two are equal if they are of one type and all their fields are; a field with ``compare=False`` does not count.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Means(EqualByValue):
    ...     values: np.ndarray
    >>> Means(np.array([1.0, np.nan])) == Means(np.array([1.0, np.nan]))
    True
    >>> Means(np.array([1.0, 2.0])) == Means(np.array([1.0, 3.0]))
    False
    """

    def __eq__(self, other: object) -> bool:
        return _have_equal_fields(self, other)

    def __hash__(self) -> int:
        # Equal objects have arrays of equal shapes. The values of large ones are not read: it would take too long.
        values = [getattr(self, name) for name in _list_compared_fields(self)]
        shapes = tuple(value.shape if isinstance(value, np.ndarray) else () for value in values)
        return hash((type(self).__qualname__, shapes))


def is_equal(first: Any, second: Any) -> bool:
    """Compare two values of which some may be arrays, or hold arrays.

    Parameters
    ----------
    first, second : object
        Arrays, dataclasses, tuples, lists and mappings of such, or anything else that ``==`` compares.

    Returns
    -------
    bool
        Arrays are equal if shape, type and all values are; NaN is equal to NaN, in arrays and alone.

    Examples
    --------
    >>> is_equal((1, np.array([1.0, np.nan])), (1, np.array([1.0, np.nan])))
    True
    >>> is_equal(np.array([1, 2]), np.array([1, 3]))
    False
    """
    if first is second:
        return True
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return _have_equal_values(first, second)
    if type(first) is type(second):
        if isinstance(first, (tuple, list)):
            return len(first) == len(second) and all(map(is_equal, first, second))
        if isinstance(first, Mapping):
            return first.keys() == second.keys() and all(is_equal(first[key], second[key]) for key in first)
        # The comparison that Python generates for a dataclass would fail for arrays.
        if is_dataclass(first):
            return _have_equal_fields(first, second)
    # A missing value, such as the share of the background, is NaN.
    are_nan = all(isinstance(value, float) and math.isnan(value) for value in (first, second))
    return are_nan or bool(first == second)


def _have_equal_fields(first: Any, second: Any) -> bool:
    """Compare two dataclasses field by field; False if their types differ."""
    if type(first) is not type(second):
        return False
    return all(is_equal(getattr(first, name), getattr(second, name)) for name in _list_compared_fields(first))


def _list_compared_fields(value: Any) -> list[str]:
    """List the names of the fields of a dataclass that its comparison counts."""
    return [item.name for item in fields(value) if item.compare]


def _have_equal_values(first: Any, second: Any) -> bool:
    """Compare two arrays; anything else is not equal to an array."""
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray) or first.dtype != second.dtype:
        return False
    return np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")
