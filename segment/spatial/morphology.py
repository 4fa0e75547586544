"""Morphology on many classes at once: one bit a class, swept over rows, and labels that spread step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["spread", "sweep"]

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_FEW = 256  # a step deciding less than 1/256 of the pixels is cheaper pixel by pixel


def sweep(
    combine: np.ufunc, bits: NDArray[np.uint8], widths: list[int], result: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """AND or OR over a disc, whose half-width in the rows `dy` above and below its centre is ``widths[dy]``."""
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
    """Give undecided pixels the label of the nearest labelled one, in place; both arrays have an empty rim.

    Every step decides the undecided pixels with a labelled 4-neighbour. It looks at all pixels at once while that
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
