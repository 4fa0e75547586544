"""The names of classes that were given none."""

from __future__ import annotations

from segment.core.class_names import make_default_names


def test_default_names_count_from_one() -> None:
    assert make_default_names(2) == ("class 1", "class 2")
