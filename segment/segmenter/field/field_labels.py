"""Label the pixels of an image with a random field: from a working copy to the full resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.few_components import N_FEW
from segment.mixture.rejection import is_rejected
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import compute_temperature, temper_posteriors
from segment.segmenter.field.few_classes import MIN_CLASSES, compute_few_log_posteriors
from segment.segmenter.field.field_solution import CHUNK_PIXELS, FieldFacts, FieldSolution, solve_field
from segment.segmenter.field.share_estimate import ShareSample
from segment.segmenter.field.upsampling import BilinearUpsampler, find_nearest_pixels

__all__ = ["FieldLabeler", "prepare_field_posteriors"]

Planes = NDArray[np.float32]


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
        solved = solve_field(classes, space, copy, smoothness, smoothness_map, index, facts)
        self._is_noisy = solved.is_noisy
        if share_rows is not None:
            self.shares = self._draw_shares(solved, copy, share_rows)
        self._labels = solved.labels
        self.copy_labels = self._labels.copy()
        if copy.valid.shape != shape:
            # Label 0 marks the pixels of the copy beside a border, which are decided at full resolution.
            cv2 = load_cv2()
            window = np.ones((3, 3), dtype=np.uint8)
            self._labels[cv2.dilate(self._labels, window) != cv2.erode(self._labels, window)] = 0
            self._odds = solved.make_upsampler(shape)

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

    def _draw_shares(self, solved: FieldSolution, copy: Image, rows: slice) -> ShareSample | None:
        """Draw the sample that shares are estimated from; None where no pixel of these rows has a label."""
        counted = np.zeros_like(copy.valid)
        counted[rows] = copy.valid[rows]
        if self._min_log_density > -np.inf:
            counted &= ~ColorIndex(copy).map_to_pixels(self._is_rejected)
        if not counted.any():
            return None
        return solved.draw_shares(counted)

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
        # Of many classes, the few that are likeliest by the color of a pixel: as in the field itself.
        has_few = self._classes.n_classes >= MIN_CLASSES and not self._is_noisy
        look_up = index.make_pixel_lookup(
            lambda colors: (
                compute_few_log_posteriors(self._classes, self._space.make_cells(colors))
                if has_few
                else self._classes.compute_log_posteriors(self._space.make_cells(colors))
            )
        )

        def decide_chunk(start: int) -> None:
            at = np.arange(start, min(start + CHUNK_PIXELS, len(where)))
            down, across = np.divmod(where[at], image.width)
            logs, numbers = look_up(at), None
            if has_few:
                numbers, logs = logs[:, :N_FEW].astype(np.intp), logs[:, N_FEW:]
            best = (logs + odds.interpolate(down + row, across + column, numbers)).argmax(axis=1)
            flat[where[at]] = (best if numbers is None else numbers[np.arange(len(at)), best]) + 1

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
    solved = solve_field(classes, space, copy, smoothness, facts=facts)
    temperature = 1.0
    if is_tempered:
        overlap = solved.measure_overlap() if facts is None else facts.overlap
        temperature = compute_temperature(solved.measure_correlation(), overlap)
    has_all = len(solved.q) == classes.n_classes
    if has_all and copy.valid.shape == image.valid.shape:
        flat = temper_posteriors(solved.q.reshape(len(solved.q), -1), temperature)
        return lambda at: flat[:, at].T
    odds = solved.make_upsampler(image.valid.shape)
    # A table of many classes for each color of the image could be larger than the image.
    look_up = ColorIndex(image).make_pixel_lookup(
        lambda colors: classes.compute_log_posteriors(space.make_cells(colors)), in_chunks=not has_all
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
