"""Cells gathered in boxes whose walls do not depend on the data: the same boxes whatever comes, in whatever order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, concatenate, group_cells

__all__ = ["StreamingBins"]

_MOST = 2**17  # boxes that are kept: some ten megabytes
_WAITING = 2**18  # cells that wait, at least, before they are put into their boxes
_CODE = 63  # bits that number a box


class StreamingBins:
    """Cells of more distinct values than memory should hold, merged in the boxes of a grid.

    Every value has a key of integers, and the values whose keys agree but for their lowest bits share a box. The grid
    is the finest of at most `most` boxes; it depends on what was added, not on its order or its parts. Moments are
    exact up to rounding.

    Parameters
    ----------
    n_keys : int
        Integers in a key.
    bits : int
        They lie in 0..2**bits - 1.
    most : int, >= 1
        Raising it keeps more detail, more cells, and more memory.
    """

    def __init__(self, n_keys: int, bits: int, *, most: int = _MOST) -> None:
        self._most = most
        self._width = min(bits, _CODE // n_keys)
        self._coarser = bits - self._width  # lowest bits that are left out
        fields = np.arange(n_keys, dtype=np.uint64) * np.uint64(self._width)
        self._fields = fields
        self._walls = ~np.bitwise_or.reduce(np.uint64(1) << (fields + np.uint64(self._width - 1)))
        self._codes: list[NDArray[np.uint64]] = []
        self._cells: list[Cells] = []
        self._waiting = 0

    def add(self, keys: NDArray[Any], cells: Cells) -> None:
        """Put cells into their boxes.

        Parameters
        ----------
        keys : ndarray of shape (n, n_keys), integers
        cells : Cells
            n of them.
        """
        if len(cells) == 0:
            return
        codes = np.zeros(len(keys), dtype=np.uint64)
        for column, field in zip(keys.T, self._fields, strict=True):
            codes |= (column.astype(np.uint64) >> np.uint64(self._coarser)) << field
        self._codes.append(codes)
        self._cells.append(cells)
        self._waiting += len(cells)
        if self._waiting >= _WAITING:
            self._settle()

    def take_in(self, other: StreamingBins) -> None:
        """Add all that is in other boxes of the same kind of keys."""
        other._settle()
        self._settle()
        while self._coarser < other._coarser:
            self._widen()
        while other._coarser < self._coarser:
            other._widen()
        self._codes += other._codes
        self._cells += other._cells
        self._settle()

    def cells(self, n_features: int) -> Cells:
        """One cell for each box that is not empty, in the order of their keys."""
        self._settle()
        nothing = Cells(np.zeros(0), np.zeros((0, n_features)), np.zeros((0, n_features * (n_features + 1) // 2)))
        return self._cells[0] if self._cells else nothing

    def _settle(self) -> None:
        """Make the cells of each box one, in wider boxes where there are too many."""
        self._waiting = 0
        while self._codes:
            codes, group = np.unique(np.concatenate(self._codes), return_inverse=True)
            if len(codes) <= self._most:
                self._codes, self._cells = (
                    [codes],
                    [group_cells(concatenate(*self._cells), group.reshape(-1), len(codes))],
                )
                return
            self._widen()

    def _widen(self) -> None:
        self._coarser += 1
        self._codes = [(codes >> np.uint64(1)) & self._walls for codes in self._codes]
