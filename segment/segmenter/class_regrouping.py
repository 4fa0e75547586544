"""Order, merge and name classes that are there, without a fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.class_names import make_default_name
from segment.features.color_space import FeatureSpace
from segment.segmenter.class_mixture import ClassMixture, find_merge_targets
from segment.segmenter.class_naming import name_by_color, name_classes

__all__ = ["RegroupedClasses", "make_order_key", "regroup_classes"]

Floats = NDArray[np.float64]


class RegroupedClasses(NamedTuple):
    """Classes in another order, merged and named.

    Attributes
    ----------
    classes : ClassMixture
        Those that are left.
    names : tuple of str
        One for each of them.
    numbers : ndarray of shape (k,), int
        The new class, counted from 0, of each of the k classes of before.
    warnings : tuple of str
        A sentence for each number that is no class, and for each name that no class has got.
    """

    classes: ClassMixture
    names: tuple[str, ...]
    numbers: NDArray[np.intp]
    warnings: tuple[str, ...]


def make_order_key(space: FeatureSpace, order: str) -> Callable[[Floats, Floats], Floats]:
    """Make the key that classes are sorted by.

    Parameters
    ----------
    space : FeatureSpace
        That of the mixture.
    order : {"auto", "lightness", "area", "hue"}
        The darkest first, which is auto too; the largest first; or from red over green to blue.

    Returns
    -------
    callable
        Takes the mean (n, d) and the weight (n,) of each class, and returns a number for each, (n,).
    """
    if order == "area":
        return lambda _, weights: -weights
    if order == "hue":
        return lambda means, _: space.compute_hue(means)
    return lambda means, _: space.compute_lightness(means)


def regroup_classes(
    classes: ClassMixture, names: Sequence[str], space: FeatureSpace, config: SegmentConfig
) -> RegroupedClasses:
    """Order, merge and name classes, as the settings `order`, `merge` and `name` say.

    Parameters
    ----------
    classes : ClassMixture
        In their order.
    names : sequence of k str
        The names that they have.
    space : FeatureSpace
        That of the mixture.
    config : SegmentConfig
        Its `order` counts unless it is auto, then its `merge` and `name`, with the numbers in this order.

    Returns
    -------
    RegroupedClasses
        Fewer classes where some were merged, with warnings of labels and colors that no class has.
    """
    position = np.arange(len(names))
    if config.order != "auto":
        key = make_order_key(space, config.order)
        # A default name tells the number, so it stays where it is.
        order = classes.sort_classes(key)
        named = [names[old] if names[old] != make_default_name(old + 1) else "" for old in order]
        position[order] = np.arange(len(names))
        names = [name or make_default_name(label) for label, name in enumerate(named, start=1)]
        classes = classes.order_classes(key)
    merged = classes.merge_classes(config.merges)
    found = name_classes(names, config.namings, config.merges)
    missing = {label for _, labels in config.merges for label in labels} | {label for label, _ in config.namings}
    missing -= set(range(1, len(names) + 1))
    absent = tuple(f"there is no class {label} to name or to merge" for label in sorted(missing))
    found, unnamed = name_by_color(found, config.color_namings, merged, space)
    targets = np.unique(find_merge_targets(len(names), config.merges), return_inverse=True)[1].reshape(-1)
    return RegroupedClasses(merged, found, targets[position].astype(np.intp), absent + unnamed)
