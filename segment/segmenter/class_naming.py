"""Name classes by their number or by their color, such as the brightest; and find them by number or name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import make_default_name
from segment.core.hex_colors import parse_hex_color
from segment.features.color_space import FeatureSpace
from segment.segmenter.class_mixture import ClassMixture, Merges, find_merge_targets

__all__ = ["find_label", "name_by_color", "name_classes"]

Floats = NDArray[np.float64]

# Weights of red, green and blue whose sum is largest for the class: 2 G - R - B is the excess green of Woebbecke,
# Meyer, Von Bargen & Mortensen 1995, Trans. ASAE 38.
_HUE_WEIGHTS = {
    "reddest": (2, -1, -1),
    "greenest": (-1, 2, -1),
    "bluest": (-1, -1, 2),
    "yellowest": (1, 1, -2),
}


def find_label(key: str, names: Sequence[str]) -> int:
    """Find the label of a class by its name or number, as users write it.

    Parameters
    ----------
    key : str
        A name is looked for first, so that a class may be called 7.
    names : sequence of k str
        The names of the classes.

    Returns
    -------
    int
        1..k; 0 if there is no such class.

    Examples
    --------
    >>> [find_label(key, ["land", "sky"]) for key in ("sky", "1", "3", "sea")]
    [2, 1, 0, 0]
    """
    if key in names:
        return names.index(key) + 1
    return int(key) if key.isdecimal() and 1 <= int(key) <= len(names) else 0


def name_classes(names: Sequence[str], namings: Sequence[tuple[int, str]], merges: Merges) -> tuple[str, ...]:
    """Name the classes after :meth:`ClassMixture.merge_classes`.

    Parameters
    ----------
    names : sequence of k str
        Names before the merge. A merged class keeps the name of its lowest label unless it is given one.
    namings : sequence of (label, name)
        Names for labels 1..k, which count as before the merge.
    merges : sequence of (name, labels)
        With an empty name where none was given.

    Returns
    -------
    tuple of str
        One name for each class that is left.

    Examples
    --------
    >>> name_classes(["class 1", "class 2", "class 3"], [(3, "sky")], [("ground", (1, 2))])
    ('ground', 'sky')
    """
    k = len(names)
    given = {label: name for label, name in enumerate(names, start=1) if name != make_default_name(label)}
    given.update(namings)
    targets = find_merge_targets(k, merges)
    for name, labels in merges:
        if name and min(labels) <= k:
            given[min(labels)] = name
    kept = sorted(set(targets.tolist()))
    return tuple(given.get(target + 1, make_default_name(new)) for new, target in enumerate(kept, start=1))


def name_by_color(
    names: Sequence[str], rules: Sequence[tuple[str, str]], classes: ClassMixture, space: FeatureSpace
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give names to the classes that fit a rule best.

    Parameters
    ----------
    names : sequence of k str
        The names that the classes have. A class that has another than the default is not named again.
    rules : sequence of (rule, name)
        A rule is ``brightest``, ``darkest``, ``reddest``, ``greenest``, ``bluest``, ``yellowest``, or a color
        ``#rrggbb``, which the class nearest in CIELAB fits best.
    classes : ClassMixture
        The k classes.
    space : FeatureSpace
        That of the mixture.

    Returns
    -------
    names : tuple of k str
    warnings : tuple of str
        A sentence for each name that no class has got.

    Examples
    --------
    >>> from segment.mixture.model import MixtureModel
    >>> model = MixtureModel(np.full(2, 0.5), np.array([[60.0, 120, 40], [200, 220, 240]]), np.stack([np.eye(3)] * 2))
    >>> space = FeatureSpace("rgb", n_channels=3, black=0, white=255)
    >>> rules = [("greenest", "leaf"), ("#c0d8f0", "sky")]
    >>> name_by_color(["class 1", "class 2"], rules, ClassMixture(model, np.arange(2)), space)
    (('leaf', 'sky'), ())
    """
    found, warnings = list(names), []
    if not rules or not names:
        return tuple(found), tuple(f"there is no class to call {name}" for _, name in rules)
    colors = space.convert_to_rgb(classes.compute_means())
    has_hue = space.feature_names not in (("intensity",), ("L*",)) and space.n_channels == 3
    for rule, name in rules:
        if not has_hue and rule not in ("brightest", "darkest"):
            warnings.append(
                f"the classes have no hue, so none is called {name}: {rule} needs colors. Name it by number"
            )
            continue
        number = int(_score_colors(rule, colors).argmax())
        # A saved model or label image may have the name already.
        if found[number] not in (make_default_name(number + 1), name):
            warnings.append(
                f"class {number + 1} fits {rule} best, but is called {found[number]}, so none is called {name}. Name "
                "it by number"
            )
            continue
        found[number] = name
    return tuple(found), tuple(warnings)


def _score_colors(rule: str, colors: Floats) -> Floats:
    """Score how well each color (k, 3), RGB from 0 to 255, fits a rule."""
    if rule in _HUE_WEIGHTS:
        return np.asarray(colors @ np.array(_HUE_WEIGHTS[rule], dtype=float))
    lab = FeatureSpace("lab", 3, 0, 255)
    wanted = lab.convert_rgb(np.array([parse_hex_color(rule)], np.uint8)) if rule.startswith("#") else None
    values = lab.convert_rgb(np.rint(colors).astype(np.uint8))
    if wanted is not None:
        return np.asarray(-np.linalg.norm(values - wanted, axis=1))
    return np.asarray(values[:, 0] if rule == "brightest" else -values[:, 0])
