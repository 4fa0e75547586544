"""From a mixture and cells to labels: the one place where component 0 becomes label 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel

__all__ = ["label_cells", "order_components"]


def order_components(model: MixtureModel, keys: NDArray[np.float64]) -> MixtureModel:
    """The mixture with its components in ascending order of `keys` (k,); ties go by the means, feature by feature."""
    return model.reordered(np.lexsort((*model.means.T[::-1], keys)))


def label_cells(model: MixtureModel, cells: Cells) -> NDArray[np.uint8]:
    """Label 1..k of the component with the highest posterior for each cell: shape (n,), uint8.

    A mixture of no components gives label 0, which is none.
    """
    if model.n_components == 0:
        return np.zeros(len(cells), dtype=np.uint8)
    return (model.predict(cells) + 1).astype(np.uint8)
