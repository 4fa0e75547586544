"""EM where the weights of the components differ from cell to cell, as the neighbours of a pixel have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import largest_move, standard_coordinates
from segment.mixture.model import MixtureModel, blocks, log_peaks, moments, natural_parameters
from segment.mixture.prior import Prior
from segment.mixture.robust import expectation, maximization
from segment.mixture.tails import student

__all__ = ["NeighbourlyEM"]

Floats = NDArray[np.float64]


class NeighbourlyEM:
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
        The largest change of a parameter in the last step; see :func:`segment.mixture.em.largest_move`.
    """

    def __init__(self, cells: Cells, model: MixtureModel, prior: Prior) -> None:
        self._shift, self._scale = standard_coordinates(cells, model.covariance_type)
        self._blocks = [
            (rows, cells.weights[rows], moments(cells[rows].rescaled(self._shift, self._scale)))
            for rows in blocks(len(cells))
        ]
        self._shape = (model.n_components, len(cells))
        self._model = model.rescaled(self._shift, self._scale)
        self._prior = prior.rescaled(self._shift, self._scale)
        self.move = np.inf

    @property
    def model(self) -> MixtureModel:
        return self._model.rescaled(-self._shift / self._scale, 1 / self._scale)

    def posteriors(self) -> NDArray[np.float32]:
        """Probability of every component at every cell by its features alone: (K, n), float32, columns sum to 1.

        Noise may be of any component, by their weights.
        """
        model = self._model
        parameters, peaks = natural_parameters(model), log_peaks(model)
        noise = model.noise_share * model.noise_density / (1 - model.noise_share) if model.noise_share else 0.0
        found = np.empty(self._shape, dtype=np.float32)
        for rows, _, moment in self._blocks:
            joint = parameters @ moment
            if model.degrees_of_freedom.size:
                joint, _ = student(joint, peaks, model.degrees_of_freedom, model.n_features)
            top = np.maximum(joint.max(axis=0), np.log(noise)) if noise else joint.max(axis=0)
            joint = np.exp(joint - top)
            if noise:
                joint += model.weights[:, None] * (noise * np.exp(-top))
            found[:, rows] = joint / joint.sum(axis=0)
        return found

    def step(self, odds: NDArray[np.float32]) -> None:
        """One E-step and M-step.

        Parameters
        ----------
        odds : ndarray of shape (k, n), float32
            What each cell's neighbours add to the log weights of the components. The weights times its exponentials are
            taken to sum to 1 at each cell.
        """
        weights = self._model.weights
        prepared = []
        for rows, counts, moment in self._blocks:
            raised = np.exp(odds[:, rows] - odds[:, rows].max(axis=0), dtype=np.float64)
            prepared.append((counts, moment, np.log(np.maximum(raised, 1e-300) / (weights @ raised))))
        after = maximization(expectation(prepared, self._model)[0], self._model, self._prior, fixed_degrees=True)
        self.move = largest_move(self._model, after)
        self._model = after
