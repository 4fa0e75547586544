"""Label the pixels of an image with a random field: from a working copy to the full resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import find_highest_plane
from segment.core.threads import run_in_threads
from segment.features.color_index import ColorIndex
from segment.mixture.few_components import N_FEW
from segment.mixture.rejection import is_rejected
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import compute_temperature, temper_posteriors
from segment.segmenter.field.few_classes import compute_few_log_posteriors
from segment.segmenter.field.field_solution import FewSolution, FieldSolution
from segment.segmenter.field.field_solver import CHUNK_PIXELS, FieldProblem, find_borders, solve_field
from segment.segmenter.field.share_sample import BorderPixels, LabeledPixels, ShareSample
from segment.segmenter.field.upsampling import BilinearUpsampler, find_nearest_pixels

__all__ = ["FieldLabeler", "WindowPart", "prepare_field_posteriors"]

Planes = NDArray[np.float32]
WindowPart = tuple[slice, slice]  # rows and columns of a window

MAX_DECIDED_VALUES = 2**21  # log posteriors of all classes at the pixels that are decided at once
MAX_DECIDED_SAMPLE = 2**16  # pixels decided at full resolution, of which the posteriors are computed, too


class FieldLabeler:
    """Labels of an image, or of windows of it, by the random field that is solved on its working copy.

    Where a pixel of the working copy and its eight neighbors have one label, the pixels of the image that lie there get
    that label. All other pixels get the class of highest posterior, from their own color and the interpolated neighbor
    log odds of the copy: borders are as sharp as the image.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy, of which n components make the classes.
    shape : (height, width)
        Of the image, in pixels.
    min_log_density : float
        In nats. Pixels whose color has a log density below this get label 0.
    draws_shares : bool
        Whether to draw the samples that shares are estimated from.

    Attributes
    ----------
    design_effect : float, optional
        How many pixels count as one witness, by their colors alone, where `draws_shares` and the field has measured it.
    """

    def __init__(
        self,
        problem: FieldProblem,
        shape: tuple[int, int],
        *,
        min_log_density: float = -np.inf,
        draws_shares: bool = False,
    ) -> None:
        copy = problem.copy
        self._classes, self._space, self._min_log_density = problem.classes, problem.space, min_log_density
        self._judged_model = (problem.pixel_classes or problem.classes).model
        self._rows, self._columns = (find_nearest_pixels(n, m) for n, m in zip(copy.valid.shape, shape, strict=True))
        self._labels: NDArray[np.uint8] = np.zeros(copy.valid.shape, dtype=np.uint8)
        self._odds: BilinearUpsampler | None = None  # None where the copy is the image: all pixels are labeled then
        self._solved: FieldSolution | None = None  # kept where shares are drawn
        self.design_effect: float | None = None
        if self._classes.model.n_components == 0:
            return
        solved = solve_field(problem)
        self._has_few = isinstance(solved, FewSolution)
        self._pixel_classes = problem.find_pixel_classes(shape, is_noisy=solved.is_noisy)
        self._labels = solved.labels
        if draws_shares:
            self._counted = copy.valid
            if min_log_density > -np.inf:
                self._counted = copy.valid & ~ColorIndex(copy).map_to_pixels(self._is_rejected)
            self.design_effect = solved.design_effect
            correlation = solved.measure_correlation()  # a number, so that the planes it is measured on can be freed
            self._solved = solved = replace(solved, measure_correlation=lambda: correlation)
        if copy.valid.shape != shape:
            # Label 0 marks the pixels of the copy beside a border, which are decided at full resolution.
            self._labels = np.where(find_borders(solved.labels), np.uint8(0), solved.labels)
            self._odds = solved.make_upsampler(shape)

    def label(self, image: Image, row: int = 0, column: int = 0, inner: WindowPart | None = None) -> LabeledPixels:
        """Label the pixels of the image or of a window of it.

        Parameters
        ----------
        image : Image
            The image, or the window of it whose first pixel lies in this row and column.
        row, column : int, pixels
            Place of the window.
        inner : tuple of two slices, optional
            Rows and columns of the window whose shares count, where these are asked for; all by default.

        Returns
        -------
        LabeledPixels
            Labels 1..k; 0 where a pixel is not valid or is rejected.
        """
        down = self._rows[row : row + image.height]
        across = self._columns[column : column + image.width]
        labels = self._labels.take(across, axis=1).take(down, axis=0)
        is_labeled = image.valid
        if self._min_log_density > -np.inf:
            is_labeled = is_labeled & ~ColorIndex(image).map_to_pixels(self._is_rejected)
        if not is_labeled.all():
            labels[~is_labeled] = 0
        rows, columns = inner or (slice(0, image.height), slice(0, image.width))
        at_border = None
        if self._odds is not None:
            where = np.flatnonzero((labels == 0) & is_labeled)
            if len(where):
                at_border = self._decide_pixels(labels, where, image, (row, column), (rows, columns))
        return LabeledPixels(labels, self._draw_shares(down[rows], across[columns], at_border), self.design_effect)

    def _draw_shares(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], at_border: BorderPixels | None
    ) -> ShareSample | None:
        """Draw the sample that shares are estimated from, by the rows and columns of the copy that pixels lie in."""
        if self._solved is None:
            return None
        # How many pixels of the image each pixel of the copy stands for.
        down, across = (
            np.bincount(places, minlength=size).astype(np.float32)
            for places, size in zip((rows, columns), self._labels.shape, strict=True)
        )
        weights = np.outer(down, across)
        weights *= self._counted
        plain = weights if self._odds is None else np.where(self._labels == 0, np.float32(0), weights)
        if not weights.any() or (at_border is None and not plain.any()):
            return None
        return self._solved.draw_shares(weights, plain, at_border)

    def _decide_pixels(
        self,
        labels: NDArray[np.uint8],
        where: NDArray[np.intp],
        image: Image,
        place: tuple[int, int],
        inner: WindowPart,
    ) -> BorderPixels | None:
        """Label the pixels of these numbers by their colors and the log odds of their neighbors.

        The window lies in this row and column. Returned are the pixels in its rows and columns `inner`, where shares
        are to be estimated.
        """
        assert self._odds is not None
        odds, flat, look_up = self._odds, labels.reshape(-1), self._prepare_lookup(image, where)
        k, step = self._classes.n_classes, max(1, len(where) // MAX_DECIDED_SAMPLE)
        chunk = CHUNK_PIXELS if self._has_few else max(1, min(CHUNK_PIXELS, MAX_DECIDED_VALUES // k))

        def decide_chunk(start: int) -> tuple[NDArray[np.intp], NDArray[np.integer], Planes]:
            """Return the counts of the labels, and the labels and posteriors (k, n) of some pixels."""
            at = np.arange(start, min(start + chunk, len(where)))
            rows, columns = np.divmod(where[at], image.width)
            logs, numbers = look_up(at)
            logs = logs + odds.interpolate(rows + place[0], columns + place[1], numbers)
            by_class = load_cv2().transpose(logs)
            # The place of a maximum along a short axis takes ten times as long to find.
            best: NDArray[np.integer] = find_highest_plane(by_class)
            best = best if numbers is None else numbers[np.arange(len(at)), best]
            flat[where[at]] = best + 1
            if self._solved is None:
                return np.zeros(k, np.intp), best[:0], np.empty((k, 0), dtype=np.float32)
            counted = np.flatnonzero(_is_between(rows, inner[0]) & _is_between(columns, inner[1]))
            some = counted[::step]
            posteriors = _normalize(by_class.take(some, axis=1))
            if numbers is not None:
                few, posteriors = posteriors, np.zeros((k, len(some)), dtype=np.float32)
                np.put_along_axis(posteriors, numbers[some].T, few, axis=0)
            return np.bincount(best[counted], minlength=k), best[some], posteriors

        found = run_in_threads(decide_chunk, range(0, len(where), chunk))
        counts = np.sum([part[0] for part in found], axis=0)
        if not counts.any():
            return None
        sampled, posteriors = (np.concatenate([part[i] for part in found], axis=-1) for i in (1, 2))
        # The labels of all pixels, and of some by how much posteriors differ from them: hardly less than those of all.
        differences = posteriors.mean(axis=1, dtype=np.float64) - np.bincount(sampled, minlength=k) / len(sampled)
        return BorderPixels(counts + counts.sum() * differences, posteriors)

    def _prepare_lookup(
        self, image: Image, where: NDArray[np.intp]
    ) -> Callable[[NDArray[np.intp]], tuple[Planes, NDArray[np.intp] | None]]:
        """Prepare the log posteriors by color alone of some of the pixels of these numbers.

        The function takes places (n,) in `where`. It returns (n, k), and None; or of many classes the few that are
        likeliest by the color of a pixel, as in the field itself, (n, m), and their numbers.
        """
        pixels = image.pixels.reshape(image.valid.size, -1).take(where, axis=0)
        pixels = pixels.reshape(1, len(where), *image.pixels.shape[2:])
        index = ColorIndex(replace(image, pixels=pixels, valid=np.ones((1, len(where)), dtype=bool)))
        if not self._has_few:
            look_up = index.make_pixel_lookup(
                lambda colors: self._pixel_classes.compute_log_posteriors(self._space.make_cells(colors))
            )
            return lambda at: (look_up(at), None)
        look_up_few = index.make_pixel_lookup(
            lambda colors: compute_few_log_posteriors(self._pixel_classes, self._space.make_cells(colors))
        )

        def split(at: NDArray[np.intp]) -> tuple[Planes, NDArray[np.intp]]:
            """Split the few log posteriors from the numbers of their classes."""
            found = look_up_few(at)
            return found[:, N_FEW:], found[:, :N_FEW].astype(np.intp)

        return split

    def _is_rejected(self, colors: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Check which colors are too unlikely to have a label."""
        return is_rejected(self._judged_model, self._space.make_cells(colors), self._min_log_density)


