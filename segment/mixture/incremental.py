"""Stepwise EM: a mixture that learns from one batch of cells after another and keeps none of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, pack
from segment.mixture.em import prepare_e_step, maximize_posterior
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior

__all__ = ["StepwiseState", "start_stepwise_em", "update_stepwise_em"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StepwiseState:
    """What stepwise EM remembers between batches.

    Attributes
    ----------
    model : MixtureModel
    statistics : ndarray of shape (k, 1 + d + d (d + 1) / 2), float64
        Running mean of the E-step's sums per unit weight, in the coordinates ``(x - shift) / scale``.
    shift, scale : ndarray of shape (d,), float64
    prior : Prior
        Its strength is a share of the whole weight.
    n_batches : int
        Batches learnt from.
    log_likelihood : float
        Of the last batch, per unit weight, under the mixture that met it; NaN before the first.
    """

    model: MixtureModel
    statistics: Floats
    shift: Floats
    scale: Floats
    prior: Prior
    n_batches: int = 0
    log_likelihood: float = float("nan")


def start_stepwise_em(model: MixtureModel, prior: Prior) -> StepwiseState:
    """Start from a mixture as if all it had learnt from were its own moments.

    Parameters
    ----------
    model : MixtureModel
        Fitted to a first batch, for example.
    prior : Prior
        Its strength is a share of the whole weight: 0.1 counts as a tenth of all observations, in every component.
    """
    shift, scale = model.compute_standard_coordinates()
    if model.covariance_type == "spherical":
        scale = np.full_like(scale, np.sqrt((scale**2).mean()))
    standard = model.rescale(shift, scale)
    second = standard.covariances + standard.means[:, :, None] * standard.means[:, None, :]
    moments = np.concatenate([np.ones((model.n_components, 1)), standard.means, pack(second)], axis=1)
    return StepwiseState(model, model.weights[:, None] * moments, shift, scale, prior)


def update_stepwise_em(state: StepwiseState, cells: Cells, *, power: float = 0.7, offset: float = 2.0) -> StepwiseState:
    """One step: the E-step on a batch, its sums mixed into the running mean, and the M-step on that.

    ``s <- (1 - eta) s + eta s_batch`` with ``eta = (t + offset)**-power`` for the batch number t = 1, 2, ... (Cappe &
    Moulines 2009, J. R. Stat. Soc. B 71; Liang & Klein 2009, NAACL).

    Parameters
    ----------
    state : StepwiseState
    cells : Cells
        The batch. Batches should be alike, such as random parts of the data, and large against the components.
    power : float, > 0.5 and <= 1
        How fast what was learnt becomes fixed. 1 averages all batches alike (with offset 1); lower values forget the
        first, rough steps sooner and are noisier.
    offset : float, >= 0
        Raising it makes the first steps smaller.
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
    mixed = (1 - rate) * state.statistics + rate * statistics / cells.total_weight
    model = maximize_posterior(mixed, standard, state.prior.rescale(shift, scale))
    return replace(
        state,
        model=model.rescale(-shift / scale, 1 / scale),
        statistics=mixed,
        n_batches=number,
        log_likelihood=float(log_likelihood[0] / cells.total_weight - np.log(scale).sum()),
    )
