"""How far two fits that are about as good label the same data otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["compare_rivals", "compute_disagreement"]

# In log posterior per unit weight, by which a fit may be worse than the best and still count as another answer.
_MAX_GAP = 5e-3


def compare_rivals(models: Sequence[MixtureModel], objectives: NDArray[np.floating], cells: Cells) -> float:
    """Compare the best of several fits with those that are about as good.

    Parameters
    ----------
    models : sequence of n MixtureModel
        At least one, all with the same number of components.
    objectives : ndarray of shape (n,), float
        Log posterior per unit weight of each. Up to 0.005 less than the best is about as good.
    cells : Cells
        What they were fitted to.

    Returns
    -------
    float, 0 to 1
        Largest share of the weight that one of them gives to other components than the best does; 0 where none is about
        as good.
    """
    best = int(objectives.argmax())
    near = np.flatnonzero(objectives >= objectives[best] - _MAX_GAP).tolist()
    rivals = [number for number in near if number != best]
    if not rivals:
        return 0.0
    labels = models[best].predict(cells)
    return max(compute_disagreement(labels, models[number].predict(cells), cells.weights) for number in rivals)


def compute_disagreement(
    one: NDArray[np.integer], other: NDArray[np.integer], weights: NDArray[np.floating] | None = None
) -> float:
    """Compute the share of the weight that two labelings give to different classes, whatever their numbers.

    Each class of the one goes to the class of the other that has most of it, and the reverse; the larger share of what
    lies outside counts.

    Parameters
    ----------
    one, other : ndarray of shape (n,), integers >= 0
        Labels.
    weights : ndarray of shape (n,), optional
        Of the labels; 1 by default.

    Returns
    -------
    float, 0 to 1
        0 where there are no labels.

    Examples
    --------
    >>> compute_disagreement(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]))
    0.25
    """
    if len(one) == 0:
        return 0.0
    k = int(max(one.max(), other.max())) + 1
    table = np.bincount(one.astype(np.intp) * k + other, weights, k * k).reshape(k, k)
    return float(1 - min(table.max(axis=0).sum(), table.max(axis=1).sum()) / max(table.sum(), np.finfo(float).tiny))
