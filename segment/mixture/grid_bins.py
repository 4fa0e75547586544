"""Bins of a regular grid over the features of cells: fewer, coarser cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, group_cells

__all__ = ["coarsen", "number_grid_bins"]

# A smaller range is that of a constant: its inverse could overflow.
_MIN_RANGE = 1e-300
# Bins that are counted in a table; a larger grid is sorted instead.
_MAX_TABLE = 2**20


def coarsen(cells: Cells, n_bins: int = 32) -> Cells:
    """Merge the cells of each bin of a regular grid into one, with their exact joint mean and scatter.

    Parameters
    ----------
    cells : Cells
    n_bins : int, >= 1
        Bins along the widest feature; the bins are cubes in units of each feature's range. Raising it keeps more
        detail and more cells.

    Returns
    -------
    Cells

    Notes
    -----
    EM on the result ascends a lower bound of the likelihood of the finer cells (Verbeek, Nunnink & Vlassis 2006,
    Data Mining and Knowledge Discovery 13, 291-307).
    """
    return group_cells(cells, *number_grid_bins(cells, n_bins))


def number_grid_bins(cells: Cells, n_bins: int) -> tuple[NDArray[np.int64], int]:
    """Number the bins of a regular grid that the cells lie in.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    n_bins : int, >= 1
        As for :func:`coarsen`.

    Returns
    -------
    group : ndarray of shape (n,), int
        Bins in lexicographic order.
    n_groups : int
        Numbers that there may be; not all need have cells.
    """
    # Bin numbers 0..n_bins - 1 of every feature, by its own range; the maximum belongs to the last bin.
    features = np.ascontiguousarray(cells.means.T)
    low = features.min(axis=1, keepdims=True)
    span = features.max(axis=1, keepdims=True) - low
    bins = np.minimum((features - low) * (n_bins / np.where(span > _MIN_RANGE, span, 1.0)), n_bins - 1).astype(np.int64)
    return _number_bins(bins, n_bins)


def _number_bins(bins: NDArray[np.int64], n_bins: int) -> tuple[NDArray[np.int64], int]:
    """Number the columns of bins in lexicographic order, equal ones alike, and return how many numbers there may be."""
    n_numbers = n_bins ** len(bins)
    if n_numbers > np.iinfo(np.int64).max:
        kept, group = np.unique(bins, axis=1, return_inverse=True)
        return group.reshape(-1), kept.shape[1]
    codes = np.zeros(bins.shape[1], dtype=np.int64)
    for row in bins:
        codes = codes * n_bins + row
    # A small grid has a number for every bin; of a large one, only the bins in use are numbered.
    if n_numbers <= _MAX_TABLE:
        return codes, n_numbers
    used, group = np.unique(codes, return_inverse=True)
    return group, len(used)
