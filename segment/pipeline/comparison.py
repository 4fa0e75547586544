"""Compare the mixture with k-means and hierarchical clustering: the same colors, the same clean-up."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.setting_arguments import SettingArguments
from segment.core.equality import EqualByValue
from segment.core.stages import Stage
from segment.core.threads import IMPORT_LOCK, limit_library_threads
from segment.features.pixel_features import PixelFeatures, extract_features
from segment.mixture.cells import Cells
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import MixtureModel
from segment.mixture.ward import build_ward_tree
from segment.pipeline.label_cleanup import LabelCleaner, resolve_sizes
from segment.pipeline.label_matching import compute_adjusted_rand_index, count_overlaps, match_labels
from segment.pipeline.output_loader import load_output
from segment.pipeline.pipeline import segment_image
from segment.pipeline.pixel_selection import take_arrays
from segment.pipeline.result import Segmentation
from segment.pipeline.sheet_views import SheetViews
from segment.pipeline.sources import Source
from segment.preprocessor.preprocessor import enlarge
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.pixel_evidence import is_certain, measure_design_effect

__all__ = ["Comparison", "Method", "compare_image"]

Floats = NDArray[np.float64]

MAX_WARD_CELLS = 3000  # Ward's tree costs the square of this
MIN_VARIANCE = 1e-9  # of features within a class; 1/1000 of that of rounding to 8 bits, so it changes no other class


@dataclass(frozen=True, eq=False)
class Method:
    """The segmentation by one method.

    Attributes
    ----------
    name : str
        What it is called.
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


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(SheetViews, EqualByValue):
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

    product = "compared"

    @property
    def config(self) -> SegmentConfig:
        """The settings."""
        return self.result.config

    def __repr__(self) -> str:
        name = f" of {self.result.image.file_name}" if self.result.image.file_name else ""
        methods = (f"{method.name} {method.agreement:.2f}" for method in self.methods[:-1])
        return f"<Comparison{name}, k = {self.result.k}: agreement of {', '.join(methods)}>"

    def panel(self) -> NDArray[np.uint8]:
        """Draw the original and the three segmentations with their titles and a legend.

        The same class has the same color in all of them.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_comparison(self))


def compare_image(
    source: Source,
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> Comparison:
    """Segment an image with the mixture, with k-means and with hierarchical clustering.

    All three get the same colors in the same feature space, as many classes as the mixture has, and the same clean-up.
    k-means is scikit-learn's on the distinct colors with their counts, which is k-means on all pixels, with `n_init`
    starts. Hierarchical clustering joins coarse weighted cells by Ward's criterion, at most 3000 of them; each pixel
    gets the cluster with the nearest mean.

    Parameters
    ----------
    source : path, binary file, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        As for :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig, optional
        All settings at once.
    on_stage : callable
        Called with each stage, and with the name of each other method, as it begins.
    **settings
        Single settings instead, such as ``k=4``. `mask` and `roi` may be arrays as well as paths.

    Returns
    -------
    Comparison

    Raises
    ------
    ImageError
        If the image cannot be read.
    SettingsError
        If a setting is unknown, out of its range, or would be ignored.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.repeat(np.array([[20, 20, 220, 220]], dtype=np.uint8), 4, axis=0)
    >>> [method.name for method in compare_image(pixels, k=2).methods]
    ['k-means', 'hierarchical (Ward)', 'Gaussian mixture']
    """
    chosen, arrays = take_arrays(settings)
    config = SegmentConfig.resolve(config, chosen).reject_unused_by("compare_image")
    result = segment_image(source, config, on_stage=on_stage, mask=arrays.mask, roi=arrays.roi)
    seconds = result.provenance.sum_seconds(Stage.FIT, Stage.LABEL)
    features = extract_features(result.preprocessed, config.features)
    others = []
    _import_k_means()  # before its seconds are counted
    find_k_means_centers = partial(_find_k_means_centers, n_init=config.n_init, seed=config.seed)
    for name, find_centers in (("k-means", find_k_means_centers), ("hierarchical (Ward)", _find_ward_centers)):
        on_stage(name)
        others.append(_segment_by_centers(result, features, name, find_centers))
    # The figures are those of raw labels on all pixels, in the features that all methods had.
    cells = features.cells
    inertia = _compute_inertia(cells, _classify(result.class_mixture, cells))
    likelihood = _average(cells, result.model.score_samples(cells))
    mixture = Method("Gaussian mixture", result.label_image, seconds, inertia, likelihood, 1.0)
    return Comparison(result, (*others, mixture))


def _segment_by_centers(
    result: Segmentation,
    features: PixelFeatures,
    name: str,
    find_centers: Callable[[Cells, int], Floats],
) -> Method:
    """Segment by the centers that a method finds, and number its classes as those of the mixture."""
    k, config, space, cells = result.n_classes, result.config, features.space, features.cells
    began = perf_counter()
    nearest = _make_nearest_center_classes(find_centers(cells, k) if k else cells.means[:0])
    raw = features.index.map_to_pixels(lambda colors: nearest.label_cells(space.make_cells(colors)))
    seconds = perf_counter() - began
    # Classes are matched by the pixels that they share, so that the same area has the same number and color.
    labels = _classify(nearest, cells)
    partners = match_labels(count_overlaps(_classify(result.class_mixture, cells), labels, k, cells.weights))
    numbers = np.concatenate([[0], partners + 1]).astype(np.uint8)
    # The clean-up weighs the colors of every method by the Gaussians of its own classes.
    gaussians = _fit_class_gaussians(cells, labels, nearest.model)
    sizes = resolve_sizes(config, result.image.valid.shape, result.image.pixel_area)
    classes = ClassMixture(gaussians, np.arange(k))
    is_sure = is_certain(classes, cells)
    design_effect = 0.0 if is_sure else measure_design_effect(classes, space, make_working_copy(result.preprocessed))
    cleaner = LabelCleaner(classes, space, config, sizes, raw.shape, design_effect)
    cleaned = cleaner.clean(raw, result.preprocessed)
    label_image = enlarge(numbers[cleaned.label_image], result.image)
    overlaps = count_overlaps(result.label_image, label_image, k + 1)[1:, 1:]
    likelihood = _average(cells, gaussians.score_samples(cells))
    agreement = compute_adjusted_rand_index(overlaps)
    return Method(name, label_image, seconds, _compute_inertia(cells, labels), likelihood, agreement)


def _import_k_means() -> tuple[Any, type[Warning]]:
    """Import scikit-learn's k-means and its warning, which can take longer than k-means itself."""
    with IMPORT_LOCK:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning
    return KMeans, ConvergenceWarning


