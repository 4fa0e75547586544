"""The random field of many classes: each pixel has the few that are likeliest by its color, and no others.

Neighbors raise the log odds of a class by at most the smoothness, 12 nats by default. So a class whose log posterior by
color is `smoothness + t` below the largest has at most the share ``exp(-t)`` of the posterior in any field. On
photographs, 4 of 32 classes are left with t = 7, and 7 of 128: the likeliest `N_FEW` hold nearly all there is.
Where the color of a pixel alone shows little, as in noise, all classes are kept.

The sums over the neighbors are those of all classes: the posteriors of a strip are spread to planes of all classes, and
what the kernel makes of them is gathered again. Everything else is done for the few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.threads import start_threads
from segment.mixture.cells import Cells
from segment.mixture.few_components import N_FEW, choose_few
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.mean_field import LONG_STEPS, measure_moved, normalize, take_step, weigh_steps
from segment.segmenter.field.random_field import RandomField

__all__ = [
    "MIN_CLASSES",
    "FewField",
    "carry_posteriors",
    "compute_few_log_posteriors",
    "has_few_classes",
]

Planes = NDArray[np.float32]
Numbers = NDArray[np.uint8]

MIN_CLASSES = 17  # fewer are all kept
CHUNK_CELLS = 2**13  # whose posteriors of all classes are in memory at once
STRIP_VALUES = 2**20  # of all classes at the pixels of a strip
STRIP_ROWS = 24
MAX_CHANNELS = 128  # that OpenCV filters at once


def has_few_classes(classes: ClassMixture) -> bool:
    """Say whether a few of the classes may stand for all at each pixel: of many, each one Gaussian.

    Parameters
    ----------
    classes : ClassMixture

    Returns
    -------
    bool
    """
    model = classes.model
    is_plain = model.n_components == classes.n_classes and not (model.noise_share or model.degrees_of_freedom.size)
    return is_plain and classes.n_classes >= MIN_CLASSES


def compute_few_log_posteriors(classes: ClassMixture, cells: Cells) -> Planes:
    """Compute the log posteriors of the likeliest classes of each cell by its features alone.

    Parameters
    ----------
    classes : ClassMixture
        At least `N_FEW` classes.
    cells : Cells
        n cells.

    Returns
    -------
    ndarray of shape (n, 2 * N_FEW), float32
        The numbers of the classes, 0..k-1, and their log posteriors, as :func:`choose_few` returns both.
    """
    found = np.empty((len(cells), 2 * N_FEW), dtype=np.float32)
    model = classes.model
    is_plain = len(classes.groups) == classes.n_classes and not model.noise_share
    for start in range(0, len(cells), CHUNK_CELLS):
        some, own = cells[start : start + CHUNK_CELLS], found[start : start + CHUNK_CELLS]
        # Posteriors of the few follow from joint densities: no exponential of all classes is needed.
        parts = model.iterate_log_joint(some) if is_plain else [(slice(None), classes.compute_log_posteriors(some).T)]
        for rows, logs in parts:
            own[rows, :N_FEW], own[rows, N_FEW:] = (part.T for part in choose_few(logs))
    return found


@dataclass(frozen=True, eq=False)
class _Strip:
    """Some rows, with the n classes that the pixels there and their neighbors have.

    `around` are the rows with those that the kernel reaches, and `inner` the places of the strip's own rows in them.
    `columns` are the numbers of all classes among the n, (k,), and `index` the places of the classes of each pixel
    around in an array (rows, w, n): (rows, w, m).
    """

    rows: slice
    around: slice
    inner: slice
    columns: NDArray[np.intp]
    index: NDArray[np.intp]
    n_classes: int


@dataclass(frozen=True, eq=False)
class FewField:
    """A random field in which each pixel has its own few classes.

    Attributes
    ----------
    field : RandomField
        Over h x w pixels.
    numbers : ndarray of shape (m, h, w), uint8
        The classes of each pixel, 0..k-1.
    n_classes : int
        k.
    """

    field: RandomField
    numbers: NDArray[np.uint8]
    n_classes: int

    def solve(self, logs: Planes, *, n_iter: int, tol: float = 0.0) -> Planes:
        """Compute the posteriors in mean-field approximation; see :func:`mean_field.solve_mean_field`.

        The steps are long, and start from the posteriors without neighbors.

        Parameters
        ----------
        logs : ndarray of shape (m, h, w), float32
            Log of weight times density of the classes of each pixel, finite.
        n_iter : int, >= 0
            Steps at most.
        tol : float, >= 0
            Stop when a step moves at most this share of a pixel's probability to other classes, on average.

        Returns
        -------
        ndarray of shape (m, h, w), float32
            Sums to 1 over the classes of a pixel.
        """
        q, q_after = normalize(logs.copy()), np.empty_like(logs)
        strips = [(strip, weigh_steps(self.field, strip.rows, LONG_STEPS.length)) for strip in self._strips]

        def update_rows(weighed: tuple[_Strip, Planes | None]) -> float:
            """Take one step in a strip, and return the probability that it moved there."""
            strip, share = weighed
            before, log_odds = q[:, strip.rows], self._compute_log_odds_of_strip(q, strip)
            q_after[:, strip.rows] = after = take_step(before, logs[:, strip.rows], log_odds, share)
            return measure_moved(before, after)

        with start_threads(len(strips) > 1) as each:
            for _ in range(n_iter):
                moved = sum(each(update_rows, strips))
                q, q_after = q_after, q
                if moved <= tol * q[0].size:
                    break
        return q

    def take_step(self, q: Planes, logs: Planes, log_odds: Planes) -> Planes:
        """Take one short step of the mean field by log odds that are known.

        Parameters
        ----------
        q, logs : ndarray of shape (m, h, w), float32
            Posteriors before the step, and what :meth:`solve` takes.
        log_odds : ndarray of shape (m, h, w), float32
            What :meth:`compute_log_odds` returns for `q`; overwritten.

        Returns
        -------
        ndarray of shape (m, h, w), float32
            Sums to 1 over the classes of a pixel.
        """
        q_after = np.empty_like(q)
        for rows in (strip.rows for strip in self._strips):
            share = weigh_steps(self.field, rows, length=1.0)
            q_after[:, rows] = take_step(q[:, rows], logs[:, rows], log_odds[:, rows], share)
        return q_after

    def compute_log_odds(self, q: Planes) -> Planes:
        """Compute what the neighbors of each pixel add to the log odds of its classes.

        Parameters
        ----------
        q : ndarray of shape (m, h, w), float32
            Posteriors of the classes of each pixel.

        Returns
        -------
        ndarray of shape (m, h, w), float32
            In nats.
        """
        log_odds = np.empty_like(q)
        for strip in self._strips:
            log_odds[:, strip.rows] = self._compute_log_odds_of_strip(q, strip)
        return log_odds

    def compute_log_odds_of_rows(self, q: Planes, rows: slice) -> tuple[Planes, NDArray[np.intp]]:
        """Compute what the neighbors of the pixels of some rows add to the log odds of all classes.

        Parameters
        ----------
        q : ndarray of shape (m, h, w), float32
            Posteriors of the classes of each pixel.
        rows : slice
            First row and the row after the last, both given: of these pixels.

        Returns
        -------
        log_odds : ndarray of shape (rows, w, n), float32
            In nats: of the classes that are there, and 0 of all others.
        columns : ndarray of shape (k,), int
            Which of the n each class has.
        """
        strip = self._make_strip(rows, n_others=1)
        summed, own = self._sum_neighbors(q, strip)
        summed.reshape(-1)[strip.index[strip.inner]] -= own * self._middle
        summed = summed[strip.inner]
        summed *= self._scale_rows(rows)[..., None]
        return summed, strip.columns

    def compute_log_odds_at(self, q: Planes, pixels: NDArray[np.intp]) -> Planes:
        """Compute what the neighbors of some pixels add to the log odds of all classes.

        Parameters
        ----------
        q : ndarray of shape (m, h, w), float32
            Posteriors of the classes of each pixel.
        pixels : ndarray of shape (n,), int
            Their numbers in row order.

        Returns
        -------
        ndarray of shape (n, k), float32
            In nats.
        """
        _, height, width = self.numbers.shape
        offsets, taps, k = np.arange(-self.field.reach, self.field.reach + 1), self.field.taps, self.n_classes
        kernel = np.outer(taps, taps)
        kernel[self.field.reach, self.field.reach] = 0  # a pixel is no neighbor of its own
        rows, columns = (at + offsets[:, None] for at in np.divmod(pixels, width))
        rows, columns = rows[:, None], columns[None]
        kernel = kernel[..., None] * ((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width))
        near = (rows.clip(0, height - 1) * width + columns.clip(0, width - 1)).reshape(-1)
        kernel = kernel.reshape(-1) * self.field.pixel_weights.reshape(-1)[near]
        first = np.resize(np.arange(0, len(pixels) * k, k), near.size)
        summed = np.zeros(len(pixels) * k)
        for numbers, posteriors in zip(self.numbers.reshape(len(q), -1), q.reshape(len(q), -1), strict=True):
            summed += np.bincount(first + numbers[near], posteriors[near] * kernel, minlength=summed.size)
        return (summed.reshape(-1, k) * self._scale_rows(slice(0, height)).reshape(-1, 1)[pixels]).astype(np.float32)

    @property
    def _middle(self) -> np.float32:
        """The weight of the pixel itself in the kernel."""
        return np.float32(self.field.taps[self.field.reach] ** 2)

    def _scale_rows(self, rows: slice) -> Planes:
        """Compute the factor of the sums over the neighbors of the pixels of some rows."""
        return self.field.pixel_weights[rows] * np.float32(self.field.smoothness * (1 + self.field.center_weight))

    @cached_property
    def _strips(self) -> list[_Strip]:
        """The rows in strips, in which there are few of many classes, and whose sums over them stay in the cache."""
        height = self.numbers.shape[1]
        return [self._make_strip(slice(at, min(at + STRIP_ROWS, height))) for at in range(0, height, STRIP_ROWS)]

    def _make_strip(self, rows: slice, n_others: int = 0) -> _Strip:
        """Make the strip of some rows, with places for the classes that are there and for `n_others` more."""
        first = max(rows.start - self.field.reach, 0)
        around = slice(first, min(rows.stop + self.field.reach, self.numbers.shape[1]))
        numbers = self.numbers[:, around]
        is_present = np.bincount(numbers.reshape(-1), minlength=self.n_classes) > 0
        n_present = int(is_present.sum())
        columns = np.where(is_present, np.cumsum(is_present) - 1, n_present)
        n, index = n_present + n_others, columns.take(numbers)
        index += np.arange(0, numbers[0].size * n, n).reshape(numbers.shape[1:])
        # The classes of a pixel side by side, as their sums over the neighbors lie side by side.
        index = np.ascontiguousarray(index.transpose(1, 2, 0))
        return _Strip(rows, around, slice(rows.start - first, rows.stop - first), columns, index, n)

    def _sum_neighbors(self, q: Planes, strip: _Strip) -> tuple[Planes, Planes]:
        """Sum the weighted posteriors of the classes over the neighbors of each pixel, and the pixel itself.

        Returned are the sums of the pixels in the rows around the strip, (rows, w, n), and the weighted posteriors of
        the classes of each pixel of the strip, (rows, w, m).
        """
        cv2, taps, shape = load_cv2(), self.field.taps, strip.index.shape
        weighted = q[:, strip.around] * self.field.pixel_weights[strip.around]
        weighted = cv2.transpose(weighted.reshape(len(q), -1)).reshape(shape)
        spread = np.zeros((*shape[:2], strip.n_classes), dtype=np.float32)
        spread.reshape(-1)[strip.index] = weighted
        found = [
            cv2.sepFilter2D(np.ascontiguousarray(some), -1, taps, taps, borderType=cv2.BORDER_CONSTANT)
            for some in np.array_split(spread, range(MAX_CHANNELS, strip.n_classes, MAX_CHANNELS), axis=2)
        ]
        return np.dstack(found) if len(found) > 1 else found[0].reshape(spread.shape), weighted[strip.inner]

    def _compute_log_odds_of_strip(self, q: Planes, strip: _Strip) -> Planes:
        """Compute the neighbor log odds of the classes of the pixels of a strip, (m, rows, w)."""
        summed, own = self._sum_neighbors(q, strip)
        log_odds = summed.reshape(-1).take(strip.index[strip.inner])
        log_odds -= own * self._middle
        log_odds = np.asarray(load_cv2().transpose(log_odds.reshape(-1, len(q)))).reshape(q[:, strip.rows].shape)
        log_odds *= self._scale_rows(strip.rows)
        return log_odds


def carry_posteriors(q: Planes, before: Numbers, after: Numbers, n_classes: int) -> Planes:
    """Carry posteriors over where the pixels get other classes.

    Parameters
    ----------
    q : ndarray of shape (m, h, w), float32
        Posteriors of the classes of each pixel.
    before, after : ndarray of shape (m, h, w), uint8
        These classes, 0..k-1, and those that the pixels get.
    n_classes : int
        k.

    Returns
    -------
    ndarray of shape (m, h, w), float32
        0 for the classes that a pixel did not have.

    Examples
    --------
    >>> q, before, after = np.array([[[0.9]], [[0.1]]], np.float32), np.array([[[5]], [[2]]]), np.array([[[2]], [[3]]])
    >>> carry_posteriors(q, before, after, 9).round(3).reshape(-1).tolist()
    [0.10000000149011612, 0.0]
    """
    carried = np.empty_like(q)
    step = max(1, STRIP_VALUES // (n_classes * q.shape[2]))
    for start in range(0, q.shape[1], step):
        rows = slice(start, min(start + step, q.shape[1]))
        places = np.arange(0, q[0, rows].size * n_classes, n_classes, dtype=np.intp).reshape(q[0, rows].shape)
        spread = np.zeros(places.size * n_classes, dtype=np.float32)
        spread[before[:, rows] + places] = q[:, rows]
        carried[:, rows] = spread.take(after[:, rows] + places)
    return carried
