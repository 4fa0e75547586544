"""A hidden Markov random field over the classes of pixels: neighbors are more likely to share a class.

The labels z have the log probability, up to a constant, of ``sum_i log p(z_i, x_i) + sum_(i<j) w_ij [z_i = z_j]`` with
``w_ij = smoothness * a_i * a_j * g(i - j)``. The kernel g is a binomial one (a Gaussian to the eye) without its center,
and sums to 1; a is what a pixel carries of the agreement: 0 where it is not valid, less at a strong edge.

Mean field: the posterior is approached by independent pixels, q, of least free energy
``sum_ic q_ic (log q_ic - log p(c, x_i)) - sum_(i<j) w_ij sum_c q_ic q_jc`` (Zhang, Brady & Smith 2001, IEEE Trans. Med.
Imaging 20, 45-57; Celeux, Forbes & Peyrard 2003, Pattern Recognition 36, 131-144). All pixels move at once. The kernel
with its center has no negative eigenvalue, so the agreement is convex in q and lies above its tangent; taking the
center out again costs at most ``d_i / 2`` times the Kullback-Leibler divergence of the move, d_i being the center's
weight. The step that minimizes this bound is
``log q = (log p + agreement + d / 2 log q_before) / (1 + d / 2)``: the free energy never rises (for concave energies
alone: Kraehenbuehl & Koltun 2013, ICML), and q stands still where the mean-field equations hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.opencv import load_cv2
from segment.core.threads import start_threads

__all__ = ["RandomField", "carried", "free_energy", "iterated_conditional_modes", "mean_field", "posteriors"]

Planes = NDArray[np.float32]

_ROWS = 96  # handled at once: what belongs to them stays in the cache
_MANY = 2**20  # numbers, in all planes, that are worth several threads
_NEVER = np.float32(-1e30)


@dataclass(frozen=True)
class RandomField:
    """Who is whose neighbor, and how much that counts.

    Attributes
    ----------
    carry : ndarray of shape (H, W), float32, 0 to 1
        What each pixel carries of the agreement, in and out. 0 is a pixel without neighbors.
    smoothness : float, >= 0
        Log odds (nats) that neighbors all of one class give a pixel for that class. Raised: larger, rounder regions.
    reach : int, >= 1
        Neighbors lie at most this many pixels off in rows and columns; the weights are those of a Gaussian of standard
        deviation ``sqrt(reach / 2)`` pixels.
    """

    carry: Planes
    smoothness: float
    reach: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.smoothness) and self.smoothness >= 0):
            raise SettingsError(f"smoothness: zero or above; got {self.smoothness}. Use 0 to switch it off.")
        if self.reach < 1:
            raise SettingsError(f"reach: at least 1 pixel; got {self.reach}.")
        if self.carry.ndim != 2 or not ((self.carry >= 0) & (self.carry <= 1)).all():
            raise SettingsError("carry: (H, W) numbers from 0 to 1; got others. Divide by the largest.")

    @property
    def taps(self) -> Planes:
        """The kernel along one axis with its center, shape (2 * reach + 1,): its outer product sums to 1."""
        n = 2 * self.reach
        return np.array([comb(n, i) for i in range(n + 1)], dtype=np.float32) / np.float32(2.0**n)

    @property
    def center(self) -> float:
        """Weight of the center that is taken out, as a share of what is left."""
        middle = float(self.taps[self.reach]) ** 2
        return middle / (1 - middle)

    def agreement(self, q: Planes) -> Planes:
        """What the neighbors' posteriors q, planes (k, H, W), add to the log odds of each class: (k, H, W)."""
        result = np.empty_like(q)
        for rows in _strips(q.shape[1]):
            result[:, rows] = self.agreement_within(q, rows)
        return result

    def agreement_within(self, q: Planes, rows: slice) -> Planes:
        """The agreement for some rows alone: (k, rows, W)."""
        cv2 = load_cv2()
        height = q.shape[1]
        top, bottom = max(rows.start - self.reach, 0), min(rows.stop + self.reach, height)
        inner = slice(rows.start - top, rows.stop - top)
        around, own = self.carry[top:bottom], self.carry[rows]
        # the taps without their center sum to 1 / (1 + center)
        factor = np.float32(self.smoothness * (1 + self.center))
        middle = np.float32(self.taps[self.reach] ** 2)
        given = np.multiply(q[:, top:bottom], around, order="C")
        summed = np.empty_like(given)
        for plane, out in zip(given, summed, strict=True):
            cv2.sepFilter2D(plane, -1, self.taps, self.taps, dst=out, borderType=cv2.BORDER_CONSTANT)
        found = given[:, inner] * middle
        np.subtract(summed[:, inner], found, out=found)
        found *= own
        found *= factor
        return found


