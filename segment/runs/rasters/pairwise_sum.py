"""Pairwise summation: parts are added in a binary tree whose shape depends only on how many parts there are.

So rounding errors depend on the number of parts only, not on which worker added them or when.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PairwiseSum"]

Part = TypeVar("Part")


class PairwiseSum(Generic[Part]):
    """The sum of parts that come one after the other. It holds about log2(n) partial sums of n parts.

    Parameters
    ----------
    add : callable
        Takes two parts and returns their sum. It must not change them.

    Examples
    --------
    >>> pairs = PairwiseSum(lambda first, second: f"({first}+{second})")
    >>> for part in "abcde":
    ...     pairs.add(part)
    >>> pairs.compute_total()
    '(((a+b)+(c+d))+e)'
    """

    def __init__(self, add: Callable[[Part, Part], Part]) -> None:
        self._add = add
        # Number of parts in each partial sum, and the sum: the numbers are ever smaller powers of two, as the digits
        # of the number of all parts in binary.
        self._sums: list[tuple[int, Part]] = []

    def add(self, part: Part) -> None:
        """Add the next part.

        Parameters
        ----------
        part : object
            What `add` takes.
        """
        size = 1
        # As the carry when one is added to a binary number.
        while self._sums and self._sums[-1][0] == size:
            part = self._add(self._sums.pop()[1], part)
            size *= 2
        self._sums.append((size, part))

    def compute_total(self) -> Part:
        """Return the sum of all parts, of which there is at least one."""
        total = self._sums[-1][1]
        for _, part in reversed(self._sums[:-1]):
            total = self._add(part, total)
        return total
