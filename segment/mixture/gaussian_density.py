"""Log densities of Gaussian components as products of natural parameters with moments.

The log density of a Gaussian is linear in the moments 1, x and x x' of an observation, so the log densities of all
components at all cells are one matrix product. A cell's scatter S is added to x x'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.mixture.cells import Cells
from segment.mixture.covariances import MANY_MATRICES
from segment.mixture.packed_matrices import get_triangle_indices, pack

__all__ = [
    "MIN_LOG",
    "GaussianTerms",
    "compute_gaussian_terms",
    "compute_log_weights",
    "compute_moments",
    "compute_responsibilities",
    "compute_squared_distances",
    "invert_covariances",
    "split_into_blocks",
    "sum_expected_moments",
]

Floats = NDArray[np.float64]

_LOG_TWO_PI = math.log(2 * math.pi)
# Log weight of an empty component, and of noise where there is none: minus infinity would put NaN into products and
# differences.
MIN_LOG = -1e300
# Cells processed at once: their moments and log densities stay in the processor's cache. Of many components, the log
# densities of fewer cells fit in it.
_BLOCK_CELLS, _FEW_COMPONENTS = 8192, 16
_BLOCK_VALUES, _MIN_BLOCK_CELLS = 2**15, 512
_MIN_EXPONENT = -700.0
_MIN_TOTAL = 1e-250  # of densities that are computed without subtracting the largest logarithm first


def split_into_blocks(n: int, n_components: int = 1) -> Iterator[slice]:
    """Yield slices that cut n cells into blocks whose moments and log densities stay in the processor's cache.

    Parameters
    ----------
    n : int, >= 0
    n_components : int
        Components whose log densities are computed.

    Returns
    -------
    iterator of slice
    """
    is_many = n_components > _FEW_COMPONENTS
    step = max(_MIN_BLOCK_CELLS, _BLOCK_VALUES // n_components) if is_many else _BLOCK_CELLS
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def compute_moments(cells: Cells) -> Floats:
    """Compute the moments 1, x and the packed x x' + S, in which a Gaussian's log density is linear.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions, S being their scatters.

    Returns
    -------
    ndarray of shape (1 + d + d (d + 1) / 2, n), float64

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> compute_moments(make_point_cells([[2.0, 3.0]])).T
    array([[1., 2., 3., 4., 6., 9.]])
    """
    d, at = cells.n_features, 1 + cells.n_features
    stacked = np.empty((at + d * (d + 1) // 2, len(cells)))
    stacked[0] = 1.0
    stacked[1:at] = cells.means.T
    x, products = stacked[1:at], stacked[at:]
    # Row by row of the packed triangle: the features of all products at once would be copies of twice their size.
    for i in range(d):
        np.multiply(x[i], x[i:], out=products[i * d - i * (i - 1) // 2 :][: d - i])
    products += cells.scatters.T
    return stacked


class GaussianTerms(NamedTuple):
    """What the log densities of k Gaussian components in d dimensions are computed from.

    Attributes
    ----------
    precisions : ndarray of shape (k, d, d), float64
        The inverse P of each covariance, exactly symmetric.
    log_determinants : ndarray of shape (k,), float64
        Of the covariances.
    log_peaks : ndarray of shape (k,), float64
        Log of weight w times density at each component's mean: ``log w - (d log 2 pi - log det P) / 2``.
    parameters : ndarray of shape (k, 1 + d + d (d + 1) / 2), float64
        The factors of :func:`compute_moments` in the log of weight times density, with m the mean of a component:
        ``log peak - m' P m / 2``, ``P m`` and ``-P / 2``.
    """

    precisions: Floats
    log_determinants: Floats
    log_peaks: Floats
    parameters: Floats


def compute_gaussian_terms(weights: Floats, means: Floats, covariances: Floats) -> GaussianTerms:
    """Compute what the log densities of Gaussian components are computed from.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64
    means : ndarray of shape (k, d), float64
    covariances : ndarray of shape (k, d, d), float64

    Returns
    -------
    GaussianTerms
    """
    d = means.shape[1]
    precisions, log_determinants = invert_covariances(covariances)
    log_peaks = compute_log_weights(weights) - (d * _LOG_TWO_PI + log_determinants) / 2
    # Components last, as in the M-step: an operation is one loop over all of them.
    by_entry, by_feature = precisions.transpose(1, 2, 0), np.ascontiguousarray(means.T)
    linear = (by_entry * by_feature).sum(axis=1)
    parameters = np.empty((1 + d + d * (d + 1) // 2, len(weights)))
    parameters[0] = log_peaks - (linear * by_feature).sum(axis=0) / 2
    parameters[1 : 1 + d] = linear
    # The packed x x' holds every product of two different features once, the sum x' P x needs it twice.
    np.multiply(by_entry[get_triangle_indices(d)], _get_entry_factors(d), out=parameters[1 + d :])
    return GaussianTerms(precisions, log_determinants, log_peaks, parameters.T)


@cache
def _get_entry_factors(d: int) -> Floats:
    """Return -1/2 for the entries on the diagonal of a packed matrix and -1 for those beside it: (t, 1)."""
    return pack(np.eye(d) / 2 - 1)[:, None]


def compute_responsibilities(joint: Floats, weights: Floats, n_runs: int) -> tuple[Floats, Floats | float, Floats]:
    """Compute responsibilities times the weights of the cells from log joint densities.

    Parameters
    ----------
    joint : ndarray of shape (n_runs * k, b), float64
        Log of weight times density of the k components of each run at b cells.
    weights : ndarray of shape (b,), float64
        Of the cells.
    n_runs : int, >= 1

    Returns
    -------
    responsibilities : ndarray of shape (n_runs * k, b), float64
    top, total : ndarray of shape (n_runs, b), float64
        The log density of a cell is ``top + log(total)``: the logarithm is taken only where it is asked for. `top` may
        be one number.

    Examples
    --------
    >>> compute_responsibilities(np.log([[0.3], [0.1]]), np.array([8.0]), 1)[0].round(3).tolist()
    [[6.0], [2.0]]
    """
    exp, shape = load_cv2().exp, (n_runs, -1, len(weights))
    found = exp(joint).reshape(shape)
    total = found.sum(axis=1)
    top: Floats | float = 0.0
    if not (total.min() > _MIN_TOTAL and total.max() < 1 / _MIN_TOTAL):
        # Of cells far from all components, whose densities underflow: the largest term is subtracted before exp.
        own = joint.reshape(shape)
        top = largest = own.max(axis=1)
        found = exp((own - largest[:, None]).reshape(joint.shape)).reshape(shape)
        total = found.sum(axis=1)
    found *= (weights / total)[:, None]
    return found.reshape(joint.shape), top, total


def sum_expected_moments(
    parameters: Floats, weights: Floats, moments: Floats, shift: float | None = None
) -> tuple[Floats, float]:
    """Compute the E-step of many components on one block of cells: as few passes over the densities as there can be.

    Parameters
    ----------
    parameters : ndarray of shape (k, m), float64
        Those of :class:`GaussianTerms`.
    weights : ndarray of shape (b,), float64
        Of the cells.
    moments : ndarray of shape (m, b), float64
        Of the cells.
    shift : float, optional
        A log joint density that some component exceeds at each cell, and none by more than 600.

    Returns
    -------
    sums : ndarray of shape (k, m), float64
        Of the moments, with weight times responsibility.
    log_likelihood : float
        Sum of the weights times the cells' log densities.
    """
    top: Floats | float
    if shift is None:
        joint = parameters @ moments
        top = joint.max(axis=0)
        joint -= top
    else:
        # Subtracted from the constants, it costs nothing.
        parameters = parameters.copy()
        parameters[:, 0] -= shift
        joint, top = parameters @ moments, shift
    # Exponentials that underflow take ten times as long as others; this limit is nothing beside the largest. Those of
    # OpenCV take half the time of NumPy's.
    load_cv2().exp(np.maximum(joint, _MIN_EXPONENT, out=joint), joint)
    total = np.ones(len(joint)) @ joint
    # The moments take the factors of a cell: they are fewer than the components.
    return joint @ (moments * (weights / total)).T, float((top + np.log(total)) @ weights)


def invert_covariances(covariances: Floats) -> tuple[Floats, Floats]:
    """Invert covariance matrices and compute the logarithms of their determinants.

    Parameters
    ----------
    covariances : ndarray of shape (k, d, d), float64
        Positive definite.

    Returns
    -------
    precisions : ndarray of shape (k, d, d), float64
        Exactly symmetric.
    log_determinants : ndarray of shape (k,), float64
        Of the covariances.

    Examples
    --------
    >>> precisions, log_determinants = invert_covariances(np.array([[[2.0, 0.0], [0.0, 4.0]]]))
    >>> precisions.tolist(), log_determinants.round(3).tolist()
    ([[[0.5, 0.0], [0.0, 0.25]]], [2.079])
    """
    if len(covariances) < MANY_MATRICES:
        # Inversion leaves rounding that is not symmetric, which packing would keep in part.
        precisions = np.linalg.inv(covariances)
        return (precisions + precisions.swapaxes(1, 2)) / 2, np.linalg.slogdet(covariances)[1]
    # The sweep operator (Goodnight 1979, The American Statistician 33, 149-158) is applied to all matrices in each
    # operation: swept by every row, A becomes -inv(A), and the determinant is the product of the pivots.
    swept = covariances.transpose(1, 2, 0).copy()
    pivots = np.empty(swept.shape[1:])
    for i in range(len(swept)):
        row, pivots[i] = swept[i].copy(), swept[i, i]
        pivot = pivots[i]
        scaled = row / np.sqrt(pivot)
        swept -= scaled[:, None] * scaled
        swept[i] = swept[:, i] = row / pivot
        swept[i, i] = -1 / pivot
    return -swept.transpose(2, 0, 1), np.log(pivots).sum(axis=0)


def compute_log_weights(weights: Floats) -> Floats:
    """Compute the logarithms of the weights: finite, though very small, for an empty component.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64

    Returns
    -------
    ndarray of shape (k,), float64
    """
    return np.log(weights, out=np.full(len(weights), MIN_LOG), where=weights > 0)


def compute_squared_distances(cells: Cells, mean: Floats, covariance: Floats) -> Floats:
    """Compute the mean squared Mahalanobis distance of each cell's observations from one Gaussian.

    Exact however small the covariance is beside the mean, unlike :class:`GaussianTerms`, whose sums cancel,
    but which is many times faster.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    mean : ndarray of shape (d,), float64
    covariance : ndarray of shape (d, d), float64

    Returns
    -------
    ndarray of shape (n,), float64
    """
    # In units of the component's own deviations around its own mean nothing cancels.
    scale = np.sqrt(np.diagonal(covariance))
    own = cells.rescale(mean, scale)
    precision = np.linalg.inv(covariance / (scale[:, None] * scale))
    # The scatter S inside a cell adds tr(P S), computed from the packed halves of both.
    within = own.scatters @ (pack(precision) * pack(2.0 - np.eye(len(mean))))
    return np.asarray(((own.means @ precision) * own.means).sum(axis=1) + within)
