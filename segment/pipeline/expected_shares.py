"""The shares of classes that the posteriors expect."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segment.core.interest import RegionsOfInterest
from segment.pipeline.result import Segmentation

__all__ = ["compute_expected_shares"]

Floats = NDArray[np.float64]

CHUNK_PIXELS = 2**16  # whose posteriors are in memory at once
MAX_SAMPLE = 2**18  # pixels of an image without regions of interest that the expected shares are computed from


def compute_expected_shares(result: Segmentation) -> Floats:
    """Compute the share of each class that the posteriors expect: their mean over the pixels that have a label.

    These are the posteriors of the spatial model without a temperature, which would pull the shares together.

    It differs from the share of the labels where pixels are uncertain, and clean-up does not change it.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    ndarray of shape (n, k), float64
        A row for each region of interest, or one for the whole image. NaN where no pixel counts, and for a class whose
        share is NaN. An image of more than 2 ** 18 pixels without regions of interest is sampled: every s-th pixel in
        the order of rows counts.
    """
    k, working = result.n_classes, result.working
    interest = result.image.interest
    n_rows = 1 if interest is None else len(interest.names)
    if k == 0:
        return np.full((n_rows, k), np.nan)
    labels = result.find_working_labels().reshape(-1)
    regions = None if interest is None else _shrink(interest, working.valid.shape).reshape(-1)
    # A step that has no divisor in common with the width passes over no column.
    step = 1 if interest is not None else max(1, labels.size // MAX_SAMPLE)
    while math.gcd(step, working.width) > 1:
        step += 1
    numbers = np.arange(0, labels.size, step)
    sums = np.zeros((n_rows, k))
    # A temperature pulls posteriors towards equal shares.
    look_up = result.prepare_posteriors(is_tempered=False)
    for start in range(0, numbers.size, CHUNK_PIXELS):
        at = numbers[start : start + CHUNK_PIXELS]
        at = at[labels[at] > 0]
        posteriors = look_up(at)
        rows = np.zeros(at.size, np.intp) if regions is None else regions[at].astype(np.intp) - 1
        for number in range(k):
            sums[:, number] += np.bincount(rows[rows >= 0], posteriors[rows >= 0, number], n_rows)
    sums[:, [math.isnan(row.share) for row in result.classes]] = np.nan
    totals = np.nansum(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.where(totals > 0, totals, np.nan))


def _shrink(interest: RegionsOfInterest, shape: tuple[int, ...]) -> NDArray[np.integer]:
    """Bring the label image of regions of interest to the size of the preprocessed image."""
    if interest.label_image.shape == shape:
        return interest.label_image
    rows, columns = (
        (np.arange(new) * old + old // 2) // new for old, new in zip(interest.label_image.shape, shape, strict=True)
    )
    return interest.label_image[np.ix_(rows, columns)]
