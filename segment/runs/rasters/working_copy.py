"""The working copy of a raster, made block by block, and labels by the random field that is solved on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.mixture.rejection import is_rejected
from segment.preprocessor.preprocessor import compute_working_shape, fill_invalid
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_colors import prepared
from segment.runs.rasters.tiles import Window, tiles
from segment.segmenter.field.field_labels import CoherentLabels

__all__ = ["CopiedBlock", "FieldLabels", "assembled", "copied_block", "copy_blocks", "is_scattered"]

_FILLED = 2048  # pixels a side that gaps are filled in at once: it takes some 40 bytes a pixel


@dataclass(frozen=True)
class CopiedBlock:
    """A block of the working copy.

    Attributes
    ----------
    block : Window
        Of the copy.
    image : Image
    n_valid : float
        How many pixels of the copy the valid pixels of the raster would fill there.
    """

    block: Window
    image: Image
    n_valid: float


@dataclass(frozen=True)
class FieldLabels:
    """The labels of windows, by color and by the field; 0 where the color is too unlikely.

    Attributes
    ----------
    field : CoherentLabels
    mixture : MixtureModel
    space : FeatureSpace
    least : float
        The log density below which a color is rejected.
    """

    field: CoherentLabels
    mixture: MixtureModel
    space: FeatureSpace
    least: float

    def __call__(self, image: Image, window: Window) -> NDArray[np.uint8]:
        """The labels of the pixels of a window of the raster."""
        labels = self.field.of(image, window.row, window.column)
        if self.least > -math.inf:
            index = ColorIndex(image)
            labels[index.map_to_pixels(lambda some: is_rejected(self.mixture, self.space.make_cells(some), self.least))] = 0
        return labels


def copy_blocks(raster: Raster, tile: int) -> list[Window]:
    """Blocks that cover the working copy, each of at most so many pixels a side in the raster."""
    shape = compute_working_shape(raster.height, raster.width)
    if raster.may_have_gaps:
        tile = min(tile, _FILLED)
    share = max(shape) / max(raster.height, raster.width)
    return tiles(*shape, max(1, math.floor(tile * share)))


def copied_block(raster: Raster, block: Window, halo: int, config: SegmentConfig) -> CopiedBlock:
    """A block of the working copy: a function of the pixels that it is the average of, and those nearest to them.

    What :func:`segment.preprocessor.preprocessor.make_working_copy` of the whole raster has there.

    Parameters
    ----------
    raster : Raster
    block : Window
        Of the copy.
    halo : int, pixels
        What the noise filter reaches.
    config : SegmentConfig
    """
    height, width = compute_working_shape(raster.height, raster.width)
    down = _edges(block.row, block.height, raster.height, height)
    across = _edges(block.column, block.width, raster.width, width)
    inner = Window(int(down[0]), int(across[0]), math.ceil(down[-1]) - int(down[0]), 0)
    inner = replace(inner, width=math.ceil(across[-1]) - inner.column)
    beside = 0
    if raster.may_have_gaps:  # which are filled from the pixels around them
        beside = 2 + 2 * math.ceil(max(raster.height / height, raster.width / width))
    outer = inner.grown(beside, raster.height, raster.width)
    image = prepared(raster, outer, halo, config)
    rows, columns = inner.within(outer).slices
    down, across = down - inner.row, across - inner.column
    values = _averaged(fill_invalid(image)[rows, columns], down, across)
    share = np.ones(values.shape[:2])
    if not image.valid.all():
        share = _averaged(image.valid[rows, columns].view(np.uint8), down, across)
    valid = np.rint(255 * share) >= 128
    values[~valid] = 0
    pixels = (values if image.pixels.dtype.kind == "f" else np.rint(values)).astype(image.pixels.dtype)
    return CopiedBlock(block, replace(image, pixels=pixels, valid=valid), float(share.sum()))


def assembled(raster: Raster, blocks: Iterable[CopiedBlock]) -> tuple[Image, float]:
    """The working copy, and how many of its pixels the valid pixels of the raster would fill."""
    shape = compute_working_shape(raster.height, raster.width)
    valid = np.zeros(shape, dtype=bool)
    parts: list[Image] = []
    pixels = np.zeros((0, 0), dtype=np.uint8)
    n_valid = 0.0
    for part in blocks:
        if not parts:
            parts = [part.image]
            pixels = np.zeros((*shape, *part.image.pixels.shape[2:]), dtype=part.image.pixels.dtype)
        pixels[part.block.slices], valid[part.block.slices] = part.image.pixels, part.image.valid
        n_valid += part.n_valid
    return replace(parts[0], pixels=pixels, valid=valid), n_valid


def is_scattered(copy: Image, n_valid: float) -> bool:
    """Whether most of the valid pixels lie so far apart that the copy has lost them."""
    return bool(np.count_nonzero(copy.valid) < n_valid / 2)


def _edges(first: int, count: int, length: int, n: int) -> NDArray[np.float64]:
    """Where some of n pixels that share a length begin, and where the last of them ends: (count + 1,)."""
    whole, part = np.divmod(np.arange(first, first + count + 1) * length, n)
    return whole + part / n


def _averaged(values: NDArray[Any], down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means of values (H, W) or (H, W, C) over rectangles between such edges, which may cut through pixels."""
    sums = _sums(_sums(values, down, 0), across, 1)
    areas = np.diff(down)[:, None] * np.diff(across)
    return sums / (areas if values.ndim == 2 else areas[..., None])


def _sums(values: NDArray[Any], edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The sums of values between edges along an axis."""
    values = np.moveaxis(values, axis, 0)
    starts = np.floor(edges).astype(np.intp)
    shape = (len(edges), *[1] * (values.ndim - 1))
    beyond = (edges - starts).reshape(shape) * values[np.minimum(starts, len(values) - 1)]
    kind: Any = np.uint32 if values.dtype.kind == "u" else np.float64
    sums = np.add.reduceat(values[: starts[-1]], starts[:-1], axis=0, dtype=kind) + np.diff(beyond, axis=0)
    return np.asarray(np.moveaxis(sums, 0, axis))
