"""The blocks of a label raster and of its overviews, cut and compressed where labels are made.

So a writer has only to place them in the file, however many threads or machines make labels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segment.runs.rasters.tiles import Window

__all__ = ["BLOCK_SIDE", "LabelBlock", "compress_labels", "cut_blocks", "decompress_labels", "list_levels"]

BLOCK_SIDE = 512  # pixels, of the tiles of the file
MAX_SMALLEST_OVERVIEW = 256  # pixels on its longer side

Labels = NDArray[np.uint8]
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class LabelBlock:
    """A block of a label raster or of one of its overviews, or what a tile has of it.

    Attributes
    ----------
    level : int
        0 for the raster, else the number of the overview.
    row, column : int
        Of the block, counted in blocks.
    window : Window
        What the tile has of it, counted from the first pixel of the block.
    shape : tuple of 2 int, pixels
        Height and width of the complete block, less than `BLOCK_SIDE` at the end of the raster.
    data : bytes
        Its labels by :func:`compress_labels`: those of the window, or of the complete block filled up with zeros.
    """

    level: int
    row: int
    column: int
    window: Window
    shape: tuple[int, int]
    data: bytes

    @property
    def is_complete(self) -> bool:
        """Whether the tile has all of it."""
        return (self.window.height, self.window.width) == self.shape


@lru_cache(maxsize=4)
def list_levels(height: int, width: int) -> tuple[tuple[Positions, Positions], ...]:
    """List the rows and columns of a raster that it and each of its overviews consist of.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.

    Returns
    -------
    tuple of (rows, columns)
        Of the raster itself first. Each overview has half the size of the one before, rounded up, and of that the
        pixels that GDAL's resampling takes as the nearest; of long rasters a few pixels wide, GDAL takes others.

    Examples
    --------
    >>> [(len(rows), len(columns)) for rows, columns in list_levels(700, 601)]
    [(700, 601), (350, 301), (175, 151)]
    """
    levels = [(np.arange(height), np.arange(width))]
    while max(map(len, levels[-1])) > MAX_SMALLEST_OVERVIEW:
        levels.append((_halve(levels[-1][0]), _halve(levels[-1][1])))
    return tuple(levels)


def _halve(positions: Positions) -> Positions:
    """Take every second position, or a little less than that where their number is odd, as GDAL does."""
    half = -(-len(positions) // 2)
    return positions[(0.5 + np.arange(half) * (len(positions) / half)).astype(np.intp)]


def cut_blocks(labels: Labels, window: Window, shape: tuple[int, int]) -> list[LabelBlock]:
    """Cut the labels of a tile in blocks of the raster and of its overviews.

    Parameters
    ----------
    labels : ndarray of the window's shape, uint8
        The labels of the tile.
    window : Window
        The tile.
    shape : tuple of 2 int, pixels
        Height and width of the raster.

    Returns
    -------
    list of LabelBlock
        Level by level, row by row.
    """
    blocks = []
    for level, (rows, columns) in enumerate(list_levels(*shape)):
        # The rows and columns of the level that are in the tile.
        top, bottom = np.searchsorted(rows, (window.row, window.row + window.height)).tolist()
        left, right = np.searchsorted(columns, (window.column, window.column + window.width)).tolist()
        here = labels
        if level:
            here = labels[rows[top:bottom] - window.row][:, columns[left:right] - window.column]
        parts = product(_cut_range(top, bottom), _cut_range(left, right))
        for (row, first_row, last_row), (column, first_column, last_column) in parts:
            part = here[first_row - top : last_row - top, first_column - left : last_column - left]
            place = Window(first_row - row * BLOCK_SIDE, first_column - column * BLOCK_SIDE, *part.shape)
            height = min(BLOCK_SIDE, len(rows) - row * BLOCK_SIDE)
            width = min(BLOCK_SIDE, len(columns) - column * BLOCK_SIDE)
            if part.shape == (height, width) != (BLOCK_SIDE, BLOCK_SIDE):
                part = np.pad(part, [(0, BLOCK_SIDE - n) for n in part.shape])
            blocks.append(LabelBlock(level, row, column, place, (height, width), compress_labels(part)))
    return blocks


def _cut_range(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range of pixels at the borders of blocks: number of the block, first pixel, and that after the last."""
    for number in range(first // BLOCK_SIDE, -(-last // BLOCK_SIDE)):
        start, end = max(first, number * BLOCK_SIDE), min(last, (number + 1) * BLOCK_SIDE)
        if start < end:
            yield number, start, end


def compress_labels(labels: Labels) -> bytes:
    """Compress labels as blocks of a TIFF are.

    Parameters
    ----------
    labels : ndarray of shape (h, w), uint8

    Returns
    -------
    bytes
        For :func:`decompress_labels`.
    """
    # Labels come in runs: looking for these alone takes no longer, and makes files smaller by half, than looking for
    # other repetitions at this level.
    engine = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return engine.compress(np.ascontiguousarray(labels).data) + engine.flush()


def decompress_labels(data: bytes, window: Window) -> Labels:
    """Decompress the labels of a window.

    Parameters
    ----------
    data : bytes
        From :func:`compress_labels`.
    window : Window
        Its size counts.

    Returns
    -------
    ndarray of the window's shape, uint8
        Read-only.
    """
    return np.frombuffer(zlib.decompress(data), dtype=np.uint8).reshape(window.height, window.width)
