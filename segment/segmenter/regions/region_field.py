"""A hidden Markov random field over whole regions: kin are more likely to share a class, strangers less.

The labels z of regions with shares a of the pixels have the log probability, per pixel and up to a constant,
``sum_i a_i log p(z_i, x_i) + sum_(i<j) a_i a_j s k_ij [z_i = z_j]``: k_ij, from -1 to 1, says how surely two regions
belong together, and s how much that counts.

Mean field as in :mod:`segment.segmenter.field.random_field`, all regions moving at once: with
``d_i = s sum_j a_j |k_ij|`` added to the diagonal the agreement is convex in q, and taking it out again costs at most
``d_i / 2`` times the Kullback-Leibler divergence of the move (``|p - q|_2^2 <= |p - q|_1^2 / 2 <= KL``, Pinsker's
inequality).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KinshipField"]

Floats = NDArray[np.float64]

_STILL = 1e-4  # of the pixels' probability moves to other classes in a step that is the last


@dataclass(frozen=True)
class KinshipField:
    """Which regions belong together, and how much that counts.

    Attributes
    ----------
    pairs : ndarray of shape (p, 2), int
        Pairs of n different regions, each at most once.
    kinship : ndarray of shape (p,), float64, -1 to 1
        1 where the two surely belong together, -1 where they surely do not. It is 0 for all other pairs.
    shares : ndarray of shape (n,), float64, > 0
        Of the regions in all pixels; they sum to 1.
    smoothness : float, >= 0
        Log odds (nats) that all others give a region for their class, if they have one and surely belong to it.
    """

    pairs: NDArray[np.intp]
    kinship: Floats
    shares: Floats
    smoothness: float

    @cached_property
    def _matrix(self) -> Any:
        """The kinship of all regions, sparse, as those in parts of the mask that do not touch are many: (n, n)."""
        from scipy.sparse import csr_matrix

        n = len(self.shares)
        once = csr_matrix((self.kinship, (self.pairs[:, 0], self.pairs[:, 1])), shape=(n, n))
        return once + once.T

    def agreement(self, q: Floats) -> Floats:
        """What the others' posteriors q (k, n) add to the log odds of each class of each region: (k, n)."""
        return np.asarray(self.smoothness * (self._matrix @ (q * self.shares).T).T)

    def mean_field(self, logs: Floats, *, n_iter: int, start: Floats | None = None) -> Floats:
        """The posteriors (k, n) of the field in mean-field approximation.

        Parameters
        ----------
        logs : ndarray of shape (k, n), float64
            Log of weight times density of each class at each region, finite.
        n_iter : int, >= 0
            Steps at most.
        start : ndarray of shape (k, n), float64, optional
            Posteriors to start from; those of each region alone by default.
        """
        q = _normalized(logs) if start is None else start
        damping = self.smoothness * (abs(self._matrix) @ self.shares) / 2
        for _ in range(n_iter if self.smoothness else 0):
            before = q
            target = logs + self.agreement(before) + damping * np.log(np.maximum(before, 1e-300))
            q = _normalized(target / (1 + damping))
            if (np.abs(q - before) @ self.shares).sum() / 2 <= _STILL:
                break
        return q

    def free_energy(self, q: Floats, logs: Floats) -> float:
        """What the mean field makes small, in nats a pixel."""
        entropy = -(q * np.log(np.where(q > 0, q, 1.0)))
        return float(-((entropy + q * logs + q * self.agreement(q) / 2) @ self.shares).sum())


def _normalized(logs: Floats) -> Floats:
    raised = np.exp(logs - logs.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0))