def carried(
    valid: NDArray[np.bool_], edges: Planes | None = None, smoothness_map: NDArray[Any] | None = None
) -> Planes:
    """What each pixel carries of the agreement, for :class:`RandomField`: (H, W), float32.

    Parameters
    ----------
    valid : ndarray of shape (H, W), bool
        Pixels that count. Others neither get nor give agreement.
    edges : ndarray of shape (H, W), float32, >= 0, optional
        Squared strength of the edge at each pixel, 1 being a strong one: it carries half, a stronger one less.
    smoothness_map : array_like of shape (H, W), >= 0, optional
        Smoothness of each pixel as a share of the whole: that of two neighbors is the geometric mean of theirs.
    """
    carry = valid.astype(np.float32)
    if edges is not None:
        carry /= 1 + edges
    if smoothness_map is not None:
        given = np.asarray(smoothness_map, dtype=np.float32)
        if given.shape != valid.shape or not ((given >= 0) & (given <= 1)).all():
            raise SettingsError(f"smoothness_map: numbers from 0 to 1 of shape {valid.shape}; got others.")
        carry *= np.sqrt(given)
    return carry


def posteriors(log_joint: Planes) -> Planes:
    """Planes (k, H, W) of probabilities that sum to 1 over the classes, from their logarithms up to a constant."""
    q = np.empty_like(log_joint)
    for rows in _strips(q.shape[1]):
        q[:, rows] = _normalized(log_joint[:, rows])
    return q


def mean_field(
    log_joint: Planes, field: RandomField, *, n_iter: int, start: Planes | None = None, tol: float = 0.0
) -> Planes:
    """The posteriors of a hidden Markov random field in mean-field approximation.

    Parameters
    ----------
    log_joint : ndarray of shape (k, H, W), float32
        Log of weight times density of each class at each pixel, finite.
    field : RandomField
    n_iter : int, >= 0
        Steps at most.
    start : ndarray of shape (k, H, W), float32, optional
        Posteriors to start from; those without neighbors by default.
    tol : float, >= 0
        Stop when a step moves at most this share of a pixel's probability to other classes, on average.

    Returns
    -------
    ndarray of shape (k, H, W), float32
        Sums to 1 over the classes. Pixels that carry nothing have the posteriors of `log_joint` alone.
    """
    q = posteriors(log_joint) if start is None else start
    if log_joint.size == 0 or field.smoothness == 0 or len(log_joint) == 1:
        return q if start is None else posteriors(log_joint)
    strips = _strips(q.shape[1])
    with start_threads(q.size >= _MANY) as each:
        for _ in range(n_iter):
            after = np.empty_like(q)
            moved = sum(each(partial(_step, after, q, log_joint, field), strips))
            q = after
            if moved <= tol * q[0].size:
                break
    return q


def free_energy(q: Planes, log_joint: Planes, field: RandomField) -> float:
    """What the mean field makes small, in nats: minus a lower bound of the log of the labels' joint sum."""
    exact, joint = q.astype(np.float64), log_joint.astype(np.float64)
    entropy = -float((exact * np.log(np.where(exact > 0, exact, 1.0))).sum())
    return -entropy - float((exact * joint).sum()) - float((exact * field.agreement(q)).sum()) / 2


def iterated_conditional_modes(log_joint: Planes, field: RandomField, *, n_iter: int = 50) -> NDArray[np.intp]:
    """Labels 0..k-1, (H, W), of a local maximum of the joint probability: the simple reference (Besag 1986).

    Every pixel in turn takes the class that is most probable given its neighbors' present ones. Pixels that are no
    neighbors of each other move together, which changes nothing.
    """
    labels: NDArray[np.intp] = log_joint.argmax(axis=0)
    classes = np.arange(len(log_joint))[:, None, None]
    step = field.reach + 1
    for _ in range(n_iter):
        before = labels.copy()
        for at in np.ndindex(step, step):
            grid = (slice(at[0], None, step), slice(at[1], None, step))
            given = field.agreement((labels == classes).astype(np.float32))
            labels[grid] = (log_joint + given)[(slice(None), *grid)].argmax(axis=0)
        if np.array_equal(before, labels):
            break
    return labels


def _step(after: Planes, q: Planes, log_joint: Planes, field: RandomField, rows: slice) -> float:
    """One step of the mean field on some rows; returns the sum of the pixels' changes there."""
    target = field.agreement_within(q, rows)
    target += log_joint[:, rows]
    damping = np.float32(field.smoothness * field.center / 2) * field.carry[rows] ** 2
    share = 1 / (1 + damping)
    damping *= share
    target *= share
    held = _each(load_cv2().log, np.maximum(q[:, rows], np.float32(1e-30)))
    held *= damping
    target += held
    own = after[:, rows]
    own[:] = _normalized(target)
    return float(np.abs(own - q[:, rows]).sum()) / 2


def _normalized(logs: Planes) -> Planes:
    """Probabilities from logarithms, both (k, h, W)."""
    found = _each(load_cv2().exp, logs - logs.max(axis=0))
    found /= found.sum(axis=0)
    return found


def _each(function: Callable[[Planes], Planes], planes: Planes) -> Planes:
    """A function of OpenCV, which knows no planes, of every number of them."""
    return function(planes.reshape(-1, planes.shape[2])).reshape(planes.shape)


def _strips(height: int) -> list[slice]:
    return [slice(at, min(at + _ROWS, height)) for at in range(0, height, _ROWS)]
