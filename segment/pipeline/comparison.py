"""The mixture beside k-means and hierarchical clustering: the same colors, the same clean-up, three ways to divide."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import Cells, coarsen
from segment.mixture.model import MixtureModel
from segment.mixture.ward import build_ward_tree
from segment.pipeline.label_matching import adjusted_rand_index, contingency, matching
from segment.pipeline.pipeline import segment_image
from segment.pipeline.result import Segmentation, load_output
from segment.postprocessor.postprocessor import postprocess
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.class_mixture import label_cells

__all__ = ["Comparison", "Method", "compare_image"]

Floats = NDArray[np.float64]

_MOST_CELLS = 3000  # Ward's tree costs the square of this


@dataclass(frozen=True)
class Method:
    """What one method made of the image.

    Attributes
    ----------
    name : str
    label_image : ndarray of shape (H, W), uint8
        1..k, numbered as the mixture's classes that they match best; 0 where there is no label.
    seconds : float
        From the counted colors to a label for each pixel, before the clean-up.
    inertia : float
        Mean squared distance of the pixels from the mean of their class, in squared units of the features, before the
        clean-up: what k-means and Ward's method try to make small.
    log_likelihood : float
        Mean log density of the pixels, in nats: under the mixture, and for the other methods under the mixture that has
        a Gaussian for each of their classes.
    agreement : float
        Adjusted Rand index between `label_image` and that of the mixture.
    """

    name: str
    label_image: NDArray[np.uint8]
    seconds: float
    inertia: float
    log_likelihood: float
    agreement: float


@dataclass(frozen=True)
class Comparison:
    """Three segmentations of an image.

    Attributes
    ----------
    result : Segmentation
        That of the mixture, with the image, the settings and the warnings.
    methods : tuple of Method
        k-means, hierarchical clustering, the mixture.
    """

    result: Segmentation
    methods: tuple[Method, ...]

    def panel(self) -> NDArray[np.uint8]:
        """The original and the three segmentations with their titles and a legend: RGB, (h, w, 3), sized for a screen.

        The same class has the same color in all of them.
        """
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_comparison(self))

    def save(self, folder: str | PathLike[str], *, stem: str = "image", suffix: str = ".png") -> list[Path]:
        """Write the panel into a folder as ``STEM_compared`` + suffix (``.png`` or ``.jpg``).

        Raises
        ------
        OutputError
            If the file exists and `overwrite` is not set, or cannot be written. Nothing is left behind then.
        """
        return cast("list[Path]", load_output("products").save_comparison(self, folder, stem=stem, suffix=suffix))


def compare_image(
    source: ArrayLike | Image | str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Comparison:
    """Segment an image with the mixture, with k-means and with hierarchical clustering.

    All three get the same colors in the same feature space, as many classes as the mixture has, and the same clean-up.
    k-means is scikit-learn's on the distinct colors with their counts, which is k-means on all pixels, with `n_init`
    starts. Hierarchical clustering joins coarse weighted cells by Ward's criterion, at most 3000 of them; each pixel
    gets the cluster with the nearest mean.

    Parameters
    ----------
    source, config, tell, **settings
        As for :func:`segment.segment_image`.

    Returns
    -------
    Comparison
    """
    began: dict[str, float] = {}

    def noted(stage: str) -> None:
        began[stage] = perf_counter()
        on_stage(stage)

    result = segment_image(source, config, on_stage=noted, **settings)
    seconds = began["cleaning up"] - began["fitting the mixture"]
    index = ColorIndex(result.working)
    cells = collect_cells(result.space, index.iterate_parts(), exact=index.is_tabled)
    rivals = []
    for name, centers_of in (("k-means", _k_means_centers), ("hierarchical (Ward)", _ward_centers)):
        on_stage(name)
        rivals.append(_rival(result, index, cells, name, centers_of))
    labels = _classes(result.model, cells, result.groups)
    likelihood = _mean(cells, result.model.score_samples(cells))
    mixture = Method("Gaussian mixture", result.label_image, seconds, _inertia(cells, labels), likelihood, 1.0)
    return Comparison(result, (*rivals, mixture))


def _rival(
    result: Segmentation,
    index: ColorIndex,
    cells: Cells,
    name: str,
    centers_of: Callable[[Cells, int, SegmentConfig], Floats],
) -> Method:
    """The segmentation by the centers that a method finds, its classes numbered as those of the mixture."""
    k, config = result.n_classes, result.config
    began = perf_counter()
    balls = _balls(centers_of(cells, k, config) if k else cells.means[:0])
    raw = index.map_to_pixels(lambda colors: label_cells(balls, result.space.make_cells(colors)))
    seconds = perf_counter() - began
    labels = _classes(balls, cells)
    partner = matching(contingency(_classes(result.model, cells, result.groups), labels, k, cells.weights))
    numbers = np.concatenate([[0], partner + 1]).astype(np.uint8)
    sizes = np.bincount(labels, weights=cells.weights, minlength=k)
    cleaned = postprocess(
        numbers[raw],
        radius=config.smooth_radius,
        min_region=config.min_region,
        max_hole=config.max_hole,
        precedence=[int(number) for number in partner[np.argsort(-sizes, kind="stable")] + 1],
    )
    label_image = enlarge(cleaned.label_image, result.image)
    table = contingency(result.label_image, label_image, k + 1)[1:, 1:]
    likelihood = _mean(cells, _class_gaussians(cells, labels, balls).score_samples(cells))
    return Method(name, label_image, seconds, _inertia(cells, labels), likelihood, adjusted_rand_index(table))


def _k_means_centers(cells: Cells, k: int, config: SegmentConfig) -> Floats:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct features than classes: some are empty
        found = KMeans(k, n_init=config.n_init, random_state=config.seed).fit(cells.means, sample_weight=cells.weights)
    return np.asarray(found.cluster_centers_)


def _ward_centers(cells: Cells, k: int, config: SegmentConfig) -> Floats:  # noqa: ARG001
    coarse, n_bins = cells, 1024 if cells.n_features == 1 else 32
    while len(coarse) > _MOST_CELLS:
        coarse, n_bins = coarsen(cells, n_bins), 3 * n_bins // 4
    labels = build_ward_tree(coarse, k)
    return np.stack([coarse[labels == cluster].compute_center() for cluster in range(k)])


def _balls(centers: Floats) -> MixtureModel:
    """The mixture of equal balls around the centers (k, d): its most probable component is the nearest center."""
    k, d = centers.shape
    return MixtureModel(np.full(k, 1 / max(k, 1)), centers, np.broadcast_to(np.eye(d), (k, d, d)), "spherical")


def _classes(model: MixtureModel, cells: Cells, groups: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
    """The most probable class, 0..k - 1, of each cell; by default each component is a class."""
    return label_cells(model, cells, groups).astype(np.intp) - 1


def _class_gaussians(cells: Cells, labels: NDArray[np.intp], balls: MixtureModel) -> MixtureModel:
    """The mixture with weight, mean and covariance of each class; a class of no cell keeps its ball at weight 0."""
    weights = np.bincount(labels, weights=cells.weights, minlength=balls.n_components)
    means, covariances = balls.means.copy(), np.array(balls.covariances)
    for number in np.flatnonzero(weights):
        part = cells[labels == number]
        means[number] = part.compute_center()
        covariances[number] = replace(part, means=part.means - means[number]).compute_second_moment()
    return MixtureModel(weights / max(weights.sum(), 1), means, covariances)


def _inertia(cells: Cells, labels: NDArray[np.intp]) -> float:
    """Mean squared distance of the cells' means from the mean of their class."""
    if not len(cells):
        return float("nan")
    kept, places = np.unique(labels, return_inverse=True)
    centers = np.stack([cells[labels == number].compute_center() for number in kept])
    return _mean(cells, ((cells.means - centers[places.reshape(-1)]) ** 2).sum(axis=1))


def _mean(cells: Cells, values: Floats) -> float:
    return float(cells.weights @ values / cells.total_weight) if len(cells) else float("nan")
