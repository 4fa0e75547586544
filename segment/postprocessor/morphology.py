"""Morphology on many classes at once: bit planes, one bit a class, and labels that grow step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import find_runs
from segment.core.opencv import load_cv2

__all__ = ["combine_over_disc", "grow_labels", "smooth_block"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_MAX_PIXELS_PER_DECISION = 256  # a step that decides fewer than one pixel in so many is faster pixel by pixel


def smooth_block(block: Labels, classes: Sequence[int], widths: list[int], *, steps: int) -> tuple[Labels, Mask]:
    """Open and close the classes of a block, and grow the labels into undecided pixels for some steps.

    Parameters
    ----------
    block : ndarray of shape (h, w), unsigned integers
        Labels; 0 is background, as all pixels of the rim are.
    classes : sequence of int
        The labels that may occur in the block.
    widths : list of int
        The disc, as :func:`combine_over_disc` takes it.
    steps : int
        How far undecided pixels are followed, in pixels.

    Returns
    -------
    labels : ndarray of shape (h, w), unsigned integers
        0 where a pixel is background or undecided.
    undecided : ndarray of shape (h, w), bool
    """
    empty = block == 0
    background = empty.view(np.uint8) * np.uint8(255)
    bits, swept, mask = (np.empty(block.shape, np.uint8) for _ in range(3))
    hit, value = mask.view(bool), np.empty_like(block)
    kept, claimed, contested = (np.zeros(block.shape, bool) for _ in range(3))
    labels = np.zeros_like(block)
    for at in range(0, len(classes), 8):
        # Eight classes at a time, one bit each. Background has all bits set while minima are taken, so that it does
        # not erode the classes beside it.
        group = list(enumerate(classes[at : at + 8]))
        bits[:] = 0
        for bit, label in group:
            np.equal(block, label, out=hit)
            bits |= np.multiply(mask, np.uint8(1 << bit), out=mask)
        # Opening: erosion (AND), then dilation (OR).
        np.bitwise_or(bits, background, out=mask)
        combine_over_disc(np.bitwise_and, mask, widths, swept)
        swept &= bits  # a disc has its center in the class itself, not in the background beside it
        bits &= combine_over_disc(np.bitwise_or, swept, widths, mask)
        kept |= np.not_equal(bits, 0, out=hit)
        # Closing of the kept pixels: dilation, then erosion.
        combine_over_disc(np.bitwise_or, bits, widths, swept)
        swept |= background
        combine_over_disc(np.bitwise_and, swept, widths, bits)
        # A pixel in the closing of exactly one class is claimed: bits & (bits - 1) takes the lowest bit away.
        alone = np.zeros(256, block.dtype)
        alone[[1 << bit for bit, _ in group]] = [label for _, label in group]
        labels += load_cv2().LUT(bits, alone) if alone.itemsize == 1 else alone[bits]
        np.not_equal(np.bitwise_and(bits, bits - np.uint8(1), out=mask), 0, out=hit)
        contested |= hit
        np.not_equal(bits, 0, out=hit)
        contested |= np.logical_and(claimed, hit, out=swept.view(bool))
        claimed |= hit
    claimed &= ~(kept | contested | empty)
    labels *= claimed.view(np.uint8)
    labels += np.multiply(block, kept.view(np.uint8), out=value)
    undecided = ~(kept | claimed | empty)
    grow_labels(labels, undecided, steps)
    return labels, undecided


def combine_over_disc(
    combine: np.ufunc, bits: NDArray[np.uint8], widths: list[int], result: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Combine the bits of all pixels within a disc around each pixel, by AND (erosion) or OR (dilation).

    Parameters
    ----------
    combine : numpy.bitwise_and or numpy.bitwise_or
    bits : ndarray of shape (h, w), uint8
        One bit for each class. Not changed.
    widths : list of int
        Half-width of the disc, in pixels, in the rows ``dy`` above and below its center: ``widths[dy]``, falling.
    result : ndarray of shape (h, w), uint8
        Is overwritten.

    Returns
    -------
    ndarray of shape (h, w), uint8
        `result`. Pixels of the disc outside the block do not count.

    Examples
    --------
    A dilation by a disc of radius 1:

    >>> bits = np.zeros((3, 5), np.uint8)
    >>> bits[1, 2] = 1
    >>> combine_over_disc(np.bitwise_or, bits, [1, 0], np.empty_like(bits))
    array([[0, 0, 1, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    result[:] = bits
    row, wider = bits.copy(), np.empty_like(bits)
    # `row` holds the combination over a growing horizontal segment, which is added to the rows where the disc is so
    # wide: the cost grows with the radius, not with the area of the disc.
    for half_width in range(widths[0] + 1):
        if half_width:
            combine(row[:, 1:], row[:, :-1], out=wider[:, 1:])
            wider[:, 0] = row[:, 0]
            combine(wider[:, :-1], row[:, 1:], out=wider[:, :-1])
            row, wider = wider, row
        for dy in (dy for dy, width in enumerate(widths) if width == half_width):
            above, below = slice(None, max(len(bits) - dy, 0)), slice(dy, None)
            combine(result[below], row[above], out=result[below])
            if dy:
                combine(result[above], row[below], out=result[above])
    return result


def grow_labels(labels: Labels, undecided: Mask, steps: int) -> None:
    """Grow labels into undecided pixels, in place: each gets the label of the nearest labeled pixel.

    Every step decides the undecided pixels with a labeled 4-neighbor (ties: the lowest label). It looks at all pixels
    at once while that decides many, and then only at those that the step before has reached.

    Parameters
    ----------
    labels : ndarray of shape (h, w), unsigned integers
        0 is no label; the rim has none.
    undecided : ndarray of shape (h, w), bool
        Pixels to decide; those that are decided become False. The rim has none.
    steps : int
        How many steps at most.
    """
    if steps and np.count_nonzero(undecided) * _MAX_PIXELS_PER_DECISION > labels.size:
        steps = _grow_everywhere(labels, undecided, steps)
    flat, open_ = labels.reshape(-1), undecided.reshape(-1)
    # Unsigned numbers wrap around: less 1, "no label" is the highest number and loses every minimum.
    one, none = labels.dtype.type(1), labels.dtype.type(np.iinfo(labels.dtype).max)
    front, offsets = np.flatnonzero(open_), (-1, 1, -labels.shape[1], labels.shape[1])
    while steps and front.size:
        lowest = np.minimum.reduce([flat[front + offset] - one for offset in offsets])
        decided = front[lowest != none]
        flat[decided] = lowest[lowest != none] + one
        open_[decided] = False
        beside = np.concatenate([decided + offset for offset in offsets])
        front, steps = find_runs(np.sort(beside[open_[beside]]))[0], steps - 1


def _grow_everywhere(labels: Labels, undecided: Mask, steps: int) -> int:
    """Take the steps that decide many pixels, on all pixels at once; return how many steps are left."""
    one, none = labels.dtype.type(1), labels.dtype.type(np.iinfo(labels.dtype).max)
    labels -= one  # unsigned: no label becomes the highest number
    fixed = none * ~undecided  # all bits set where a pixel must not be written: OR makes its candidate "none"
    near, mask = np.empty_like(labels), np.empty(labels.shape, bool)
    inner, n_decided = (slice(1, -1), slice(1, -1)), labels.size
    while steps and n_decided * _MAX_PIXELS_PER_DECISION > labels.size:
        np.minimum(labels[:-2, 1:-1], labels[2:, 1:-1], out=near[inner])
        np.minimum(near[inner], labels[1:-1, :-2], out=near[inner])
        np.minimum(near[inner], labels[1:-1, 2:], out=near[inner])
        near[inner] |= fixed[inner]
        np.minimum(labels[inner], near[inner], out=labels[inner])
        np.not_equal(near[inner], none, out=mask[inner])
        fixed[inner] |= np.multiply(mask[inner].view(np.uint8), none, out=near[inner])
        n_decided, steps = int(np.count_nonzero(mask[inner])), steps - 1
    np.equal(fixed, 0, out=undecided)
    labels += one
    return steps
