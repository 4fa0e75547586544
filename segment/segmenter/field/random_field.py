"""A hidden Markov random field (Potts model) over the classes of pixels: neighbors are more likely to share a class.

The labels z have the log probability, up to a constant, of ``sum_i log p(z_i, x_i) + sum_(i<j) w_ij [z_i = z_j]`` with
``w_ij = smoothness * a_i * a_j * g(i - j)``. The kernel g is a binomial one, close to a Gaussian, without its center,
and sums to 1; a is the weight of a pixel in the field: 0 where it is not valid, less at a strong edge.

Mean field: the posterior is approximated by that of independent pixels, q, of least free energy
``sum_ic q_ic (log q_ic - log p(c, x_i)) - sum_(i<j) w_ij sum_c q_ic q_jc`` (Zhang, Brady & Smith 2001, IEEE Trans. Med.
Imaging 20, 45-57; Celeux, Forbes & Peyrard 2003, Pattern Recognition 36, 131-144). All pixels are updated at once. The
kernel with its center has no negative eigenvalue, so the neighbor term is convex in q and lies above its tangent;
taking the center out again costs at most ``d_i / 2`` times the Kullback-Leibler divergence of the update, d_i being the
center's weight. The step that minimizes this bound is
``log q = (log p + neighbor log odds + d / 2 log q_before) / (1 + d / 2)``: the free energy never rises (for concave
energies alone: Kraehenbuehl & Koltun 2013, ICML), and q is a fixed point where the mean-field equations hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.opencv import load_cv2
from segment.core.threads import start_threads

__all__ = [
    "LONG_STEPS",
    "SHORT_STEPS",
    "RandomField",
    "StepRule",
    "compute_pixel_weights",
    "compute_posteriors",
    "exponentiate",
    "solve_mean_field",
    "split_rows",
    "weigh_steps",
]

Planes = NDArray[np.float32]
Margins = tuple[Planes, Planes]

# Exponentials that underflow take ten times as long. This one is nothing beside the largest, 1, and products of it with
# weights do not underflow either.
_MIN_EXPONENT = np.float32(-80)
_STRIP_ROWS = 96  # updated at once, so that their planes stay in the cache
_STRIP_VALUES, _MIN_STRIP_ROWS = 2**20, 8  # of many classes, fewer rows
_MIN_THREADED_SIZE = 2**20  # numbers in all planes from which on several threads pay


class StepRule(NamedTuple):
    """How a mean field is solved.

    Attributes
    ----------
    length : float, 1 to 2
        Of a step. With 1 the free energy never rises. With 2 it may, but no error near a solution swings up: most
        responsive are two classes at even odds, which answer one of opposite neighbors by at most -d / 2 of it, so that
        1 - s (1 + d / 2) of it is left by a step of the share s, which is at most 2 / (1 + d / 2).
    max_steps : int
        Most steps.
    tol : float, >= 0
        Stop when a step moves at most this share of a pixel's probability to other classes, on average.
    """

    length: float
    max_steps: int
    tol: float


LONG_STEPS, SHORT_STEPS = StepRule(2.0, 8, 2e-3), StepRule(1.0, 12, 1e-3)
"""As close to the solution as each other; the long ones take half the time."""


@dataclass(frozen=True)
class RandomField:
    """The neighborhoods of the pixels of one image, and their weights.

    Attributes
    ----------
    pixel_weights : ndarray of shape (H, W), float32, 0 to 1
        Weight of each pixel in the field, as a neighbor and for its neighbors. A pixel of weight 0 has no neighbors.
    smoothness : float, >= 0
        Log odds (nats) that neighbors all of one class give a pixel for that class. Raised: larger, rounder regions.
    reach : int, >= 1
        Neighbors are at most this many rows and columns away. Their weights are close to those of a Gaussian of
        standard deviation ``sqrt(reach / 2)`` pixels.
    """

    pixel_weights: Planes
    smoothness: float
    reach: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.smoothness) and self.smoothness >= 0):
            raise SettingsError(f"smoothness: zero or above; got {self.smoothness}. Use 0 to switch it off.")
        if self.reach < 1:
            raise SettingsError(f"reach: at least 1 pixel; got {self.reach}.")
        weights = self.pixel_weights
        if weights.ndim != 2 or not (weights.min(initial=0) >= 0 and weights.max(initial=0) <= 1):
            raise SettingsError("pixel_weights: (H, W) numbers from 0 to 1; got others. Divide by the largest.")

    @cached_property
    def taps(self) -> Planes:
        """The kernel along one axis with its center, shape (2 * reach + 1,): its outer product sums to 1."""
        n = 2 * self.reach
        return np.array([comb(n, i) for i in range(n + 1)], dtype=np.float32) / np.float32(2.0**n)

    @property
    def center_weight(self) -> float:
        """Weight of the center of the kernel, which is taken out, as a share of what is left."""
        middle = float(self.taps[self.reach]) ** 2
        return middle / (1 - middle)

    def compute_neighbor_log_odds(self, q: Planes) -> Planes:
        """Compute what the neighbors of each pixel add to the log odds of its classes.

        Parameters
        ----------
        q : ndarray of shape (k, H, W), float32
            Posteriors of the k classes at each pixel.

        Returns
        -------
        ndarray of shape (k, H, W), float32
            In nats, 0 to `smoothness`; 0 where a pixel has no neighbors.

        Examples
        --------
        All neighbors of the middle pixel are surely of the only class, which gives it the whole smoothness:

        >>> field = RandomField(np.ones((3, 3), np.float32), smoothness=4.0, reach=1)
        >>> float(field.compute_neighbor_log_odds(np.ones((1, 3, 3), np.float32))[0, 1, 1])
        4.0
        """
        log_odds = np.empty_like(q)
        for rows in split_rows(q.shape):
            log_odds[:, rows] = self.compute_log_odds_of_rows(q, rows)
        return log_odds

    def compute_log_odds_of_rows(self, q: Planes, rows: slice, margins: Margins | None = None) -> Planes:
        """Compute the neighbor log odds of some rows only.

        Parameters
        ----------
        q : ndarray of shape (k, H, W), float32
            Posteriors at each pixel of the image.
        rows : slice
            First row and the row after the last, both given.
        margins : (ndarray, ndarray), optional
            The rows of `q` above and below as :meth:`take_margins` takes them, where `q` itself may have others by now.

        Returns
        -------
        ndarray of shape (k, rows, W), float32
            In nats.
        """
        cv2 = load_cv2()
        height = q.shape[1]
        # The rows with as many above and below as the kernel reaches.
        top, bottom = max(rows.start - self.reach, 0), min(rows.stop + self.reach, height)
        inner = slice(rows.start - top, rows.stop - top)
        above, below = margins or self.take_margins(q, rows)
        weights_around, own_weights = self.pixel_weights[top:bottom], self.pixel_weights[rows]
        # Without its center the kernel sums to 1 / (1 + center_weight); this factor makes that the smoothness.
        factor = np.float32(self.smoothness * (1 + self.center_weight))
        middle = np.float32(self.taps[self.reach] ** 2)
        weighted = np.empty((len(q), bottom - top, q.shape[2]), dtype=np.float32)
        places = slice(0, inner.start), inner, slice(inner.stop, None)
        for part, place in zip((above, q[:, rows], below), places, strict=True):
            np.multiply(part, weights_around[place], out=weighted[:, place])
        # The kernel with its center is separable, which is fast; what the center adds is subtracted afterwards.
        summed = np.empty_like(weighted)
        for plane, out in zip(weighted, summed, strict=True):
            cv2.sepFilter2D(plane, -1, self.taps, self.taps, dst=out, borderType=cv2.BORDER_CONSTANT)
        log_odds = weighted[:, inner] * -middle
        log_odds += summed[:, inner]
        log_odds *= own_weights * factor
        return log_odds

    def take_margins(self, q: Planes, rows: slice) -> Margins:
        """Take the rows of posteriors (k, H, W) above and below some rows that the kernel reaches, as views."""
        top, bottom = max(rows.start - self.reach, 0), min(rows.stop + self.reach, q.shape[1])
        return q[:, top : rows.start], q[:, rows.stop : bottom]


def compute_pixel_weights(
    valid: NDArray[np.bool_], edges: Planes | None = None, smoothness_map: NDArray[Any] | None = None
) -> Planes:
    """Compute the weight of each pixel in the random field.

    Parameters
    ----------
    valid : ndarray of shape (H, W), bool
        Pixels that count. All others have weight 0.
    edges : ndarray of shape (H, W), float32, >= 0, optional
        Squared strength of the edge at each pixel: one of 1 halves the weight, a stronger one lessens it more.
    smoothness_map : array_like of shape (H, W), 0 to 1, optional
        Smoothness at each pixel as a share of that of the field: between two neighbors it is the geometric mean of
        theirs.

    Returns
    -------
    ndarray of shape (H, W), float32, 0 to 1
        For :class:`RandomField`.

    Raises
    ------
    SettingsError
        If the map has another shape or values beyond 0 to 1.

    Examples
    --------
    A plain pixel, one at an edge, and one that is not valid:

    >>> compute_pixel_weights(np.array([[True, True, False]]), np.array([[0, 1, 0]], np.float32))
    array([[1. , 0.5, 0. ]], dtype=float32)
    """
    weights = valid.astype(np.float32)
    if edges is not None:
        weights /= 1 + edges
    if smoothness_map is not None:
        shares = np.asarray(smoothness_map, dtype=np.float32)
        if shares.shape != valid.shape or not ((shares >= 0) & (shares <= 1)).all():
            raise SettingsError(f"smoothness_map: numbers from 0 to 1 of shape {valid.shape}; got others.")
        # The field multiplies the weights of both neighbors, so each takes the square root.
        weights *= np.sqrt(shares)
    return weights


def compute_posteriors(log_joint: Planes, out: Planes | None = None) -> Planes:
    """Compute the posteriors of pixels without neighbors.

    Parameters
    ----------
    log_joint : ndarray of shape (k, H, W), float32
        Log of weight times density of each class, up to a constant for each pixel.
    out : ndarray of shape (k, H, W), float32, optional
        Takes the posteriors; may be `log_joint` itself.

    Returns
    -------
    ndarray of shape (k, H, W), float32
        Sums to 1 over the classes.
    """
    q = np.empty_like(log_joint) if out is None else out
    for rows in split_rows(q.shape):
        q[:, rows] = _normalize(log_joint[:, rows].copy())
    return q


def solve_mean_field(
    log_joint: Planes,
    field: RandomField,
    *,
    n_iter: int,
    start: Planes | None = None,
    tol: float = 0.0,
    length: float = 1.0,
) -> Planes:
    """Compute the posteriors of a hidden Markov random field in mean-field approximation.

    Parameters
    ----------
    log_joint : ndarray of shape (k, H, W), float32
        Log of weight times density of each class at each pixel, finite.
    field : RandomField
        The neighborhoods.
    n_iter : int, >= 0
        Steps at most.
    start : ndarray of shape (k, H, W), float32, optional
        Posteriors to start from; those without neighbors by default. They are overwritten.
    tol : float, >= 0
        Stop when a step moves at most this share of a pixel's probability to other classes, on average.
    length : float, 1 to 2
        Of a step; see :class:`StepRule`.

    Returns
    -------
    ndarray of shape (k, H, W), float32
        Sums to 1 over the classes. Pixels of weight 0 have the posteriors of `log_joint` alone.

    Examples
    --------
    The middle pixel prefers class 2 a little, but its neighbors are surely of class 1:

    >>> log_joint = np.array([[[9, 9, 9], [9, 0, 9], [9, 9, 9]], [[0, 0, 0], [0, 1, 0], [0, 0, 0]]], np.float32)
    >>> compute_posteriors(log_joint).argmax(axis=0)[1]
    array([0, 1, 0])
    >>> field = RandomField(np.ones((3, 3), np.float32), smoothness=4.0, reach=1)
    >>> solve_mean_field(log_joint, field, n_iter=10).argmax(axis=0)[1]
    array([0, 0, 0])
    """
    q = compute_posteriors(log_joint) if start is None else start
    # Without neighbors, or with one class, the posteriors are exact at once.
    if log_joint.size == 0 or field.smoothness == 0 or len(log_joint) == 1:
        return q if start is None else compute_posteriors(log_joint)
    # Every strip is updated in place, by the old posteriors of the rows beside it, which are set aside: order and
    # number of threads make no difference, and memory holds the posteriors once.
    strips = [(rows, weigh_steps(field, rows, length)) for rows in split_rows(q.shape)]
    with start_threads(q.size >= _MIN_THREADED_SIZE) as each:
        for _ in range(n_iter):
            margins = [tuple(part.copy() for part in field.take_margins(q, rows)) for rows, _ in strips]
            moves = each(partial(_update_rows, q, log_joint, field, tol > 0), zip(strips, margins, strict=True))
            if tol > 0 and sum(moves) <= tol * q[0].size:
                break
    return q


def weigh_steps(field: RandomField, rows: slice, length: float) -> Planes | None:
    """Weigh the terms of a mean-field step in some rows.

    Parameters
    ----------
    field : RandomField
        The neighborhoods.
    rows : slice
        The rows.
    length : float
        Of the step.

    Returns
    -------
    ndarray of shape (rows, W), float32, or None
        The share of the new log posteriors, ``length / (1 + d / 2)`` with d the weight of the center at each pixel, but
        at most 1; None where it is 1 for all.
    """
    damping = np.float32(field.smoothness * field.center_weight / 2) * field.pixel_weights[rows] ** 2
    share: Planes = np.minimum(np.float32(length) / (1 + damping), np.float32(1))
    return share if share.min(initial=1) < 1 else None


def _update_rows(
    q: Planes,
    log_joint: Planes,
    field: RandomField,
    is_measured: bool,
    strip: tuple[tuple[slice, Planes | None], Margins],
) -> float:
    """Take one mean-field step in a strip of rows with its weights; return the probability that it moved, if asked."""
    # log q_after = s (log p + neighbor log odds) + (1 - s) log q, with the share s = length / (1 + d / 2).
    cv2, ((rows, share), margins) = load_cv2(), strip
    before = q[:, rows]
    target = field.compute_log_odds_of_rows(q, rows, margins)
    target += log_joint[:, rows]
    if share is not None:
        target *= share
        # The sum is finite in the logarithm, changes no larger posterior, and is faster than a maximum.
        log_q = _apply_to_planes(cv2.log, before + np.float32(1e-30))
        log_q *= 1 - share
        target += log_q
    updated, moved = _normalize(target), 0.0
    if is_measured:
        # Each pixel's change is counted twice: in the classes that lose, and in those that gain.
        moved = float(sum(cv2.norm(*pair, cv2.NORM_L1) for pair in zip(updated, before, strict=True))) / 2
    before[:] = updated
    return moved


def exponentiate(logs: Planes) -> Planes:
    """Compute exponentials of logarithms (k, h, w), the largest near 0, so that none underflows."""
    if logs.min(initial=0) < _MIN_EXPONENT:
        # The maximum with a number takes four times as long as that with a plane.
        logs = np.maximum(logs, np.full(logs.shape[1:], _MIN_EXPONENT))
    return _apply_to_planes(load_cv2().exp, logs)


def _normalize(logs: Planes) -> Planes:
    """Compute probabilities (k, h, w) from logarithms, which are changed: the largest is taken off against overflow."""
    logs -= logs.max(axis=0)
    found = exponentiate(logs)
    found /= found.sum(axis=0)
    return found


def _apply_to_planes(function: Callable[[Planes], Planes], planes: Planes) -> Planes:
    """Apply an elementwise function of OpenCV, which takes matrices only, to planes (k, h, w)."""
    return function(planes.reshape(-1, planes.shape[2])).reshape(planes.shape)


def split_rows(shape: tuple[int, ...]) -> list[slice]:
    """Split the rows of planes into strips that are updated at once.

    Parameters
    ----------
    shape : (k, H, W)
        Of the planes.

    Returns
    -------
    list of slice
    """
    k, height, width = shape
    step = min(_STRIP_ROWS, max(_MIN_STRIP_ROWS, _STRIP_VALUES // max(1, k * width)))
    return [slice(start, min(start + step, height)) for start in range(0, height, step)]