def prepare_field_posteriors(
    problem: FieldProblem, image: Image, *, is_tempered: bool = True
) -> Callable[[NDArray[np.intp]], Planes]:
    """Prepare the posteriors of the pixels of an image, given their colors and their neighbors.

    The mean field is too sure where neighbors are no independent witnesses: its log odds are divided by a temperature
    (:mod:`segment.segmenter.field.calibration`). The most probable class of a pixel stays that of the field; where the
    field keeps only the likeliest of many classes, some pixels in a thousand may have another: posteriors are of all.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy.
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
    classes, copy, facts, solved = problem.classes, problem.copy, problem.facts, solve_field(problem)
    temperature = 1.0
    if is_tempered:
        overlap = solved.measure_overlap() if facts is None else facts.overlap
        temperature = compute_temperature(solved.measure_correlation(), overlap)
    has_all, shape = len(solved.q) == classes.n_classes, image.valid.shape
    # A temperature gives weight to classes that are not among the few of a pixel: they have no planes to temper.
    flat = temper_posteriors(solved.q.reshape(len(solved.q), -1), temperature) if has_all else None
    if flat is not None and copy.valid.shape == shape:
        return lambda at: flat[:, at].T
    # As for the labels: posteriors of the copy away from borders, where noise of single pixels says nothing.
    is_at_border = ((solved.labels == 0) | find_borders(solved.labels)).reshape(-1)
    down, across = (find_nearest_pixels(n, m) for n, m in zip(copy.valid.shape, shape, strict=True))
    odds = solved.make_upsampler(shape)

    def make_lookup(image: Image, classes: ClassMixture) -> Callable[[NDArray[np.intp]], Planes]:
        """Make the lookup of the log posteriors of the pixels of an image by color alone."""
        # A table of many classes for each color of the image could be larger than the image.
        return ColorIndex(image).make_pixel_lookup(
            lambda colors: classes.compute_log_posteriors(problem.space.make_cells(colors)), in_chunks=not has_all
        )

    look_up = make_lookup(image, problem.find_pixel_classes(shape, is_noisy=solved.is_noisy))
    if flat is None:
        look_up_in_copy = make_lookup(copy, classes)

    def compute_posteriors(at: NDArray[np.intp]) -> Planes:
        """Compute the posteriors of these pixels, beside borders by their colors and the neighbors in the copy."""
        rows, columns = np.divmod(at, image.width)
        near = down[rows] * copy.width + across[columns]
        if flat is not None:
            found = flat[:, near].T
        else:
            found = _normalize((look_up_in_copy(near) + odds.take(near)).T, temperature).T
        where = np.flatnonzero(is_at_border[near])
        logs = look_up(at[where]) + odds.interpolate(rows[where], columns[where])
        found[where] = _normalize(logs.T, temperature).T
        return found

    return compute_posteriors


def _is_between(places: NDArray[np.intp], part: slice) -> NDArray[np.bool_]:
    """Check which places lie in a part of an axis whose first and last are given."""
    return np.asarray((places >= part.start) & (places < part.stop))


def _normalize(logs: Planes, temperature: float = 1.0) -> Planes:
    """Compute probabilities (k, n) from logarithms, which are changed."""
    logs -= logs.max(axis=0)
    logs /= np.float32(temperature)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=0)
    return logs
