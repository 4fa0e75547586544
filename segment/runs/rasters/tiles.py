"""The tiles of a raster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Window", "in_order", "tiles"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Window:
    """A rectangle of a raster: its first row and column, and its size, in pixels."""

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)

    def grown(self, halo: int, height: int, width: int) -> Window:
        """With `halo` pixels more on every side, as far as a raster of this size has them."""
        top, left = max(0, self.row - halo), max(0, self.column - halo)
        bottom = min(height, self.row + self.height + halo)
        right = min(width, self.column + self.width + halo)
        return Window(top, left, bottom - top, right - left)

    def within(self, outer: Window) -> Window:
        """The same rectangle, counted from the first pixel of another around it."""
        return Window(self.row - outer.row, self.column - outer.column, self.height, self.width)


def tiles(height: int, width: int, side: int) -> list[Window]:
    """Squares of `side` pixels that cover a raster, row by row; those at its right and lower border may be smaller."""
    return [
        Window(row, column, min(side, height - row), min(side, width - column))
        for row in range(0, height, side)
        for column in range(0, width, side)
    ]


def in_order(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """The results of a function, in the order of the items, a few of them worked on at the same time."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
