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
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.threads import start_threads
from segment.mixture.cells import Cells
from segment.mixture.few_components import N_FEW, choose_few
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.random_field import LONG_STEPS, RandomField, weigh_steps

__all__ = [
    "MIN_CLASSES",
    "FewField",
    "carry_posteriors",
    "compute_few_log_posteriors",
    "has_few_classes",
    "normalize",
]

Planes = NDArray[np.float32]
Numbers = NDArray[np.uint8]

MIN_CLASSES = 2 * N_FEW + 1  # fewer are all kept
CHUNK_CELLS = 2**13  # whose posteriors of all classes are in memory at once
STRIP_VALUES = 2**20  # of all classes at the pixels of a strip
MIN_STRIP_ROWS = 8
MAX_CHANNELS = 128  # that OpenCV filters at once
# Where there are more classes than planes, those that have posteriors above this are summed over the neighbors: what is
# left out of the log odds of a class is at most so much of the smoothness.
MAX_PLANES, MIN_POSTERIOR = 32, 1e-6
TINY = np.float32(1e-30)


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

    def solve(self, logs: Planes, *, n_iter: int, start: Planes | None = None, tol: float = 0.0) -> Planes:
        """Compute the posteriors in mean-field approximation; see :func:`random_field.solve_mean_field`.

        The steps are long.

        Parameters
        ----------
        logs : ndarray of shape (m, h, w), float32
            Log of weight times density of the classes of each pixel, finite.
        n_iter : int, >= 0
            Steps at most.
        start : ndarray of shape (m, h, w), float32, optional
            Posteriors to start from; those without neighbors by default.
        tol : float, >= 0
            Stop when a step moves at most this share of a pixel's probability to other classes, on average.

        Returns
        -------
        ndarray of shape (m, h, w), float32
            Sums to 1 over the classes of a pixel.
        """
        q = normalize(logs.copy()) if start is None else start
        strips = self._split_rows()
        with start_threads(len(strips) > 1) as each:
            for _ in range(n_iter):
                q_after = np.empty_like(q)
                moved = sum(each(partial(self._update_rows, q_after, q, logs), strips))
                q = q_after
                if moved <= tol * q[0].size:
                    break
        return q

    def take_step(self, q: Planes, logs: Planes, log_odds: Planes) -> Planes:
        """Take one step of the mean field by log odds that are known.

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
        for rows in self._split_rows():
            q_after[:, rows] = self._move_rows(q, logs, log_odds[:, rows], rows, length=1.0)
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
        for rows in self._split_rows():
            log_odds[:, rows] = self._compute_log_odds_of_rows(q, rows)
        return log_odds

    def compute_log_odds_of_all(self, q: Planes, rows: slice) -> Planes:
        """Compute what the neighbors of each pixel add to the log odds of all classes.

        Parameters
        ----------
        q : ndarray of shape (m, h, w), float32
            Posteriors of the classes of each pixel.
        rows : slice
            First row and the row after the last, both given: of these pixels.

        Returns
        -------
        ndarray of shape (rows, w, k), float32
            In nats.
        """
        summed, index, own = self._sum_neighbors(q, rows, has_all=True)
        flat = summed.reshape(-1)
        flat[index] -= own * self._middle
        summed *= self._scale_rows(rows)[..., None]
        return summed

    @property
    def _middle(self) -> np.float32:
        return np.float32(self.field.taps[self.field.reach] ** 2)

    def _scale_rows(self, rows: slice) -> Planes:
        """Compute the factor of the sums over the neighbors of the pixels of some rows."""
        return self.field.pixel_weights[rows] * np.float32(self.field.smoothness * (1 + self.field.center_weight))

    def _split_rows(self) -> list[slice]:
        """Split the rows so that the planes of all classes of a strip stay in the cache."""
        _, height, width = self.numbers.shape
        step = max(MIN_STRIP_ROWS, STRIP_VALUES // (width * min(self.n_classes, 2 * MAX_PLANES)))
        return [slice(start, min(start + step, height)) for start in range(0, height, step)]

    def _sum_neighbors(
        self, q: Planes, rows: slice, *, has_all: bool = False
    ) -> tuple[Planes, NDArray[np.intp], Planes]:
        """Sum the weighted posteriors of the classes over the neighbors of each pixel, and the pixel itself.

        Returned are the sums (rows, w, n), the places of the classes of each pixel in them, and their own posteriors,
        weighted, both (m, rows, w). Of very many classes n are those that have more than next to nothing there, and one
        place for all others, unless `has_all`.
        """
        field, (_, height, width), n = self.field, self.numbers.shape, self.n_classes
        top, bottom = max(rows.start - field.reach, 0), min(rows.stop + field.reach, height)
        shape = (bottom - top, width)
        weighted = q[:, top:bottom] * field.pixel_weights[top:bottom]
        numbers: NDArray[np.integer] = self.numbers[:, top:bottom]
        if n > MAX_PLANES and not has_all:
            is_present = np.zeros(n, dtype=bool)
            is_present[numbers[weighted > MIN_POSTERIOR]] = True
            n = int(is_present.sum()) + 1
            numbers = np.where(is_present, np.cumsum(is_present) - 1, n - 1).take(numbers)
        index = numbers + np.arange(0, shape[0] * width * n, n, dtype=np.intp).reshape(shape)
        spread = np.zeros((*shape, n), dtype=np.float32)
        spread.reshape(-1)[index] = weighted
        summed = np.concatenate(
            [self._filter(spread[..., at : at + MAX_CHANNELS]) for at in range(0, n, MAX_CHANNELS)], 2
        )
        inner = slice(rows.start - top, rows.stop - top)
        return summed[inner], index[:, inner] - inner.start * width * n, weighted[:, inner]

    def _filter(self, planes: Planes) -> Planes:
        """Filter planes (rows, w, n), of at most `MAX_CHANNELS`, with the kernel of the field."""
        cv2, taps = load_cv2(), self.field.taps
        found = cv2.sepFilter2D(np.ascontiguousarray(planes), -1, taps, taps, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(found).reshape(planes.shape)

    def _compute_log_odds_of_rows(self, q: Planes, rows: slice) -> Planes:
        """Compute the neighbor log odds of the classes of the pixels of some rows, (m, rows, w)."""
        summed, index, own = self._sum_neighbors(q, rows)
        log_odds = summed.reshape(-1).take(index)
        log_odds -= own * self._middle
        log_odds *= self._scale_rows(rows)
        return log_odds

    def _update_rows(self, q_after: Planes, q: Planes, logs: Planes, rows: slice) -> float:
        """Take one mean-field step in some rows, and return the probability that it moved there."""
        updated = q_after[:, rows]
        updated[:] = self._move_rows(q, logs, self._compute_log_odds_of_rows(q, rows), rows, LONG_STEPS.length)
        return float(np.abs(updated - q[:, rows]).sum()) / 2

    def _move_rows(self, q: Planes, logs: Planes, target: Planes, rows: slice, length: float) -> Planes:
        """Compute the posteriors of some rows after a step of some length; `target` are the neighbor log odds."""
        # As for all classes: log q_after = s (log p + neighbor log odds) + (1 - s) log q.
        target += logs[:, rows]
        share = weigh_steps(self.field, rows, length)
        if share is not None:
            target *= share
            log_q = np.log(np.maximum(q[:, rows], TINY))
            log_q *= 1 - share
            target += log_q
        return normalize(target)


def normalize(logs: Planes) -> Planes:
    """Turn logarithms into probabilities, in place.

    Parameters
    ----------
    logs : ndarray of shape (m, ...), float32
        Finite. It is overwritten.

    Returns
    -------
    ndarray of shape (m, ...), float32
        `logs`, which sum to 1 over the first axis.
    """
    logs -= logs.max(axis=0)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=0)
    return logs


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
