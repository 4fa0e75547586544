"""EM where the weights of the components differ from cell to cell, as the neighbors of a pixel have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.component_merging import pool_posteriors
from segment.mixture.em import measure_largest_move, compute_standard_coordinates
from segment.mixture.model import MixtureModel, split_into_blocks, compute_log_peaks, compute_moments, compute_natural_parameters
from segment.mixture.prior import Prior
from segment.mixture.robust import compute_expectation, maximize_posterior
from segment.mixture.student_t import convert_to_student_t

__all__ = ["SpatialEM", "compute_class_log_posteriors", "fit_with_neighbors"]

Floats = NDArray[np.float64]
Logs = NDArray[np.float32]

_STEPS, _MOVE = 20, 1e-2  # of EM with neighbors: at most, and the largest move of the last
_TINY = 1e-30  # a posterior below this is no stronger evidence


class SpatialEM:
    """EM steps of one mixture on cells whose own class priors are given.

    Parameters
    ----------
    cells : Cells
        n complete cells.
    model : MixtureModel
        Where to begin: any covariance type, with or without noise and tails. Degrees of freedom stay as they are.
    prior : Prior

    Attributes
    ----------
    move : float
        The largest change of a parameter in the last step; see :func:`segment.mixture.em.measure_largest_move`.
    """

    def __init__(self, cells: Cells, model: MixtureModel, prior: Prior) -> None:
        self._shift, self._scale = compute_standard_coordinates(cells, model.covariance_type)
        self._blocks = [
            (rows, cells.weights[rows], compute_moments(cells[rows].rescale(self._shift, self._scale)))
            for rows in split_into_blocks(len(cells))
        ]
        self._shape = (model.n_components, len(cells))
        self._model = model.rescale(self._shift, self._scale)
        self._prior = prior.rescale(self._shift, self._scale)
        self.move = np.inf

    @property
    def model(self) -> MixtureModel:
        return self._model.rescale(-self._shift / self._scale, 1 / self._scale)

    def compute_posteriors(self) -> NDArray[np.float32]:
        """Probability of every component at every cell by its features alone: (K, n), float32, columns sum to 1.

        Noise may be of any component, by their weights.
        """
        model = self._model
        parameters, peaks = compute_natural_parameters(model), compute_log_peaks(model)
        noise = model.noise_share * model.noise_density / (1 - model.noise_share) if model.noise_share else 0.0
        found = np.empty(self._shape, dtype=np.float32)
        for rows, _, moment in self._blocks:
            joint = parameters @ moment
            if model.degrees_of_freedom.size:
                joint, _ = convert_to_student_t(joint, peaks, model.degrees_of_freedom, model.n_features)
            top = np.maximum(joint.max(axis=0), np.log(noise)) if noise else joint.max(axis=0)
            joint = np.exp(joint - top)
            if noise:
                joint += model.weights[:, None] * (noise * np.exp(-top))
            found[:, rows] = joint / joint.sum(axis=0)
        return found

    def run_step(self, neighbor_log_odds: NDArray[np.float32]) -> None:
        """One E-step and M-step.

        Parameters
        ----------
        neighbor_log_odds : ndarray of shape (k, n), float32
            What each cell's neighbors add to the log weights of the components. The weights times its exponentials are
            taken to sum to 1 at each cell.
        """
        weights = self._model.weights
        prepared = []
        for rows, counts, moment in self._blocks:
            raised = np.exp(neighbor_log_odds[:, rows] - neighbor_log_odds[:, rows].max(axis=0), dtype=np.float64)
            prepared.append((counts, moment, np.log(np.maximum(raised, 1e-300) / (weights @ raised))))
        after = maximize_posterior(
            compute_expectation(prepared, self._model)[0], self._model, self._prior, fixed_degrees=True
        )
        self.move = measure_largest_move(self._model, after)
        self._model = after


def fit_with_neighbors(
    em: SpatialEM, groups: NDArray[np.intp], compute_neighbor_log_odds: Callable[[Logs], Logs]
) -> MixtureModel:
    """The mixture after EM steps in which neighbors have their say.

    Parameters
    ----------
    em : NeighborlyEM
        K components at n cells.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    compute_neighbor_log_odds : callable
        Takes the log posterior of each class at each cell by its features alone, (k, n), and returns what the cells'
        neighbors add to the log weight of each class there, (k, n).
    """
    for _ in range(_STEPS):
        em.run_step(
            compute_neighbor_log_odds(
                _take_logs(pool_posteriors(em.compute_posteriors().T.astype(np.float64), groups)).T
            )[groups]
        )
        if em.move < _MOVE:
            break
    return em.model


def compute_class_log_posteriors(model: MixtureModel, groups: NDArray[np.intp], cells: Cells) -> Logs:
    """Log posterior of each class by features alone, (n, k), float32. Noise may be of any class, by their weights."""
    posteriors = model.posteriors(cells)
    if model.noise_share:
        noise = model.noise_posteriors(cells)[:, None]
        posteriors = (1 - noise) * posteriors + noise * model.weights
    return _take_logs(pool_posteriors(posteriors, groups))


def _take_logs(posteriors: Floats) -> Logs:
    return np.asarray(np.log(np.maximum(posteriors, _TINY), dtype=np.float32))
