"""The mean-field solution of a random field.

The posterior of the labels is approximated by that of independent pixels, q, of least free energy
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
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.threads import start_threads
from segment.segmenter.field.random_field import Margins, RandomField, split_rows

__all__ = [
    "LONG_STEPS",
    "SHORT_STEPS",
    "StepRule",
    "compute_posteriors",
    "exponentiate",
    "measure_moved",
    "normalize",
    "solve_mean_field",
    "take_step",
    "weigh_steps",
]

Planes = NDArray[np.float32]

# Exponentials that underflow take ten times as long. This one is nothing beside the largest, 1, and products of it with
# weights do not underflow either.
_MIN_EXPONENT = np.float32(-80)
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
        q[:, rows] = normalize(log_joint[:, rows].copy())
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
    (rows, share), margins = strip
    before = q[:, rows]
    updated = take_step(before, log_joint[:, rows], field.compute_log_odds_of_rows(q, rows, margins), share)
    moved = measure_moved(before, updated) if is_measured else 0.0
    before[:] = updated
    return moved


def take_step(before: Planes, log_joint: Planes, log_odds: Planes, share: Planes | None) -> Planes:
    """Take one step of the mean field by neighbor log odds that are known.

    Parameters
    ----------
    before, log_joint : ndarray of shape (k, h, w), float32
        Posteriors before the step, and log of weight times density of each class.
    log_odds : ndarray of shape (k, h, w), float32
        What the neighbors add to the log odds of the classes; overwritten.
    share : ndarray of shape (h, w), float32, or None
        As :func:`weigh_steps` returns it.

    Returns
    -------
    ndarray of shape (k, h, w), float32
        Sums to 1 over the classes.
    """
    # log q_after = s (log p + neighbor log odds) + (1 - s) log q, with the share s = length / (1 + d / 2).
    target = log_odds
    target += log_joint
    if share is not None:
        target *= share
        # The sum is finite in the logarithm, changes no larger posterior, and is faster than a maximum.
        log_q = _apply_to_planes(load_cv2().log, before + np.float32(1e-30))
        log_q *= 1 - share
        target += log_q
    return normalize(target)


def measure_moved(before: Planes, after: Planes) -> float:
    """Measure how much probability moves to other classes, summed over the pixels.

    Parameters
    ----------
    before, after : ndarray of shape (k, h, w), float32

    Returns
    -------
    float
    """
    cv2 = load_cv2()
    # Each pixel's change is counted twice: in the classes that lose, and in those that gain.
    return float(sum(cv2.norm(*pair, cv2.NORM_L1) for pair in zip(after, before, strict=True))) / 2


def exponentiate(logs: Planes) -> Planes:
    """Compute exponentials of logarithms (k, h, w), the largest near 0, so that none underflows."""
    if logs.min(initial=0) < _MIN_EXPONENT:
        # The maximum with a number takes four times as long as that with a plane.
        logs = np.maximum(logs, np.full(logs.shape[1:], _MIN_EXPONENT))
    return _apply_to_planes(load_cv2().exp, logs)


def normalize(logs: Planes) -> Planes:
    """Compute probabilities from logarithms.

    Parameters
    ----------
    logs : ndarray of shape (k, ...), float32
        Finite. They are changed.

    Returns
    -------
    ndarray of shape (k, ...), float32
        Sums to 1 over the first axis.
    """
    logs -= logs.max(axis=0)  # against overflow
    found = exponentiate(logs)
    found /= found.sum(axis=0)
    return found


def _apply_to_planes(function: Callable[[Planes], Planes], planes: Planes) -> Planes:
    """Apply an elementwise function of OpenCV, which takes matrices only, to planes (k, ...)."""
    return function(planes.reshape(-1, planes.shape[-1])).reshape(planes.shape)
