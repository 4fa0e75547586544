"""EM with neighbors where each cell keeps the few likeliest of many components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.gaussian_steps import maximize_posterior
from segment.mixture.model import MixtureModel
from segment.mixture.near_components import MIN_CELLS, MIN_COMPONENTS, NearBlocks
from segment.mixture.prior import Prior
from segment.mixture.spatial_em import MIN_POSTERIOR, SpatialEMState

__all__ = ["N_FEW", "FewSpatialEM", "choose_few"]

Logs = NDArray[np.float32]
Numbers = NDArray[np.intp]

N_FEW = 8  # components of each cell
MAX_GAP = 1e30  # of log densities, for single precision
MIN_LOG_POSTERIOR = np.log(np.float32(MIN_POSTERIOR))


def choose_few(log_joint: NDArray[np.floating[Any]], components: Numbers | None = None) -> tuple[Numbers, Logs]:
    """Choose the likeliest components of each row.

    Parameters
    ----------
    log_joint : ndarray of shape (n, k), float
        Log of weight times density of each component, up to a constant for each row; `N_FEW` <= k <= 256.
    components : ndarray of shape (k,), int, optional
        The numbers of the components, 0..255, in ascending order; 0..k-1 by default.

    Returns
    -------
    numbers : ndarray of shape (n, N_FEW), int
        The likeliest components, the likeliest first.
    logs : ndarray of shape (n, N_FEW), float32
        Their log posteriors, as if there were no others.

    Examples
    --------
    >>> numbers, logs = choose_few(np.log(np.arange(1.0, 11.0))[None])
    >>> numbers.tolist(), round(float(np.exp(logs[0, 0])), 3)
    ([[9, 8, 7, 6, 5, 4, 3, 2]], 0.192)
    """
    # The bits of positive floats, read as integers, have the order of the floats. So a gap and its component fit in one
    # integer, which is sorted at once: the component takes the place of the lowest eight bits of the gap.
    gaps = np.minimum(log_joint.max(axis=1, keepdims=True) - log_joint, MAX_GAP)
    codes = gaps.astype(np.float32).view(np.int32)
    codes &= np.int32(-256)
    if components is None:
        components = np.arange(codes.shape[1])
    codes |= components.astype(np.int32)
    codes.partition(N_FEW - 1, axis=1)
    few = np.sort(codes[:, :N_FEW], axis=1)
    numbers = (few & np.int32(255)).astype(np.intp)
    places = np.zeros(256, dtype=np.intp)
    places[components] = np.arange(len(components))
    logs = np.take_along_axis(log_joint, places.take(numbers), axis=1)
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return numbers, np.maximum(logs, MIN_LOG_POSTERIOR, dtype=np.float32)


class FewSpatialEM(SpatialEMState):
    """EM steps of Gaussian components of which each cell keeps a few.

    See :class:`segment.mixture.spatial_em.SpatialEMState` for the parameters and attributes; the mixture has neither
    noise nor t components.
    """

    def __init__(self, cells: Cells, model: MixtureModel, prior: Prior) -> None:
        super().__init__(cells, model, prior)
        is_near = model.n_components >= MIN_COMPONENTS and len(cells) >= MIN_CELLS
        self._near = NearBlocks.from_cells(cells, self._shift, self._scale) if is_near else None

    def choose_components(self) -> Numbers:
        """Choose the likeliest components of each cell from its features alone.

        Returns
        -------
        ndarray of shape (N_FEW, n), int
            These components, 0..k-1.
        """
        parameters = self._compute_parameters()
        if self._near is None:
            chosen = [choose_few((parameters @ moments).T)[0] for _, _, moments in self._blocks]
            return np.ascontiguousarray(np.concatenate(chosen).T)
        numbers = np.empty((N_FEW, self._shape[1]), dtype=np.intp)
        candidates = self._near.find_candidates(self._model, N_FEW)
        for rows, (_, moments), is_candidate in zip(self._near.rows, self._near.blocks, candidates.T, strict=True):
            at = np.flatnonzero(is_candidate)
            numbers[:, rows] = choose_few((parameters[at] @ moments).T, at)[0].T
        return numbers

    def compute_log_posteriors(self, numbers: Numbers) -> Logs:
        """Compute the log posteriors of some components of each cell from its features alone.

        Parameters
        ----------
        numbers : ndarray of shape (m, n), int
            The components of each cell, each once.

        Returns
        -------
        ndarray of shape (m, n), float32
            As if each cell had no others.
        """
        parameters, found = self._compute_parameters(), np.empty(numbers.shape, dtype=np.float32)
        for rows, weights, moments in self._blocks:
            joint = (parameters @ moments).reshape(-1).take(numbers[:, rows] * len(weights) + np.arange(len(weights)))
            joint -= joint.max(axis=0)
            joint -= np.log(np.exp(joint).sum(axis=0))
            found[:, rows] = np.maximum(joint, MIN_LOG_POSTERIOR)
        return found

    def run_step(self, numbers: Numbers, log_joint: Logs) -> None:
        """Run an M-step.

        Parameters
        ----------
        numbers : ndarray of shape (m, n), int
            The components of each cell, each once.
        log_joint : ndarray of shape (m, n), float32
            Their log posteriors, with the neighbors of the cell, up to a constant for each cell.
        """
        k = self._shape[0]
        statistics = np.zeros((k, len(self._blocks[0][2])))
        for rows, weights, moments in self._blocks:
            shares = np.exp(log_joint[:, rows] - log_joint[:, rows].max(axis=0), dtype=np.float64)
            shares *= weights / shares.sum(axis=0)
            spread = np.zeros(k * len(weights))
            spread[numbers[:, rows] * len(weights) + np.arange(len(weights))] = shares
            statistics += spread.reshape(k, -1) @ moments.T
        self._replace_model(maximize_posterior(statistics, self._model, self._prior))
