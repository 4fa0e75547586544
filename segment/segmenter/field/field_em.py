"""EM with a random field: a mixture is fitted to all pixels of some copies, each with its neighbors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import concatenate
from segment.mixture.few_components import FewSpatialEM
from segment.mixture.initialization import build_clusters
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.spatial_em import (
    MOVE_TOLERANCE,
    SpatialEM,
    compute_class_log_posteriors,
    fit_with_neighbors,
)
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import measure_band_effects, measure_component_overlaps
from segment.segmenter.field.edge_field import REACH_PIXELS, build_field, compute_whitening_matrix
from segment.segmenter.field.few_classes import FewField, carry_posteriors
from segment.segmenter.field.mean_field import normalize, solve_mean_field
from segment.segmenter.field.noise_level import measure_noise_variances
from segment.segmenter.field.random_field import RandomField, split_rows
from segment.segmenter.field.smoothed_start import (
    Smoothing,
    compute_mean_field_likelihood,
    draw_pixels,
    find_clusters,
    make_smoothed_cells,
)

__all__ = ["FieldEM"]

Planes = NDArray[np.float32]

MIN_BAND_NOISE = 0.01  # of the variance of a band, its least noise
MIN_SHRINKAGE = 0.02  # of the mixture of a smoothed copy, in mean component weights: no component collapses
# Share of a component that lies where another is likelier, up to which colors tell it apart; and the design effect of
# the pixels within components, up to which neighbors share nothing, as they would where one holds two areas.
MAX_OVERLAP, MAX_DESIGN_EFFECT = 0.01, 1.2


class FieldEM:
    """EM of mixtures with a random field over the pixels of some copies.

    Parameters
    ----------
    copies : sequence of Image
        The images or their working copies. They are not changed.
    space : FeatureSpace
        How a color becomes a feature vector.
    smoothness : float, >= 0
        See :class:`segment.segmenter.field.random_field.RandomField`.
    """

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

    def fit(self, classes: ClassMixture, prior: Prior, labels: NDArray[np.intp] | None = None) -> MixtureModel:
        """Run EM from a mixture.

        Parameters
        ----------
        classes : ClassMixture
            The mixture to start from.
        prior : Prior
        labels : ndarray of shape (n,), int, optional
            The classes 0..k-1 of all valid pixels to start from; by default the densities of the mixture tell them.

        Returns
        -------
        MixtureModel
        """
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

    def fit_few(self, classes: ClassMixture, prior: Prior, max_steps: int) -> MixtureModel:
        """Run EM from a mixture of many classes, with the few of them that are likeliest at each pixel.

        Parameters
        ----------
        classes : ClassMixture
            The mixture to start from.
        prior : Prior
        max_steps : int
            Most steps.

        Returns
        -------
        MixtureModel
        """
        self._build_fields(classes.model)
        k = classes.n_classes
        em = FewSpatialEM(concatenate(*self._cells), classes.model, prior)
        places = list(zip(self._slices, self._copies, self._fields, strict=True))
        # Of each copy, its field, its posteriors, and what the neighbors add to the log odds of its few classes.
        few, q, log_odds = list[FewField](), list[Planes](), list[Planes]()
        for step in range(max_steps):
            # Chosen before the steps 0, 2, 4, 8 and 16: the classes move less and less.
            is_chosen = step != 1 and step & (step - 1) == 0
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

    def has_separate_colors(self, model: MixtureModel) -> bool:
        """Say whether colors alone tell the areas of the copies apart, so that smoothed copies show nothing new.

        Parameters
        ----------
        model : MixtureModel
            That of the last fit, whose posteriors are at hand.

        Returns
        -------
        bool
        """
        cells = concatenate(*self._cells)
        if measure_component_overlaps(model, cells[draw_pixels(len(cells))]).max() > MAX_OVERLAP:
            return False
        # A component apart from the others may be that of a few dead pixels, while another holds two areas.
        return all(
            q is not None and measure_band_effects(features, q, copy.valid, REACH_PIXELS)[0] <= MAX_DESIGN_EFFECT
            for features, q, copy in zip(self._whiten(model), self._q, self._copies, strict=True)
        )

    def make_smoothed_start(
        self, classes: ClassMixture, prior: Prior, smoothing: Smoothing
    ) -> tuple[ClassMixture, Prior, NDArray[np.intp]]:
        """Make classes of the clusters of smoothed copies.

        Parameters
        ----------
        classes : ClassMixture
            The number of classes k, the covariance type, noise and tails are those of this mixture.
        prior : Prior
        smoothing : Smoothing
            How the copies are smoothed.

        Returns
        -------
        start : ClassMixture
        prior : Prior
            With the covariances that the clusters give.
        labels : ndarray of shape (n,), int
            The cluster 0..k-1 of each valid pixel.
        """
        cells, k, kind = concatenate(*self._cells), classes.n_classes, classes.model.covariance_type
        pairs = zip(self._features, self._copies, strict=True)
        features = (means.T.reshape(-1, *copy.valid.shape) for means, copy in pairs)
        smoothed = make_smoothed_cells(features, self._copies, smoothing.smooth)
        shrinkage = min(smoothing.max_shrinkage, max(MIN_SHRINKAGE, prior.strength * k / len(cells)))
        noise = self._measure_noise()
        labels = find_clusters(smoothed, self._space, k, shrinkage=shrinkage, covariance_type=kind, noise=noise)
        sample = draw_pixels(len(cells))
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

    def _measure_noise(self) -> NDArray[np.float64] | None:
        """Measure the variances of the noise of bands that are no colors; None for colors, whose units are known."""
        if self._space.n_channels in (1, 3):
            return None
        found = [measure_noise_variances(copy, self._space.name) for copy in self._copies]
        noise, total = np.mean(found, axis=0)
        # A band without noise would count for all others.
        least = MIN_BAND_NOISE * np.maximum(total, total.max() * np.finfo(np.float32).eps)
        return np.asarray(np.maximum(noise, least))

    @property
    def n_pixels(self) -> int:
        """Number of valid pixels of all copies."""
        return sum(map(len, self._cells))

    def compute_likelihood(self, groups: NDArray[np.intp], model: MixtureModel) -> float:
        """Compute the mean-field likelihood of the valid pixels with the posteriors that the last fit ended with.

        Parameters
        ----------
        groups : ndarray of shape (n_components,), int
            The class of each component.
        model : MixtureModel
            That of the last fit.

        Returns
        -------
        float
            In nats.
        """
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
