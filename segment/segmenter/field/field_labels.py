"""Label the pixels of an image with a random field: from a working copy to the full resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import find_highest_plane
from segment.core.threads import run_in_threads
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.rejection import is_rejected
from segment.postprocessor.color_evidence import restore_by_evidence
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import (
    compute_design_effect,
    compute_temperature,
    measure_neighbor_correlation,
    measure_overlap,
    measure_residuals,
    temper_posteriors,
)
from segment.segmenter.field.field_fit import build_field, compute_whitening_matrix
from segment.segmenter.field.noise_level import are_planes_noisy
from segment.segmenter.field.random_field import RandomField, solve_mean_field
from segment.segmenter.field.share_estimate import ShareSample, draw_share_sample
from segment.segmenter.field.smoothed_start import smooth_likelihoods
from segment.segmenter.field.upsampling import BilinearUpsampler, find_nearest_pixels

__all__ = ["MAX_ITERATIONS", "FieldFacts", "FieldLabeler", "measure_field_facts", "prepare_field_posteriors"]

Planes = NDArray[np.float32]

MAX_ITERATIONS = 12  # of the mean field
MIN_MEAN_CHANGE = 1e-3  # of a posterior in one iteration; below it the mean field has converged
CHUNK_PIXELS = 2**16  # decided at once


@dataclass(frozen=True)
class FieldFacts:
    """What the fields of all parts of an image have in common, measured on a copy of the whole.

    Attributes
    ----------
    is_noisy : bool
        Whether the field starts from the neighborhoods of pixels.
    correlation : float
        Of deviations from the mean of the class with those of the neighbors.
    overlap : float, 0 to 1
        Expected share of wrong labels by color alone.
    """

    is_noisy: bool
    correlation: float
    overlap: float


class FieldLabeler:
    """Labels of an image, or of windows of it, by the random field that is solved on its working copy.

    Where a pixel of the working copy and its eight neighbors have one label, the pixels of the image that lie there get
    that label. All other pixels get the class of highest posterior, from their own color and the interpolated neighbor
    log odds of the copy: borders are as sharp as the image.

    Parameters
    ----------
    classes : ClassMixture
        The classes, of n components.
    space : FeatureSpace
        How a color becomes a feature vector.
    copy : Image
        The working copy of the image, or the image itself.
    shape : (height, width)
        Of the image, in pixels.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel; raised, regions get larger and rounder. See
        :class:`segment.segmenter.field.random_field.RandomField`.
    smoothness_map : array_like of shape (H, W), 0 to 1, optional
        Share of the smoothness that counts at each pixel of the image.
    min_log_density : float
        In nats. Pixels whose color has a log density below this get label 0.
    index : ColorIndex, optional
        Of the working copy, where it is known.
    share_rows : slice, optional
        The rows of the copy from which the sample is drawn that shares are estimated from; none by default.
    facts : FieldFacts, optional
        Where the copy is that of a part of a larger image. Then the number of steps is fixed, too, so that neighboring
        parts have the same labels where they overlap.

    Attributes
    ----------
    shares : ShareSample, optional
        What the shares of the classes are estimated from; None without classes, where no pixel has a label, and where
        it was not asked for.
    copy_labels : ndarray of shape (h, w), uint8
        Labels of the pixels of the copy; 0 where they are not valid.
    """

    def __init__(
        self,
        classes: ClassMixture,
        space: FeatureSpace,
        copy: Image,
        shape: tuple[int, int],
        *,
        smoothness: float,
        smoothness_map: NDArray[np.generic] | None = None,
        min_log_density: float = -np.inf,
        index: ColorIndex | None = None,
        share_rows: slice | None = None,
        facts: FieldFacts | None = None,
    ) -> None:
        self._classes, self._space, self._min_log_density = classes, space, min_log_density
        self._rows, self._columns = (find_nearest_pixels(n, m) for n, m in zip(copy.valid.shape, shape, strict=True))
        self._labels = np.zeros(copy.valid.shape, dtype=np.uint8)
        self._odds: BilinearUpsampler | None = None  # None where the copy is the image: all pixels are labeled then
        self.shares: ShareSample | None = None
        self.copy_labels = self._labels
        if classes.model.n_components == 0:
            return
        solved = _solve_field(classes, space, copy, smoothness, smoothness_map, index, facts)
        if share_rows is not None:
            self.shares = self._draw_shares(solved, copy, share_rows)
        self._labels = solved.labels
        self.copy_labels = self._labels.copy()
        if copy.valid.shape != shape:
            # Label 0 marks the pixels of the copy beside a border, which are decided at full resolution.
            cv2 = load_cv2()
            window = np.ones((3, 3), dtype=np.uint8)
            self._labels[cv2.dilate(self._labels, window) != cv2.erode(self._labels, window)] = 0
            self._odds = BilinearUpsampler(solved.field.compute_neighbor_log_odds(solved.q), shape)

    def label(self, image: Image, row: int = 0, column: int = 0) -> NDArray[np.uint8]:
        """Label the pixels of the image or of a window of it.

        Parameters
        ----------
        image : Image
            The image, or the window of it whose first pixel lies in this row and column.
        row, column : int, pixels
            Place of the window.

        Returns
        -------
        ndarray of shape (h, w), uint8
            Labels 1..k; 0 where a pixel is not valid or is rejected.
        """
        down = self._rows[row : row + image.height]
        across = self._columns[column : column + image.width]
        labels = self._labels.take(across, axis=1).take(down, axis=0)
        if not image.valid.all():
            labels[~image.valid] = 0
        if self._odds is not None:
            where = np.flatnonzero((labels == 0) & image.valid)
            if len(where):
                self._decide_pixels(labels.reshape(-1), where, image, self._odds, row, column)
        if self._min_log_density > -np.inf:
            labels[ColorIndex(image).map_to_pixels(self._is_rejected)] = 0
        return labels

    def _draw_shares(self, solved: _SolvedField, copy: Image, rows: slice) -> ShareSample | None:
        """Draw the sample that shares are estimated from; None where no pixel of these rows has a label."""
        counted = np.zeros_like(copy.valid)
        counted[rows] = copy.valid[rows]
        if self._min_log_density > -np.inf:
            counted &= ~ColorIndex(copy).map_to_pixels(self._is_rejected)
        if not counted.any():
            return None
        return draw_share_sample(solved.q, solved.logs, counted, solved.measure_correlation())

    def _decide_pixels(
        self,
        flat: NDArray[np.uint8],
        where: NDArray[np.intp],
        image: Image,
        odds: BilinearUpsampler,
        row: int,
        column: int,
    ) -> None:
        """Label the pixels of these numbers by their colors and the log odds of their neighbors."""
        colors = image.pixels.reshape(flat.size, -1).take(where, axis=0).reshape(1, len(where), *image.pixels.shape[2:])
        index = ColorIndex(replace(image, pixels=colors, valid=np.ones((1, len(where)), dtype=bool)))
        look_up = index.make_pixel_lookup(
            lambda colors: self._classes.compute_log_posteriors(self._space.make_cells(colors))
        )

        def decide_chunk(start: int) -> None:
            at = np.arange(start, min(start + CHUNK_PIXELS, len(where)))
            down, across = np.divmod(where[at], image.width)
            flat[where[at]] = (look_up(at) + odds.interpolate(down + row, across + column)).argmax(axis=1) + 1

        run_in_threads(decide_chunk, range(0, len(where), CHUNK_PIXELS))

    def _is_rejected(self, colors: NDArray[np.generic]) -> NDArray[np.bool_]:
        return is_rejected(self._classes.model, self._space.make_cells(colors), self._min_log_density)


def prepare_field_posteriors(
    classes: ClassMixture,
    space: FeatureSpace,
    copy: Image,
    image: Image,
    *,
    smoothness: float,
    is_tempered: bool = True,
    facts: FieldFacts | None = None,
) -> Callable[[NDArray[np.intp]], Planes]:
    """Prepare the posteriors of the pixels of an image, given their colors and their neighbors.

    The mean field is too sure where neighbors are no independent witnesses: its log odds are divided by a temperature
    (:mod:`segment.segmenter.field.calibration`). The most probable class of a pixel stays the same.

    Parameters
    ----------
    classes, space, copy, smoothness, facts
        As for :class:`FieldLabeler`.
    image : Image
        The image at full resolution.
    is_tempered : bool
        False for the posteriors of the field as they are: too sure of each pixel, but without the pull of a temperature
        towards equal shares of the classes.

    Returns
    -------
    callable
        Takes numbers of pixels in row order, (n,), and returns (n, k), float32, rows summing to 1. The values of pixels
        that are not valid have no meaning.
    """
    solved = _solve_field(classes, space, copy, smoothness, None, None, facts)
    q, temperature = solved.q, 1.0
    if is_tempered:
        overlap = measure_overlap(solved.logs, copy.valid) if facts is None else facts.overlap
        temperature = compute_temperature(solved.measure_correlation(), overlap)
    if copy.valid.shape == image.valid.shape:
        flat = temper_posteriors(q.reshape(len(q), -1), temperature)
        return lambda at: flat[:, at].T
    odds = BilinearUpsampler(solved.field.compute_neighbor_log_odds(q), image.valid.shape)
    look_up = ColorIndex(image).make_pixel_lookup(
        lambda colors: classes.compute_log_posteriors(space.make_cells(colors))
    )

    def compute_posteriors(at: NDArray[np.intp]) -> Planes:
        """Compute the posteriors of these pixels by their colors and the neighbors in the copy."""
        logs = look_up(at) + odds.interpolate(*np.divmod(at, image.width))
        logs -= logs.max(axis=1, keepdims=True)
        logs /= np.float32(temperature)
        np.exp(logs, out=logs)
        logs /= logs.sum(axis=1, keepdims=True)
        return np.asarray(logs)

    return compute_posteriors


class _SolvedField(NamedTuple):
    """The random field of a working copy.

    `q` are the posteriors of the pixels with it, and `logs` their logarithms by color alone, both (k, h, w); `labels`
    are the most probable classes from 1, and 0 where a pixel is not valid. `measure_correlation` returns the
    correlation of neighbors within their classes. `is_noisy` tells whether the color of a pixel alone shows little.
    """

    field: RandomField
    q: Planes
    logs: Planes
    labels: NDArray[np.uint8]
    measure_correlation: Callable[[], float]
    is_noisy: bool


def measure_field_facts(classes: ClassMixture, space: FeatureSpace, copy: Image, smoothness: float) -> FieldFacts:
    """Measure the facts that the fields of all parts of an image have in common.

    Parameters
    ----------
    classes, space, smoothness
        As for :class:`FieldLabeler`.
    copy : Image
        The working copy of the whole image.

    Returns
    -------
    FieldFacts
    """
    if classes.model.n_components == 0:
        return FieldFacts(is_noisy=False, correlation=0.0, overlap=0.0)
    solved = _solve_field(classes, space, copy, smoothness, None)
    return FieldFacts(solved.is_noisy, solved.measure_correlation(), measure_overlap(solved.logs, copy.valid))


def _solve_field(
    classes: ClassMixture,
    space: FeatureSpace,
    copy: Image,
    smoothness: float,
    smoothness_map: NDArray[np.generic] | None,
    index: ColorIndex | None = None,
    facts: FieldFacts | None = None,
) -> _SolvedField:
    """Solve the field of a working copy, or of that of a part of an image with the facts of the whole."""
    k = classes.n_classes
    whiten = compute_whitening_matrix(classes.model)

    def describe_colors(colors: NDArray[np.generic]) -> Planes:
        """Return the log posteriors of the classes and the whitened features: (m, k + d)."""
        cells = space.make_cells(colors)
        whitened = (cells.means @ whiten).astype(np.float32)
        return np.concatenate([classes.compute_log_posteriors(cells), whitened], axis=1)

    # By planes, in chunks: a table of (H * W, k + d) and its transpose would be in memory at once.
    n, look_up = copy.valid.size, (index or ColorIndex(copy)).make_pixel_lookup(describe_colors)
    planes = np.empty((k + len(whiten), n), dtype=np.float32)
    for start in range(0, n, CHUNK_PIXELS):
        at = np.arange(start, min(start + CHUNK_PIXELS, n))
        planes[:, start : start + len(at)] = look_up(at).T
    planes = planes.reshape(-1, *copy.valid.shape)
    logs, features = planes[:k], planes[k:]
    if smoothness_map is not None:
        cv2 = load_cv2()
        size = (copy.width, copy.height)
        smoothness_map = cv2.resize(np.asarray(smoothness_map, dtype=np.float32), size, interpolation=cv2.INTER_AREA)
    field = build_field(copy, features, smoothness, smoothness_map)
    # The color of a noisy pixel alone shows little: its neighborhood gives the first posteriors.
    first = None
    is_noisy = are_planes_noisy(features, copy.valid) if facts is None else facts.is_noisy
    if is_noisy:
        weights = np.bincount(classes.groups, weights=classes.model.weights, minlength=k).astype(np.float64)
        first = smooth_likelihoods(logs, weights, copy.valid)
    tol = MIN_MEAN_CHANGE if facts is None else 0.0
    q = solve_mean_field(logs, field, n_iter=MAX_ITERATIONS, start=first, tol=tol)
    best = find_highest_plane(q)

    @cache
    def measure_correlation() -> float:
        """Measure the correlation of neighbors within their classes, when it is asked for; that of the whole counts."""
        if facts is not None:
            return facts.correlation
        components = _find_components(best, features, classes, whiten)
        return measure_neighbor_correlation(
            measure_residuals(features, components, copy.valid), copy.valid, field.reach
        )

    # Pixels that share their deviations, as in texture, are no independent witnesses of a small thing.
    labels = _restore_small_things(
        q, logs, best, copy.valid, smoothness, lambda: compute_design_effect(measure_correlation())
    )
    return _SolvedField(field, q, logs, labels, measure_correlation, is_noisy)


def _find_components(
    labels: NDArray[np.integer], features: Planes, classes: ClassMixture, whiten: NDArray[np.float64]
) -> NDArray[np.integer]:
    """Find the component of its class (h, w) that each pixel is nearest to, in whitened features (d, h, w)."""
    if len(classes.groups) == classes.n_classes:
        return labels
    # A merged class may have several colors; its mean is none of them.
    components, nearest = np.zeros(labels.shape, np.intp), np.full(labels.shape, np.inf, dtype=np.float32)
    for number, (group, mean) in enumerate(zip(classes.groups, classes.model.means @ whiten, strict=True)):
        distances = ((features - mean.astype(np.float32)[:, None, None]) ** 2).sum(axis=0)
        closer = (labels == group) & (distances < nearest)
        components[closer], nearest[closer] = number, distances[closer]
    return components


def _restore_small_things(
    q: Planes,
    logs: Planes,
    best: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    smoothness: float,
    find_design_effect: Callable[[], float],
) -> NDArray[np.uint8]:
    """Give the pixels of what is thin or small, but plain to see by its colors, their posteriors by color, in place.

    Returned are the labels, from 1 and 0 where a pixel is not valid.
    """
    labels = best + np.uint8(1)
    labels[~valid] = 0
    restored = restore_by_evidence(labels, logs, smoothness=smoothness, find_design_effect=find_design_effect)
    changed = np.flatnonzero(restored != labels)
    if changed.size:
        alone = np.exp(logs.reshape(len(q), -1)[:, changed])
        alone /= alone.sum(axis=0)
        q.reshape(len(q), -1)[:, changed] = alone
        labels.reshape(-1)[changed] = alone.argmax(axis=0) + 1
    return labels
