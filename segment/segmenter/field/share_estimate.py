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

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.field.calibration import compute_temperature, measure_overlap, temper_posteriors

__all__ = [
    "BorderPixels",
    "Calibration",
    "LabeledPixels",
    "ShareEstimate",
    "ShareSample",
    "choose_sample",
    "compute_doubts",
    "compute_share_deviations",
    "draw_share_sample",
    "make_share_sample",
    "pool_share_samples",
]

Planes = NDArray[np.float32]
Floats = NDArray[np.float64]

# Chosen on images with known classes: 1.645 deviations hold the true share in nine of ten.
DOUBT_WEIGHT, SHARED_DOUBT_WEIGHT, MOVE_WEIGHT, MIN_DEVIATION = 0.6, 1.0, 1.5, 5e-4
MAX_SAMPLE = 2**13  # pixels whose doubt is measured: more would not change it


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


@dataclass(frozen=True, eq=False)
class ShareSample:
    """What is kept of the posteriors of a random field to estimate shares later.

    Attributes
    ----------
    shares : ndarray of shape (k,), float64
        Means of the posteriors over all pixels that count.
    posteriors : ndarray of shape (k, n), float32
        Of some pixels, without a temperature.
    moves : ndarray of shape (k,), float64
        Shares by color alone minus those of the posteriors, on the copy.
    overlap : float, 0 to 1
        Expected share of wrong labels by color alone.
    correlation : float
        Of the deviations of neighbors.
    n_pixels : int
        Pixels of the image that count.
    """

    shares: Floats
    posteriors: Planes
    moves: Floats
    overlap: float
    correlation: float
    n_pixels: int

    def thin(self, share: float) -> ShareSample:
        """Keep no more pixels than are needed of a part of an image.

        Parameters
        ----------
        share : float, 0 to 1
            Of the image that the part is.

        Returns
        -------
        ShareSample
        """
        # Twice as many as all parts together may have: not all pixels of the other parts need be valid.
        return replace(self, posteriors=_thin(self.posteriors, math.ceil(2 * MAX_SAMPLE * share)))

    def estimate(self, numbers: NDArray[np.integer], cleanup_moves: Floats | float = 0.0) -> ShareEstimate:
        """Estimate the shares of the classes.

        Parameters
        ----------
        numbers : ndarray of shape (k,), integers 0..m-1
            The class that each of the k classes is merged into; 0..k-1 where they stay.
        cleanup_moves : ndarray of shape (m,), float64
            By how much clean-up by evidence changes the shares of the m classes.

        Returns
        -------
        ShareEstimate
            Of the m classes.
        """
        calibration = Calibration(self.correlation, compute_temperature(self.correlation, self.overlap))
        tempered = temper_posteriors(self.posteriors, calibration.temperature)
        doubts = compute_doubts(_merge(tempered, numbers)).mean(axis=1, dtype=np.float64)
        # That of the classes as they were fitted, so that merging some leaves the others as they are.
        mean_doubt = compute_doubts(tempered).mean(dtype=np.float64)
        shares = _merge(self.shares, numbers)
        deviations = compute_share_deviations(
            shares,
            doubts,
            mean_doubt,
            _merge(self.moves, numbers),
            self.correlation,
            cleanup_moves=cleanup_moves,
        )
        return ShareEstimate(shares, deviations, calibration)


class LabeledPixels(NamedTuple):
    """The labels of an image before clean-up.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), uint8
        Labels 1..k; 0 where a pixel is not valid or is rejected.
    shares : ShareSample, optional
        What the shares of the classes are estimated from: known for a random field.
    design_effect : float, optional
        As :func:`segment.segmenter.pixel_evidence.measure_design_effect` measures it, where the field has what it
        takes.
    """

    label_image: NDArray[np.uint8]
    shares: ShareSample | None = None
    design_effect: float | None = None


class BorderPixels(NamedTuple):
    """Pixels of an image that are labeled at full resolution, beside borders.

    Attributes
    ----------
    sums : ndarray of shape (k,), float64
        Of the posteriors of all of them.
    posteriors : ndarray of shape (k, n), float32
        Of some of them.
    """

    sums: Floats
    posteriors: Planes


