"""The working copy of a raster, made block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.preprocessor.preprocessor import fill_invalid
from segment.preprocessor.working_copy import compute_working_shape
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_preprocessing import read_preprocessed
from segment.runs.rasters.tiles import Window, cut_tiles
from segment.segmenter.fit_data import find_few_colors

__all__ = ["CopyBlock", "assemble_copy", "make_copy_block", "plan_copy_blocks"]

MAX_FILLED_SIDE = 2048  # pixels, of a part in which gaps are filled: that takes some 40 bytes a pixel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CopyBlock:
    """A block of the working copy, or all of it.

    Attributes
    ----------
    window : Window
        Its place in the copy.
    image : Image
        Its pixels.
    n_valid : float
        How many pixels of the copy the valid pixels of the raster would fill there.
    colors : frozenset of bytes, optional
        The colors of the raster there; None where they are more than there may be classes.
    """

    window: Window
    image: Image
    n_valid: float
    colors: frozenset[bytes] | None

    @property
    def is_scattered(self) -> bool:
        """Whether most of the valid pixels lie so far apart that the copy has lost them: it has less than half."""
        return bool(np.count_nonzero(self.image.valid) < self.n_valid / 2)


def plan_copy_blocks(raster: Raster, tile: int) -> list[Window]:
    """Cut the working copy in blocks.

    Parameters
    ----------
    raster : Raster
        The file.
    tile : int, pixels
        Side of the part of the raster that a block is made of, at most.

    Returns
    -------
    list of Window
        In pixels of the copy, row by row.
    """
    shape = compute_working_shape(raster.height, raster.width)
    if raster.may_have_gaps:
        tile = min(tile, MAX_FILLED_SIDE)
    # Pixels of the copy for each pixel of the raster, along a side.
    share = max(shape) / max(raster.height, raster.width)
    return cut_tiles(*shape, max(1, math.floor(tile * share)))


def make_copy_block(raster: Raster, block: Window, config: SegmentConfig) -> CopyBlock:
    """Make a block of the working copy: that of :func:`segment.preprocessor.working_copy.make_working_copy` there.

    Parameters
    ----------
    raster : Raster
        The file.
    block : Window
        Of the copy.
    config : SegmentConfig
        Its settings for preprocessing.

    Returns
    -------
    CopyBlock
        Depends only on the pixels that it is the average of and their neighbors, so any worker may compute it.
    """
    height, width = compute_working_shape(raster.height, raster.width)
    # Edges of the block's pixels, in pixels of the raster: they need not be whole numbers.
    down = _compute_edges(block.row, block.height, raster.height, height)
    across = _compute_edges(block.column, block.width, raster.width, width)
    inner = Window(int(down[0]), int(across[0]), math.ceil(down[-1]) - int(down[0]), 0)
    inner = replace(inner, width=math.ceil(across[-1]) - inner.column)
    # Gaps are filled from the pixels around them, so some more have to be read.
    margin = 0
    if raster.may_have_gaps:
        margin = 2 + 2 * math.ceil(max(raster.height / height, raster.width / width))
    outer = inner.expand(margin, raster.height, raster.width)
    image = read_preprocessed(raster, outer, config)
    rows, columns = inner.shift_to(outer).slices
    down, across = down - inner.row, across - inner.column
    values = _average_areas(fill_invalid(image)[rows, columns], down, across)
    share = np.ones(values.shape[:2])
    if not image.valid.all():
        share = _average_areas(image.valid[rows, columns].view(np.uint8), down, across)
    # A pixel of the copy is valid where half of its area is, rounded as make_working_copy rounds it, in 8 bits.
    valid = np.rint(255 * share) >= 128
    values[~valid] = 0
    pixels = (values if image.pixels.dtype.kind == "f" else np.rint(values)).astype(image.pixels.dtype)
    own = replace(image, pixels=image.pixels[rows, columns], valid=image.valid[rows, columns])
    colors = find_few_colors(own, config)
    return CopyBlock(block, replace(image, pixels=pixels, valid=valid), float(share.sum()), colors)


def assemble_copy(raster: Raster, blocks: Iterable[CopyBlock]) -> CopyBlock:
    """Assemble the working copy of its blocks.

    Parameters
    ----------
    raster : Raster
        The file.
    blocks : iterable of CopyBlock
        All of them, in any order.

    Returns
    -------
    CopyBlock
        All of the copy.
    """
    shape = compute_working_shape(raster.height, raster.width)
    blocks = iter(blocks)
    first = next(blocks)  # it has the type and the scale of all
    pixels = np.zeros((*shape, *first.image.pixels.shape[2:]), dtype=first.image.pixels.dtype)
    valid = np.zeros(shape, dtype=bool)
    n_valid, colors = 0.0, first.colors
    for block in chain((first,), blocks):
        pixels[block.window.slices], valid[block.window.slices] = block.image.pixels, block.image.valid
        n_valid += block.n_valid
        colors = None if colors is None or block.colors is None else colors | block.colors
    return CopyBlock(Window(0, 0, *shape), replace(first.image, pixels=pixels, valid=valid), n_valid, colors)


def _compute_edges(first: int, count: int, length: int, n: int) -> Floats:
    """Compute where some of n equal parts of a length begin, and where the last of them ends: (count + 1,)."""
    # In integers first, so that an edge that lies between two pixels is exact.
    quotient, remainder = np.divmod(np.arange(first, first + count + 1) * length, n)
    return quotient + remainder / n


def _average_areas(values: NDArray[Any], down: Floats, across: Floats) -> Floats:
    """Average values (H, W) or (H, W, C) over rectangles between edges, which may cut through pixels."""
    sums = _sum_between(_sum_between(values, down, 0), across, 1)
    areas = np.diff(down)[:, None] * np.diff(across)
    return sums / (areas if values.ndim == 2 else areas[..., None])


def _sum_between(values: NDArray[Any], edges: Floats, axis: int) -> Floats:
    """Sum values between edges along an axis; a pixel that an edge cuts counts by its part on either side."""
    values = np.moveaxis(values, axis, 0)
    starts = np.floor(edges).astype(np.intp)
    shape = (len(edges), *[1] * (values.ndim - 1))
    # The sum of all pixels from floor(edge) on, minus the part of the first that lies before the edge, plus the part
    # of the last that lies before the next edge.
    before = (edges - starts).reshape(shape) * values[np.minimum(starts, len(values) - 1)]
    kind: Any = np.uint32 if values.dtype.kind == "u" else np.float64
    sums = np.add.reduceat(values[: starts[-1]], starts[:-1], axis=0, dtype=kind) + np.diff(before, axis=0)
    return np.asarray(np.moveaxis(sums, 0, axis))
