"""From a mixture and cells to labels: the one place where class 0 becomes label 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.combination import pool
from segment.mixture.model import MixtureModel

__all__ = [
    "class_posteriors",
    "entropy",
    "is_rejected",
    "label_cells",
    "order_classes",
    "precedence",
    "rejection_threshold",
]

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]


def order_classes(
    model: MixtureModel, groups: Groups, key: Callable[[Floats, Floats], Floats]
) -> tuple[MixtureModel, Groups]:
    """The mixture and its classes in ascending order of a key; ties go by the means, feature by feature.

    Parameters
    ----------
    model : MixtureModel
        Of K components.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    key : callable
        Takes the mean (n, d) and the weight (n,) of each class, and returns a number for each, (n,).

    Returns
    -------
    model : MixtureModel
        Its components in the order of their classes, and by their own key within each class.
    groups : ndarray of shape (K,), int
        The class of each component, ascending.
    """
    weights, means = _weights_and_means(model, groups)
    rank = np.argsort(_ascending(means, key(means, weights)))[groups]
    order = np.lexsort((np.argsort(_ascending(model.means, key(model.means, model.weights))), rank))
    return model.reordered(order), rank[order]


def precedence(model: MixtureModel, groups: Groups) -> list[int]:
    """Labels in the order in which classes win ties: the heavier first, whatever their numbers."""
    weights, means = _weights_and_means(model, groups)
    return [int(number) + 1 for number in _ascending(means, -weights)]


def class_posteriors(model: MixtureModel, groups: Groups, cells: Cells) -> Floats:
    """Probability of each class for each cell, (n, k): the sum over its components. `groups` ascend."""
    return pool(model.posteriors(cells), groups)


def entropy(posteriors: NDArray[np.floating]) -> NDArray[np.floating]:
    """How unsure the class of each row is: the entropy of its probabilities (n, k) in bits, 0 to log2 k. (n,)."""
    tiny = np.finfo(posteriors.dtype).tiny
    return np.asarray(np.abs((posteriors * np.log2(np.maximum(posteriors, tiny))).sum(axis=1)))


def label_cells(
    model: MixtureModel, cells: Cells, groups: Groups | None = None, *, least: float = -np.inf
) -> NDArray[np.uint8]:
    """Label 1..k of the most probable class for each cell: shape (n,), uint8.

    Parameters
    ----------
    model : MixtureModel
        Of no components it gives label 0, which is none. What it takes for noise gets the label of the component that
        comes nearest.
    cells : Cells
    groups : ndarray of shape (K,), int, optional
        The class 0..k-1 of each component, ascending. By default each component is a class.
    least : float
        Cells whose log density under the components alone, without noise, is below this get label 0.
    """
    if model.n_components == 0:
        return np.zeros(len(cells), dtype=np.uint8)
    if groups is None or _is_plain(groups):
        labels = (model.predict(cells) + 1).astype(np.uint8)
    else:
        labels = (class_posteriors(model, groups, cells).argmax(axis=1) + 1).astype(np.uint8)
    if least > -np.inf:
        labels[is_rejected(model, cells, least)] = 0
    return labels


def is_rejected(model: MixtureModel, cells: Cells, least: float) -> NDArray[np.bool_]:
    """Whether the log density of each cell under the components alone, without noise, is below a threshold: (n,)."""
    return np.asarray(_component_density(model, cells) < least)


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


def _weights_and_means(model: MixtureModel, groups: Groups) -> tuple[Floats, Floats]:
    """The weight (k,) and mean (k, d) of each class; both 0 for one without components."""
    tiny = np.finfo(float).tiny
    masses = pool(np.eye(len(groups)), groups).T * np.maximum(model.weights, tiny)
    weights = masses.sum(axis=1)
    return weights, (masses / np.maximum(weights, tiny)[:, None]) @ model.means


def _is_plain(groups: Groups) -> bool:
    """Whether every component is a class of its own."""
    return bool(np.array_equal(groups, np.arange(len(groups))))


def _ascending(means: Floats, keys: Floats) -> NDArray[np.intp]:
    """The order of the keys (n,), ties by the means (n, d)."""
    return np.lexsort((*means.T[::-1], keys))
