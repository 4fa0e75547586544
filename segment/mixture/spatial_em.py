"""EM for mixtures in a random field: the weights of the components differ from cell to cell.

The neighbors of a pixel change the prior probabilities of its classes. Here this change is given as log odds for every
cell; the E-step adds them to the log weights of the components, and the M-step is the usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.mixture.cells import Cells
from segment.mixture.component_merging import pool_posteriors
from segment.mixture.em import measure_largest_move
from segment.mixture.gaussian_density import (
    MIN_LOG,
    compute_moments,
    compute_responsibilities,
    split_into_blocks,
)
from segment.mixture.gaussian_steps import compute_standard_coordinates, maximize_posterior
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.robust import compute_expectation
from segment.mixture.robust import maximize_posterior as maximize_robust_posterior
from segment.mixture.student_t import convert_to_student_t

__all__ = [
    "MAX_STEPS",
    "MOVE_TOLERANCE",
    "SpatialEM",
    "SpatialEMState",
    "compute_class_log_posteriors",
    "fit_with_neighbors",
    "normalize_logs",
]

Floats = NDArray[np.float64]
Logs = NDArray[np.float32]
# The rows of cells, their weights (b,) and moments (m, b).
Block = tuple[slice | NDArray[np.intp], Floats, Floats]

# EM with neighbors ends after this many steps, or when no parameter moves by more than the tolerance.
MAX_STEPS, MOVE_TOLERANCE = 20, 1e-2
# Moments that are kept from one step to the next, 256 MB: of more, as of many features, they are computed in each step.
MAX_KEPT_MOMENTS = 2**25
# Smaller posteriors are raised to this before the logarithm.
MIN_POSTERIOR = 1e-30
MIN_LOG_POSTERIOR = np.log(np.float32(MIN_POSTERIOR))


class _Blocks:
    """Cells in blocks, whose moments are computed each time they are asked for."""

    def __init__(self, cells: Cells, shift: Floats, scale: Floats, n_components: int) -> None:
        self._cells, self._shift, self._scale = cells, shift, scale
        self._rows = list(split_into_blocks(len(cells), n_components))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Block:
        rows = self._rows[number]
        cells = self._cells[rows]
        return rows, cells.weights, compute_moments(cells.rescale(self._shift, self._scale))

    def __iter__(self) -> Iterator[Block]:
        return map(self.__getitem__, range(len(self)))


class SpatialEMState:
    """The present mixture of EM steps on cells that each have their own prior probabilities of the components.

    Parameters
    ----------
    cells : Cells
        n cells, none missing.
    model : MixtureModel
        The first mixture, of any covariance type.
    prior : Prior
        Of means and covariances.

    Attributes
    ----------
    move : float
        The largest change of a parameter in the last step; see :func:`segment.mixture.em.measure_largest_move`.
        Infinity before the first step.
    """

    def __init__(self, cells: Cells, model: MixtureModel, prior: Prior) -> None:
        self._shift, self._scale = compute_standard_coordinates(cells, model.covariance_type)
        blocks = _Blocks(cells, self._shift, self._scale, model.n_components)
        d = cells.n_features
        is_kept = len(cells) * (1 + d + d * (d + 1) // 2) <= MAX_KEPT_MOMENTS
        self._blocks: list[Block] | _Blocks = list(blocks) if is_kept else blocks
        self._shape = (model.n_components, len(cells))
        self._model = model.rescale(self._shift, self._scale)
        self._prior = prior.rescale(self._shift, self._scale)
        self.move = np.inf

    @property
    def model(self) -> MixtureModel:
        """The present mixture, in the coordinates of the data."""
        return self._model.rescale(-self._shift / self._scale, 1 / self._scale)

    def _replace_model(self, after: MixtureModel) -> None:
        """Take the mixture of an M-step for the present one, and measure the move."""
        self.move = measure_largest_move(self._model, after)
        self._model = after


class SpatialEM(SpatialEMState):
    """EM steps with all components at each cell.

    The mixture may have noise and t components, whose degrees of freedom are kept; see :class:`SpatialEMState` for the
    parameters and attributes.
    """

    def compute_log_posteriors(self, groups: NDArray[np.intp]) -> Logs:
        """Compute the log posterior of each class at each cell from its features alone, without neighbors.

        Parameters
        ----------
        groups : ndarray of shape (K,), int
            The class 0..k-1 of each component.

        Returns
        -------
        ndarray of shape (k, n), float32
            Natural logarithms, at least log(1e-30). The share of noise is divided among the components by their
            weights.
        """
        model = self._model
        parameters, peaks = model.gaussian_terms.parameters, model.gaussian_terms.log_peaks
        # All densities are divided by (1 - noise_share), which cancels in the posteriors.
        noise = model.noise_share * model.noise_density / (1 - model.noise_share) if model.noise_share else 0.0
        is_plain = np.array_equal(groups, np.arange(len(groups)))
        found = np.empty((int(groups.max(initial=-1)) + 1, self._shape[1]), dtype=np.float32)
        for rows, _, moment in self._blocks:
            joint = parameters @ moment
            if model.degrees_of_freedom.size:
                joint, _ = convert_to_student_t(joint, peaks, model.degrees_of_freedom, model.n_features)
            if is_plain and not noise:
                found[:, rows] = normalize_logs(joint)
                continue
            top = np.maximum(joint.max(axis=0), np.log(noise)) if noise else joint.max(axis=0)
            joint = np.exp(joint - top)
            if noise:
                joint += model.weights[:, None] * (noise * np.exp(-top))
            posteriors = (joint / joint.sum(axis=0)).astype(np.float32)
            found[:, rows] = _compute_logs(pool_posteriors(posteriors.T, groups).T)
        return found

    def run_step(self, neighbor_log_odds: Logs, groups: NDArray[np.intp]) -> None:
        """Run one E-step and one M-step.

        Parameters
        ----------
        neighbor_log_odds : ndarray of shape (k, n), float32
            What the neighbors of each cell add to the log weight of each class.
        groups : ndarray of shape (K,), int
            The class 0..k-1 of each component: all components of a class get the log odds of the class.
        """
        model = self._model
        if not (model.noise_share or model.degrees_of_freedom.size):
            # Gaussian components alone: the plain steps, without the log likelihood, which nobody asks for.
            parameters, sums = model.gaussian_terms.parameters, np.zeros_like(model.gaussian_terms.parameters)
            for rows, weights, moments in self._blocks:
                joint = parameters @ moments
                joint += neighbor_log_odds[:, rows][groups]
                sums += compute_responsibilities(joint, weights, 1)[0] @ moments.T
            self._replace_model(maximize_posterior(sums, model, self._prior))
            return

        def prepare_blocks() -> Iterator[tuple[Floats, Floats, NDArray[np.floating]]]:
            """Prepare one block after the other: those of all cells would be as large as all log odds."""
            for rows, counts, moment in self._blocks:
                log_odds = neighbor_log_odds[:, rows][groups]
                # Without noise a common factor of all components changes no responsibility.
                offsets = _normalize_offsets(log_odds, model.weights) if model.noise_share else log_odds
                yield counts, moment, offsets

        statistics = compute_expectation(prepare_blocks(), model)[0]
        self._replace_model(maximize_robust_posterior(statistics, model, self._prior, fixed_degrees=True))


def _normalize_offsets(log_odds: Logs, weights: Floats) -> Floats:
    """Compute log offsets log o_j = a_j - log sum_i w_i exp(a_i), so that sum_j w_j o_j = 1 at each cell: (k, n)."""
    raised = np.exp(log_odds - log_odds.max(axis=0), dtype=np.float64)
    return np.asarray(np.log(np.maximum(raised, 1e-300) / (weights @ raised)))


def fit_with_neighbors(
    em: SpatialEM, groups: NDArray[np.intp], compute_neighbor_log_odds: Callable[[Logs], Logs]
) -> MixtureModel:
    """Fit a mixture by EM steps in which the neighbors of each cell change its class probabilities.

    Parameters
    ----------
    em : SpatialEM
        A mixture of K components and n cells. It is changed.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    compute_neighbor_log_odds : callable
        Takes the log posterior of each class at each cell from its features alone, (k, n) float32, and returns what
        the neighbors of the cells add to the log weight of each class, (k, n) float32; in the same array if it likes.

    Returns
    -------
    MixtureModel
        The mixture after the last step, in the coordinates of the data.
    """
    for _ in range(MAX_STEPS):
        em.run_step(compute_neighbor_log_odds(em.compute_log_posteriors(groups)), groups)
        if em.move < MOVE_TOLERANCE:
            break
    return em.model


def compute_class_log_posteriors(model: MixtureModel, groups: NDArray[np.intp], cells: Cells) -> Logs:
    """Compute the log posterior of each class at each cell from its features alone, without neighbors.

    Parameters
    ----------
    model : MixtureModel
        A mixture of K components.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    cells : Cells
        n cells.

    Returns
    -------
    ndarray of shape (n, k), float32
        Natural logarithms, at least log(1e-30). The share of noise is divided among the classes by their weights.

    Examples
    --------
    Two equal components; the cell lies in the middle:

    >>> import numpy as np
    >>> from segment.mixture.cells import make_point_cells
    >>> model = MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [4.0]]), np.ones((2, 1, 1)))
    >>> np.exp(compute_class_log_posteriors(model, np.array([0, 1]), make_point_cells([[2.0]]))).round(3).tolist()
    [[0.5, 0.5]]
    """
    logs = np.empty((int(groups.max(initial=-1)) + 1, len(cells)), dtype=np.float32)
    is_plain = np.array_equal(groups, np.arange(len(groups))) and not model.noise_share
    noise = model.noise_posteriors(cells) if model.noise_share else None
    for rows, joint in model.iterate_log_joint(cells):
        if is_plain:
            logs[:, rows] = normalize_logs(joint)
            continue
        odds = np.exp(joint - joint.max(axis=0, initial=MIN_LOG))
        posteriors = odds / odds.sum(axis=0)
        if noise is not None:
            posteriors = (1 - noise[rows]) * posteriors + noise[rows] * model.weights[:, None]
        logs[:, rows] = _compute_logs(pool_posteriors(posteriors.T, groups).T)
    return logs.T


def normalize_logs(joint: NDArray[np.floating]) -> Logs:
    """Compute log posteriors from log joint densities, without the posteriors and their logarithms.

    Parameters
    ----------
    joint : ndarray of shape (k, n), float
        Log of weight times density of each component, up to a constant for each cell. Overwritten.

    Returns
    -------
    ndarray of shape (k, n), float32
        At least `MIN_LOG_POSTERIOR`.

    Examples
    --------
    >>> np.exp(normalize_logs(np.log([[0.3], [0.1]]))).round(3).tolist()
    [[0.75], [0.25]]
    """
    joint -= joint.max(axis=0, initial=-np.inf)
    # Single precision suffices for differences from the largest, and its exponentials take a third of the time.
    logs = np.maximum(joint, MIN_LOG_POSTERIOR, out=joint).astype(np.float32)
    logs -= np.log(np.ones(len(logs), np.float32) @ load_cv2().exp(logs))
    return np.asarray(np.maximum(logs, MIN_LOG_POSTERIOR, out=logs))


def _compute_logs(posteriors: NDArray[np.floating]) -> Logs:
    """Compute logarithms that are finite where a posterior is 0."""
    return np.asarray(np.log(np.maximum(posteriors, MIN_POSTERIOR), dtype=np.float32))
