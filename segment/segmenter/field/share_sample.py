"""The sample of the posteriors of a random field from which the shares of the classes are estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.field.calibration import compute_temperature, measure_overlap, temper_posteriors
from segment.segmenter.field.share_estimate import (
    Calibration,
    ShareEstimate,
    compute_doubts,
    compute_share_deviations,
)

__all__ = [
    "BorderPixels",
    "LabeledPixels",
    "ShareSample",
    "choose_share_pixels",
    "draw_share_sample",
    "make_share_sample",
    "pool_share_samples",
]

Planes = NDArray[np.float32]
Floats = NDArray[np.float64]

MAX_SAMPLE = 2**13  # pixels whose doubt is measured: more would not change it


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
    plain: Planes | None = None,
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
    plain : ndarray of shape (h, w), float32, optional
        The same with 0 where pixels of the image count in place of those of the copy.
    at_border : BorderPixels, optional
        These pixels of the image.

    Returns
    -------
    ShareSample
    """
    flat, flat_logs = (planes.reshape(len(planes), -1) for planes in (posteriors, logs))
    plain = (weights if plain is None else plain).reshape(-1)
    # NumPy adds up by pairs, so that single precision is exact enough.
    sums = np.array([(plane * plain).sum() for plane in flat], dtype=np.float64)
    at = choose_share_pixels(weights > 0)
    # Indices in brackets would put the classes of a pixel side by side, which takes all that follows twice the time.
    sample, sample_logs = flat.take(at, axis=1), flat_logs.take(at, axis=1)
    return make_share_sample(sums, sample, sample_logs, plain[at] > 0, correlation, at_border)


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
    sample = posteriors.compress(is_plain, axis=1) if at_border is not None or is_plain.any() else posteriors
    n_plain = float(sums.sum())
    if at_border is not None:
        # As many for each pixel of the image as of those away from borders.
        n = round(sample.shape[1] * float(at_border.sums.sum()) / n_plain) if is_plain.any() else MAX_SAMPLE
        sample = np.concatenate([sample, _thin(at_border.posteriors, n)], axis=1)
        sums = sums + at_border.sums
    return ShareSample(sums / sums.sum(), sample, moves, overlap, correlation, round(float(sums.sum())))


def choose_share_pixels(counted: NDArray[np.bool_]) -> NDArray[np.intp]:
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
    return posteriors if n >= m else posteriors.take(np.arange(n) * m // max(n, 1), axis=1)


def _merge(values: NDArray[Any], numbers: NDArray[np.integer]) -> NDArray[Any]:
    """Add up the rows (k, ...) of the classes that are merged: (m, ...)."""
    merged = np.zeros((int(numbers.max()) + 1, *values.shape[1:]), dtype=values.dtype)
    for number, row in zip(numbers.tolist(), values, strict=True):
        merged[number] += row
    return merged
