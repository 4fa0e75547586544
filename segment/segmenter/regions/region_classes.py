"""Classes of whole regions: the regions of an image as cells, their field, and their labels painted back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells, group_cells
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.rejection import is_rejected
from segment.mixture.spatial_em import SpatialEM, compute_class_log_posteriors, fit_with_neighbors
from segment.segmenter.regions.region_field import KinshipField
from segment.segmenter.regions.region_finding import build_region_hierarchy

__all__ = ["WholeRegions"]

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]

_LEVEL = 0.3  # of the hierarchy: finer than a person would draw, so that no region holds two classes
_SCATTER = 0.2  # of the regions' scatters counts: classes are told apart by the regions' means, not by their texture
_SAMPLE = 200_000  # pixels that the regions' means and scatters are taken from
_BETWEEN, _ITERATIONS = 3, 200  # of the field, at most: between steps of EM, and once the mixture is fitted


@dataclass(frozen=True)
class WholeRegions:
    """The regions of an image, each a cell with the mean and some scatter of its features, weighing its pixels.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), int32
        1..n; 0 where a pixel is not valid.
    cells : Cells
        n cells in the order of the labels.
    field : KinshipField
        How likely they are to share a class: the kinship of two regions is the probability that a person gives them one
        segment less that of the contrary, by the cost at which the hierarchy joins them.
    """

    label_image: NDArray[np.int32]
    cells: Cells
    field: KinshipField

    @classmethod
    def of(
        cls,
        image: Image,
        index: ColorIndex,
        space: FeatureSpace,
        *,
        smoothness: float,
        seed: int,
        on_stage: Callable[[str], None],
    ) -> WholeRegions:
        """Find the regions of an image, given its colors and the features that they stand for.

        `smoothness` is that of :class:`segment.segmenter.regions.region_field.KinshipField`; 0
        leaves each region to its own colors.
        """
        hierarchy = build_region_hierarchy(image, seed=seed, on_stage=on_stage)
        labels = hierarchy.cut(_LEVEL)
        flat = labels.reshape(-1)
        areas = np.bincount(flat)
        step = max(1, math.isqrt(flat.size // _SAMPLE))
        sampled = np.zeros(labels.shape, dtype=bool)
        sampled[::step, ::step] = True
        missed = np.bincount(flat[sampled.reshape(-1)], minlength=len(areas)) == 0
        sampled |= missed[labels]
        sampled &= labels > 0
        places = np.flatnonzero(sampled)
        cells = group_cells(space.make_cells(index.pixels[places]), flat[places] - 1, len(areas) - 1)
        weights = areas[1:].astype(np.float64)
        pairs, costs = hierarchy.joining_costs(_LEVEL)
        field = KinshipField(pairs, 1 - 2 * costs, weights / weights.sum(), smoothness)
        return cls(labels, Cells(weights, cells.means, _SCATTER * cells.scatters), field)

    def mixture(self, model: MixtureModel, groups: Groups, prior: Prior) -> MixtureModel:
        """The mixture after EM in which each region's class priors come from its kin.

        The parameters are those of :func:`segment.segmenter.field.field_fit.coherent_mixture`.
        """
        if self.field.smoothness == 0 or groups.max(initial=0) == 0:
            return model
        q: Floats | None = None

        def agree(logs: NDArray[np.float32]) -> NDArray[np.float32]:
            nonlocal q
            q = self.field.mean_field(logs.astype(np.float64), n_iter=_BETWEEN, start=q)
            return self.field.agreement(q).astype(np.float32)

        return fit_with_neighbors(SpatialEM(self.cells, model, prior), groups, agree)

    def posteriors(self, model: MixtureModel, groups: Groups) -> NDArray[np.float32]:
        """Probability of each class for each region given its colors and its kin: (n, k), rows summing to 1."""
        logs = compute_class_log_posteriors(model, groups, self.cells).astype(np.float64)
        return self.field.mean_field(np.ascontiguousarray(logs.T), n_iter=_ITERATIONS).T.astype(np.float32)

    def labels(self, model: MixtureModel, groups: Groups, *, least: float = -np.inf) -> NDArray[np.uint8]:
        """Label 1..k of the most probable class of each region: (n,)."""
        labels = np.zeros(len(self.cells), dtype=np.uint8)
        if model.n_components:
            labels[:] = self.posteriors(model, groups).argmax(axis=1) + 1
            labels[is_rejected(model, self.cells, least)] = 0
        return labels

    def paint(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The label image (H, W) that gives each region its label of (n,), and 0 where there is no region."""
        return np.concatenate([np.zeros(1, dtype=np.uint8), labels])[self.label_image]

    def posteriors_at(self, model: MixtureModel, groups: Groups) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """What gives pixels, by their numbers in row order (n,), the posteriors (n, k) of their regions."""
        of_region = self.posteriors(model, groups)
        table = np.concatenate([np.zeros_like(of_region[:1]), of_region])
        flat = self.label_image.reshape(-1)
        return lambda at: table[flat[at]]
