"""Which settings go together: one that would be ignored, or contradict another, is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from segment.errors import SettingsError
from segment.products import CLASS_PRODUCTS, REGION_PRODUCTS
from segment.setting import Setting

__all__ = ["refuse_conflicts"]


def refuse_conflicts(config: Any, settings: Sequence[Setting]) -> None:
    """Raise a SettingsError if the values of a configuration do not go together.

    Parameters
    ----------
    config : SegmentConfig
        Each of its values is in its range.
    settings : sequence of Setting
        All that it has.
    """
    for setting in settings:
        value = getattr(config, setting.name)
        reason = "" if value == setting.default else _why_idle(config, setting)
        if reason:
            raise SettingsError(f"{setting.name} ({setting.option}): {reason}.".format(value=value))
    _check_labels(config)
    _check_products(config)
    if config.criterion in ("entropy", "variational") and config.components_per_class > 1:
        raise SettingsError(
            f"components_per_class (--components-per-class): 1 with the criterion {config.criterion}, which finds "
            f"the number itself; got {config.components_per_class}."
        )
    if config.criterion == "variational" and config.covariance_type != "full":
        raise SettingsError(
            f"covariance_type (--covariance-type): full with the criterion variational; got {config.covariance_type}."
        )


def _why_idle(config: Any, setting: Setting) -> str:
    """Why a setting would be ignored, with {value} for what it was set to; empty if it would not."""
    of_classes = setting.group == "Classes" and setting.name not in ("regions", "seed")
    if config.regions != 0 and (of_classes or setting.group in ("Features", "Mixture", "Space", "Clean-up")):
        return "has no effect with regions; got {value}. Leave it out"
    if config.coherence == "region" and setting.group == "Clean-up":
        return "has no effect with coherence region; got {value}. Leave it out"
    if config.k != "auto" and setting.name in ("k_range", "criterion"):
        return f"only with k = auto, but k is {config.k}; got {{value}}. Give -k auto"
    if setting.name == "labels_format" and "labels" not in config.save:
        return "only with labels in save; got {value}. Give --save labels too"
    if config.prior == "conjugate" and setting.name in ("shrinkage", "tails"):
        return "only with the prior pooled; got {value} with the prior conjugate. Leave out one of them"
    return ""


def _check_labels(config: Any) -> None:
    """Refuse labels that cannot be, that are given twice, and a name for two classes."""
    most = config.k if isinstance(config.k, int) else config.k_range[1]
    merged = [label for _, labels in config.merges for label in labels]
    for what, labels in (("merge", merged), ("name", [label for label, _ in config.namings])):
        wrong = [label for label in labels if label > most or labels.count(label) > 1]
        if wrong:
            raise SettingsError(f"{what} (--{what}): each of the classes 1 to {most} at most once; got {wrong[0]}.")
    names = [name for name in (*(name for name, _ in config.merges), *(name for _, name in config.namings)) if name]
    wrong_names = [name for name in names if names.count(name) > 1 or re.fullmatch(r"class \d+", name)]
    if wrong_names:
        raise SettingsError(
            f"name (--name): a name of its own for each class, and not 'class' and a number; got {wrong_names[0]}."
        )


def _check_products(config: Any) -> None:
    """Refuse to save what the result does not have."""
    kind, known = ("regions", REGION_PRODUCTS) if config.regions != 0 else ("classes", CLASS_PRODUCTS)
    wrong = [name for name in config.save if name not in known]
    if wrong:
        raise SettingsError(f"save (--save): of {kind} one or more of {', '.join(known)}; got {wrong[0]}.")
    if config.regions != 0 and config.labels_format == "npz":
        raise SettingsError(
            "labels_format (--labels-format): png or tif with regions; got npz. Regions have no posteriors."
        )
