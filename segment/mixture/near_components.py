"""The E-step of many components: each block of cells has only the components that are near it.

Of a hundred components a few matter to a cell. Cells that are near each other are put in one block, and bounds of the
log densities over the block tell how much of a component's weight can lie in it. Where that is next to nothing of its
weight, the component is left out, so that all blocks without it hold at most `MAX_LEFT_OUT` of the weight that it has.
The bound is relative to each component, however small it is: one that has next to no weight may grow again in the
steps that follow, and would not if it lost cells. Each iteration finds the near components anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.gaussian_density import (
    compute_log_weights,
    compute_moments,
    sum_expected_moments,
)
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import get_triangle_indices

__all__ = ["MAX_LEFT_OUT", "MIN_CELLS", "MIN_COMPONENTS", "NearBlocks"]

Floats = NDArray[np.float64]

MIN_COMPONENTS, MIN_CELLS = 17, 2**12  # fewer components all matter, and few cells are in too few blocks
MAX_LEFT_OUT = 1e-7  # share of the weight of a component
BLOCK_CELLS = 512
MAX_RANGE = 500.0  # of log densities in a block whose exponentials need no maximum of each cell


@dataclass(frozen=True)
class NearBlocks:
    """Complete cells in blocks of near ones, with what bounds need to know of each block.

    Attributes
    ----------
    rows : list of ndarray of shape (b,), int
        The numbers of the cells of each of n blocks.
    blocks : list of (weights, moments)
        Arrays of shape (b,) and (m, b) for each block.
    weights : ndarray of shape (n,), float64
        Sums of the weights of the cells of each block.
    centers : ndarray of shape (m, n), float64
        Moments of the middle of the box around the means of the cells of each block.
    spans : ndarray of shape (d (d + 1) / 2, n), float64
        Products of the half widths of the box.
    scatters : ndarray of shape (d (d + 1) / 2, n), float64
        The largest absolute scatters of the cells.
    """

    rows: list[NDArray[np.intp]]
    blocks: list[tuple[Floats, Floats]]
    weights: Floats
    centers: Floats
    spans: Floats
    scatters: Floats

    @classmethod
    def from_cells(cls, cells: Cells, shift: Floats, scale: Floats) -> NearBlocks:
        """Divide cells into blocks.

        Parameters
        ----------
        cells : Cells
            n complete cells in d dimensions.
        shift, scale : ndarray of shape (d,), float64
            The blocks are in the coordinates ``(x - shift) / scale``.

        Returns
        -------
        NearBlocks
        """
        numbers = list(_split_by_nearness((cells.means - shift) / scale))
        parts = [cells[own].rescale(shift, scale) for own in numbers]
        low, high = (np.array([edge(part.means, axis=0) for part in parts]) for edge in (np.min, np.max))
        middle, half = (low + high) / 2, (high - low) / 2
        rows, columns = get_triangle_indices(cells.n_features)
        return cls(
            numbers,
            [(part.weights, compute_moments(part)) for part in parts],
            np.array([part.total_weight for part in parts]),
            compute_moments(Cells(np.ones(len(parts)), middle, np.zeros((len(parts), len(rows))))),
            (half[:, rows] * half[:, columns]).T,
            np.array([np.abs(part.scatters).max(axis=0) for part in parts]).T,
        )

    def compute_expectation(self, model: MixtureModel) -> tuple[Floats, Floats]:
        """Compute the E-step; see :func:`segment.mixture.gaussian_steps.compute_expectation`.

        Parameters
        ----------
        model : MixtureModel
            Of k components, in the coordinates of the blocks.

        Returns
        -------
        statistics : ndarray of shape (k, m), float64
        log_likelihoods : ndarray of shape (1,), float64
        """
        parameters = model.gaussian_terms.parameters
        highest, lowest = self._bound_log_joint(parameters, model)
        near = np.ascontiguousarray(self._find_near(highest, lowest, model).T)
        # At each cell of a block one component has at least this, and none much more but where a block is very wide.
        shifts = lowest.max(axis=0)
        is_wide = highest.max(axis=0) - shifts > MAX_RANGE
        statistics, log_likelihood = np.zeros_like(parameters), 0.0
        for block, is_near, shift, wide in zip(self.blocks, near, shifts.tolist(), is_wide.tolist(), strict=True):
            at = is_near.nonzero()[0]
            sums, own = sum_expected_moments(parameters[at], *block, None if wide else shift)
            statistics[at] += sums
            log_likelihood += own
        return statistics, np.array([log_likelihood])

    def find_candidates(self, model: MixtureModel, n: int) -> NDArray[np.bool_]:
        """Find the components that can be among the n likeliest of a cell of each block.

        Parameters
        ----------
        model : MixtureModel
            Of k components, in the coordinates of the blocks.
        n : int, 1 to k

        Returns
        -------
        ndarray of shape (k, n_blocks), bool
            At least n for each block.
        """
        parameters = model.gaussian_terms.parameters
        highest, lowest = self._bound_log_joint(parameters, model)
        # n components are at least as likely as this at each cell of a block.
        least = np.partition(lowest, len(lowest) - n, axis=0)[len(lowest) - n]
        return np.asarray(highest >= least - 1e-9 * np.abs(least))

    def _find_near(self, highest: Floats, lowest: Floats, model: MixtureModel) -> NDArray[np.bool_]:
        """Find the components that matter to each block by the bounds of their densities: (k, n)."""
        # At most what a component has in a block, and what it may lose there, as logarithms of weights of cells.
        bound = highest - lowest.max(axis=0) + np.log(self.weights)
        loss = compute_log_weights(model.weights) + np.log(self.weights.sum() * MAX_LEFT_OUT / len(self.weights))
        # An extrapolation may give a component more weight than it has: it keeps the block where it has most.
        return np.asarray((bound > loss[:, None]) | (bound == bound.max(axis=1, keepdims=True)))

    def _bound_log_joint(self, parameters: Floats, model: MixtureModel) -> tuple[Floats, Floats]:
        """Bound the log of weight times density of each component at the cells of each block: (k, n), above and below.

        The scatter of the cells counts below only.
        """
        # A Mahalanobis distance within the box is that of its middle give or take r, with r**2 = h' |P| h for half
        # widths h. The scatter of a cell adds tr(P S) to the square of its distance.
        peaks = model.gaussian_terms.log_peaks[:, None]
        absolute = 2 * np.abs(parameters[:, -len(self.spans) :])
        distance = np.sqrt(np.maximum(2 * (peaks - parameters @ self.centers), 0.0))
        radius = np.sqrt(absolute @ self.spans)
        highest = peaks - np.maximum(distance - radius, 0.0) ** 2 / 2
        return highest, peaks - ((distance + radius) ** 2 + absolute @ self.scatters) / 2


def _split_by_nearness(points: Floats) -> Iterator[NDArray[np.intp]]:
    """Halve points (n, d) along their widest axis, again and again, and yield the numbers of those of each block."""
    waiting = [np.arange(len(points))]
    while waiting:
        rows = waiting.pop()
        if len(rows) <= BLOCK_CELLS:
            yield rows
            continue
        own = points[rows]
        axis = int(np.ptp(own, axis=0).argmax())
        order = np.argpartition(own[:, axis], len(rows) // 2)
        waiting += [rows[order[len(rows) // 2 :]], rows[order[: len(rows) // 2]]]
