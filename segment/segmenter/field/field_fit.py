"""Fit a mixture with a random field over the pixels of working copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import concatenate
from segment.mixture.few_components import FewSpatialEM
from segment.mixture.initialization import build_clusters
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.spatial_em import (
    MAX_STEPS,
    MOVE_TOLERANCE,
    SpatialEM,
    compute_class_log_posteriors,
    fit_with_neighbors,
)
from segment.preprocessor.working_copy import WORKING_PIXELS, make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import measure_band_design_effect
from segment.segmenter.field.few_classes import MIN_CLASSES, FewField, carry_posteriors, has_few_classes, normalize
from segment.segmenter.field.noise_level import is_noisy
from segment.segmenter.field.random_field import RandomField, compute_pixel_weights, solve_mean_field, split_rows
from segment.segmenter.field.smoothed_start import (
    SMOOTHING_SIGMAS,
    choose_sample,
    compute_mean_field_likelihood,
    find_smoothed_clusters,
)

__all__ = [
    "REACH_PIXELS",
    "build_field",
    "compute_edge_strengths",
    "compute_whitening_matrix",
    "fit_with_field",
    "shrink_noisy_copy",
]

Planes = NDArray[np.float32]

FIT_SHARE = 4  # pixels of a working copy for each that the mixture is fitted to
MIN_FIT_PIXELS = 2**14  # of each copy, where there are many
REACH_PIXELS = 2  # of the copy, to the farthest neighbors; the weights' standard deviation is 1 pixel
MAX_FIELD_VALUES = 2**23  # posteriors of all classes at the pixels of the copies, where each pixel has all
N_BANDS, MIN_BAND_ROWS = 8, 16  # of a copy that has more
MAX_JUDGED_VALUES = 2**20  # posteriors that are computed at once to judge a fit
MIN_SHRINKAGE = 0.02  # of the mixture of a smoothed copy, in mean component weights: no component collapses
# Share of a component that lies where another is likelier, up to which colors tell it apart; and the design effect of
# the pixels within components, up to which neighbors share nothing, as they would where one holds two areas.
MAX_OVERLAP, MAX_DESIGN_EFFECT = 0.01, 1.2
STRONG_EDGE = 2.0  # change of the smoothed features from pixel to pixel, in standard deviations within a class


def fit_with_field(
    classes: ClassMixture,
    prior: Prior,
    space: FeatureSpace,
    images: Sequence[Image],
    *,
    smoothness: float,
    may_restart: bool = False,
) -> MixtureModel:
    """Continue EM with a random field: the class priors of a pixel come from its neighbors' posteriors.

    E-steps of the field and M-steps of the mixture take turns on copies of the images, some 130 thousand pixels
    together for a few images, and more for a large one. Classes whose colors overlap are told apart by where their
    pixels lie.

    Parameters
    ----------
    classes : ClassMixture
        The start: a mixture that was fitted to colors alone.
    prior : Prior
        The prior of that fit.
    space : FeatureSpace
        How a color becomes a feature vector.
    images : sequence of Image
        The images or their working copies. They are not changed.
    smoothness : float, >= 0
        See :class:`segment.segmenter.field.random_field.RandomField`.
    may_restart : bool
        Whether the classes of noisy images may be found anew, in any order, from smoothed copies: the better fit is
        returned. Images without noise (:func:`segment.segmenter.field.noise_level.is_noisy`), classes of several
        components and classes that colors alone tell apart are never fitted anew.

    Returns
    -------
    MixtureModel
        The model of `classes` itself if there is one class or no valid pixel.
    """
    if classes.n_classes < 2 or not any(image.valid.any() for image in images):
        return classes.model
    has_few = has_few_classes(classes)
    can_restart = may_restart and classes.n_classes == classes.model.n_components
    noisy = (can_restart or has_few) and is_noisy(images, space.name, compute_whitening_matrix(classes.model))
    is_restarted = can_restart and noisy
    # Shrinking averages noise away: the model of a noisy image must be that of the pixels that it labels.
    growth = max(1, *(round(image.valid.size / WORKING_PIXELS) for image in images))
    n_pixels = WORKING_PIXELS * growth // (1 if is_restarted else FIT_SHARE)
    copies = [make_working_copy(image, max(n_pixels // len(images), MIN_FIT_PIXELS)) for image in images]
    if not any(copy.valid.any() for copy in copies):
        return classes.model
    if has_few and not noisy:
        return _FieldPixels(copies, space, smoothness).run_em_of_few(classes, prior)
    share = MAX_FIELD_VALUES / classes.n_classes / sum(copy.valid.size for copy in copies)
    pixels = _FieldPixels([band for copy in copies for band in _split_into_bands(copy, share)], space, smoothness)
    model = pixels.run_em(classes, prior)
    if not is_restarted or pixels.have_separate_colors(model):
        return model
    best, best_likelihood = model, pixels.compute_likelihood(classes.groups, model)
    for sigma in SMOOTHING_SIGMAS:
        model = pixels.run_em(*pixels.make_smoothed_start(classes, prior, sigma))
        likelihood = pixels.compute_likelihood(classes.groups, model)
        if likelihood > best_likelihood:
            best, best_likelihood = model, likelihood
    return best


def shrink_noisy_copy(classes: ClassMixture, space: FeatureSpace, copy: Image) -> Image:
    """Shrink the working copy of an image where noise in many classes would need more memory than the image.

    Parameters
    ----------
    classes : ClassMixture
        k classes.
    space : FeatureSpace
        How a color becomes a feature vector.
    copy : Image
        The working copy, h x w pixels.

    Returns
    -------
    Image
        The copy itself where k * h * w is at most `MAX_FIELD_VALUES`, and where each pixel has a few classes.

    Notes
    -----
    A noisy pixel needs the posteriors of all classes. On two photographs with noise in 32 to 128 classes, labels by
    copies of an eighth of the pixels were as close or closer to those without noise in 6 of 10 fits (at worst .71 ARI).
    """
    n = MAX_FIELD_VALUES // classes.n_classes if classes.n_classes >= MIN_CLASSES else copy.valid.size
    if copy.valid.size <= n or not is_noisy([copy], space.name, compute_whitening_matrix(classes.model)):
        return copy
    return make_working_copy(copy, n)


def _split_into_bands(copy: Image, share: float) -> list[Image]:
    """Take bands of rows, this share of a copy together, or all of it: unlike shrinking, that leaves noise as it is."""
    if share >= 1 or not copy.valid.any():
        return [copy]
    # From the first row to the last that a mask leaves: all bands might lie between them.
    low, high = (np.flatnonzero(copy.valid.any(axis=1))[[0, -1]] + [0, 1]).tolist()
    size = max(MIN_BAND_ROWS, int(share * copy.height) // N_BANDS)
    parts = [slice(start, start + size) for start in np.linspace(low, high - size, N_BANDS).astype(int)]
    parts = [slice(low, high)] if size * N_BANDS >= high - low else parts
    bands = (replace(copy, pixels=copy.pixels[part], valid=copy.valid[part], interest=None) for part in parts)
    return [make_working_copy(band, int(share * copy.valid.size)) for band in bands]


class _FieldPixels:
    """The pixels of some copies, to which mixtures are fitted with the random field."""

    def __init__(self, copies: Sequence[Image], space: FeatureSpace, smoothness: float) -> None:
        self._copies, self._space, self._smoothness = copies, space, smoothness
        self._cells, self._features = [], []
        for copy in copies:
            index = ColorIndex(copy)
            own_space = FeatureSpace(space.name, index.n_channels, index.black, index.white)
            found = own_space.make_cells(index.pixels)  # one cell for each pixel: the field needs their places
            self._cells.append(found if copy.valid.all() else found[copy.valid.reshape(-1)])
            self._features.append(found.means)
        ends = np.cumsum([len(part) for part in self._cells])
        self._slices = [slice(end - len(part), end) for end, part in zip(ends, self._cells, strict=True)]
        # The last posteriors of each copy, and its field, which belongs to the first mixture of a fit.
        self._q: list[Planes | None] = [None] * len(copies)
        self._fields: list[RandomField] = []

    def run_em(self, classes: ClassMixture, prior: Prior, labels: NDArray[np.intp] | None = None) -> MixtureModel:
        """Run EM from a mixture, with posteriors by its densities or by these labels, 0..k-1, of all valid pixels."""
        self._build_fields(classes.model)
        if labels is not None:
            first = (labels == np.arange(classes.n_classes)[:, None]).astype(np.float32)
            self._q = [
                _place_pixels(first[:, own], copy.valid) for own, copy in zip(self._slices, self._copies, strict=True)
            ]

        def compute_neighbor_log_odds(logs: Planes) -> Planes:
            """Take one step of the mean field of each copy, from the posteriors of the last one."""
            for i, (own, copy, field) in enumerate(zip(self._slices, self._copies, self._fields, strict=True)):
                log_joint = _place_pixels(logs[:, own], copy.valid)
                self._q[i] = after = solve_mean_field(log_joint, field, n_iter=1, start=self._q[i])
                # The log odds take the place of the log posteriors, strip by strip.
                end = own.start
                for rows in split_rows(after.shape):
                    log_odds = _take_valid(field.compute_log_odds_of_rows(after, rows), copy.valid[rows])
                    start, end = end, end + log_odds.shape[1]
                    logs[:, start:end] = log_odds
            return logs

        # EM in turns: each E-step has the class priors that the field gives each pixel.
        em = SpatialEM(concatenate(*self._cells), classes.model, prior)
        return fit_with_neighbors(em, classes.groups, compute_neighbor_log_odds)

    def run_em_of_few(self, classes: ClassMixture, prior: Prior) -> MixtureModel:
        """Run EM from a mixture with the few likeliest classes of each pixel by its densities."""
        self._build_fields(classes.model)
        k = classes.n_classes
        em = FewSpatialEM(concatenate(*self._cells), classes.model, prior)
        places = list(zip(self._slices, self._copies, self._fields, strict=True))
        # Of each copy, its field, its posteriors, and what the neighbors add to the log odds of its few classes.
        few, q, log_odds = list[FewField](), list[Planes](), list[Planes]()
        for step in range(MAX_STEPS):
            # Chosen before the steps 0, 1, 2, 4, 8 and 16: the classes move less and less.
            is_chosen = step & (step - 1) == 0
            if is_chosen:
                numbers = em.choose_components()
            log_joint = em.compute_log_posteriors()
            logs = [_place_pixels(log_joint[:, own], copy.valid) for own, copy, _ in places]
            if is_chosen:
                chosen = [_place_pixels(numbers[:, own], copy.valid).astype(np.uint8) for own, copy, _ in places]
                pairs = zip(q, few, chosen, strict=True)
                carried = [carry_posteriors(own, last.numbers, new, k) for own, last, new in pairs] if few else []
                few = [FewField(field, new, k) for (_, _, field), new in zip(places, chosen, strict=True)]
                q = carried or [normalize(own.copy()) for own in logs]
                log_odds = [field.compute_log_odds(own) for field, own in zip(few, q, strict=True)]
            for i, (own, copy, _) in enumerate(places):
                q[i] = few[i].take_step(q[i], logs[i], log_odds[i])
                log_odds[i] = few[i].compute_log_odds(q[i])
                log_joint[:, own] += _take_valid(log_odds[i], copy.valid)
            em.run_step(log_joint)
            if em.move < MOVE_TOLERANCE:
                break
        return em.model

    def _build_fields(self, model: MixtureModel) -> None:
        """Build the fields of the copies, by the edges that a mixture sees, and forget the posteriors."""
        self._fields = [
            build_field(copy, features, self._smoothness)
            for copy, features in zip(self._copies, self._whiten(model), strict=True)
        ]
        self._q = [None] * len(self._copies)

    def _whiten(self, model: MixtureModel) -> Iterator[Planes]:
        """Compute the features of each copy in standard deviations within the components, (d, h, w)."""
        whiten = compute_whitening_matrix(model)
        for copy, means in zip(self._copies, self._features, strict=True):
            yield np.ascontiguousarray((means @ whiten).T, dtype=np.float32).reshape(-1, *copy.valid.shape)

    def have_separate_colors(self, model: MixtureModel) -> bool:
        """Say whether colors alone tell the areas of the copies apart, so that smoothed copies show nothing new.

        The posteriors are those that the last fit ended with, of this model.
        """
        cells = concatenate(*self._cells)
        cells, step = cells[choose_sample(len(cells))], MAX_JUDGED_VALUES // model.n_components
        wrong, total = np.zeros((2, model.n_components))
        for start in range(0, len(cells), step):
            posteriors = model.posteriors(cells[start : start + step])
            wrong += np.where(posteriors < posteriors.max(axis=1, keepdims=True), posteriors, 0).sum(axis=0)
            total += posteriors.sum(axis=0)
        if (wrong > MAX_OVERLAP * total).any():
            return False
        # A component apart from the others may be that of a few dead pixels, while another holds two areas.
        return all(
            q is not None and measure_band_design_effect(features, q, copy.valid, REACH_PIXELS) <= MAX_DESIGN_EFFECT
            for features, q, copy in zip(self._whiten(model), self._q, self._copies, strict=True)
        )

    def make_smoothed_start(
        self, classes: ClassMixture, prior: Prior, sigma: float
    ) -> tuple[ClassMixture, Prior, NDArray[np.intp]]:
        """Make the classes of the clusters of smoothed copies, with the prior that they give, and their labels."""
        cells, k, kind = concatenate(*self._cells), classes.n_classes, classes.model.covariance_type
        labels = find_smoothed_clusters(
            [means.T.reshape(-1, *copy.valid.shape) for means, copy in zip(self._features, self._copies, strict=True)],
            self._copies,
            self._space,
            k,
            sigma=sigma,
            shrinkage=max(MIN_SHRINKAGE, prior.strength * k / len(cells)),
            covariance_type=kind,
        )
        sample = choose_sample(len(cells))
        chosen, chosen_labels = cells[sample], labels[None, sample]
        # The pooled covariance of the colors alone is that of parts of classes: take that of the clusters.
        (clusters,) = build_clusters(chosen, chosen_labels, k, "full", make_flat_prior(cells.n_features))
        pooled = np.tensordot(clusters.weights, clusters.covariances, axes=1)
        if prior.mean_strength == 0:
            prior = replace(prior, target=pooled)
        (start,) = build_clusters(chosen, chosen_labels, k, kind, prior)
        # Noise and tails stay as they were.
        model = replace(classes.model, weights=start.weights, means=start.means, covariances=start.covariances)
        return ClassMixture(model, classes.groups), prior, labels

    def compute_likelihood(self, groups: NDArray[np.intp], model: MixtureModel) -> float:
        """Compute the mean-field likelihood of the valid pixels with the posteriors that the last fit ended with."""
        total = 0.0
        for cells, copy, field, q in zip(self._cells, self._copies, self._fields, self._q, strict=True):
            if q is not None and copy.valid.any():
                logs = _place_pixels(compute_class_log_posteriors(model, groups, cells).T, copy.valid)
                densities = np.zeros(copy.valid.shape)
                densities[copy.valid] = model.score_samples(cells)
                likelihoods = compute_mean_field_likelihood(logs, densities, model.weights, field, q)
                total += float(likelihoods[copy.valid].sum())
        return total


def _place_pixels(values: NDArray[Any], valid: NDArray[np.bool_]) -> Planes:
    """Put the values of the n valid pixels, (k, n), in their places: (k, h, w), 0 elsewhere."""
    if valid.all():
        return values.reshape(-1, *valid.shape)
    planes = np.zeros((len(values), *valid.shape), dtype=np.float32)
    planes[:, valid] = values
    return planes


def _take_valid(planes: Planes, valid: NDArray[np.bool_]) -> Planes:
    """Take the values (k, n) of planes (k, h, w) at the valid pixels."""
    return planes.reshape(len(planes), -1) if valid.all() else planes[:, valid]


def build_field(
    copy: Image, features: Planes, smoothness: float, smoothness_map: NDArray[np.generic] | None = None
) -> RandomField:
    """Build the random field over the pixels of a working copy.

    Parameters
    ----------
    copy : Image
        h x w pixels.
    features : ndarray of shape (d, h, w), float32
        In standard deviations within a class; strong edges in them weaken the field.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel.
    smoothness_map : ndarray of shape (h, w), 0 to 1, optional
        Share of the smoothness that counts at each pixel.

    Returns
    -------
    RandomField
    """
    weights = compute_pixel_weights(copy.valid, compute_edge_strengths(features, copy.valid), smoothness_map)
    return RandomField(weights, smoothness, REACH_PIXELS)


def compute_whitening_matrix(model: MixtureModel) -> NDArray[np.float64]:
    """Compute the matrix that takes features to coordinates of mean variance 1 within the components.

    Parameters
    ----------
    model : MixtureModel
        In d dimensions.

    Returns
    -------
    ndarray of shape (d, d), float64
        Features (n, d) times it are whitened.
    """
    # W = L^-T with L L' the mean covariance, so that (x W)' (x W) is x' C^-1 x.
    within = np.tensordot(model.weights, model.covariances, axes=1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)).T)


def compute_edge_strengths(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Compute the squared strength of the edge at each pixel.

    Parameters
    ----------
    features : ndarray of shape (d, H, W), float32
        In standard deviations within a class.
    valid : ndarray of shape (H, W), bool
        True where a pixel counts.

    Returns
    -------
    ndarray of shape (H, W), float32
        Squared slopes of the smoothed features, summed: 1 for a strong edge, 0 beside pixels that are not valid.
    """
    cv2 = load_cv2()
    squares = np.zeros(valid.shape, dtype=np.float32)
    for plane in features:
        smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE)
        for axis in ((1, 0), (0, 1)):
            slope = cv2.Sobel(smooth, -1, *axis, ksize=1, scale=0.5 / STRONG_EDGE, borderType=cv2.BORDER_REPLICATE)
            squares += cv2.multiply(slope, slope)
    # The kernels reach 3 pixels: beside invalid pixels a slope would be one of their fill values.
    if not valid.all():
        squares[cv2.dilate((~valid).view(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0] = 0
    return squares
