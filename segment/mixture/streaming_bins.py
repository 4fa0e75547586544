"""Collect cells in the bins of a fixed grid: the bins do not depend on the data or on their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, concatenate, group_cells

__all__ = ["StreamingBins"]

# Some ten megabytes.
_MAX_BINS = 2**17
# Cells that are collected before they are sorted into bins.
_MIN_PENDING = 2**18
# Bits of the integer that numbers a bin.
_CODE_BITS = 63


class StreamingBins:
    """Merge cells of more distinct values than fit in memory in the bins of a grid.

    Every value has a key of integers, and values whose keys differ only in their lowest bits share a bin. The grid is
    the finest one with at most `max_bins` bins in use; it depends on which values were added, not on their order or
    their parts. Weights, means and scatters are exact up to rounding.

    Parameters
    ----------
    n_keys : int
        Integers in a key.
    bits : int
        The integers lie in 0..2**bits - 1.
    max_bins : int, >= 1
        Raising it keeps more detail, more cells, and more memory.

    Examples
    --------
    >>> import numpy as np
    >>> from segment.mixture.cells import make_point_cells
    >>> keys = np.array([[0], [1], [6], [7]])
    >>> bins = StreamingBins(1, 3, max_bins=2)
    >>> bins.add(keys, make_point_cells(keys))
    >>> bins.to_cells(1).means
    array([[0.5],
           [6.5]])
    """

    def __init__(self, n_keys: int, bits: int, *, max_bins: int = _MAX_BINS) -> None:
        self._max_bins = max_bins
        self._width = min(bits, _CODE_BITS // n_keys)
        self._dropped_bits = bits - self._width
        # A bin's code is one integer with a field of `width` bits for each key. To halve the resolution the code is
        # shifted right by one; the mask then clears the bit that each field got from its neighbor.
        offsets = np.arange(n_keys, dtype=np.uint64) * np.uint64(self._width)
        self._offsets = offsets
        self._mask = ~np.bitwise_or.reduce(np.uint64(1) << (offsets + np.uint64(self._width - 1)))
        self._codes: list[NDArray[np.uint64]] = []
        self._cells: list[Cells] = []
        self._n_pending = 0

    def add(self, keys: NDArray[Any], cells: Cells) -> None:
        """Add cells to their bins.

        Parameters
        ----------
        keys : ndarray of shape (n, n_keys), integers
        cells : Cells
            n of them.
        """
        if len(cells) == 0:
            return
        # Each key, without its dropped bits, goes to its own field of the code.
        codes = np.zeros(len(keys), dtype=np.uint64)
        for column, offset in zip(keys.T, self._offsets, strict=True):
            codes |= (column.astype(np.uint64) >> np.uint64(self._dropped_bits)) << offset
        self._codes.append(codes)
        self._cells.append(cells)
        self._n_pending += len(cells)
        if self._n_pending >= _MIN_PENDING:
            self._merge_pending()

    def merge(self, other: StreamingBins) -> None:
        """Add everything that other bins with the same kind of keys hold. Their resolution may be lowered."""
        # Both are brought to the coarser of the two resolutions.
        other._merge_pending()
        self._merge_pending()
        while self._dropped_bits < other._dropped_bits:
            self._halve_resolution()
        while other._dropped_bits < self._dropped_bits:
            other._halve_resolution()
        self._codes += other._codes
        self._cells += other._cells
        self._merge_pending()

    def to_cells(self, n_features: int) -> Cells:
        """Return one cell for each bin in use, in the order of their keys.

        Parameters
        ----------
        n_features : int
            Features of a cell; used only where nothing was added.

        Returns
        -------
        Cells
        """
        self._merge_pending()
        empty = Cells(np.zeros(0), np.zeros((0, n_features)), np.zeros((0, n_features * (n_features + 1) // 2)))
        return self._cells[0] if self._cells else empty

    def _merge_pending(self) -> None:
        """Merge the cells of each bin into one, and halve the resolution as long as there are too many bins."""
        self._n_pending = 0
        while self._codes:
            codes, group = np.unique(np.concatenate(self._codes), return_inverse=True)
            if len(codes) <= self._max_bins:
                merged = group_cells(concatenate(*self._cells), group.reshape(-1), len(codes))
                self._codes, self._cells = [codes], [merged]
                return
            self._halve_resolution()

    def _halve_resolution(self) -> None:
        """Drop the lowest bit of every key."""
        self._dropped_bits += 1
        self._codes = [(codes >> np.uint64(1)) & self._mask for codes in self._codes]
