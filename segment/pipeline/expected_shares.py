"""The shares of classes that the posteriors expect, also in regions of interest, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.interest import RegionsOfInterest
from segment.features.color_index import ColorIndex
from segment.mixture.component_merging import pool_posteriors
from segment.pipeline.label_cleanup import is_cleanup_by_evidence
from segment.pipeline.result import Segmentation
from segment.segmenter.class_mixture import choose_chunk_pixels
from segment.segmenter.field.calibration import temper_posteriors
from segment.segmenter.field.share_estimate import compute_doubts, compute_share_deviations, limit_deviations
from segment.segmenter.field.upsampling import find_nearest_pixels

__all__ = ["compute_expected_shares"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Maps = NDArray[np.float32]

MAX_SAMPLE = 2**18  # pixels of an image without regions of interest that the expected shares are computed from


def compute_expected_shares(result: Segmentation) -> tuple[Floats, Floats]:
    """Compute the share of each class that the posteriors expect: their mean over the pixels that have a label.

    These are the posteriors of the spatial model without a temperature, which would pull the shares together. Their
    means differ from the shares of the labels where pixels are uncertain, and clean-up does not change them.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    shares, deviations : ndarray of shape (n, k), float64
        A row for each region of interest, or one for the whole image. NaN without a random field, as nothing then tells
        how far off they are, where no pixel counts, and for a class whose share is NaN. An image of more than 2 ** 18
        pixels without regions of interest is sampled: every s-th pixel in the order of rows counts.
    """
    k, interest = result.n_classes, result.image.interest
    if k and interest is None and not all(math.isnan(row.expected_share) for row in result.classes):
        known = np.array([(row.expected_share, row.expected_share_sd) for row in result.classes])
        return known[None, :, 0], known[None, :, 1]
    n_rows = 1 if interest is None else len(interest.names)
    if k == 0 or result.calibration is None:
        return np.full((n_rows, k), np.nan), np.full((n_rows, k), np.nan)
    sums = _sum_posteriors(result, result.calibration.temperature, n_rows)
    totals = sums[0].sum(axis=1, keepdims=True)
    shares, doubts, mean_doubts, moves, cleanup_moves = sums / np.where(totals > 0, totals, np.nan)
    deviations = compute_share_deviations(
        shares, doubts, mean_doubts, moves, result.calibration.correlation, cleanup_moves=cleanup_moves
    )
    # Shares of the pixels whose class counts, as for the whole image.
    shares[:, [math.isnan(row.share) for row in result.classes]] = np.nan
    counted = np.nansum(shares, axis=1, keepdims=True)
    counted = np.where(counted > 0, counted, np.nan)
    shares /= counted
    return shares, limit_deviations(deviations / counted, shares)


def _sum_posteriors(result: Segmentation, temperature: float, n_rows: int) -> Floats:
    """Sum over the pixels what the shares and their standard deviations are computed from, (5, n_rows, k).

    In this order: the posteriors, the doubts, the mean doubt of the classes before some were merged, the posteriors by
    color alone minus those of the field, and the labels after clean-up minus those before.
    """
    preprocessed, interest = result.preprocessed, result.image.interest
    labels = result.resize_labels_to_preprocessed().reshape(-1)
    regions = None if interest is None else _shrink(interest, preprocessed.valid.shape).reshape(-1)
    # A step that has no divisor in common with the width passes over no column.
    step = 1 if interest is not None else max(1, labels.size // MAX_SAMPLE)
    while math.gcd(step, preprocessed.width) > 1:
        step += 1
    numbers = np.arange(0, labels.size, step)
    sums = np.zeros((5, n_rows, result.n_classes))
    # A temperature pulls posteriors towards equal shares.
    classes = result.class_mixture
    look_up = result.spatial.prepare_posteriors(classes.unmerged, is_tempered=False)
    look_up_moves = _prepare_moves(result, look_up)
    chunk = choose_chunk_pixels(classes.unmerged.n_classes)
    for start in range(0, numbers.size, chunk):
        at = numbers[start : start + chunk]
        at = at[labels[at] > 0]
        rows = np.zeros(at.size, np.intp) if regions is None else regions[at].astype(np.intp) - 1
        at, rows = at[rows >= 0], rows[rows >= 0]
        unmerged = look_up(at)
        tempered = temper_posteriors(unmerged.T, temperature)
        doubts = compute_doubts(pool_posteriors(tempered.T, classes.merged_numbers).T)
        mean_doubt = np.broadcast_to(compute_doubts(tempered).mean(axis=0), doubts.shape)
        maps = [pool_posteriors(unmerged, classes.merged_numbers).T, doubts, mean_doubt, look_up_moves(at).T]
        if is_cleanup_by_evidence(result.config):
            raw = classes.merged_numbers[unmerged.argmax(axis=1)]
            numbers_of_classes = np.arange(result.n_classes)[:, None]
            maps += [np.subtract(numbers_of_classes == labels[at] - 1, numbers_of_classes == raw, dtype=np.float32)]
        for total, planes in zip(sums, maps, strict=False):
            for number, plane in enumerate(planes):
                total[:, number] += np.bincount(rows, plane, n_rows)
    return sums


def _prepare_moves(result: Segmentation, look_up: Callable[[Indices], Maps]) -> Callable[[Indices], Maps]:
    """Prepare the posteriors of pixels by color alone minus those with their neighbors, (n, k).

    Both are taken from the copy that the field is solved on: single pixels of a large image have more noise.
    """
    preprocessed, classes, copy = result.preprocessed, result.class_mixture, result.spatial.data.copies[0]
    if copy is not preprocessed:
        look_up = replace(result.spatial, image=copy).prepare_posteriors(classes.unmerged, is_tempered=False)
    down, across = (find_nearest_pixels(n, m) for n, m in zip(copy.valid.shape, preprocessed.valid.shape, strict=True))
    look_up_by_color = ColorIndex(copy).make_pixel_lookup(
        lambda colors: classes.compute_posteriors(result.space.make_cells(colors)).astype("f4")
    )

    def compute_moves(at: Indices) -> Maps:
        """Subtract the posteriors of the pixels of the copy in which these pixels lie."""
        rows, columns = np.divmod(at, preprocessed.width)
        near = down[rows] * copy.width + across[columns]
        return look_up_by_color(near) - pool_posteriors(look_up(near), classes.merged_numbers)

    return compute_moves


def _shrink(interest: RegionsOfInterest, shape: tuple[int, ...]) -> NDArray[np.integer]:
    """Bring the label image of regions of interest to the size of the preprocessed image."""
    if interest.label_image.shape == shape:
        return interest.label_image
    rows, columns = (
        (np.arange(new) * old + old // 2) // new for old, new in zip(interest.label_image.shape, shape, strict=True)
    )
    return interest.label_image[np.ix_(rows, columns)]
