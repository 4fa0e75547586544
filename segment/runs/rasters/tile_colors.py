"""From tiles to cells: what each tile gives, and the sum of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorCounts, ColorIndex, sum_counts
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells
from segment.mixture.streaming_bins import StreamingBins
from segment.preprocessor.preprocessor import denoise, to_grayscale
from segment.runs.rasters.pairwise_sum import Tree
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window

__all__ = ["ColorSum", "TileColors", "collect_tile", "joined", "prepared"]

_MANY = 2**21  # distinct colors that are kept as they are: some 200 MB


@dataclass(frozen=True)
class TileColors:
    """What one tile adds: its distinct colors with their counts, or boxes of them where they are deep.

    Attributes
    ----------
    counts : tuple of (ndarray of shape (m, n_channels), ndarray of shape (m,))
        One pair or none.
    boxes : Boxes
    """

    counts: tuple[tuple[NDArray[Any], NDArray[np.int64]], ...]
    boxes: StreamingBins


class ColorSum:
    """The colors of all tiles.

    Attributes
    ----------
    space : FeatureSpace
    counts : ColorCounts
        Of colors that have so few bits that each can be counted; else empty.
    """

    def __init__(self, space: FeatureSpace, dtype: str) -> None:
        self.space = space
        self.is_exact = _is_exact(space, dtype)
        self.counts = ColorCounts(dtype, space.n_channels) if self.is_exact else ColorCounts("uint8", 1)
        self._boxes: Tree[StreamingBins] = Tree(_united)

    def add(self, part: TileColors) -> None:
        """Add the colors of the next tile, or those of all, joined in a tree."""
        for colors, counts in part.counts:
            self.counts.add(colors, counts)
        self._boxes.add(part.boxes)

    def cells(self) -> tuple[Cells, tuple[str, ...]]:
        """The cells of the raster, and what is to be said of them: the same however it was cut into tiles."""
        if not self.is_exact:
            return self._boxes.total().to_cells(len(self.space.feature_names)), ()
        ((colors, counts),) = self.counts.iterate_parts()
        if len(colors) <= _MANY:
            return self.space.make_cells(colors, counts), ()
        boxes = _boxes(self.space)
        for start in range(0, len(colors), _MANY // 8):
            rows = slice(start, start + _MANY // 8)
            boxes.add(colors[rows], self.space.make_cells(colors[rows], counts[rows]))
        cells = boxes.to_cells(len(self.space.feature_names))
        return cells, (f"the raster has {len(colors)} distinct colors: they were fitted in {len(cells)} boxes",)


def joined(first: TileColors, second: TileColors) -> TileColors:
    """The colors of two parts of a raster as those of one."""
    counts = (*first.counts, *second.counts)
    return TileColors((sum_counts(counts),) if counts else (), _united(first.boxes, second.boxes))


def collect_tile(raster: Raster, window: Window, halo: int, config: SegmentConfig, space: FeatureSpace) -> TileColors:
    """The colors of a tile: the first pass, a function of the tile alone.

    Parameters
    ----------
    raster : Raster
    window : Window
        The tile.
    halo : int, pixels
        What is read around it, for the noise filter.
    config : SegmentConfig
    space : FeatureSpace
    """
    index = ColorIndex(prepared(raster, window, halo, config))
    boxes = _boxes(space)
    if index.is_tabled:
        return TileColors(tuple(index.iterate_parts()), boxes)
    for colors, counts in index.iterate_parts():
        boxes.add(colors, space.make_cells(colors, counts))
    return TileColors((), boxes)


def prepared(raster: Raster, window: Window, halo: int, config: SegmentConfig) -> Image:
    """The pixels of a window, preprocessed as the whole raster would be."""
    outer = window.grown(halo, raster.height, raster.width)
    image = raster.read(outer)
    if config.greyscale:
        image = to_grayscale(image)
    share = np.hypot(raster.height, raster.width) / np.hypot(outer.height, outer.width)
    image = denoise(image, method=config.denoise, radius=float(config.denoise_radius * share))
    if halo == 0:
        return image
    rows, columns = window.within(outer).slices
    return replace(image, pixels=np.ascontiguousarray(image.pixels[rows, columns]), valid=image.valid[rows, columns])


def _is_exact(space: FeatureSpace, dtype: str) -> bool:
    return np.dtype(dtype).itemsize * 8 * space.n_channels <= 24


def _united(first: StreamingBins, second: StreamingBins) -> StreamingBins:
    """The sum of two; both stay what they are, for a worker may be asked for them again."""
    total = copy.deepcopy(first)
    total.merge(copy.deepcopy(second))
    return total


def _boxes(space: FeatureSpace) -> StreamingBins:
    return StreamingBins(space.n_channels, int(space.white).bit_length())
