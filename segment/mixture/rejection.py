"""Reject the least likely cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["find_rejection_threshold", "is_rejected"]


def is_rejected(model: MixtureModel, cells: Cells, least: float) -> NDArray[np.bool_]:
    """Whether the log density of each cell under the components alone, without noise, is below a threshold: (n,)."""
    return np.asarray(_component_density(model, cells) < least)


def find_rejection_threshold(model: MixtureModel, cells: Cells, share: float) -> float:
    """The log density below which at most a share, 0 to 1, of the cells' weight lies; -inf for none."""
    if share == 0 or model.n_components == 0:
        return -np.inf
    densities = _component_density(model, cells)
    order = densities.argsort(kind="stable")
    below = np.cumsum(cells.weights[order])
    first_kept = int(np.searchsorted(below, share * below[-1], side="right"))
    return float(densities[order[first_kept]]) if first_kept < len(order) else np.inf


def _component_density(model: MixtureModel, cells: Cells) -> NDArray[np.float64]:
    """Log density without noise, under which all that is far off would be equally likely: (n,)."""
    return replace(model, noise_share=0.0, noise_density=0.0).score_samples(cells)
