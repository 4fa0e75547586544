"""Which settings go together: one that would be ignored, or contradicts another, is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from segment.config.entry_points import CLASS_OUTPUT, START, make_unused_error
from segment.config.products import CLASS_PRODUCTS, REGION_PRODUCTS
from segment.config.setting import Setting
from segment.config.setting_values import SettingValues, list_settings
from segment.core.errors import SettingsError, pluralize
from segment.core.units import MAX_PIXEL_SIDE, METERS_PER_UNIT, MIN_PIXEL_SIDE

__all__ = [
    "UNUSED_RULES",
    "explain_unused",
    "refuse_conflicts",
    "reject_start_settings",
    "reject_surplus_seed_colors",
    "reject_unused",
]


class UnusedRule(NamedTuple):
    """Settings that have no effect where others have some values.

    Attributes
    ----------
    names : collection of str
        The settings without effect.
    when : tuple of (str, value, bool)
        Other settings, each with a value and whether it has this value or any other: all of these hold.
    reason : str
        With {value} for what the setting was set to.
    """

    names: Collection[str]
    when: tuple[tuple[str, object, bool], ...]
    reason: str


_GROUPS = {setting.name: setting.group for setting in list_settings()}
_OF_CLASSES = ("Features", "Classes", "Mixture", "Space", "Clean-up")
_UNSMOOTHED = "only with the random field or clean-up by evidence; got {value} with spatial none and clean-up none"
# The first one that applies is the one that is printed: the coarser choice comes first.
UNUSED_RULES = (
    UnusedRule(
        {name for name in _GROUPS if _GROUPS[name] in _OF_CLASSES or name in CLASS_OUTPUT} - {"regions"},
        (("regions", 0, False),),
        "has no effect with regions; got {value}. Leave it out",
    ),
    UnusedRule(
        ("page",),
        (("regions", 0, False), ("page", "all", True)),
        "one page at a time with regions; got {value}. Give the number of a page",
    ),
    UnusedRule(
        [name for name in _GROUPS if _GROUPS[name] == "Clean-up"],
        (("coherence", "region", True),),
        "has no effect with coherence region; got {value}. Leave it out",
    ),
    *(
        UnusedRule(("smoothness",), (("spatial", "none", True), other), f"{_UNSMOOTHED}. Leave out one of them")
        for other in (("clean_up", "none", True), ("coherence", "region", True))
    ),
    UnusedRule(
        ("denoise_radius",),
        (("denoise", "none", True),),
        "only with a noise filter; got {value} with denoise none. Give --denoise too",
    ),
    UnusedRule(
        ("k_range", "criterion"),
        (("k", "auto", False),),
        "only with k = auto, but k is {k}; got {value}. Give -k auto",
    ),
    UnusedRule(
        ("palette",),
        (("palette", "seed", True), ("seed_color", (), True)),
        "seed only with colors to start from; got {value}. Give --seed-color too",
    ),
    UnusedRule(
        ("shrinkage", "tails"),
        (("prior", "conjugate", True),),
        "only with the prior pooled; got {value} with the prior conjugate. Leave out one of them",
    ),
)
# Settings that only these products use.
_OF_PRODUCTS = {
    "labels_format": ("labels",),
    "drop_class": ("geojson", "svg"),
    "simplify": ("geojson", "svg"),
    "geojson_crs": ("geojson",),
    "svg_smooth": ("svg",),
    "group_distance": ("objects", "numbers"),
}


def refuse_conflicts(config: SettingValues) -> None:
    """Raise a SettingsError if the values of a configuration do not go together.

    Parameters
    ----------
    config : SettingValues
        Each of its values is in its range.
    """
    # A saved model may have the radius of a filter that it does not use; where it is given, `reject_unused` refuses it.
    others = [setting for setting in list_settings() if setting.name != "denoise_radius"]
    reject_unused(config, [setting for setting in others if getattr(config, setting.name) != setting.default])
    _check_labels(config)
    _check_palette(config)
    _check_names(config)
    reject_surplus_seed_colors(config.seed_color, config.max_classes * config.components_per_class)
    _check_groups(config)
    _check_products(config)
    _check_crop(config)
    _check_pixel_size(config)
    _check_bands(config.band_numbers)
    colors = ["--seed-color"] if config.seed_color else []
    colors += [f"--features {config.features}"] if config.features in ("lab", "hsv") else []
    colors += [f"--name {name}={rule}" for rule, name in config.color_namings if rule.startswith("#")]
    if config.log_scale and colors:
        raise SettingsError(f"log_scale (--log-scale): logarithms are no colors; got {colors[0]} too. Leave one out.")
    if config.criterion in ("entropy", "variational") and config.components_per_class > 1:
        raise SettingsError(
            f"components_per_class (--components-per-class): 1 with the criterion {config.criterion}, which finds "
            f"the number itself; got {config.components_per_class}."
        )
    if config.criterion == "variational" and config.covariance_type != "full":
        raise SettingsError(
            f"covariance_type (--covariance-type): full with the criterion variational; got {config.covariance_type}."
        )


def reject_unused(config: SettingValues, settings: Iterable[Setting]) -> None:
    """Raise a SettingsError if a given setting has no effect because of the value of another.

    Parameters
    ----------
    config : SettingValues
    settings : iterable of Setting
        Those that were given, whatever their values.
    """
    for setting in settings:
        if reason := explain_unused(config, setting):
            raise SettingsError(reason)


def reject_start_settings(config: SettingValues, model_settings: Mapping[str, object]) -> None:
    """Raise a SettingsError if a fit of such settings cannot start from a model, or would ignore one.

    Parameters
    ----------
    config : SettingValues
        The settings of the fit.
    model_settings : mapping of str to value
        :attr:`segment.ClassModel.settings` of the model to start from.
    """
    if config.page == "all":
        raise SettingsError(
            "page (--page): one page with a model to start from; got all. Fit a model to all pages (segment fit "
            "--page all), and apply it (segment apply --page all)."
        )
    for setting in list_settings():
        value = getattr(config, setting.name)
        # The shape of the mixture is that of the model, and what it is measured in; the same value may be given.
        if setting.name in ("k", "features", "log_scale", "covariance_type") and model_settings[setting.name] != value:
            raise SettingsError(
                f"{setting.name} ({setting.option}): that of the model to start from, {model_settings[setting.name]}; "
                f"got {value}. Leave it out."
            )
        if not START.is_used(setting) and value != setting.default:
            raise make_unused_error(setting, value, START)


def reject_surplus_seed_colors(colors: Sequence[str], max_colors: int) -> None:
    """Raise a SettingsError if there are more colors to start from than components.

    Parameters
    ----------
    colors : sequence of str
        The setting `seed_color`.
    max_colors : int
        Number of components.
    """
    if len(colors) > max_colors:
        raise SettingsError(
            f"seed_color (--seed-color): at most one for each of {pluralize(max_colors, 'class')}; got "
            f"{len(colors)}. Raise -k."
        )


def explain_unused(config: SettingValues, setting: Setting) -> str:
    """Explain why a setting has no effect because of the value of another.

    Parameters
    ----------
    config : SettingValues
    setting : Setting

    Returns
    -------
    str
        A message about the setting; empty if it has an effect.
    """
    products = _OF_PRODUCTS.get(setting.name, ())
    reasons = [
        rule.reason
        for rule in UNUSED_RULES
        if setting.name in rule.names
        and all((getattr(config, name) == value) is is_equal for name, value, is_equal in rule.when)
    ]
    if products and not set(products) & set(config.save):
        reasons.append(f"only with {' or '.join(products)} in save; got {{value}}. Give --save {products[0]} too")
    if not reasons:
        return ""
    value = setting.format(getattr(config, setting.name))
    return f"{setting.name} ({setting.option}): {reasons[0]}.".format(value=value, k=config.k)


def _check_labels(config: SettingValues) -> None:
    """Refuse to merge or name classes that do not exist, and any class twice."""
    max_label = config.max_classes
    # Labels are those of a run without merges, in both options.
    merged = [label for _, labels in config.merges for label in labels]
    for option, labels in (("merge", merged), ("name", [label for label, _ in config.namings])):
        absent = [label for label in labels if label > max_label]
        if absent:
            raise SettingsError(
                f"{option} (--{option}): the classes are 1 to {max_label}; got {absent[0]}. There is no class "
                f"{absent[0]}: give another number."
            )
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise SettingsError(
                f"{option} (--{option}): each of the classes 1 to {max_label} at most once; got {twice[0]} twice. "
                "Leave one out."
            )
    _check_names_of_merges(config)


def _check_names_of_merges(config: SettingValues) -> None:
    """Refuse a name for a class that is a part of another one: nothing would have it."""
    named = {label for label, _ in config.namings}
    for name, labels in config.merges:
        # A merge without a name of its own has that of its lowest class.
        lost = sorted(named & set(labels) - (set() if name else {min(labels)}))
        if lost:
            raise SettingsError(
                f"name (--name): classes that are left after --merge; got {lost[0]}, a part of "
                f"{name or '+'.join(map(str, sorted(labels)))}. Name what is merged: --merge NAME="
                f"{','.join(map(str, labels))}."
            )


def _check_palette(config: SettingValues) -> None:
    """Refuse a color for a class that does not exist, and two colors for one class."""
    max_label = config.max_classes
    keys = [key for key, _ in config.palette_colors]
    absent_keys = [key for key in keys if key.isdecimal() and not 1 <= int(key) <= max_label]
    twice_keys = [key for key in keys if keys.count(key) > 1]
    if absent_keys or twice_keys:
        got = f"{absent_keys[0]}" if absent_keys else f"{twice_keys[0]} twice"
        raise SettingsError(
            f"palette (--palette): one color for each of the classes 1 to {max_label}, by number or name; got {got}."
        )


def _check_names(config: SettingValues) -> None:
    """Refuse one name for two classes, and a name that another class could have by itself."""
    # Unnamed classes are called "class 1", "class 2", ...: such a name could stand for another class.
    names = [
        name
        for name in (
            *(name for name, _ in config.merges),
            *(name for _, name in (*config.namings, *config.color_namings)),
        )
        if name
    ]
    wrong_names = [name for name in names if names.count(name) > 1 or re.fullmatch(r"class \d+", name)]
    if wrong_names:
        raise SettingsError(
            f"name (--name): a name of its own for each class, and not 'class' and a number; got {wrong_names[0]}."
        )


def _check_groups(config: SettingValues) -> None:
    """Refuse a class in two groups, and two groups of one name: a table has one group for each class."""
    names = [name for name, _ in config.class_groups]
    keys = [key for _, members in config.class_groups for key in members]
    for parts, what in ((names, "each group once"), (keys, "each class in one group")):
        twice = [part for part in parts if parts.count(part) > 1]
        if twice:
            raise SettingsError(f"group (--group): {what}; got {twice[0]} twice. Leave one out.")
    if config.background in keys:
        raise SettingsError(
            f"background (--background): a class that is in no group; got {config.background}. Leave it out of --group."
        )


def _check_crop(config: SettingValues) -> None:
    """Refuse a part of an image that has no pixel, whatever the size of the image."""
    left, top, right, bottom = config.crop_box or (0, 0, 1, 1)
    if right <= left or bottom <= top:
        raise SettingsError(
            f"crop (--crop): LEFT,TOP,RIGHT,BOTTOM with LEFT before RIGHT and TOP before BOTTOM; got {config.crop}."
        )


def _check_pixel_size(config: SettingValues) -> None:
    """Refuse pixels of no size, and of a size that no image has."""
    if config.pixel_size in ("", "dpi"):
        return
    *sides, unit = config.pixel_sides
    if not all(MIN_PIXEL_SIDE <= side * METERS_PER_UNIT[unit] <= MAX_PIXEL_SIDE for side in sides):
        raise SettingsError(
            f"pixel_size (--pixel-size): sides from 0.001nm to 1000km; got {config.pixel_size}. Check the unit."
        )


def _check_bands(bands: tuple[int, ...]) -> None:
    """Refuse a band that is named twice."""
    twice = [band for band in bands if bands.count(band) > 1]
    if twice:
        raise SettingsError(f"bands (--bands): each band once; got {twice[0]} twice. Leave one out.")


def _check_products(config: SettingValues) -> None:
    """Refuse to save what the result does not have."""
    # Regions have no posteriors, models or mean colors of classes.
    kind, known = ("regions", REGION_PRODUCTS) if config.regions != 0 else ("classes", CLASS_PRODUCTS)
    wrong = [name for name in config.save if name not in known]
    if wrong:
        raise SettingsError(f"save (--save): of {kind} one or more of {', '.join(known)}; got {wrong[0]}.")
    if config.regions != 0 and config.labels_format == "npz":
        raise SettingsError(
            "labels_format (--labels-format): png or tif with regions; got npz. Regions have no posteriors."
        )
