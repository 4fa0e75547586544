"""How far two fits that are about as good label the same data otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["Rival", "compute_disagreement", "describe_rival", "find_rivals"]

Labels = NDArray[np.integer]

# In log posterior per unit weight, by which a fit may be worse than the best and still count as another answer.
_MAX_GAP = 5e-3


class Rival(NamedTuple):
    """A fit that is about as good as the best, and what it makes of the data of each of its classes.

    Attributes
    ----------
    table : ndarray of shape (k, k), float64
        Weight of the data that the best gives to class i and this one to class j.
    means : ndarray of shape (k, d), float64
        Mean of the data in each class of the best; 0 for one without data.
    """

    table: NDArray[np.float64]
    means: NDArray[np.float64]


def find_rivals(models: Sequence[MixtureModel], objectives: NDArray[np.floating], cells: Cells) -> tuple[Rival, ...]:
    """Find those of several fits that are about as good as the best.

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
    tuple of Rival
    """
    best = int(objectives.argmax())
    near = np.flatnonzero(objectives >= objectives[best] - _MAX_GAP).tolist()
    if len(near) < 2:
        return ()
    k, labels = models[best].n_components, models[best].predict(cells)
    return tuple(describe_rival(cells, labels, models[one].predict(cells), k) for one in near if one != best)


def describe_rival(cells: Cells, labels: Labels, rival_labels: Labels, k: int) -> Rival:
    """Describe how another fit labels the same data.

    Parameters
    ----------
    cells : Cells
        n cells.
    labels, rival_labels : ndarray of shape (n,), integers 0..k-1
        Their classes by the best fit and by the other.
    k : int, >= 1
        Number of classes.

    Returns
    -------
    Rival
    """
    numbers = labels.astype(np.intp)
    table = np.bincount(numbers * k + rival_labels, cells.weights, k * k).reshape(k, k).astype(np.float64)
    sums = np.stack([np.bincount(numbers, cells.weights * values, k) for values in cells.means.T], axis=1)
    totals = table.sum(axis=1, keepdims=True)
    return Rival(table, sums / np.where(totals > 0, totals, 1.0))


def compute_disagreement(table: NDArray[np.floating], merged_numbers: Labels | None = None) -> float:
    """Compute the share of the weight that two labelings give to different classes, whatever their numbers.

    Each class of the one goes to the class of the other that has most of it, and the reverse; the larger share of what
    lies outside counts.

    Parameters
    ----------
    table : ndarray of shape (k, k), float
        Weight that is of class i in the one and of class j in the other.
    merged_numbers : ndarray of shape (k,), integers, optional
        Number of the class that each class of the one is merged into. Classes of the other that are mostly of a merged
        class are merged too.

    Returns
    -------
    float, 0 to 1
        0 where there is no weight.

    Examples
    --------
    A border between the first two classes counts for nothing once these are merged:

    >>> table = np.array([[3.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 8.0]])
    >>> compute_disagreement(table), compute_disagreement(table, np.array([0, 0, 1]))
    (0.125, 0.0)
    """
    if merged_numbers is not None:
        n_merged = int(merged_numbers.max()) + 1
        rows = np.zeros((n_merged, len(table)))
        np.add.at(rows, merged_numbers, table)
        # Each column is of the class that has most of it; those of a merged class become one.
        is_merged, owners = np.bincount(merged_numbers, minlength=n_merged) > 1, rows.argmax(axis=0)
        columns = np.where(is_merged[owners], owners, n_merged + np.arange(len(table)))
        table = np.zeros((n_merged + len(columns), n_merged))
        np.add.at(table, columns, rows.T)
    if not table.any():
        return 0.0
    return float(1 - min(table.max(axis=0).sum(), table.max(axis=1).sum()) / table.sum())
