"""Stepwise EM: update a mixture with one batch of cells after another, without keeping the batches.

Stepwise (online) EM keeps a running mean of the sufficient statistics and mixes those of each batch into it (Cappe &
Moulines 2009, J. R. Stat. Soc. B 71; Liang & Klein 2009, NAACL).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.gaussian_steps import maximize_posterior, prepare_e_step
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import Prior

__all__ = ["StepwiseState", "start_stepwise_em", "update_stepwise_em"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StepwiseState:
    """State of stepwise EM between two batches.

    Attributes
    ----------
    model : MixtureModel
        The present mixture, of k components in d dimensions.
    statistics : ndarray of shape (k, 1 + d + d (d + 1) / 2), float64
        Running mean of the sufficient statistics per unit weight: the responsibilities times 1, x and the packed x x',
        in the coordinates ``(x - shift) / scale``.
    shift, scale : ndarray of shape (d,), float64
        Coordinates in which the first mixture has mean 0 and variances 1.
    prior : Prior
        Its strength is a share of the total weight.
    n_batches : int
        Number of batches used so far.
    log_likelihood : float
        Log likelihood per unit weight of the last batch, under the mixture before its step; NaN before the first batch.
    """

    model: MixtureModel
    statistics: Floats
    shift: Floats
    scale: Floats
    prior: Prior
    n_batches: int = 0
    log_likelihood: float = float("nan")


def start_stepwise_em(model: MixtureModel, prior: Prior) -> StepwiseState:
    """Start stepwise EM from a mixture, with the moments of the mixture as first statistics.

    Parameters
    ----------
    model : MixtureModel
        The first mixture, for example fitted to a first batch.
    prior : Prior
        Its strength is a share of the total weight: 0.1 counts as a tenth of all observations, in every component.

    Returns
    -------
    StepwiseState
        To be passed to :func:`update_stepwise_em`.
    """
    shift, scale = model.compute_standard_coordinates()
    # Spherical covariances stay spherical only where all features have the same scale.
    if model.covariance_type == "spherical":
        scale = np.full_like(scale, np.sqrt((scale**2).mean()))
    standard = model.rescale(shift, scale)
    # For each component E[1] = 1, E[x] = m and E[x x'] = C + m m'.
    second = standard.covariances + standard.means[:, :, None] * standard.means[:, None, :]
    moments = np.concatenate([np.ones((model.n_components, 1)), standard.means, pack(second)], axis=1)
    return StepwiseState(model, model.weights[:, None] * moments, shift, scale, prior)


def update_stepwise_em(state: StepwiseState, cells: Cells, *, power: float = 0.7, offset: float = 2.0) -> StepwiseState:
    """Update the mixture with one batch: an E-step, a weighted mean of the statistics, and an M-step.

    Parameters
    ----------
    state : StepwiseState
        From :func:`start_stepwise_em` or from the step before; it is not changed.
    cells : Cells
        The batch. Batches should be random parts of the data, each with many observations for every component.
    power : float, > 0.5 and <= 1
        Exponent of the step size. With power 1 and offset 1 all batches count alike; a lower power forgets the first
        steps faster and gives noisier results.
    offset : float, >= 0
        Offset of the batch number in the step size. Raising it makes the first steps smaller.

    Returns
    -------
    StepwiseState
        The state after this batch.

    Raises
    ------
    SettingsError
        If `power` or `offset` is out of its range, or the cells have another number of features.

    Notes
    -----
    The statistics become ``s <- (1 - eta) s + eta s_batch`` with ``eta = (t + offset)**-power`` for the batch number
    t = 1, 2, ... (Cappe & Moulines 2009, J. R. Stat. Soc. B 71; Liang & Klein 2009, NAACL).

    Examples
    --------
    With power 1 and offset 1 the mean is that of the first mixture, 0, and of both batches:

    >>> import numpy as np
    >>> from segment.mixture.cells import make_point_cells
    >>> from segment.mixture.model import MixtureModel
    >>> from segment.mixture.prior import make_flat_prior
    >>> state = start_stepwise_em(MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))), make_flat_prior(1))
    >>> for batch in ([[3.0]], [[6.0]]):
    ...     state = update_stepwise_em(state, make_point_cells(batch), power=1.0, offset=1.0)
    >>> state.model.means.round(6).tolist()
    [[3.0]]
    """
    if not 0.5 < power <= 1:
        raise SettingsError(f"power: above 0.5 and at most 1; got {power}.")
    if not (np.isfinite(offset) and offset >= 0):
        raise SettingsError(f"offset: zero or above; got {offset}.")
    if cells.n_features != state.model.n_features:
        raise SettingsError(f"cells: the mixture has {state.model.n_features} features; got {cells.n_features}.")
    shift, scale, number = state.shift, state.scale, state.n_batches + 1
    standard = state.model.rescale(shift, scale)
    statistics, log_likelihood = prepare_e_step(cells, shift, scale)(standard)
    rate = float(number + offset) ** -power
    # Statistics are per unit weight, so batches of any size count alike.
    mixed = (1 - rate) * state.statistics + rate * statistics / cells.total_weight
    model = maximize_posterior(mixed, standard, state.prior.rescale(shift, scale))
    # The log density in the coordinates of the data is less by the log of the scales.
    return replace(
        state,
        model=model.rescale(-shift / scale, 1 / scale),
        statistics=mixed,
        n_batches=number,
        log_likelihood=float(log_likelihood[0] / cells.total_weight - np.log(scale).sum()),
    )
