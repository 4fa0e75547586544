"""Pixel features and weighted cells of an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.features.color_index import ColourIndex
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
    parts : iterable of (colours, counts)
        Arrays of shape (m, n_channels) and (m,).
    exact : bool
        True keeps one cell for each colour given. False merges colours into boxes as they come, for images with more
        distinct colours than memory should hold; the parts make no difference to the result.
    """
    if not exact:
        boxes = StreamingBins(space.n_channels, int(space.white).bit_length())
        for colours, counts in parts:
            boxes.add(colours, space.cells(colours, counts))
        return boxes.cells(len(space.feature_names))
    cells = [space.cells(colours, counts) for colours, counts in parts]
    return concatenate(space.cells(np.zeros((0, space.n_channels), dtype=np.uint8)), *cells)


def collect(index: ColourIndex, config: SegmentConfig) -> tuple[FeatureSpace, Cells]:
    """The features of an image and its cells."""
    space = FeatureSpace(config.features, index.n_channels, index.black, index.white)
    return space, collect_cells(space, index.parts(), exact=index.is_tabled)
