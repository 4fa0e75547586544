"""Merge the components of a mixture into classes of several components.

Merging two components adds their posteriors; the mixture itself does not change. The more two components overlap, the
more the entropy of the posteriors falls when they are merged, so the pair with the largest fall is merged first
(Baudry, Raftery, Celeux, Lo & Gottardo 2010, J. Comput. Graph. Stat. 19, 332-353).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import MixtureModel

__all__ = [
    "ComponentMerging",
    "compute_elbow_errors",
    "compute_mean_entropy",
    "group_components",
    "merge_components",
    "pool_posteriors",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
AnyFloat = TypeVar("AnyFloat", np.float32, np.float64)


@dataclass(frozen=True)
class ComponentMerging:
    """The order in which K components are merged into K - 1, K - 2, ... 1 classes.

    Attributes
    ----------
    pairs : ndarray of shape (K - 1, 2), int
        The two classes that each step merges, each named by its lowest component, the lower one first.
    entropies : ndarray of shape (K,), float64
        Mean entropy of the posteriors in nats; index g is for g + 1 classes. 0 for one class.
    shares : ndarray of shape (K - 1,), float64
        Share of the observations in the class that each step makes.
    """

    pairs: Ids
    entropies: Floats
    shares: Floats

    def assign_classes(self, n_classes: int) -> Ids:
        """Assign the components to classes.

        Parameters
        ----------
        n_classes : int
            From 1 to K.

        Returns
        -------
        ndarray of shape (K,), int
            The class 0..n_classes - 1 of each component. Classes are ordered by their lowest components.
        """
        n_components = len(self.entropies)
        # Apply the first merges until n_classes are left, then number the remaining classes from 0.
        names = np.arange(n_components)
        for kept, merged in self.pairs[: n_components - n_classes]:
            names[names == merged] = kept
        return np.unique(names, return_inverse=True)[1].reshape(-1)


def merge_components(shares: Floats, posteriors: Floats) -> ComponentMerging:
    """Merge the components step by step, each time the pair that lowers the entropy most.

    Parameters
    ----------
    shares : ndarray of shape (n,), float64
        Weight of each observation; they sum to 1.
    posteriors : ndarray of shape (n, K), float64
        Probability of each component for each observation; rows sum to 1.

    Returns
    -------
    ComponentMerging
        All steps, down to one class.

    Examples
    --------
    Components 0 and 2 share their observations, so they are merged first:

    >>> posteriors = np.array([[0.5, 0.0, 0.5], [0.4, 0.0, 0.6], [0.0, 1.0, 0.0]])
    >>> merging = merge_components(np.full(3, 1 / 3), posteriors)
    >>> merging.pairs.tolist()
    [[0, 2], [0, 1]]
    >>> merging.assign_classes(2).tolist()
    [0, 1, 0]
    """
    p = np.array(posteriors.T, order="C")
    k = len(p)
    # The entropy is minus the sum of these terms: merging changes only those of the two classes.
    terms = np.stack([shares @ _compute_p_log_p(row) for row in p]) if k else np.zeros(0)
    entropies = [-float(terms.sum())]
    # gains[i, j], i < j: how much the entropy falls when i and j are merged; minus infinity for other entries.
    gains = np.full((k, k), -np.inf)
    for i in range(k):
        gains[i, i + 1 :] = _compute_p_log_p(p[i] + p[i + 1 :]) @ shares - terms[i] - terms[i + 1 :]
    pairs: list[tuple[int, int]] = []
    masses: list[float] = []
    while len(pairs) < k - 1:
        i, j = (int(index) for index in np.unravel_index(gains.argmax(), gains.shape))
        pairs.append((i, j))
        # Rounding must not make an entropy negative.
        entropies.append(max(0.0, entropies[-1] - float(gains[i, j])))
        p[i] += p[j]
        masses.append(float(shares @ p[i]))
        terms[i] = shares @ _compute_p_log_p(p[i])
        # Class j is now part of i: only the gains of i change.
        gains[j], gains[:, j] = -np.inf, -np.inf
        others = np.array([m for m in range(k) if m != i and m not in {merged for _, merged in pairs}], dtype=np.intp)
        if others.size:
            fresh = _compute_p_log_p(p[i] + p[others]) @ shares - terms[i] - terms[others]
            gains[np.minimum(i, others), np.maximum(i, others)] = fresh
    if k:
        entropies[-1] = 0.0
    return ComponentMerging(
        np.array(pairs, dtype=np.intp).reshape(-1, 2), np.array(entropies[::-1][: max(k, 0)]), np.array(masses)
    )


def group_components(model: MixtureModel, cells: Cells, n_classes: int) -> Ids:
    """Group the components of a mixture into classes, by their posteriors at coarse cells.

    Parameters
    ----------
    model : MixtureModel
        A mixture of K components.
    cells : Cells
        The cells that the mixture was fitted to.
    n_classes : int, >= 1
        Number of classes. With K or more every component is a class.

    Returns
    -------
    ndarray of shape (K,), int
        The class 0..n_classes - 1 of each component.
    """
    if n_classes >= model.n_components:
        return np.arange(model.n_components)
    coarse = coarsen(cells)
    return merge_components(coarse.weights / coarse.total_weight, model.posteriors(coarse)).assign_classes(n_classes)


def compute_elbow_errors(merging: ComponentMerging) -> Floats:
    """Compute how well the entropies are described by two straight lines that meet at a number of classes.

    Parameters
    ----------
    merging : ComponentMerging
        From :func:`merge_components`, of K components.

    Returns
    -------
    ndarray of shape (K,), float64
        Sum of the squared errors of both lines; index g is for lines that meet at g + 1 classes.

    Notes
    -----
    The entropies are plotted over the share of observations merged so far, as section 5 of Baudry et al. (2010)
    proposes. The smallest error among 2 .. K - 1 classes is the elbow: with fewer classes the entropy falls much less.
    """
    # Index g is for g + 1 classes: the last one has no merged observations.
    x = np.concatenate([[0.0], np.cumsum(merging.shares)])[::-1]
    y = merging.entropies
    return np.array(
        [_compute_line_error(x[: at + 1], y[: at + 1]) + _compute_line_error(x[at:], y[at:]) for at in range(len(y))]
    )


def compute_mean_entropy(shares: Floats, posteriors: Floats) -> float:
    """Compute the mean entropy of posteriors.

    Parameters
    ----------
    shares : ndarray of shape (n,), float64
        Weight of each observation; they sum to 1.
    posteriors : ndarray of shape (n, k), float64
        Rows sum to 1.

    Returns
    -------
    float
        In nats, from 0 (each observation belongs to one class) to log k (all classes are equally probable).
    """
    return max(0.0, -float(shares @ _compute_p_log_p(posteriors).sum(axis=1)))


def pool_posteriors(posteriors: NDArray[AnyFloat], groups: Ids) -> NDArray[AnyFloat]:
    """Sum the posteriors of the components of each class.

    Parameters
    ----------
    posteriors : ndarray of shape (n, K), float
        Probability of each component for each observation.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.

    Returns
    -------
    ndarray of shape (n, k), same dtype
        Probability of each class. The input itself where every component is its own class.
    """
    if np.array_equal(groups, np.arange(len(groups))):
        return posteriors
    # One column for each class, with 1 for its components: the product adds their posteriors.
    members = np.zeros((len(groups), int(groups.max(initial=-1)) + 1), dtype=posteriors.dtype)
    members[np.arange(len(groups)), groups] = 1
    return np.asarray(posteriors @ members)


def _compute_p_log_p(p: Floats) -> Floats:
    """Compute p log p, which is 0 where p is 0."""
    return np.asarray(p * np.log(np.where(p > 0, p, 1.0)))


def _compute_line_error(x: Floats, y: Floats) -> float:
    """Compute the squared error of the least-squares line through the points."""
    # The sum of squares minus what the regression on x explains.
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    return max(0.0, float(y @ y) - (float(x @ y) ** 2 / spread if spread > 0 else 0.0))
