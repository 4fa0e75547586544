"""Classes of whole regions: the regions of an image as cells, and their labels painted back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.colours import ColourIndex
from segment.features import FeatureSpace
from segment.grouping import hierarchy_of
from segment.image import Image
from segment.mixture.cells import Cells, pooled

__all__ = ["WholeRegions"]

_LEVEL = 0.3  # of the hierarchy: finer than a person would draw, so that no region holds two classes
_SAMPLE = 200_000  # pixels that the regions' means and scatters are taken from


@dataclass(frozen=True)
class WholeRegions:
    """The regions of an image, each a cell with the mean and the scatter of its features, weighing its pixels.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        1..n; 0 where a pixel is not valid.
    cells : Cells
        n cells in the order of the labels.
    """

    label_image: NDArray[np.int32]
    cells: Cells

    @classmethod
    def of(
        cls, image: Image, index: ColourIndex, space: FeatureSpace, *, seed: int, tell: Callable[[str], None]
    ) -> WholeRegions:
        """Find the regions of an image, given its colours and the features that they stand for."""
        labels = hierarchy_of(image, seed=seed, tell=tell).cut(_LEVEL)
        flat = labels.reshape(-1)
        areas = np.bincount(flat)
        step = max(1, math.isqrt(flat.size // _SAMPLE))
        sampled = np.zeros(labels.shape, dtype=bool)
        sampled[::step, ::step] = True
        missed = np.bincount(flat[sampled.reshape(-1)], minlength=len(areas)) == 0
        sampled |= missed[labels]
        sampled &= labels > 0
        places = np.flatnonzero(sampled)
        cells = pooled(space.cells(index.pixels[places]), flat[places] - 1, len(areas) - 1)
        return cls(labels, Cells(areas[1:].astype(np.float64), cells.means, cells.scatters))

    def paint(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The label image (H, W) that gives each region its label of (n,), and 0 where there is no region."""
        return np.concatenate([np.zeros(1, dtype=np.uint8), labels])[self.label_image]
