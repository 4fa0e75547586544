"""Reject the least likely cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["find_rejection_threshold", "is_rejected"]


def is_rejected(model: MixtureModel, cells: Cells, min_log_density: float) -> NDArray[np.bool_]:
    """Test whether the log density of each cell is below a threshold.

    Parameters
    ----------
    model : MixtureModel
        Its noise is left out: the density is that of the components alone.
    cells : Cells
        n cells.
    min_log_density : float
        Raising it rejects more cells.

    Returns
    -------
    ndarray of shape (n,), bool
    """
    return np.asarray(_score_without_noise(model, cells) < min_log_density)


def find_rejection_threshold(model: MixtureModel, cells: Cells, share: float) -> float:
    """Find the log density that rejects at most a given share of the cells' weight.

    Parameters
    ----------
    model : MixtureModel
    cells : Cells
    share : float, 0 to 1
        Raising it rejects more cells.

    Returns
    -------
    float
        Threshold for :func:`is_rejected`. -inf where nothing is to be rejected, as without cells; inf where everything
        is.

    Examples
    --------
    >>> import numpy as np
    >>> from segment.mixture.cells import make_point_cells
    >>> standard_normal = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    >>> cells = make_point_cells([[0.0], [0.5], [1.0], [9.0]])
    >>> threshold = find_rejection_threshold(standard_normal, cells, 0.25)
    >>> is_rejected(standard_normal, cells, threshold)
    array([False, False, False,  True])
    """
    if share == 0 or model.n_components == 0 or not len(cells):
        return -np.inf
    # From the least likely cell up, the first whose weight would exceed the share is the threshold.
    densities = _score_without_noise(model, cells)
    order = densities.argsort(kind="stable")
    weight_so_far = np.cumsum(cells.weights[order])
    first_kept = int(np.searchsorted(weight_so_far, share * weight_so_far[-1], side="right"))
    return float(densities[order[first_kept]]) if first_kept < len(order) else np.inf


def _score_without_noise(model: MixtureModel, cells: Cells) -> NDArray[np.float64]:
    """Compute the log density (n,) without noise, whose constant density would make all far cells equally likely."""
    return replace(model, noise_share=0.0, noise_density=0.0).score_samples(cells)
