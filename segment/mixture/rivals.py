"""How far two fits that are about as good label the same data otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import Fit
from segment.mixture.model import MixtureModel

__all__ = ["Rival", "compute_disagreement", "describe_rival", "find_rivals"]

Labels = NDArray[np.integer]

# In log posterior per unit weight, by which a fit may be worse than the best and still count as another answer.
_MAX_GAP = 5e-3
# Share of the data in other classes, below which it is the same answer.
_MIN_DISAGREEMENT = 0.02


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


def find_rivals(
    finals: Sequence[Fit], best: MixtureModel, cells: Cells, converge: Callable[[Fit], Fit]
) -> tuple[Rival, ...]:
    """Find those of several fits that are about as good as the best, but label the data otherwise.

    Parameters
    ----------
    finals : sequence of Fit
        Those that were compared, the best among them, all with the same number of components. They may not have
        converged.
    best : MixtureModel
        What the best of them has converged to.
    cells : Cells
        What they were fitted to.
    converge : callable
        Continues one of the fits until it has converged.

    Returns
    -------
    tuple of Rival
        Whose log posterior per unit weight is up to 0.005 less than that of the best.
    """
    least = max(fit.objectives[-1] for fit in finals) - _MAX_GAP
    near = [fit for fit in finals if fit.objectives[-1] >= least]
    if len(near) < 2:
        return ()
    labels = best.predict(cells)

    def describe(fit: Fit) -> Rival | None:
        """Describe a fit; None where its labels are nearly those of the best."""
        found = describe_rival(cells, labels, fit.model.predict(cells), best.n_components)
        return found if compute_disagreement(found.table) >= _MIN_DISAGREEMENT else None

    # Two fits on their way to the same optimum may differ as well: what is left once both are there counts.
    rivals = (describe(converge(fit)) for fit in near if describe(fit))
    return tuple(rival for rival in rivals if rival)


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
