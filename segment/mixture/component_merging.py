"""Classes of several components: which Gaussians of a mixture belong together.

Combining two components adds their posteriors, so the mixture itself stays as it is; the entropy of the posteriors
falls the more the two overlap (Baudry, Raftery, Celeux, Lo & Gottardo 2010, J. Comput. Graph. Stat. 19, 332-353).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, coarsen
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


@dataclass(frozen=True)
class ComponentMerging:
    """How K components become K - 1, K - 2, ... 1 classes, each step joining the two whose joining clears up most.

    Attributes
    ----------
    joined : ndarray of shape (K - 1, 2), int
        The pair of each step, each named by the lowest component in it, the lower first.
    entropies : ndarray of shape (K,), float64
        Mean entropy of the posteriors over g + 1 classes at index g; 0 for one class.
    shares : ndarray of shape (K - 1,), float64
        Share of the observations that each step joined.
    """

    joined: Ids
    entropies: Floats
    shares: Floats

    def assign_classes(self, n_classes: int) -> Ids:
        """The class 0..n_classes - 1 of each component, (K,), numbered by their lowest components."""
        n_components = len(self.entropies)
        names = np.arange(n_components)
        for keep, gone in self.joined[: n_components - n_classes]:
            names[names == gone] = keep
        return np.unique(names, return_inverse=True)[1].reshape(-1)


def merge_components(shares: Floats, posteriors: Floats) -> ComponentMerging:
    """Join components step by step.

    Parameters
    ----------
    shares : ndarray of shape (n,), float64, summing to 1
        Weight of each observation.
    posteriors : ndarray of shape (n, K), float64
        Probability of each component for each observation.
    """
    p = np.array(posteriors.T, order="C")
    k = len(p)
    terms = np.stack([shares @ _compute_p_log_p(row) for row in p]) if k else np.zeros(0)
    entropies = [-float(terms.sum())]
    gains = np.full((k, k), -np.inf)
    for i in range(k):
        gains[i, i + 1 :] = _compute_p_log_p(p[i] + p[i + 1 :]) @ shares - terms[i] - terms[i + 1 :]
    joined: list[tuple[int, int]] = []
    masses: list[float] = []
    while len(joined) < k - 1:
        i, j = (int(index) for index in np.unravel_index(gains.argmax(), gains.shape))
        joined.append((i, j))
        entropies.append(max(0.0, entropies[-1] - float(gains[i, j])))
        p[i] += p[j]
        masses.append(float(shares @ p[i]))
        terms[i] = shares @ _compute_p_log_p(p[i])
        gains[j], gains[:, j] = -np.inf, -np.inf
        others = np.array([m for m in range(k) if m != i and m not in {gone for _, gone in joined}], dtype=np.intp)
        if others.size:
            fresh = _compute_p_log_p(p[i] + p[others]) @ shares - terms[i] - terms[others]
            gains[np.minimum(i, others), np.maximum(i, others)] = fresh
    if k:
        entropies[-1] = 0.0
    return ComponentMerging(
        np.array(joined, dtype=np.intp).reshape(-1, 2), np.array(entropies[::-1][: max(k, 0)]), np.array(masses)
    )


def group_components(model: MixtureModel, cells: Cells, n_classes: int) -> Ids:
    """The class 0..n_classes - 1 of each component of a mixture, combined on coarse cells; shape (K,), int."""
    if n_classes >= model.n_components:
        return np.arange(model.n_components)
    coarse = coarsen(cells)
    return merge_components(coarse.weights / coarse.total_weight, model.posteriors(coarse)).assign_classes(n_classes)


def compute_elbow_errors(merging: ComponentMerging) -> Floats:
    """Squared error of two straight lines through the entropies that meet at each number of classes, (K,).

    The entropies stand over the share of observations joined so far, as section 5 of Baudry et al. proposes; the least
    error among 2 .. K - 1 marks the number of classes below which joining no longer clears up much.
    """
    x = np.concatenate([[0.0], np.cumsum(merging.shares)])[::-1]
    y = merging.entropies
    return np.array(
        [_compute_line_error(x[: at + 1], y[: at + 1]) + _compute_line_error(x[at:], y[at:]) for at in range(len(y))]
    )


def compute_mean_entropy(shares: Floats, posteriors: Floats) -> float:
    """Weighted mean of the entropy of each row of posteriors (n, k), in nats."""
    return max(0.0, -float(shares @ _compute_p_log_p(posteriors).sum(axis=1)))


def pool_posteriors(posteriors: Floats, groups: Ids) -> Floats:
    """Posteriors of the classes, (n, g), from those of the components, (n, K), and each component's class, (K,)."""
    if np.array_equal(groups, np.arange(len(groups))):
        return posteriors
    members = np.zeros((len(groups), int(groups.max(initial=-1)) + 1), dtype=posteriors.dtype)
    members[np.arange(len(groups)), groups] = 1
    return np.asarray(posteriors @ members)


def _compute_p_log_p(p: Floats) -> Floats:
    """The terms p log p, 0 where p is 0."""
    return np.asarray(p * np.log(np.where(p > 0, p, 1.0)))


def _compute_line_error(x: Floats, y: Floats) -> float:
    """Squared error of the best straight line through the points."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    return max(0.0, float(y @ y) - (float(x @ y) ** 2 / spread if spread > 0 else 0.0))
