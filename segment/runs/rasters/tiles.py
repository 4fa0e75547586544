"""Tiles of a raster, and work on them in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from segment.core.threads import Answer, ThreadTeam, can_start_threads

__all__ = ["Window", "cut_tiles", "map_in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Window:
    """A rectangle of a raster.

    Attributes
    ----------
    row, column : int
        Its first pixel.
    height, width : int, pixels
        Its size.
    """

    row: int
    column: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)

    def expand(self, halo: int, height: int, width: int, step: int = 1) -> Window:
        """Expand the window on every side, as far as the raster reaches.

        Parameters
        ----------
        halo : int, pixels
            How far.
        height, width : int, pixels
            Size of the raster.
        step : int, pixels
            The first row and column are multiples of this.

        Returns
        -------
        Window
            At the border of the raster it expands less.

        Examples
        --------
        >>> Window(0, 4, 4, 4).expand(2, height=10, width=10)
        Window(row=0, column=2, height=6, width=8)
        """
        top, left = (max(0, first - halo) // step * step for first in (self.row, self.column))
        bottom = min(height, self.row + self.height + halo)
        right = min(width, self.column + self.width + halo)
        return Window(top, left, bottom - top, right - left)

    def shift_to(self, outer: Window) -> Window:
        """Count the window's place from the first pixel of another window around it.

        Parameters
        ----------
        outer : Window
            The other window.

        Returns
        -------
        Window
            Of the same size.
        """
        return Window(self.row - outer.row, self.column - outer.column, self.height, self.width)


def cut_tiles(height: int, width: int, side: int) -> list[Window]:
    """Cut a raster in square tiles.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    side : int, pixels
        Side of the tiles.

    Returns
    -------
    list of Window
        Row by row; those at the right and the lower border may be smaller.
    """
    return [
        Window(row, column, min(side, height - row), min(side, width - column))
        for row in range(0, height, side)
        for column in range(0, width, side)
    ]


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """Apply a function to items in several threads, few items ahead of whoever takes the results.

    Where the system lets no more threads start, this one does the work.

    Parameters
    ----------
    function : callable
        Takes an item.
    items : iterable
        Read as results are taken.
    threads : int
        Items that are worked on at the same time. Raised: more memory.

    Yields
    ------
    object
        The results in the order of the items.
    """
    if not can_start_threads(threads):
        yield from map(function, items)
        return
    waiting: deque[Answer[Result]] = deque()
    with ThreadTeam(threads) as team:
        for item in items:
            waiting.append(team.send(function, item))
            # One more than there are threads, so that none waits while a result is being used.
            if len(waiting) > threads:
                yield waiting.popleft().wait()
        while waiting:
            yield waiting.popleft().wait()
