"""Classes of whole regions: the regions of an image as weighted cells, and the random field over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import PixelFeatures
from segment.mixture.cells import Cells, concatenate, group_cells
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.rejection import is_rejected
from segment.mixture.spatial_em import SpatialEM, fit_with_neighbors
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.regions.region_field import RegionField
from segment.segmenter.regions.region_finding import find_hierarchy

__all__ = ["RegionCells", "find_region_cells", "fit_with_region_fields"]

Floats = NDArray[np.float64]

# Cuts of the hierarchy: finer than a person would draw, so that no region holds two classes. Under noise photographs
# want larger cells, and fine areas smaller ones: tests/benchmarks/QUALITY.md.
LEVEL, SMOOTHED_LEVEL = 0.22, 0.28
FIELD_STRENGTH = 2.5  # of the field over regions, in units of the smoothness of pixels: people part areas, not colors
SCATTER_SHARE = 0.2  # of a region's scatter that counts: classes differ by the regions' means, not by their texture
MAX_SAMPLED_PIXELS = 200_000  # from which the regions' means and scatters are computed
MAX_STEPS_IN_EM, MAX_STEPS = 3, 200  # of the field: between two steps of EM, and after the fit


@dataclass(frozen=True, eq=False)
class RegionCells:
    """The regions of an image, each a cell with the mean and some scatter of its features, weighted by its pixels.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        1..n; 0 where a pixel is not valid.
    cells : Cells
        n cells in the order of the labels.
    field : RegionField
        How likely two regions are of one class: their affinity is the probability that a person gives them one
        segment minus the probability of the contrary, by the cost at which the hierarchy merges them.
    is_smoothed : bool
        Whether the image is so noisy that regions and cells are those of a smoothed copy.
    """

    label_image: NDArray[np.int32]
    cells: Cells
    field: RegionField
    is_smoothed: bool = False

    def compute_posteriors(self, classes: ClassMixture) -> NDArray[np.float32]:
        """Compute the probability of each class for each region given its colors and the other regions.

        Parameters
        ----------
        classes : ClassMixture
            k classes.

        Returns
        -------
        ndarray of shape (n, k), float32
            Rows sum to 1.
        """
        logs = classes.compute_log_posteriors(self.cells).astype(np.float64)
        return self.field.solve_mean_field(np.ascontiguousarray(logs.T), n_iter=MAX_STEPS).T.astype(np.float32)

    def label_pixels(self, classes: ClassMixture, *, min_log_density: float = -np.inf) -> NDArray[np.uint8]:
        """Label the pixels of each region with its most probable class.

        Parameters
        ----------
        classes : ClassMixture
            k classes.
        min_log_density : float
            In nats; regions with a log density below this get label 0.

        Returns
        -------
        ndarray of shape (H, W), uint8
            Labels 1..k; 0 where there is no region.
        """
        labels = np.zeros(1 + len(self.cells), dtype=np.uint8)
        if classes.model.n_components:
            labels[1:] = self.compute_posteriors(classes).argmax(axis=1) + 1
            labels[1:][is_rejected(classes.model, self.cells, min_log_density)] = 0
        return labels[self.label_image]

    def prepare_posteriors(self, classes: ClassMixture) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Prepare the posteriors of pixels: those of their regions.

        Parameters
        ----------
        classes : ClassMixture
            k classes.

        Returns
        -------
        callable
            Takes numbers of pixels in row order, (n,), and returns (n, k), float32.
        """
        of_region = self.compute_posteriors(classes)
        table = np.concatenate([np.zeros_like(of_region[:1]), of_region])
        flat = self.label_image.reshape(-1)
        return lambda at: table[flat[at]]


def find_region_cells(
    image: Image, features: PixelFeatures, *, smoothness: float, on_stage: Callable[[str], None]
) -> RegionCells:
    """Divide an image into fine regions and make a cell of each.

    Parameters
    ----------
    image : Image
        H x W pixels. It is not changed.
    features : PixelFeatures
        Of the same image.
    smoothness : float, >= 0
        How much other regions count: the field has 2.5 times that. 0 leaves each region to its own colors.
    on_stage : callable
        Called with the name of each stage as it begins.

    Returns
    -------
    RegionCells
        Finer regions than people draw, each a cell weighted by its pixels.
    """
    hierarchy, smoothed = find_hierarchy(image, 1, on_stage)
    level = LEVEL if smoothed is image else SMOOTHED_LEVEL
    labels = hierarchy.cut(level)
    flat = labels.reshape(-1)
    areas = np.bincount(flat)
    # Means and scatters come from every step-th row and column, and from all pixels of regions that these miss.
    step = max(1, math.isqrt(flat.size // MAX_SAMPLED_PIXELS))
    is_sampled = np.zeros(labels.shape, dtype=bool)
    is_sampled[::step, ::step] = True
    is_missed = np.bincount(flat[is_sampled.reshape(-1)], minlength=len(areas)) == 0
    is_sampled |= is_missed[labels]
    is_sampled &= labels > 0
    places = np.flatnonzero(is_sampled)
    index = features.index if smoothed is image else ColorIndex(smoothed)
    pixel_cells = features.space.make_cells(index.pixels[places])
    cells = group_cells(pixel_cells, flat[places] - 1, len(areas) - 1)
    weights = areas[1:].astype(np.float64)
    pairs, costs = hierarchy.find_joining_costs(level)
    # A cost is the probability that people part two regions: 1 - 2 cost is "together" minus "apart".
    field = RegionField(pairs, 1 - 2 * costs, weights / weights.sum(), FIELD_STRENGTH * smoothness)
    cells = Cells(weights, cells.means, SCATTER_SHARE * cells.scatters)
    return RegionCells(labels, cells, field, smoothed is not image)


def fit_with_region_fields(classes: ClassMixture, prior: Prior, images: Sequence[RegionCells]) -> MixtureModel:
    """Continue EM with random fields over regions: a region's class priors come from the other regions of its image.

    Parameters
    ----------
    classes : ClassMixture
        The start: a mixture that was fitted to the regions' features alone.
    prior : Prior
        The prior of that fit.
    images : sequence of RegionCells
        The regions of each image.

    Returns
    -------
    MixtureModel
        The model of `classes` itself if there is one class, or if no other region counts.
    """
    images = [image for image in images if len(image.cells)]
    if classes.n_classes < 2 or not any(image.field.smoothness for image in images):
        return classes.model
    ends = np.cumsum([len(image.cells) for image in images])
    q: list[Floats | None] = [None] * len(images)

    def compute_neighbor_log_odds(logs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take some steps of the mean field of each image, from the posteriors of the last ones."""
        odds = []
        for i, image in enumerate(images):
            own = logs[:, ends[i] - len(image.cells) : ends[i]].astype(np.float64)
            q[i] = after = image.field.solve_mean_field(own, n_iter=MAX_STEPS_IN_EM, start=q[i])
            odds.append(image.field.compute_neighbor_log_odds(after).astype(np.float32))
        return np.concatenate(odds, axis=1)

    em = SpatialEM(concatenate(*(image.cells for image in images)), classes.model, prior)
    return fit_with_neighbors(em, classes.groups, compute_neighbor_log_odds)
