"""Longer steps for EM: squared extrapolation in coordinates where every point is a valid mixture.

EM converges linearly, and slowly where components overlap: each step is nearly a fixed fraction of the last. SQUAREM
reads that fraction off two steps and leaps ahead (Varadhan & Roland 2008, Scandinavian Journal of Statistics 35,
335-353, scheme S3).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import pack, unpack
from segment.mixture.model import MixtureModel
from segment.mixture.student_t import MIN_DEGREES, MAX_DEGREES

__all__ = ["Squarem", "coordinates", "convert_from_coordinates"]

Floats = NDArray[np.float64]

_LONGER = 4.0  # by how much the longest leap grows when it was taken, and shrinks when it failed
_SMALLEST = 1e-300  # stands for a weight of zero, which has no logarithm
_VARIANCES = (1e-10, 1e4)  # beyond them a covariance is not sure to be positive definite after rounding
_FARTHEST = 1e4  # no mixture of the data lies farther from the origin in any coordinate


class Squarem:
    """Proposes leaps from successive EM steps, and learns how long they may be.

    The mixtures are those of data with mean 0 and variances 1.

    A leap starts from three mixtures, each the EM step of the one before. With r the first step, v the change from the
    first step to the second and a = |r| / |v| it goes to ``start + 2 a r + a**2 v``; a = 1 is the two steps themselves.
    """

    def __init__(self) -> None:
        self._trail: list[MixtureModel] = []
        self._longest = 1.0
        self._length = 1.0

    def propose(self, model: MixtureModel, following: MixtureModel) -> MixtureModel:
        """Where to go next, given a mixture and its EM step; the step itself where there is no leap to make."""
        self._trail.append(model)
        if len(self._trail) < 2:
            return following
        before, middle = self._trail
        self._trail = []
        origin = convert_to_coordinates(before)
        step = convert_to_coordinates(middle) - origin
        bend = convert_to_coordinates(following) - origin - 2 * step
        curvature = float(np.sqrt(bend @ bend))
        if curvature == 0:
            return following
        self._length = min(max(1.0, float(np.sqrt(step @ step)) / curvature), self._longest)
        if self._length == self._longest:
            self._longest *= _LONGER
        if self._length == 1:
            return following
        point = origin + 2 * self._length * step + self._length**2 * bend
        return convert_from_coordinates(point, following) if np.abs(point).max() < _FARTHEST else following

    def refuse(self) -> None:
        """Be told that the last leap led nowhere: the next are shorter."""
        self._longest = max(1.0, self._length / _LONGER)


def convert_to_coordinates(model: MixtureModel) -> Floats:
    """A mixture as a point of a vector space: log weights, means and the matrix logarithms of the covariances.

    Behind them come the logarithms of the degrees of freedom and the log odds of noise, where there are any.
    """
    values, vectors = np.linalg.eigh(model.covariances)
    values = np.maximum(values, np.finfo(float).tiny)  # rounding may leave 0 beside huge ones
    logarithms = (vectors * np.log(values)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    log_weights = np.log(np.maximum(model.weights, _SMALLEST))
    degrees = np.log(model.degrees_of_freedom)
    share = model.noise_share
    noise = [np.log(max(share, _SMALLEST) / max(1 - share, _SMALLEST))] if model.noise_density > 0 else []
    return np.concatenate([log_weights, model.means.ravel(), pack(logarithms).ravel(), degrees, noise])


def convert_from_coordinates(point: Floats, like: MixtureModel) -> MixtureModel:
    """The mixture at a point: the inverse of :func:`convert_to_coordinates`.

    Empty components of `like` stay empty; variances are kept within what can be computed with.
    """
    k, d = like.means.shape
    rest = k + k * d + k * d * (d + 1) // 2
    n_degrees = like.degrees_of_freedom.size
    weights = np.exp(point[:k] - point[:k].max())
    weights[like.weights == 0] = 0.0
    values, vectors = np.linalg.eigh(unpack(point[k + k * d : rest].reshape(k, -1)))
    variances = np.exp(np.clip(values, *np.log(_VARIANCES)))
    covariances = (vectors * variances[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    degrees = np.exp(np.clip(point[rest : rest + n_degrees], np.log(MIN_DEGREES), np.log(MAX_DEGREES)))
    odds = point[rest + n_degrees :]
    return replace(
        like,
        weights=weights / weights.sum(),
        means=point[k : k + k * d].reshape(k, d),
        covariances=covariances,
        degrees_of_freedom=degrees,
        noise_share=float(1 / (1 + np.exp(-np.clip(odds[0], -500, 500)))) if odds.size else like.noise_share,
    )
