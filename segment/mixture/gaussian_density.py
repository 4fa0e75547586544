"""Log densities of Gaussian components as products of natural parameters with moments.

The log density of a Gaussian is linear in the moments 1, x and x x' of an observation, so the log densities of all
components at all cells are one matrix product. A cell's scatter S is added to x x'.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, get_triangle_indices, pack

__all__ = [
    "MIN_LOG",
    "compute_log_peaks",
    "compute_log_weights",
    "compute_moments",
    "compute_natural_parameters",
    "compute_squared_distances",
    "split_into_blocks",
]

Floats = NDArray[np.float64]

# Log weight of an empty component: minus infinity would put NaN into the matrix products.
MIN_LOG = -1e300
# Cells processed at once: their moments and log densities stay in the processor's cache.
_BLOCK_CELLS = 8192


def split_into_blocks(n: int) -> Iterator[slice]:
    """Yield slices that cut n cells into blocks whose moments and log densities stay in the processor's cache.

    Parameters
    ----------
    n : int, >= 0

    Returns
    -------
    iterator of slice
    """
    return (slice(start, min(start + _BLOCK_CELLS, n)) for start in range(0, n, _BLOCK_CELLS))


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
    x = cells.means.T
    rows, columns = get_triangle_indices(cells.n_features)
    stacked = np.empty((1 + len(x) + len(rows), len(cells)))
    stacked[0] = 1.0
    stacked[1 : 1 + len(x)] = x
    np.multiply(x[rows], x[columns], out=stacked[1 + len(x) :])
    stacked[1 + len(x) :] += cells.scatters.T
    return stacked


def compute_natural_parameters(weights: Floats, means: Floats, covariances: Floats) -> Floats:
    """Compute the factors of :func:`compute_moments` in the log of weight times density.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64
    means : ndarray of shape (k, d), float64
    covariances : ndarray of shape (k, d, d), float64

    Returns
    -------
    ndarray of shape (k, 1 + d + d (d + 1) / 2), float64
        With P the inverse of a component's covariance and m its mean:
        ``log w - (d log 2 pi - log det P + m' P m) / 2``, ``P m`` and ``-P / 2``.
    """
    # Inversion leaves rounding that is not symmetric, which packing would keep in part.
    precisions = np.linalg.inv(covariances)
    precisions = (precisions + np.swapaxes(precisions, 1, 2)) / 2
    linear = (precisions @ means[:, :, None])[:, :, 0]
    constant = compute_log_peaks(weights, covariances) - (linear * means).sum(axis=1) / 2
    # The packed x x' holds every product of two different features once, the sum x' P x needs it twice.
    twice_off_diagonal = pack(2.0 - np.eye(means.shape[1]))
    return np.concatenate([constant[:, None], linear, -pack(precisions) / 2 * twice_off_diagonal], axis=1)


def compute_log_peaks(weights: Floats, covariances: Floats) -> Floats:
    """Compute the log of weight times Gaussian density at each component's mean.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64
    covariances : ndarray of shape (k, d, d), float64

    Returns
    -------
    ndarray of shape (k,), float64
    """
    log_determinants = np.linalg.slogdet(covariances)[1]
    return np.asarray(compute_log_weights(weights) - (covariances.shape[-1] * np.log(2 * np.pi) + log_determinants) / 2)


def compute_log_weights(weights: Floats) -> Floats:
    """Compute the logarithms of the weights: finite, though very small, for an empty component.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64

    Returns
    -------
    ndarray of shape (k,), float64
    """
    # The inner choice keeps log(0) and its warning away.
    positive = weights > 0
    return np.asarray(np.where(positive, np.log(np.where(positive, weights, 1.0)), MIN_LOG))


def compute_squared_distances(cells: Cells, mean: Floats, covariance: Floats) -> Floats:
    """Compute the mean squared Mahalanobis distance of each cell's observations from one Gaussian.

    Exact however small the covariance is beside the mean, unlike :func:`compute_natural_parameters`, whose sums cancel,
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
