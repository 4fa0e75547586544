"""Which settings go together: one that would be ignored, or contradict another, is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segment.config.products import CLASS_PRODUCTS, REGION_PRODUCTS
from segment.config.setting import Setting
from segment.core.errors import SettingsError, pluralize

__all__ = ["refuse_conflicts", "reject_start_settings", "reject_unused"]

# What a fit that starts from a model has no use for: its classes, their order and their first means are there.
_OF_FIRST_FITS = ("order", "init", "seed_color", "n_init", "components_per_class")


def refuse_conflicts(config: Any, settings: Sequence[Setting]) -> None:
    """Raise a SettingsError if the values of a configuration do not go together.

    Parameters
    ----------
    config : SegmentConfig
        Each of its values is in its range.
    settings : sequence of Setting
        All that it has.
    """
    # A saved model may have the radius of a filter that it does not use; who gives one is told by `refuse_idle`.
    others = [setting for setting in settings if setting.name != "denoise_radius"]
    reject_unused(config, [setting for setting in others if getattr(config, setting.name) != setting.default])
    _check_labels(config)
    _check_seed_colors(config)
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


def reject_unused(config: Any, given: Sequence[Setting]) -> None:
    """Raise a SettingsError if one of the settings that somebody has given would be ignored, whatever its value."""
    for setting in given:
        if reason := _why_idle(config, setting):
            value = _in_words(getattr(config, setting.name))
            raise SettingsError(f"{setting.name} ({setting.option}): {reason}.".format(value=value))


def reject_start_settings(config: Any, settings: Sequence[Setting], own: Mapping[str, Any]) -> None:
    """Raise a SettingsError if a fit of such settings cannot start from a model, or would ignore one.

    Parameters
    ----------
    config : SegmentConfig
    settings : sequence of Setting
    own : mapping of str to value
        Settings that the model has.
    """
    for setting in settings:
        value = getattr(config, setting.name)
        if setting.name in ("k", "features", "covariance_type") and own[setting.name] != value:
            raise SettingsError(
                f"{setting.name}: that of the model to start from, {own[setting.name]}; got {value}. Leave it out."
            )
        if setting.name in _OF_FIRST_FITS and value != setting.default:
            raise SettingsError(
                f"{setting.name} ({setting.option}): has no effect on a fit that starts from a model; "
                f"got {_in_words(value)}. Leave it out."
            )


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if type(value) is tuple else str(value)


def _why_idle(config: Any, setting: Setting) -> str:
    """Why a setting would be ignored, with {value} for what it was set to; empty if it would not."""
    name, group = setting.name, setting.group
    of_classes = (group == "Classes" and name not in ("regions", "seed")) or name == "palette"
    tells = (
        (
            config.regions != 0 and (of_classes or group in ("Features", "Mixture", "Space", "Clean-up")),
            "has no effect with regions; got {value}. Leave it out",
        ),
        (
            config.coherence == "region" and group == "Clean-up",
            "has no effect with coherence region; got {value}. Leave it out",
        ),
        (
            config.spatial == "none" and name == "smoothness",
            "only with the random field; got {value} with spatial none. Leave out one of them",
        ),
        (
            config.denoise == "none" and name == "denoise_radius",
            "only with a noise filter; got {value} with denoise none. Give --denoise too",
        ),
        (
            config.k != "auto" and name in ("k_range", "criterion"),
            f"only with k = auto, but k is {config.k}; got {{value}}. Give -k auto",
        ),
        (
            "labels" not in config.save and name == "labels_format",
            "only with labels in save; got {value}. Give --save labels too",
        ),
        (
            config.prior == "conjugate" and name in ("shrinkage", "tails"),
            "only with the prior pooled; got {value} with the prior conjugate. Leave out one of them",
        ),
    )
    return next((reason for is_so, reason in tells if is_so), "")


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


def _check_seed_colors(config: Any) -> None:
    """Refuse more colors to start from than there can be components."""
    most = (config.k if isinstance(config.k, int) else config.k_range[1]) * config.components_per_class
    if len(config.seed_color) > most:
        raise SettingsError(
            f"seed_color (--seed-color): at most one for each of {pluralize(most, 'class')}; got "
            f"{len(config.seed_color)}. Raise -k."
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
