"""Solve the random field of a working copy: with all classes at each pixel, or with the few likeliest of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import find_highest_plane
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells
from segment.mixture.few_components import N_FEW
from segment.postprocessor.color_evidence import restore_by_evidence
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import (
    choose_bands,
    compute_design_effect,
    compute_weight_power,
    measure_band_effects,
    measure_neighbor_correlation,
    measure_residuals,
)
from segment.segmenter.field.edge_field import REACH_PIXELS, build_field, compute_whitening_matrix
from segment.segmenter.field.few_classes import MIN_CLASSES, FewField, compute_few_log_posteriors
from segment.segmenter.field.field_solution import FewSolution, FieldSolution, FullSolution
from segment.segmenter.field.mean_field import LONG_STEPS, StepRule, exponentiate, solve_mean_field
from segment.segmenter.field.noise_level import are_planes_noisy
from segment.segmenter.field.random_field import RandomField
from segment.segmenter.field.smoothed_start import smooth_likelihoods
from segment.segmenter.known_colors import recall_colors

__all__ = [
    "CHUNK_PIXELS",
    "FieldFacts",
    "FieldProblem",
    "find_borders",
    "measure_field_facts",
    "solve_field",
]

Planes = NDArray[np.float32]

CHUNK_PIXELS = 2**16  # looked up at once


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
    weight_power : float, 0 to 1
        How much the weights of the classes count at each pixel.
    """

    is_noisy: bool
    correlation: float
    overlap: float
    weight_power: float


