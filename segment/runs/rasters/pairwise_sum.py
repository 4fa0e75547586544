"""Sums in a tree, whose shape depends on the number of parts alone: so do the roundings of what is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Tree"]

Part = TypeVar("Part")


class Tree(Generic[Part]):
    """The sum of parts that come one after the other; at any time there are as many sums as their number has digits.

    Parameters
    ----------
    join : callable
        The sum of two parts. It must not change them.
    """

    def __init__(self, join: Callable[[Part, Part], Part]) -> None:
        self._join = join
        self._sums: list[tuple[int, Part]] = []  # of how many parts each is, in ever smaller powers of two

    def add(self, part: Part) -> None:
        """Add the next part."""
        size = 1
        while self._sums and self._sums[-1][0] == size:
            part = self._join(self._sums.pop()[1], part)
            size *= 2
        self._sums.append((size, part))

    def total(self) -> Part:
        """The sum of all, of which there is at least one."""
        total = self._sums[-1][1]
        for _, part in reversed(self._sums[:-1]):
            total = self._join(part, total)
        return total
