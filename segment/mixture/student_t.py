"""Student-t densities computed from Gaussian ones, and their degrees of freedom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.threads import IMPORT_LOCK

__all__ = ["MAX_DEGREES", "MIN_DEGREES", "convert_to_student_t", "fit_degrees_of_freedom"]

Floats = NDArray[np.float64]

# Degrees of freedom: 1 is the Cauchy distribution, and 200 is nearly Gaussian.
MIN_DEGREES, MAX_DEGREES = 1.0, 200.0


def convert_to_student_t(joint: Floats, peaks: Floats, degrees: Floats, d: int) -> tuple[Floats, Floats]:
    """Convert log joint densities of Gaussian components to those of t components, with the expected latent scales.

    Parameters
    ----------
    joint : ndarray of shape (k, n), float64
        Log of weight times Gaussian density.
    peaks : ndarray of shape (k,), float64
        The same at the means of the components.
    degrees : ndarray of shape (k,), float64, > 0
        Degrees of freedom: the lower, the heavier the tails.
    d : int, >= 1
        Number of features.

    Returns
    -------
    log_joint : ndarray of shape (k, n), float64
        Log of weight times t density.
    scales : ndarray of shape (k, n), float64, > 0
        ``(degrees + d) / (degrees + distance**2)``, the expectation of the latent scale given the observation (Peel &
        McLachlan 2000, Statistics and Computing 10, 339-348). Observations far from the mean have small scales.

    Notes
    -----
    For a cell of scatter S the squared distance contains ``tr(inv(covariance) @ S)``: it is the mean over the cell.
    The t log density is convex in the squared distance, so the result is again a lower bound of its mean.

    Examples
    --------
    A Cauchy distribution (one degree of freedom) has the density 1 / pi at its center:

    >>> import numpy as np
    >>> peak = -np.log(2 * np.pi) / 2
    >>> log_joint, scales = convert_to_student_t(np.array([[peak]]), np.array([peak]), np.array([1.0]), 1)
    >>> np.exp(log_joint).round(4).tolist(), scales.tolist()
    ([[0.3183]], [[2.0]])
    """
    with IMPORT_LOCK:
        from scipy.special import gammaln

    # The Gaussian log density is its peak minus half the squared Mahalanobis distance, which gives the distance.
    squares = np.maximum(2 * (peaks[:, None] - joint), 0.0)
    column = degrees[:, None]
    half = (column + d) / 2
    # log t(x) = log peak + log Gamma((v + d) / 2) - log Gamma(v / 2) + d / 2 log(2 / v) - (v + d) / 2 log(1 + D^2 / v),
    # where the Gaussian peak already contains (2 pi)^(-d / 2) det(C)^(-1 / 2).
    constants = peaks[:, None] + gammaln(half) - gammaln(column / 2) + d / 2 * np.log(2 / column)
    return constants - half * np.log1p(squares / column), (column + d) / (column + squares)


def fit_degrees_of_freedom(mean_log_scales: Floats, degrees: Floats, d: int) -> Floats:
    """Fit the degrees of freedom of t components: the M-step of Peel & McLachlan (2000), equation 30.

    Parameters
    ----------
    mean_log_scales : ndarray of shape (k,), float64
        Mean of ``log(u) - u`` over the observations of each component, u being their scales.
    degrees : ndarray of shape (k,), float64, > 0
        The present degrees of freedom.
    d : int, >= 1
        Number of features.

    Returns
    -------
    ndarray of shape (k,), float64
        The next degrees of freedom, from `MIN_DEGREES` to `MAX_DEGREES`.
    """
    with IMPORT_LOCK:
        from scipy.special import psi

    # The part of the equation that does not depend on the unknown v: 1 + mean(log u - u) + psi((v0 + d) / 2)
    # - log((v0 + d) / 2), with v0 the present degrees of freedom.
    half = (degrees + d) / 2
    known = 1 + mean_log_scales + psi(half) - np.log(half)
    low, high = np.full(len(degrees), np.log(MIN_DEGREES)), np.full(len(degrees), np.log(MAX_DEGREES))
    # Bisection on log v: log(v / 2) - psi(v / 2) + known falls with v, so its root is bracketed.
    for _ in range(50):
        middle = (low + high) / 2
        half = np.exp(middle) / 2
        is_below_root = np.log(half) - psi(half) + known > 0
        low, high = np.where(is_below_root, middle, low), np.where(is_below_root, high, middle)
    return np.asarray(np.exp((low + high) / 2))