def draw_share_sample(
    posteriors: Planes,
    logs: Planes,
    weights: Planes,
    correlation: float,
    *,
    is_at_border: NDArray[np.bool_] | None = None,
    at_border: BorderPixels | None = None,
) -> ShareSample:
    """Draw the sample that shares are estimated from: every s-th of the pixels that count.

    Parameters
    ----------
    posteriors, logs : ndarray of shape (k, h, w), float32
        Of the random field, and the logarithms of those by color alone.
    weights : ndarray of shape (h, w), float32
        How many pixels of the image each pixel of the copy stands for; 0 where it does not count. At least one counts.
    correlation : float
        Of the deviations of neighbors.
    is_at_border : ndarray of shape (h, w), bool, optional
        Pixels of the copy in whose place those of the image count.
    at_border : BorderPixels, optional
        These.

    Returns
    -------
    ShareSample
    """
    flat, flat_logs = (planes.reshape(len(planes), -1) for planes in (posteriors, logs))
    plain = (weights if is_at_border is None else np.where(is_at_border, np.float32(0), weights)).reshape(-1)
    # NumPy adds up by pairs, so that single precision is exact enough.
    sums = np.array([(plane * plain).sum() for plane in flat], dtype=np.float64)
    at = choose_sample(weights > 0)
    return make_share_sample(sums, flat[:, at], flat_logs[:, at], plain[at] > 0, correlation, at_border)


def make_share_sample(
    sums: Floats,
    posteriors: Planes,
    logs: Planes,
    is_plain: NDArray[np.bool_],
    correlation: float,
    at_border: BorderPixels | None,
) -> ShareSample:
    """Make the sample that shares are estimated from.

    A pixel of a copy that straddles a border has a mixed color, that of a third class perhaps. In its place the pixels
    of the image count.

    Parameters
    ----------
    sums : ndarray of shape (k,), float64
        Of the posteriors of the pixels of the image away from borders.
    posteriors, logs : ndarray of shape (k, n), float32
        Of some pixels of the copy.
    is_plain : ndarray of shape (n,), bool
        Those away from borders.
    correlation : float
        Of the deviations of neighbors.
    at_border : BorderPixels, optional
        Those beside borders.

    Returns
    -------
    ShareSample
    """
    moves = (np.exp(logs) - posteriors).mean(axis=1, dtype=np.float64)
    overlap = measure_overlap(logs, np.ones(logs.shape[1:], dtype=bool))
    sample = posteriors[:, is_plain] if at_border is not None or is_plain.any() else posteriors
    n_plain = float(sums.sum())
    if at_border is not None:
        # As many for each pixel of the image as of those away from borders.
        n = round(sample.shape[1] * float(at_border.sums.sum()) / n_plain) if is_plain.any() else MAX_SAMPLE
        sample = np.concatenate([sample, _thin(at_border.posteriors, n)], axis=1)
        sums = sums + at_border.sums
    return ShareSample(sums / sums.sum(), sample, moves, overlap, correlation, round(float(sums.sum())))


def choose_sample(counted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Choose every s-th of the pixels that count.

    Parameters
    ----------
    counted : ndarray of shape (h, w), bool
        Pixels that count; at least one.

    Returns
    -------
    ndarray of shape (n,), int
        Their numbers in row order, about `MAX_SAMPLE` of many.
    """
    at = np.flatnonzero(counted)
    # A step that has no divisor in common with the width passes over no column.
    step = max(1, at.size // MAX_SAMPLE)
    while math.gcd(step, counted.shape[1]) > 1:
        step += 1
    return at[::step]


def pool_share_samples(samples: Sequence[ShareSample]) -> ShareSample | None:
    """Pool the samples of the parts of an image.

    Parameters
    ----------
    samples : sequence of ShareSample
        Of the same classes and correlation.

    Returns
    -------
    ShareSample or None
        Each part counts by its pixels; None without parts.
    """
    if not samples:
        return None
    n_pixels = sum(sample.n_pixels for sample in samples)
    weights = np.array([sample.n_pixels / n_pixels for sample in samples])
    # Of each part as many pixels as it has of the whole.
    density = min(MAX_SAMPLE / n_pixels, *(sample.posteriors.shape[1] / sample.n_pixels for sample in samples))
    posteriors = [_thin(sample.posteriors, round(density * sample.n_pixels)) for sample in samples]
    return ShareSample(
        weights @ [sample.shares for sample in samples],
        np.concatenate(posteriors, axis=1),
        weights @ [sample.moves for sample in samples],
        float(weights @ [sample.overlap for sample in samples]),
        samples[0].correlation,
        n_pixels,
    )


def _thin(posteriors: Planes, n: int) -> Planes:
    """Take n pixels of posteriors (k, m), evenly, or all if they are fewer."""
    m = posteriors.shape[1]
    return posteriors if n >= m else posteriors[:, np.arange(n) * m // max(n, 1)]


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
    # No share of this mean that lies between 0 and 1 deviates more.
    return np.asarray(np.minimum(deviations, np.sqrt(np.clip(shares * (1 - shares), 0.0, None))))


def _merge(values: NDArray[Any], numbers: NDArray[np.integer]) -> NDArray[Any]:
    """Add up the rows (k, ...) of the classes that are merged: (m, ...)."""
    merged = np.zeros((int(numbers.max()) + 1, *values.shape[1:]), dtype=values.dtype)
    np.add.at(merged, numbers, values)
    return merged
