"""The colors of a raster, collected tile by tile and added."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.features.color_counts import ColorCounts, sum_counts
from segment.features.color_index import MAX_COLORS, ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_sample import PixelSample
from segment.mixture.cells import Cells
from segment.mixture.streaming_bins import StreamingBins
from segment.runs.rasters.pairwise_sum import PairwiseSum
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_preprocessing import read_preprocessed
from segment.runs.rasters.tiles import Window

__all__ = ["ColorSum", "TileColors", "add_tile_colors", "collect_tile_colors"]

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


class ColorSum:
    """The colors of all tiles.

    Parameters
    ----------
    space : FeatureSpace
        How a color becomes a feature vector.
    dtype : {"uint8", "uint16"}
        Type of the values of a color.

    Attributes
    ----------
    space : FeatureSpace
        The same.
    is_exact : bool
        Whether each color is counted, because colors have few bits.
    counts : ColorCounts
        How often each color occurs; empty unless `is_exact`.
    """

    def __init__(self, space: FeatureSpace, dtype: str) -> None:
        self.space = space
        self.is_exact = np.dtype(dtype).itemsize * 8 * space.n_channels <= MAX_COUNTED_BITS
        # A table has room for every color of so few bits: adding tiles then needs no memory, whatever their number.
        self.counts = ColorCounts(dtype, space.n_channels) if self.is_exact else ColorCounts("uint8", 1)
        self._bins: PairwiseSum[Bins] = PairwiseSum(_add_bins)

    def add(self, part: TileColors) -> None:
        """Add the colors of the next part of the raster."""
        for colors, counts in part.counts:
            self.counts.add(colors, counts)
        self._bins.add(part.bins)

    def make_cells(self) -> tuple[Cells, tuple[str, ...]]:
        """Return the cells of the raster, the same for any tiles, and a note if colors had to be merged."""
        n_features = len(self.space.feature_names)
        if not self.is_exact:
            total = self._bins.compute_total()
            return total.to_cells(self.space) if isinstance(total, PixelSample) else total.to_cells(n_features), ()
        ((colors, counts),) = self.counts.iterate_parts()
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


def _add_bins(first: Bins, second: Bins) -> Bins:
    """Return the sum of two; copies are added, because a worker may be asked for the originals again."""
    total = copy.deepcopy(first)
    total.merge(copy.deepcopy(second))  # type: ignore[arg-type]  # parts of one raster are of one kind
    return total


def _make_bins(space: FeatureSpace) -> StreamingBins:
    """Make empty bins for the colors of a feature space."""
    return StreamingBins(space.n_channels, int(space.white).bit_length())
