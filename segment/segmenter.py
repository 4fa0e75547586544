"""From a mixture and cells to labels: the one place where class 0 becomes label 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.combination import pool
from segment.mixture.model import MixtureModel

__all__ = ["class_posteriors", "label_cells", "order_classes"]

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]


def order_classes(
    model: MixtureModel, groups: Groups, lightness: Callable[[Floats], Floats]
) -> tuple[MixtureModel, Groups]:
    """The mixture and its classes in ascending order of lightness; ties go by the means, feature by feature.

    Parameters
    ----------
    model : MixtureModel
        Of K components.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    lightness : callable
        Takes features (n, d), here the mean of each class, and returns a number for each, (n,).

    Returns
    -------
    model : MixtureModel
        Its components in the order of their classes, and by their own lightness within each class.
    groups : ndarray of shape (K,), int
        The class of each component, ascending.
    """
    members = pool(np.eye(len(groups)), groups).T
    masses = members * np.maximum(model.weights, np.finfo(float).tiny)
    means = (masses / masses.sum(axis=1, keepdims=True)) @ model.means
    rank = np.argsort(_ascending(means, lightness(means)))[groups]
    order = np.lexsort((np.argsort(_ascending(model.means, lightness(model.means))), rank))
    return model.reordered(order), rank[order]


def class_posteriors(model: MixtureModel, groups: Groups, cells: Cells) -> Floats:
    """Probability of each class for each cell, (n, k): the sum over its components. `groups` ascend."""
    posteriors = model.posteriors(cells)
    return posteriors if _is_plain(groups) else pool(posteriors, groups)


def label_cells(model: MixtureModel, cells: Cells, groups: Groups | None = None) -> NDArray[np.uint8]:
    """Label 1..k of the most probable class for each cell: shape (n,), uint8.

    A mixture of no components gives label 0, which is none.

    Parameters
    ----------
    model : MixtureModel
    cells : Cells
    groups : ndarray of shape (K,), int, optional
        The class 0..k-1 of each component, ascending. By default each component is a class.
    """
    if model.n_components == 0:
        return np.zeros(len(cells), dtype=np.uint8)
    if groups is None or _is_plain(groups):
        return (model.predict(cells) + 1).astype(np.uint8)
    return np.asarray(class_posteriors(model, groups, cells).argmax(axis=1) + 1, dtype=np.uint8)


def _is_plain(groups: Groups) -> bool:
    """Whether every component is a class of its own."""
    return bool(np.array_equal(groups, np.arange(len(groups))))


def _ascending(means: Floats, keys: Floats) -> NDArray[np.intp]:
    """The order of the keys (n,), ties by the means (n, d)."""
    return np.lexsort((*means.T[::-1], keys))
