"""The colors of a raster, collected tile by tile and added."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.color_codes import find_runs, pack_codes, unpack_codes
from segment.features.color_index import MAX_COLORS, ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_sample import PixelSample
from segment.mixture.cells import Cells
from segment.mixture.streaming_bins import StreamingBins
from segment.runs.rasters.pairwise_sum import PairwiseSum
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_preprocessing import read_preprocessed
from segment.runs.rasters.tiles import Window

__all__ = ["ColorCounts", "ColorSum", "TileColors", "add_tile_colors", "collect_tile_colors", "sum_counts"]

Bins = StreamingBins | PixelSample

MAX_COUNTED_BITS = 24  # of a color, so that a table has a count for each


@dataclass(frozen=True)
class TileColors:
    """The colors of a part of a raster.

    Attributes
    ----------
    counts : tuple of (ndarray of shape (m, n_channels), ndarray of shape (m,))
        The distinct colors and how often each occurs, in one pair; none where colors have too many bits to be counted.
    bins : StreamingBins or PixelSample
        Colors of more bits, merged in the bins of a grid; pixels of a sample where bands are many.
    """

    counts: tuple[tuple[NDArray[Any], NDArray[np.int64]], ...]
    bins: Bins


class ColorCounts:
    """How often each color occurs in a raster that is too large for memory.

    A table has room for every color of so few bits: adding tiles then needs no memory, whatever their number.

    Parameters
    ----------
    dtype : {"uint8", "uint16"}
        Data type of the colors.
    n_channels : int
        Number of channels; a color has at most 24 bits.
    """

    def __init__(self, dtype: str, n_channels: int) -> None:
        self._dtype = np.dtype(dtype)
        self._bits = 8 * self._dtype.itemsize
        self._n_channels = n_channels
        self._counts = np.zeros(2 ** (self._bits * n_channels), dtype=np.int64)

    def add(self, colors: NDArray[Any], counts: NDArray[np.int64]) -> None:
        """Add the counts of some colors.

        Parameters
        ----------
        colors : ndarray of shape (m, n_channels), unsigned integers
            Distinct colors.
        counts : ndarray of shape (m,), int64
            Number of pixels of each color.
        """
        self._counts[pack_codes(colors, self._bits)] += counts

    def list_colors(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """List the distinct colors and their counts.

        Returns
        -------
        colors : ndarray of shape (m, n_channels), unsigned integers
            In ascending order of their codes.
        counts : ndarray of shape (m,), int64
            Number of pixels of each color.
        """
        codes = np.flatnonzero(self._counts)
        return unpack_codes(codes, self._bits, self._n_channels).astype(self._dtype), self._counts[codes]

    def make_lookup(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Make a lookup table of a function of the color.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m,).

        Returns
        -------
        callable
            Takes counted colors, (m, n_channels), and returns the values of the function, (m,).
        """
        colors, _ = self.list_colors()
        known = function(colors)
        values = np.zeros(len(self._counts), dtype=known.dtype)
        values[pack_codes(colors, self._bits)] = known
        bits = self._bits
        return lambda asked: values.take(pack_codes(asked, bits))


