"""Classes folded into one and called by names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.mixture.model import MixtureModel

__all__ = ["default_names", "fold_classes", "name_classes"]

Merges = Sequence[tuple[str, tuple[int, ...]]]


def default_names(n_classes: int) -> tuple[str, ...]:
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
    return model.reordered(order), np.unique(folded[order], return_inverse=True)[1].reshape(-1).astype(np.intp)


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
