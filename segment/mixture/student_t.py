"""Student-t densities from Gaussian ones: heavier tails, so far-off observations weigh less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_DEGREES", "MIN_DEGREES", "convert_to_student_t", "fit_degrees_of_freedom"]

Floats = NDArray[np.float64]

MIN_DEGREES, MAX_DEGREES = 1.0, 200.0  # Cauchy, and next to Gaussian


def convert_to_student_t(joint: Floats, peaks: Floats, degrees: Floats, d: int) -> tuple[Floats, Floats]:
    """Log joint densities of t components, and what each observation weighs for each of them.

    A Gaussian's log density falls by half the squared Mahalanobis distance below its peak, so the distance needs no
    computing of its own. For a cell it includes ``tr(inv(covariance) @ S)`` of the scatter S, its mean over the cell;
    as the t log density is convex in the squared distance, what comes out is again a lower bound of its mean.

    Parameters
    ----------
    joint : ndarray of shape (k, n)
        Log of weight times Gaussian density.
    peaks : ndarray of shape (k,)
        The same at the components' means.
    degrees : ndarray of shape (k,), > 0
        Degrees of freedom.
    d : int
        Number of features.

    Returns
    -------
    log_joint : ndarray of shape (k, n)
    scales : ndarray of shape (k, n), > 0
        ``(degrees + d) / (degrees + distance**2)``, the expectation of the latent scale given the observation (Peel &
        McLachlan 2000, Statistics and Computing 10, 339-348).
    """
    from scipy.special import gammaln

    squares = np.maximum(2 * (peaks[:, None] - joint), 0.0)
    column = degrees[:, None]
    half = (column + d) / 2
    constants = peaks[:, None] + gammaln(half) - gammaln(column / 2) + d / 2 * np.log(2 / column)
    return constants - half * np.log1p(squares / column), (column + d) / (column + squares)


def fit_degrees_of_freedom(mean_log_scales: Floats, degrees: Floats, d: int) -> Floats:
    """The degrees of freedom (k,) of the next M-step: the root of equation 30 of Peel & McLachlan (2000), by bisection.

    Parameters
    ----------
    mean_log_scales : ndarray of shape (k,)
        Mean of ``log(u) - u`` over the observations of each component, u being their scales.
    degrees : ndarray of shape (k,)
        The present degrees of freedom.
    d : int
    """
    from scipy.special import psi

    half = (degrees + d) / 2
    known = 1 + mean_log_scales + psi(half) - np.log(half)
    low, high = np.full(len(degrees), np.log(MIN_DEGREES)), np.full(len(degrees), np.log(MAX_DEGREES))
    for _ in range(50):
        middle = (low + high) / 2
        half = np.exp(middle) / 2
        rising = np.log(half) - psi(half) + known > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.asarray(np.exp((low + high) / 2))
