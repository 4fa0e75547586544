"""From a mixture and cells to labels: the one place where class 0 becomes label 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.component_merging import pool_posteriors
from segment.mixture.model import MixtureModel
from segment.mixture.rejection import is_rejected

__all__ = [
    "compute_class_posteriors",
    "compute_entropy",
    "fold_classes",
    "label_cells",
    "make_default_names",
    "name_classes",
    "order_classes",
    "rank_classes",
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
    return model.reorder(order), rank[order]


def rank_classes(model: MixtureModel, groups: Groups) -> list[int]:
    """Labels in the order in which classes win ties: the heavier first, whatever their numbers."""
    weights, means = _weights_and_means(model, groups)
    return [int(number) + 1 for number in _ascending(means, -weights)]


def compute_class_posteriors(model: MixtureModel, groups: Groups, cells: Cells) -> Floats:
    """Probability of each class for each cell, (n, k): the sum over its components. `groups` ascend."""
    return pool_posteriors(model.posteriors(cells), groups)


def compute_entropy(posteriors: NDArray[np.floating]) -> NDArray[np.floating]:
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
        labels = (compute_class_posteriors(model, groups, cells).argmax(axis=1) + 1).astype(np.uint8)
    if least > -np.inf:
        labels[is_rejected(model, cells, least)] = 0
    return labels


def _weights_and_means(model: MixtureModel, groups: Groups) -> tuple[Floats, Floats]:
    """The weight (k,) and mean (k, d) of each class; both 0 for one without components."""
    tiny = np.finfo(float).tiny
    masses = pool_posteriors(np.eye(len(groups)), groups).T * np.maximum(model.weights, tiny)
    weights = masses.sum(axis=1)
    return weights, (masses / np.maximum(weights, tiny)[:, None]) @ model.means


def _is_plain(groups: Groups) -> bool:
    """Whether every component is a class of its own."""
    return bool(np.array_equal(groups, np.arange(len(groups))))


def _ascending(means: Floats, keys: Floats) -> NDArray[np.intp]:
    """The order of the keys (n,), ties by the means (n, d)."""
    return np.lexsort((*means.T[::-1], keys))


Merges = Sequence[tuple[str, tuple[int, ...]]]


def make_default_names(n_classes: int) -> tuple[str, ...]:
    """``class 1``, ``class 2`` and so on."""
    return tuple(f"class {label}" for label in range(1, n_classes + 1))


def fold_classes(
    model: MixtureModel, groups: NDArray[np.intp], merges: Merges
) -> tuple[MixtureModel, NDArray[np.intp]]:
    """The mixture with some of its classes made one, so that their posteriors add up.

    A merged class takes the place of its lowest label, and the classes after it move up.

    Parameters
    ----------
    model : MixtureModel
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component, ascending.
    merges : sequence of (name, labels)
        The labels 1..k that become one; others than there are do nothing.

    Returns
    -------
    model : MixtureModel
        Its components in the order of their classes.
    groups : ndarray of shape (K,), int
        The class of each component, ascending.
    """
    if not merges:
        return model, groups
    folded = _targets(int(groups.max(initial=-1)) + 1, merges)[groups]
    order = np.argsort(folded, kind="stable")
    return model.reorder(order), np.unique(folded[order], return_inverse=True)[1].reshape(-1).astype(np.intp)


def name_classes(names: Sequence[str], namings: Sequence[tuple[int, str]], merges: Merges) -> tuple[str, ...]:
    """What the classes are called after :func:`fold_classes`.

    Parameters
    ----------
    names : sequence of k str
        What they were called before. A merged class is called as its lowest label if nothing else is said.
    namings : sequence of (label, name)
        Names for labels 1..k, as they are before classes are folded.
    merges : sequence of (name, labels)
        With an empty name where none was given.
    """
    k = len(names)
    called = {label: name for label, name in enumerate(names, start=1) if name != f"class {label}"}
    called.update(namings)
    targets = _targets(k, merges)
    for name, labels in merges:
        if name and min(labels) <= k:
            called[min(labels)] = name
    kept = sorted(set(targets.tolist()))
    return tuple(called.get(target + 1, f"class {new}") for new, target in enumerate(kept, start=1))


def _targets(n_classes: int, merges: Merges) -> NDArray[np.intp]:
    """The class 0..k-1 that each class becomes part of."""
    targets = np.arange(n_classes)
    for _, labels in merges:
        there = [label - 1 for label in labels if label <= n_classes]
        targets[there] = min(there, default=0)
    return targets
