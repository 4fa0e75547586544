"""Morphology on many classes at once: one bit a class, swept over rows, and labels that spread step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["smooth_block", "spread", "sweep"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_FEW = 256  # a step deciding less than 1/256 of the pixels is cheaper pixel by pixel


def smooth_block(block: Labels, classes: Sequence[int], widths: list[int], *, steps: int) -> tuple[Labels, Mask]:
    """Open and close the classes of a block with an empty rim, and follow what is undecided for some steps.

    Returns the labels, 0 where there is none, and which pixels are left undecided.
    """
    empty = block == 0
    background = empty.view(np.uint8) * np.uint8(255)
    bits, swept, mask = (np.empty(block.shape, np.uint8) for _ in range(3))
    hit, value = mask.view(bool), np.empty_like(block)
    kept, claimed, contested = (np.zeros(block.shape, bool) for _ in range(3))
    labels = np.zeros_like(block)
    for at in range(0, len(classes), 8):
        group = list(enumerate(classes[at : at + 8]))
        bits[:] = 0
        for bit, label in group:
            np.equal(block, label, out=hit)
            bits |= np.multiply(mask, np.uint8(1 << bit), out=mask)
        np.bitwise_or(bits, background, out=mask)
        sweep(np.bitwise_and, mask, widths, swept)
        swept &= bits  # a disc has its center in the class itself, not in the background beside it
        bits &= sweep(np.bitwise_or, swept, widths, mask)
        kept |= np.not_equal(bits, 0, out=hit)
        sweep(np.bitwise_or, bits, widths, swept)
        swept |= background
        sweep(np.bitwise_and, swept, widths, bits)
        for bit, label in group:
            np.not_equal(np.bitwise_and(bits, np.uint8(1 << bit), out=mask), 0, out=hit)
            labels += np.multiply(mask, block.dtype.type(label), out=value)
            contested |= np.logical_and(claimed, hit, out=swept.view(bool))
            claimed |= hit
    claimed &= ~(kept | contested | empty)
    labels *= claimed.view(np.uint8)
    labels += np.multiply(block, kept.view(np.uint8), out=value)
    undecided = ~(kept | claimed | empty)
    spread(labels, undecided, steps)
    return labels, undecided


def sweep(
    combine: np.ufunc, bits: NDArray[np.uint8], widths: list[int], result: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """AND or OR over a disc, whose half-width in the rows `dy` above and below its center is ``widths[dy]``."""
    result[:] = bits
    row, wider = bits.copy(), np.empty_like(bits)
    for half_width in range(widths[0] + 1):
        if half_width:
            wider[:] = row
            combine(wider[:, 1:], row[:, :-1], out=wider[:, 1:])
            combine(wider[:, :-1], row[:, 1:], out=wider[:, :-1])
            row, wider = wider, row
        for dy in (dy for dy, width in enumerate(widths) if width == half_width):
            above, below = slice(None, max(len(bits) - dy, 0)), slice(dy, None)
            combine(result[below], row[above], out=result[below])
            combine(result[above], row[below], out=result[above])
    return result


def spread(labels: Labels, undecided: Mask, steps: int) -> None:
    """Give undecided pixels the label of the nearest labeled one, in place; both arrays have an empty rim.

    Every step decides the undecided pixels with a labeled 4-neighbor. It looks at all pixels at once while that
    decides many, and then only at those that the step before has reached.
    """
    if steps and np.count_nonzero(undecided) * _FEW > labels.size:
        steps = _spread_everywhere(labels, undecided, steps)
    flat, open_ = labels.reshape(-1), undecided.reshape(-1)
    one, none = labels.dtype.type(1), labels.dtype.type(np.iinfo(labels.dtype).max)
    front, offsets = np.flatnonzero(open_), (-1, 1, -labels.shape[1], labels.shape[1])
    while steps and front.size:
        lowest = np.minimum.reduce([flat[front + offset] - one for offset in offsets])  # no label: the highest number
        decided = front[lowest != none]
        flat[decided] = lowest[lowest != none] + one
        open_[decided] = False
        beside = np.concatenate([decided + offset for offset in offsets])
        front, steps = np.unique(beside[open_[beside]]), steps - 1


def _spread_everywhere(labels: Labels, undecided: Mask, steps: int) -> int:
    """The steps that decide many pixels; how many are left to do."""
    one, none = labels.dtype.type(1), labels.dtype.type(np.iinfo(labels.dtype).max)
    labels -= one  # unsigned: no label becomes the highest number
    fixed = none * ~undecided
    near, mask = np.empty_like(labels), np.empty(labels.shape, bool)
    inner, done = (slice(1, -1), slice(1, -1)), labels.size
    while steps and done * _FEW > labels.size:
        np.minimum(labels[:-2, 1:-1], labels[2:, 1:-1], out=near[inner])
        np.minimum(near[inner], labels[1:-1, :-2], out=near[inner])
        np.minimum(near[inner], labels[1:-1, 2:], out=near[inner])
        near[inner] |= fixed[inner]
        np.minimum(labels[inner], near[inner], out=labels[inner])
        np.not_equal(near[inner], none, out=mask[inner])
        fixed[inner] |= np.multiply(mask[inner].view(np.uint8), none, out=near[inner])
        done, steps = int(np.count_nonzero(mask[inner])), steps - 1
    np.equal(fixed, 0, out=undecided)
    labels += one
    return steps
