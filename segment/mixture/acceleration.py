"""SQUAREM acceleration of EM: squared extrapolation in coordinates in which every point is a valid mixture.

EM converges linearly, and slowly where components overlap: each step is nearly a fixed fraction of the last. SQUAREM
estimates that fraction from two steps and extrapolates (Varadhan & Roland 2008, Scandinavian Journal of Statistics 35,
335-353, scheme S3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack, unpack
from segment.mixture.student_t import MAX_DEGREES, MIN_DEGREES

__all__ = ["Squarem", "convert_from_coordinates", "convert_to_coordinates"]

Floats = NDArray[np.float64]

# The longest step length grows by this after it was used, and shrinks after a rejection.
_STEP_FACTOR = 4.0
# Stands for a weight of zero, which has no logarithm.
_MIN_WEIGHT = 1e-300
# Beyond it rounding can make a covariance indefinite.
_LOG_VARIANCE_RANGE = math.log(1e-10), math.log(1e4)
_LOG_DEGREES_RANGE = math.log(MIN_DEGREES), math.log(MAX_DEGREES)
# No mixture of standardized data has a larger coordinate.
_MAX_COORDINATE = 1e4


class Squarem:
    """Propose extrapolations from successive EM steps, and adapt how long they may be.

    The mixtures are those of data with mean 0 and variances 1.

    Notes
    -----
    An extrapolation uses three mixtures, each the EM step of the one before: x0, x1 and x2. With the first step
    ``r = x1 - x0``, the change of the step ``v = (x2 - x1) - r`` and the step length ``a = |r| / |v|`` it proposes
    ``x0 + 2 a r + a**2 v``. A length of 1 gives x2 itself. The length is at most the longest one that has worked so
    far, times 4 (Varadhan & Roland 2008, scheme S3).
    """

    def __init__(self) -> None:
        self._history: list[MixtureModel] = []
        self._max_length = 1.0
        self._length = 1.0

    def propose(self, model: MixtureModel, em_step: MixtureModel) -> MixtureModel:
        """Propose the next mixture: after every second EM step an extrapolation, otherwise the EM step itself.

        Parameters
        ----------
        model : MixtureModel
            The present mixture.
        em_step : MixtureModel
            The result of one EM step from it.

        Returns
        -------
        MixtureModel
            `em_step` itself, the same object, where nothing is extrapolated.
        """
        self._history.append(model)
        if len(self._history) < 2:
            return em_step
        origin, middle, end = convert_to_coordinates([*self._history, em_step])
        self._history = []

        # r and v of the class's notes.
        step = middle - origin
        bend = end - origin - 2 * step
        curvature = float(np.sqrt(bend @ bend))
        if curvature == 0:
            return em_step

        # A length below 1 would be slower than EM itself; one at the limit worked so far, so the limit grows.
        self._length = min(max(1.0, float(np.sqrt(step @ step)) / curvature), self._max_length)
        if self._length == self._max_length:
            self._max_length *= _STEP_FACTOR
        if self._length == 1:
            return em_step
        point = origin + 2 * self._length * step + self._length**2 * bend
        return convert_from_coordinates(point, em_step) if np.abs(point).max() < _MAX_COORDINATE else em_step

    def reject(self) -> None:
        """Reject the last extrapolation and shorten the next one."""
        self._max_length = max(1.0, self._length / _STEP_FACTOR)


def convert_to_coordinates(models: Sequence[MixtureModel]) -> Floats:
    """Convert mixtures to points of a vector space.

    Parameters
    ----------
    models : sequence of MixtureModel
        At least one, all of the same size and kind.

    Returns
    -------
    ndarray of shape (len(models), m), float64
        Log weights, means and the packed matrix logarithms of the covariances; then the logarithms of the degrees of
        freedom and the log odds of noise, where there are any.
    """
    # All at once, as each operation takes longer to call than for the matrices of one mixture.
    values, vectors = np.linalg.eigh(np.array([model.covariances for model in models]))
    # Rounding can leave a 0 beside huge eigenvalues.
    values = np.maximum(values, np.finfo(float).tiny)
    # log(C) = V log(D) V' for the eigendecomposition C = V D V'.
    logarithms = (vectors * np.log(values)[..., None, :]) @ vectors.swapaxes(-2, -1)
    parts = [
        np.log(np.maximum([model.weights for model in models], _MIN_WEIGHT)),
        np.array([model.means for model in models]),
        pack(logarithms),
    ]
    if models[0].degrees_of_freedom.size:
        parts.append(np.log([model.degrees_of_freedom for model in models]))
    if models[0].noise_density > 0:
        shares = np.array([[model.noise_share] for model in models])
        parts.append(np.log(np.maximum(shares, _MIN_WEIGHT) / np.maximum(1 - shares, _MIN_WEIGHT)))
    return np.concatenate([part.reshape(len(models), -1) for part in parts], axis=1)


def convert_from_coordinates(point: Floats, like: MixtureModel) -> MixtureModel:
    """Convert a point back to a mixture: the inverse of :func:`convert_to_coordinates`.

    Parameters
    ----------
    point : ndarray of shape (m,), float64
    like : MixtureModel
        Gives the shapes, the covariance type and the noise density. Its empty components stay empty.

    Returns
    -------
    MixtureModel
        Variances and degrees of freedom are clipped to the range in which densities can be computed.
    """
    k, d = like.means.shape
    # Where the parts of the point end: weights, means, covariances, degrees of freedom, odds of noise.
    after_means = k + k * d
    after_covariances = after_means + k * d * (d + 1) // 2
    after_degrees = after_covariances + like.degrees_of_freedom.size

    # Exponentials bring the weights back; they are only known up to a factor.
    weights = np.exp(point[:k] - point[:k].max())
    weights[like.weights == 0] = 0.0
    values, vectors = np.linalg.eigh(unpack(point[after_means:after_covariances].reshape(k, -1)))
    variances = np.exp(values.clip(*_LOG_VARIANCE_RANGE))
    covariances = (vectors * variances[:, None, :]) @ vectors.swapaxes(1, 2)
    degrees, odds = point[after_covariances:after_degrees], point[after_degrees:]
    return replace(
        like,
        weights=weights / weights.sum(),
        means=point[k:after_means].reshape(k, d),
        covariances=covariances,
        degrees_of_freedom=np.exp(degrees.clip(*_LOG_DEGREES_RANGE)) if degrees.size else degrees,
        noise_share=float(1 / (1 + np.exp(-np.clip(odds[0], -500, 500)))) if odds.size else like.noise_share,
    )
