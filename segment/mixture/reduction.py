"""A mixture with one component less: where the fit of k components begins when that of k + 1 is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import e_step, maximization, standard_coordinates
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior

__all__ = ["joining_costs", "reduced"]

Floats = NDArray[np.float64]


def reduced(cells: Cells, model: MixtureModel, prior: Prior) -> MixtureModel:
    """The mixture of the M-step once the two components that cost least to join share their responsibilities.

    Parameters
    ----------
    cells : Cells
    model : MixtureModel
        At least 2 components.
    prior : Prior
    """
    shift, scale = standard_coordinates(cells, model.covariance_type)
    standard = model.rescaled(shift, scale)
    costs = joining_costs(standard)
    keep, gone = (int(index) for index in np.unravel_index(costs.argmin(), costs.shape))
    statistics = np.array(e_step(cells, shift, scale)(standard)[0])
    statistics[keep] += statistics[gone]
    rest = np.delete(np.arange(model.n_components), gone)
    joined = maximization(statistics[rest], standard.reordered(rest), prior.rescaled(shift, scale))
    return joined.rescaled(-shift / scale, 1 / scale)


def joining_costs(model: MixtureModel) -> Floats:
    """An upper bound of what joining each pair of components, moments kept, loses in Kullback-Leibler divergence.

    Half of ``(w_i + w_j) log det C_ij - w_i log det C_i - w_j log det C_j``, C_ij being the covariance of the two
    together (Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989-999).

    Returns
    -------
    ndarray of shape (k, k), float64
        Infinite on and below the diagonal.
    """
    w = model.weights
    both = w[:, None] + w
    share = np.where(both > 0, w[:, None] / np.where(both > 0, both, 1.0), 0.5)[..., None, None]
    apart = model.means[:, None] - model.means
    within = share * model.covariances[:, None] + (1 - share) * model.covariances
    together = within + share * (1 - share) * apart[..., :, None] * apart[..., None, :]
    terms = w * np.linalg.slogdet(model.covariances)[1]
    costs = (both * np.linalg.slogdet(together)[1] - terms[:, None] - terms) / 2
    costs[np.tril_indices(len(w))] = np.inf
    return np.asarray(costs)
