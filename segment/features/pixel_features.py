"""Pixel features and weighted cells of an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells, concatenate
from segment.mixture.streaming_bins import StreamingBins

if TYPE_CHECKING:
    pass

__all__ = ["collect", "collect_cells"]


def collect_cells(
    space: FeatureSpace, parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]], *, exact: bool
) -> Cells:
    """The cells of an image.

    Parameters
    ----------
    space : FeatureSpace
    parts : iterable of (colors, counts)
        Arrays of shape (m, n_channels) and (m,).
    exact : bool
        True keeps one cell for each color given. False merges colors into boxes as they come, for images with more
        distinct colors than memory should hold; the parts make no difference to the result.
    """
    if not exact:
        boxes = StreamingBins(space.n_channels, int(space.white).bit_length())
        for colors, counts in parts:
            boxes.add(colors, space.cells(colors, counts))
        return boxes.cells(len(space.feature_names))
    cells = [space.cells(colors, counts) for colors, counts in parts]
    return concatenate(space.cells(np.zeros((0, space.n_channels), dtype=np.uint8)), *cells)


def collect(index: ColorIndex, config: SegmentConfig) -> tuple[FeatureSpace, Cells]:
    """The features of an image and its cells."""
    space = FeatureSpace(config.features, index.n_channels, index.black, index.white)
    return space, collect_cells(space, index.parts(), exact=index.is_tabled)
