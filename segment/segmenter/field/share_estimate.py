"""How large the shares of the classes are by the posteriors of a random field, and how sure that is.

Noise of single pixels averages out over an image; what makes a share wrong is shared by many pixels: an optimum of the
fit, the place of a border, shading that goes over into another class. Three measures of it were found to tell on images
with known classes (``tests/benchmarks/QUALITY.md``), and their squares add up:

* the *doubt*, the mean probability of being wrong about a class, by calibrated posteriors. It counts more where
  neighbors share their deviations, as then whole areas are wrong together;
* the *move*, by how much the neighbors change the share that colors alone give, and clean-up by evidence that of the
  labels: at sharp borders its labels are the better ones;
* half a thousandth, for borders that run through pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "ShareEstimate", "compute_doubts", "compute_share_deviations", "limit_deviations"]

Planes = NDArray[np.float32]
Floats = NDArray[np.float64]

# Chosen on images with known classes: 1.645 deviations hold the true share in nine of ten.
DOUBT_WEIGHT, SHARED_DOUBT_WEIGHT, MOVE_WEIGHT, MIN_DEVIATION = 0.6, 1.0, 1.5, 5e-4


class Calibration(NamedTuple):
    """How sure the posteriors of an image may be.

    Attributes
    ----------
    correlation : float
        Of deviations from the mean of the class with those of the neighbors, at most 1.
    temperature : float, >= 1
        What log odds are divided by.
    """

    correlation: float
    temperature: float


@dataclass(frozen=True, eq=False)
class ShareEstimate:
    """The expected share of each class and its standard deviation.

    Attributes
    ----------
    shares : ndarray of shape (k,), float64, 0 to 1
        Means of the posteriors; sum to 1.
    deviations : ndarray of shape (k,), float64
        Standard deviations of the true shares from these.
    calibration : Calibration
        Of the posteriors.
    """

    shares: Floats
    deviations: Floats
    calibration: Calibration


def compute_doubts(tempered: Planes) -> Planes:
    """Compute the probability of being wrong about each class at each pixel.

    Parameters
    ----------
    tempered : ndarray of shape (k, n), float32
        Posteriors of a random field with their temperature.

    Returns
    -------
    ndarray of shape (k, n), float32, 0 to 0.5

    Examples
    --------
    >>> compute_doubts(np.array([[0.75, 0.5], [0.25, 0.5]], np.float32)).tolist()
    [[0.25, 0.5], [0.25, 0.5]]
    """
    return np.minimum(tempered, 1 - tempered)


def compute_share_deviations(
    shares: Floats,
    doubts: Floats,
    mean_doubt: float | Floats,
    moves: Floats,
    correlation: float,
    *,
    cleanup_moves: float | Floats = 0.0,
) -> Floats:
    """Compute the standard deviations of the shares of classes.

    Parameters
    ----------
    shares : ndarray of shape (..., k), float64, 0 to 1
        Expected shares.
    doubts : ndarray of shape (..., k), float64
        Mean of :func:`compute_doubts` for each class.
    mean_doubt : float, or ndarray of shape (..., 1), float64
        Mean of the doubts of all classes before any were merged.
    moves : ndarray of shape (..., k), float64
        Shares by color alone minus those with the neighbors, or the reverse.
    correlation : float
        Of the deviations of neighbors.
    cleanup_moves : float, or ndarray of shape (..., k), float64
        By how much clean-up by evidence changes the shares of the labels.

    Returns
    -------
    ndarray of shape (..., k), float64
        0 where there is one class.

    Examples
    --------
    Two classes that are hard to tell apart, in noise and where whole areas are wrong together:

    >>> shares, doubts, moves = np.array([0.3, 0.7]), np.array([0.04, 0.04]), np.array([0.01, -0.01])
    >>> [compute_share_deviations(shares, doubts, 0.04, moves, rho).round(3).tolist() for rho in (0.0, 1.0)]
    [[0.028, 0.028], [0.066, 0.066]]
    """
    if doubts.shape[-1] < 2:
        return np.zeros_like(doubts)
    weight = DOUBT_WEIGHT + SHARED_DOUBT_WEIGHT * max(correlation, 0.0) ** 2
    # A small class takes its errors from the large ones beside it: its doubt is drawn towards the mean of all.
    squares = weight**2 * doubts * mean_doubt
    deviations = np.sqrt(squares + (MOVE_WEIGHT * moves) ** 2 + np.square(cleanup_moves) + MIN_DEVIATION**2)
    return limit_deviations(deviations, shares)


def limit_deviations(deviations: Floats, shares: Floats) -> Floats:
    """Limit standard deviations to what shares of these means can have, as they lie between 0 and 1.

    Parameters
    ----------
    deviations : ndarray, float64
        Standard deviations of the shares.
    shares : ndarray of the same shape, float64, 0 to 1
        Expected shares; NaN where there is none.

    Returns
    -------
    ndarray of the same shape, float64

    Examples
    --------
    >>> limit_deviations(np.array([0.3, 0.3, 0.3]), np.array([0.5, 0.01, 1.0])).round(4).tolist()
    [0.3, 0.0995, 0.0]
    """
    return np.asarray(np.minimum(deviations, np.sqrt(np.clip(shares * (1 - shares), 0.0, None))))
