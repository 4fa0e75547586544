"""What classes are fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import PixelFeatures
from segment.mixture.cells import Cells

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import RegionCells

__all__ = ["FitData"]


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

    def forget_cells(self) -> None:
        """Free the memory of cells that can be collected again."""
        if not isinstance(self.source, Cells):
            self.source.__dict__.pop("cells", None)
