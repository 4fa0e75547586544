"""From a mixture and cells to labels: the one place where component 0 becomes label 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["label_cells", "order_components", "rejection_threshold"]


def order_components(model: MixtureModel, keys: NDArray[np.float64]) -> MixtureModel:
    """The mixture with its components in ascending order of `keys` (k,); ties go by the means, feature by feature."""
    return model.reordered(np.lexsort((*model.means.T[::-1], keys)))


def label_cells(model: MixtureModel, cells: Cells, *, least: float = -np.inf) -> NDArray[np.uint8]:
    """Label 1..k of the component with the highest posterior for each cell: shape (n,), uint8.

    Parameters
    ----------
    model : MixtureModel
        Of no components it gives label 0, which is none. What it takes for noise gets the label of the component that
        comes nearest.
    cells : Cells
    least : float
        Cells whose log density under the components alone, without noise, is below this get label 0.
    """
    if model.n_components == 0:
        return np.zeros(len(cells), dtype=np.uint8)
    labels = (model.predict(cells) + 1).astype(np.uint8)
    if least > -np.inf:
        labels[_component_density(model, cells) < least] = 0
    return labels


def rejection_threshold(model: MixtureModel, cells: Cells, share: float) -> float:
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