def find_borders(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find the pixels that have another label than one of their eight neighbors.

    Parameters
    ----------
    labels : ndarray of shape (h, w), uint8

    Returns
    -------
    ndarray of shape (h, w), bool

    Examples
    --------
    >>> find_borders(np.array([[1, 1, 1, 2]], np.uint8))
    array([[False, False,  True,  True]])
    """
    cv2 = load_cv2()
    window = np.ones((3, 3), dtype=np.uint8)
    return np.asarray(cv2.dilate(labels, window) != cv2.erode(labels, window))


@dataclass(frozen=True, eq=False)
class FieldProblem:
    """The field of a working copy, or of that of a part of an image with the facts of the whole.

    Attributes
    ----------
    classes : ClassMixture
        The classes. Of many, each pixel has the few that are likeliest by its color, unless colors alone show little.
    space : FeatureSpace
        How a color becomes a feature vector.
    copy : Image
        The working copy of the image, or the image itself.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel; raised, regions get larger and rounder. See
        :class:`segment.segmenter.field.random_field.RandomField`.
    known_index : ColorIndex, optional
        Of the working copy, where it is known.
    facts : FieldFacts, optional
        Those of the whole image, where the copy is that of a part of it. Then the number of steps is fixed, too, so
        that neighboring parts have the same labels where they overlap.
    steps : StepRule
        Of the field of all classes; that of the few likeliest takes long ones.
    pixel_classes : ClassMixture, optional
        The classes as they are in the pixels of the image, where `copy` has means of pixels that share their noise and
        `classes` are as narrow as these means.
    """

    classes: ClassMixture
    space: FeatureSpace
    copy: Image
    smoothness: float
    known_index: ColorIndex | None = None
    facts: FieldFacts | None = None
    steps: StepRule = LONG_STEPS
    pixel_classes: ClassMixture | None = None

    def with_copy(self, copy: Image) -> FieldProblem:
        """Take another working copy of the same image.

        Parameters
        ----------
        copy : Image

        Returns
        -------
        FieldProblem
            Itself with its own copy.
        """
        return self if copy is self.copy else replace(self, copy=copy, known_index=None)

    @cached_property
    def index(self) -> ColorIndex:
        """The distinct colors of the working copy."""
        return self.known_index or ColorIndex(self.copy)

    @cached_property
    def whiten(self) -> NDArray[np.float64]:
        """The matrix that takes features to standard deviations within a class, (d, d)."""
        return compute_whitening_matrix(self.classes.model)

    def find_tol(self, steps: StepRule) -> float:
        """Find the mean change below which it is solved; 0 for a part, so that all parts take as many steps.

        Parameters
        ----------
        steps : StepRule

        Returns
        -------
        float
        """
        return steps.tol if self.facts is None else 0.0

    def is_noisy(self, features: Planes) -> bool:
        """Say whether colors show little.

        Parameters
        ----------
        features : ndarray of shape (d, h, w), float32
            Whitened.

        Returns
        -------
        bool
        """
        if self.facts is not None:
            return self.facts.is_noisy
        # The means of squares show their classes better than pixels do; means of nine of them would lose what is thin.
        return self.pixel_classes is None and are_planes_noisy(features, self.copy.valid)

    def find_pixel_classes(self, shape: tuple[int, int], *, is_noisy: bool) -> ClassMixture:
        """Find the classes as they are in the pixels of the image, of which the copy has means.

        Parameters
        ----------
        shape : (height, width)
            Of the image.
        is_noisy : bool
            Whether the color of a pixel of the copy alone shows little.

        Returns
        -------
        ClassMixture
            In noise, means of m pixels have an m-th of their covariances.
        """
        if self.pixel_classes is not None:
            return self.pixel_classes
        if not is_noisy or shape == self.copy.valid.shape:
            return self.classes
        model, n_pixels = self.classes.model, shape[0] * shape[1] / self.copy.valid.size
        return replace(self.classes, model=replace(model, covariances=model.covariances * n_pixels), memory=None)

    def build_field(self, features: Planes) -> RandomField:
        """Build the field.

        Parameters
        ----------
        features : ndarray of shape (d, h, w), float32
            Whitened; strong edges in them weaken the field.

        Returns
        -------
        RandomField
        """
        return build_field(self.copy, features, self.smoothness)


def measure_field_facts(problem: FieldProblem) -> FieldFacts:
    """Measure the facts that the fields of all parts of an image have in common.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy of the whole image.

    Returns
    -------
    FieldFacts
    """
    if problem.classes.model.n_components == 0:
        return FieldFacts(is_noisy=False, correlation=0.0, overlap=0.0, weight_power=1.0)
    solved = solve_field(problem)
    return FieldFacts(solved.is_noisy, solved.measure_correlation(), solved.measure_overlap(), solved.weight_power)


def solve_field(problem: FieldProblem) -> FieldSolution:
    """Solve the field of a working copy.

    Parameters
    ----------
    problem : FieldProblem

    Returns
    -------
    FieldSolution
    """
    if problem.classes.n_classes >= MIN_CLASSES and (solution := _solve_few(problem)) is not None:
        return solution
    return _solve_all(problem)


def _solve_few(problem: FieldProblem) -> FewSolution | None:
    """Solve the field of the few likeliest classes of each pixel; None where colors show little and fit many."""
    classes, space, index, valid = problem.classes, problem.space, problem.index, problem.copy.valid
    describe = partial(compute_few_log_posteriors, classes)
    planes, features = _look_up_planes(problem, describe)
    if problem.is_noisy(features):
        return None
    field = problem.build_field(features)
    few = FewField(field, planes[:N_FEW].astype(np.uint8), classes.n_classes)
    logs = planes[N_FEW:]
    q = few.solve(logs, n_iter=LONG_STEPS.max_steps, tol=problem.find_tol(LONG_STEPS))
    best = np.take_along_axis(few.numbers, find_highest_plane(q)[None], axis=0)[0]
    measure_correlation = _prepare_correlation(problem, best, features)
    labels = _restore_small_things(problem, q, logs, best, measure_correlation, few.numbers)
    look_up = index.make_pixel_lookup(
        lambda colors: classes.compute_log_posteriors(space.make_cells(colors)), in_chunks=True
    )
    return FewSolution(classes, q, logs, labels, valid, measure_correlation, False, 1.0, None, few, look_up)


def _solve_all(problem: FieldProblem) -> FullSolution:
    """Solve the field of all classes at each pixel."""
    classes, space, index, valid = problem.classes, problem.space, problem.index, problem.copy.valid
    if known := recall_colors(classes, space, index):
        logs, features = known.map_posteriors_and_features(valid.shape)
    else:
        logs, features = _look_up_planes(problem, classes.compute_log_posteriors)
    field = problem.build_field(features)
    is_noisy = problem.is_noisy(features)
    weight_power, design_effect = _choose_weight_power(problem, field, features, logs)
    offsets = classes.compute_weight_offsets(weight_power)[:, None, None]
    evidence = logs if weight_power == 1 else logs + offsets
    if is_noisy:
        # The color of a noisy pixel alone shows little: its neighborhood gives the first posteriors.
        first = smooth_likelihoods(logs + classes.compute_weight_offsets(0.0)[:, None, None], valid)
    else:
        first = exponentiate(logs)
        if weight_power < 1:  # from posteriors with the weights, small classes would lose their area
            first *= np.exp(offsets)
            first /= first.sum(axis=0)
    steps = problem.steps
    q = solve_mean_field(
        evidence, field, n_iter=steps.max_steps, start=first, tol=problem.find_tol(steps), length=steps.length
    )
    best = find_highest_plane(q)
    measure_correlation = _prepare_correlation(problem, best, features)
    labels = _restore_small_things(problem, q, evidence, best, measure_correlation)
    facts = (is_noisy, weight_power, design_effect)
    return FullSolution(classes, q, logs, labels, valid, measure_correlation, *facts, field)


def _choose_weight_power(
    problem: FieldProblem, field: RandomField, features: Planes, logs: Planes
) -> tuple[float, float | None]:
    """Choose how much the weights of the classes count; returned with it is the effect of small parts, if measured."""
    if problem.facts is not None:
        return problem.facts.weight_power, None
    if problem.classes.n_classes < len(problem.classes.groups):  # what a class has of two colors is no texture
        return 1.0, None
    design_effect, part_effect = measure_band_effects(features, logs, problem.copy.valid, field.reach)
    return compute_weight_power(design_effect, problem.smoothness), part_effect


def _look_up_planes(problem: FieldProblem, describe: Callable[[Cells], Planes]) -> tuple[Planes, Planes]:
    """Look up the description of the color of each pixel, (m, h, w), and its whitened features, (d, h, w)."""
    whiten = problem.whiten

    def describe_colors(colors: NDArray[np.generic]) -> Planes:
        """Describe colors, with their whitened features: (n, m + d)."""
        cells = problem.space.make_cells(colors)
        return np.concatenate([describe(cells), (cells.means @ whiten).astype(np.float32)], axis=1)

    planes = problem.index.map_to_planes(describe_colors)
    return planes[: -len(whiten)], planes[-len(whiten) :]


def _prepare_correlation(problem: FieldProblem, best: NDArray[np.uint8], features: Planes) -> Callable[[], float]:
    """Prepare the correlation of neighbors within their classes: measured once, when asked for."""

    @cache
    def measure_correlation() -> float:
        """Measure the correlation, unless that of the whole is known."""
        if problem.facts is not None:
            return problem.facts.correlation
        rows, is_counted = choose_bands(problem.copy.valid.shape, REACH_PIXELS)
        valid, bands = problem.copy.valid[rows] & is_counted[:, None], features.take(rows, axis=1)
        components = _find_components(best[rows], bands, problem.classes, problem.whiten)
        return measure_neighbor_correlation(measure_residuals(bands, components, valid), valid, REACH_PIXELS)

    return measure_correlation


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
    problem: FieldProblem,
    q: Planes,
    logs: Planes,
    best: NDArray[np.uint8],
    measure_correlation: Callable[[], float],
    numbers: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Give the pixels of what is thin or small, but plain to see by its colors, their posteriors by color, in place.

    Returned are the labels, from 1 and 0 where a pixel is not valid. `numbers` are the classes of the planes at each
    pixel where these are not all in their order.
    """
    labels = best + np.uint8(1)
    labels[~problem.copy.valid] = 0
    # Pixels that share their deviations, as in texture, are no independent witnesses of a small thing.
    restored = restore_by_evidence(
        labels,
        logs,
        numbers,
        smoothness=problem.smoothness,
        find_design_effect=lambda: compute_design_effect(measure_correlation()),
    )
    changed = np.flatnonzero(restored != labels)
    if changed.size:
        alone = np.exp(logs.reshape(len(q), -1)[:, changed])
        alone /= alone.sum(axis=0)
        q.reshape(len(q), -1)[:, changed] = alone
        labels.reshape(-1)[changed] = restored.reshape(-1)[changed]
    return labels
