"""A hidden Markov random field over whole regions, whose pairwise weights may be negative.

The labels z of regions with shares a of the pixels have the log probability, per pixel and up to a constant,
``sum_i a_i log p(z_i, x_i) + sum_(i<j) a_i a_j s w_ij [z_i = z_j]``: the affinity w_ij, from -1 to 1, tells whether two
regions belong to one class, and the smoothness s how much that counts.

Mean field as in :mod:`segment.segmenter.field.mean_field`, all regions updated at once: with
``d_i = s sum_j a_j |w_ij|`` added to the diagonal the pairwise term is convex in q, and subtracting it again costs at
most ``d_i / 2`` times the Kullback-Leibler divergence of the update (``|p - q|_2^2 <= |p - q|_1^2 / 2 <= KL``,
Pinsker's inequality).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.threads import IMPORT_LOCK

__all__ = ["RegionField"]

Floats = NDArray[np.float64]

_TOLERANCE = 1e-4  # share of the pixels' probability that changes class in the last update, at most


@dataclass(frozen=True)
class RegionField:
    """Which regions belong to one class, and how much that counts.

    Attributes
    ----------
    pairs : ndarray of shape (p, 2), int
        Pairs of n different regions, each at most once.
    affinities : ndarray of shape (p,), float64, -1 to 1
        1 where the two regions surely belong to one class, -1 where they surely do not. It is 0 for all other pairs.
    shares : ndarray of shape (n,), float64, > 0
        Share of each region in all pixels; they sum to 1.
    smoothness : float, >= 0
        Log-odds (nats) that all other regions add to a class if they have that class and affinity 1. Raised: labels
        depend less on a region's own colors.

    Examples
    --------
    The second region is undecided and takes the class of the first, with which it has the affinity 1:

    >>> field = RegionField(np.array([[0, 1]]), np.array([1.0]), np.array([0.5, 0.5]), smoothness=8.0)
    >>> logs = np.log(np.array([[0.9, 0.5], [0.1, 0.5]]))
    >>> field.solve_mean_field(logs, n_iter=100).argmax(axis=0).tolist()
    [0, 0]
    """

    pairs: NDArray[np.intp]
    affinities: Floats
    shares: Floats
    smoothness: float

    @cached_property
    def _affinity_matrix(self) -> Any:
        """All affinities, (n, n); sparse, because a mask may leave thousands of parts that do not touch."""
        with IMPORT_LOCK:
            from scipy.sparse import csr_matrix

        n = len(self.shares)
        upper = csr_matrix((self.affinities, (self.pairs[:, 0], self.pairs[:, 1])), shape=(n, n))
        return upper + upper.T

    def compute_neighbor_log_odds(self, q: Floats) -> Floats:
        """Compute what the posteriors of the other regions add to the log-odds of each class.

        Parameters
        ----------
        q : ndarray of shape (k, n), float64
            Posteriors of k classes for n regions.

        Returns
        -------
        ndarray of shape (k, n), float64
            In nats.
        """
        return np.asarray(self.smoothness * (self._affinity_matrix @ (q * self.shares).T).T)

    def solve_mean_field(self, logs: Floats, *, n_iter: int, start: Floats | None = None) -> Floats:
        """Compute the posteriors of the field in mean-field approximation.

        Parameters
        ----------
        logs : ndarray of shape (k, n), float64
            Log of weight times density of each class at each region, finite.
        n_iter : int, >= 0
            Updates at most.
        start : ndarray of shape (k, n), float64, optional
            Posteriors to start from; those of each region alone by default.

        Returns
        -------
        ndarray of shape (k, n), float64
            Columns sum to 1.
        """
        q = _normalize(logs) if start is None else start
        # Half of d_i in the module's docstring: with this damping the free energy never rises.
        damping = self.smoothness * (abs(self._affinity_matrix) @ self.shares) / 2
        for _ in range(n_iter if self.smoothness else 0):
            before = q
            target = logs + self.compute_neighbor_log_odds(before) + damping * np.log(np.maximum(before, 1e-300))
            q = _normalize(target / (1 + damping))
            if (np.abs(q - before) @ self.shares).sum() / 2 <= _TOLERANCE:
                break
        return q


def _normalize(logs: Floats) -> Floats:
    """Exponentiate and normalize the columns, without overflow."""
    raised = np.exp(logs - logs.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0))
