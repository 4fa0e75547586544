"""What classes are fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import PixelFeatures
from segment.mixture.cells import Cells

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import RegionCells

__all__ = ["FitData", "find_few_colors", "limit_few_colors"]


@dataclass(frozen=True, eq=False)
class FitData:
    """What classes are fitted to: the cells of one or many images, and what their neighbors are known by.

    Attributes
    ----------
    space : FeatureSpace
        How a color becomes a feature vector; that of the first image.
    source : Cells or PixelFeatures
        The cells of all images, or the features of the only one.
    copies : tuple of Image
        Small copies of the images, or of a part of them; none where nothing asks for neighbors.
    regions : tuple of RegionCells
        The regions of each image, where regions are given to classes as a whole.
    """

    space: FeatureSpace
    source: Cells | PixelFeatures
    copies: tuple[Image, ...]
    regions: tuple[RegionCells, ...] = ()

    @property
    def cells(self) -> Cells:
        """The cells of all images."""
        return self.source if isinstance(self.source, Cells) else self.source.cells

    @property
    def first_image(self) -> Image | None:
        """The copy of the first image, where there are copies."""
        return self.copies[0] if self.copies else None

    def forget_cells(self) -> None:
        """Free the memory of cells that can be collected again."""
        if not isinstance(self.source, Cells):
            self.source.__dict__.pop("cells", None)


def limit_few_colors(config: SegmentConfig) -> int:
    """Return how many colors of an image are a class each.

    Parameters
    ----------
    config : SegmentConfig

    Returns
    -------
    int
        The number of classes. Where it is to be chosen, two, as of a scan of black and white: a dark picture may have a
        dozen grays and noise all the same.
    """
    return config.k if isinstance(config.k, int) else 2


def find_few_colors(image: Image, config: SegmentConfig) -> frozenset[bytes] | None:
    """Find the distinct colors of an image that has no more of them than there may be classes.

    In a scan of black and white lines are as thin as a pixel, and a smaller copy of it is full of grays. Such an image
    is labeled by its colors alone: what is of one color is of one class.

    Parameters
    ----------
    image : Image
        The preprocessed image, or a part of it.
    config : SegmentConfig
        Its number of classes counts, see :func:`limit_few_colors`.

    Returns
    -------
    frozenset of bytes, or None
        None where there are more.

    Examples
    --------
    >>> image = Image.from_array(np.array([[0, 255, 255]], dtype=np.uint8))
    >>> len(find_few_colors(image, SegmentConfig(k=2))), find_few_colors(image, SegmentConfig(k=1))
    (2, None)
    """
    index = ColorIndex(image)
    if index.has_colors(limit_few_colors(config) + 1):
        return None
    return frozenset(color.tobytes() for colors, _ in index.iterate_parts() for color in np.unique(colors, axis=0))