class ColorSum:
    """The colors of all tiles.

    Parameters
    ----------
    space : FeatureSpace
        How a color becomes a feature vector.
    dtype : {"uint8", "uint16"}
        Type of the values of a color.
    """

    def __init__(self, space: FeatureSpace, dtype: str) -> None:
        self.space = space
        is_countable = np.dtype(dtype).itemsize * 8 * space.n_channels <= MAX_COUNTED_BITS
        self._counts = ColorCounts(dtype, space.n_channels) if is_countable else None
        self._bins: PairwiseSum[Bins] = PairwiseSum(_add_bins)

    def add(self, part: TileColors) -> None:
        """Add the colors of the next part of the raster."""
        if self._counts is not None:
            for colors, counts in part.counts:
                self._counts.add(colors, counts)
        self._bins.add(part.bins)

    def make_cells(self) -> tuple[Cells, tuple[str, ...]]:
        """Return the cells of the raster, the same for any tiles, and a note if colors had to be merged."""
        n_features = len(self.space.feature_names)
        if self._counts is None:
            total = self._bins.compute_total()
            return total.to_cells(self.space) if isinstance(total, PixelSample) else total.to_cells(n_features), ()
        colors, counts = self._counts.list_colors()
        if len(colors) <= MAX_COLORS:
            return self.space.make_cells(colors, counts), ()
        bins = _make_bins(self.space)
        # In steps, because all cells at once are what memory has no room for.
        step = MAX_COLORS // 8
        for start in range(0, len(colors), step):
            rows = slice(start, start + step)
            bins.add(colors[rows], self.space.make_cells(colors[rows], counts[rows]))
        cells = bins.to_cells(n_features)
        return cells, (f"the raster has {len(colors)} distinct colors: they were merged in {len(cells)} bins",)

    def make_lookup(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Make a lookup table of a function of the colors; the function itself where they have too many bits."""
        return function if self._counts is None else self._counts.make_lookup(function)


def collect_tile_colors(raster: Raster, window: Window, config: SegmentConfig, space: FeatureSpace) -> TileColors:
    """Collect the colors of a tile.

    Parameters
    ----------
    raster : Raster
        The file.
    window : Window
        The tile.
    config : SegmentConfig
        Its settings for preprocessing.
    space : FeatureSpace
        How a color becomes a feature vector.

    Returns
    -------
    TileColors
        Depends on the tile alone, so any worker may compute it.
    """
    index = ColorIndex(read_preprocessed(raster, window, config))
    if index.is_sampled:
        sample = PixelSample(space.n_channels)
        rows, columns = (np.arange(part.start, part.stop) for part in window.slices)
        for colors, places in index.iterate_pixels((rows[:, None] * raster.width + columns).reshape(-1)):
            sample.add(colors, places)
        return TileColors((), sample)
    bins = _make_bins(space)
    parts = index.iterate_parts()
    if index.is_countable:
        return TileColors(tuple(parts) if index.is_tabled else (sum_counts(parts),), bins)
    for colors, counts in parts:
        bins.add(colors, space.make_cells(colors, counts))
    return TileColors((), bins)


def add_tile_colors(first: TileColors, second: TileColors) -> TileColors:
    """Add the colors of two parts of a raster.

    Parameters
    ----------
    first, second : TileColors
        Neither is changed.

    Returns
    -------
    TileColors
        The colors of both parts together.
    """
    # Tiles of a raster with deep colors have bins and no counts.
    counts = (*first.counts, *second.counts)
    return TileColors((sum_counts(counts),) if counts else (), _add_bins(first.bins, second.bins))


def sum_counts(
    parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Add up the counts of colors over parts.

    Parameters
    ----------
    parts : iterable of (colors, counts)
        At least one pair of arrays, of shape (m, c) and (m,), as an index of colors yields them. A color has at most 64
        bits.

    Returns
    -------
    colors : ndarray of shape (m, c), unsigned integers
        Each color once, in ascending order of their codes.
    counts : ndarray of shape (m,), int64
        Their counts.

    Examples
    --------
    >>> parts = [(np.array([[1], [5]], np.uint8), np.array([2, 1])), (np.array([[5]], np.uint8), np.array([4]))]
    >>> colors, counts = sum_counts(parts)
    >>> colors.tolist(), counts.tolist()
    ([[1], [5]], [2, 5])
    """
    colors, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    codes = pack_codes(colors, 8 * colors.dtype.itemsize)
    order = np.argsort(codes, kind="stable")
    _, starts = find_runs(codes[order])
    return colors[order[starts]], np.add.reduceat(counts[order], starts) if counts.size else counts


def _add_bins(first: Bins, second: Bins) -> Bins:
    """Return the sum of two; copies are added, because a worker may be asked for the originals again."""
    total = copy.deepcopy(first)
    total.merge(copy.deepcopy(second))  # type: ignore[arg-type]  # parts of one raster are of one kind
    return total


def _make_bins(space: FeatureSpace) -> StreamingBins:
    """Make empty bins for the colors of a feature space."""
    return StreamingBins(space.n_channels, int(space.white).bit_length())