def _find_k_means_centers(cells: Cells, k: int, *, n_init: int, seed: int) -> Floats:
    """Find the centers (k, d) of scikit-learn's k-means on weighted cells."""
    k_means, convergence_warning = _import_k_means()
    with limit_library_threads(), warnings.catch_warnings():
        warnings.simplefilter("ignore", convergence_warning)  # fewer distinct features than classes: some are empty
        found = k_means(k, n_init=n_init, random_state=seed).fit(cells.means, sample_weight=cells.weights)
    return np.asarray(found.cluster_centers_)


def _find_ward_centers(cells: Cells, k: int) -> Floats:
    """Find the centers (k, d) of Ward's hierarchy of coarse cells."""
    # Coarser bins until few enough cells are left; one feature has finer ones, as there are fewer of them.
    coarse, n_bins = cells, 1024 if cells.n_features == 1 else 32
    while len(coarse) > MAX_WARD_CELLS:
        coarse, n_bins = coarsen(cells, n_bins), 3 * n_bins // 4
    labels = build_ward_tree(coarse, k)
    return np.stack([coarse[labels == cluster].compute_center() for cluster in range(k)])


def _make_nearest_center_classes(centers: Floats) -> ClassMixture:
    """Make equal spherical classes around the centers (k, d): the most probable class has the nearest center."""
    k, d = centers.shape
    model = MixtureModel(np.full(k, 1 / max(k, 1)), centers, np.broadcast_to(np.eye(d), (k, d, d)), "spherical")
    return ClassMixture(model, np.arange(k))


def _classify(classes: ClassMixture, cells: Cells) -> NDArray[np.intp]:
    """Find the most probable class, 0..k - 1, of each cell."""
    return classes.label_cells(cells).astype(np.intp) - 1


def _fit_class_gaussians(cells: Cells, labels: NDArray[np.intp], start: MixtureModel) -> MixtureModel:
    """Fit a Gaussian to each class; a class of no cell keeps that of the start at weight 0."""
    weights = np.bincount(labels, weights=cells.weights, minlength=start.n_components)
    means, covariances = start.means.copy(), np.array(start.covariances)
    for number in np.flatnonzero(weights):
        part = cells[labels == number]
        means[number] = part.compute_center()
        covariances[number] = replace(part, means=part.means - means[number]).compute_second_moment()
    # A feature may be the same in all pixels of every class, such as the hue of a gray drawing.
    covariances += MIN_VARIANCE * np.eye(cells.n_features)
    return MixtureModel(weights / max(weights.sum(), 1), means, covariances)


def _compute_inertia(cells: Cells, labels: NDArray[np.intp]) -> float:
    """Compute the mean squared distance of the cells' means from the mean of their class."""
    if not len(cells):
        return float("nan")
    kept, places = np.unique(labels, return_inverse=True)
    centers = np.stack([cells[labels == number].compute_center() for number in kept])
    return _average(cells, ((cells.means - centers[places.reshape(-1)]) ** 2).sum(axis=1))


def _average(cells: Cells, values: Floats) -> float:
    """Average the values (n,) of the cells by their weights; NaN where there is no cell."""
    return float(cells.weights @ values / cells.total_weight) if len(cells) else float("nan")
