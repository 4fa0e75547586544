"""The settings that each function and command uses: every other one is refused, so that none is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from segment.config.products import RELABEL_PRODUCTS
from segment.config.setting import Setting
from segment.config.setting_values import list_settings
from segment.core.errors import SettingsError

__all__ = ["CLASS_OUTPUT", "ENTRY_POINTS", "NO_VALUES", "START", "EntryPoint", "make_unused_error", "reject_ignored"]

NO_VALUES: Mapping[str, Any] = MappingProxyType({})
"""Of settings, where none is given."""

CLASS_OUTPUT = ("palette", "drop_class", "group", "background", "group_distance")
"""Settings of the output that only classes have, not regions."""

# A fit needs no clean-up and writes no products: these are for labels.
_FITTING = ("Classes", "Loading", "Preprocessing", "Features", "Mixture", "Space")
_ALL = (*_FITTING, "Clean-up", "Output")
_POLYGONS = ("drop_class", "geojson_crs", "simplify", "svg_smooth")  # settings of the products geojson and svg
_TABLES = ("group", "background", "group_distance")
_MODEL_HAS_IT = "Leave it out: a saved model has its own classes"
_REGIONS_OF_ONE_IMAGE = {"regions": "Call segment_regions"}


@dataclass(frozen=True)
class EntryPoint:
    """What a function of the library or a command makes of the settings.

    Attributes
    ----------
    text : str
        What messages call it.
    groups : tuple of str
        Groups whose settings it uses.
    leave_out : tuple of str
        Settings of these groups that it does not use.
    besides : tuple of str
        Settings of other groups that it uses.
    fixed : mapping of str to value
        Settings that cannot be chosen, with what it does in any case: this value is accepted.
    remedies : mapping of str to str
        What to do instead, for settings and groups that it does not use; by default to leave the setting out.
    products : tuple of str
        Products that may be chosen where the setting `save` is not used.
    saved : tuple of str
        Products that the setting `save` may name, for the help; none for all.
    """

    text: str
    groups: tuple[str, ...]
    leave_out: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)
    products: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()

    def is_used(self, setting: Setting) -> bool:
        """Tell whether it uses a setting."""
        return setting.name in self.besides or (setting.group in self.groups and setting.name not in self.leave_out)

    def find_remedy(self, setting: Setting) -> str:
        """Find what to do instead of giving a setting that is not used.

        Parameters
        ----------
        setting : Setting

        Returns
        -------
        str
            A sentence without its period.
        """
        return self.remedies.get(setting.name) or self.remedies.get(setting.group) or "Leave it out"


# Tiles are read and written one by one, so nothing limits the number of pixels and regions cannot be found.
_RASTER = EntryPoint(
    "segment_raster",
    ("Classes", "Preprocessing", "Features", "Mixture", "Space", "Clean-up"),
    leave_out=("regions", "coherence", "max_size", "even_light"),
    besides=("palette", "group", "background", "overwrite", "crop", "nodata", "mask", "roi", "pixel_size"),
    fixed={"save": ("labels",), "labels_format": "tif"},
    remedies={
        "max_pixels": "Leave it out: a raster may have any number of pixels",
        "keep_profile": "Leave it out: the numbers of a raster are never converted",
        "max_size": "Leave it out: a raster keeps its size",
        "even_light": "Leave it out, or segment a smaller copy with segment_image",
        "regions": "Leave it out, or segment a smaller copy with segment_regions",
        "coherence": "Leave it out, or segment a smaller copy with segment_image",
        "save": "Leave it out: the labels are written as a GeoTIFF",
        "labels_format": "Leave it out: the labels are written as a GeoTIFF",
    },
)
# With a saved model the classes are there.
_RASTER_APPLY = replace(
    _RASTER,
    text="segment_raster with a model",
    groups=("Preprocessing", "Space", "Clean-up"),
    besides=(*_RASTER.besides, "order", "merge", "name", "reject"),
    remedies={**dict.fromkeys(("Classes", "Features", "Mixture"), _MODEL_HAS_IT), **_RASTER.remedies},
)
_RASTER_PRODUCTS = (
    *("labels", "panel", "geojson", "svg", "coco", "classes", "regions", "measurements", "model", "config"),
)


def _make_raster_command(function: EntryPoint, text: str) -> EntryPoint:
    """Make the entry point of a command from that of the function: it writes more than labels."""
    return replace(
        function,
        text=text,
        besides=(*function.besides, "drop_class", "geojson_crs"),
        remedies={
            **function.remedies,
            **dict.fromkeys(
                ("regions", "coherence", "even_light"), "Leave it out, or give the file to segment run with --max-size"
            ),
            "save": f"Choose of {', '.join(_RASTER_PRODUCTS)}",
        },
        products=_RASTER_PRODUCTS,
    )


# A model holds classes alone: what is done with labels is decided where it is applied.
_FIT = EntryPoint(
    "fit_classes",
    _FITTING,
    leave_out=("regions", "reject", "pixel_size"),
    remedies={
        "pixel_size": "Use it to apply the model",
        "reject": "Use it to apply the model",
        "Clean-up": "Use it to apply the model",
        "Output": "Use it to apply the model",
    },
)
# A saved model has the classes, the features and the mixture; the field, rejected pixels and regions are those of the
# image that it is applied to.
_APPLY = EntryPoint(
    "apply_classes",
    ("Loading", "Preprocessing", "Space", "Clean-up", "Output"),
    besides=("order", "merge", "name", "coherence", "reject"),
    remedies=dict.fromkeys(("Classes", "Features", "Mixture"), _MODEL_HAS_IT),
)
# Labels are there: their classes are merged, named, ordered and saved again. The image is read as it was for them.
_RELABEL = EntryPoint(
    "relabel_classes",
    ("Loading", "Output"),
    besides=("order", "merge", "name", "bands"),
    remedies=dict.fromkeys(
        ("Classes", "Preprocessing", "Features", "Mixture", "Space", "Clean-up"), "Use it to segment the image"
    ),
)
# All methods are shown in the same colors and under their own names, and regions are no classes of the other methods.
_COMPARE = EntryPoint(
    "compare_image",
    _ALL,
    leave_out=(
        *("save", "labels_format", "palette", *_POLYGONS, *_TABLES),
        *("name", "regions", "coherence"),
    ),
)

# One sheet shows all numbers of classes: nothing else is written, and classes have no names.
_EXPLORE = EntryPoint(
    "segment explore",
    _ALL,
    leave_out=(
        *("save", "labels_format", *_POLYGONS, *_TABLES),
        *("k", "name", "merge", "regions"),
    ),
    fixed={"k": "auto"},
    remedies={"k": "Give the least and the greatest number of classes as k_range, such as (2, 8)"},
)

_NOT_IN_REPORTS = ("save", "regions", "labels_format", *_POLYGONS, "group_distance")

# The functions of the library first, then the commands; `batch` has a row for each source of its classes.
ENTRY_POINTS: Mapping[str, EntryPoint] = {
    "segment_image": EntryPoint("segment_image", _ALL, leave_out=("regions",), remedies=_REGIONS_OF_ONE_IMAGE),
    "segment_regions": EntryPoint(
        "segment_regions",
        ("Loading", "Preprocessing", "Output"),
        leave_out=CLASS_OUTPUT,
        besides=("regions",),
    ),
    "segment_raster": _RASTER,
    "segment_raster with a model": _RASTER_APPLY,
    "fit_classes": _FIT,
    "apply_classes": _APPLY,
    "compare_image": _COMPARE,
    "relabel_classes": _RELABEL,
    "run": EntryPoint("segment run", _ALL),
    "report": EntryPoint(
        "segment report",
        _ALL,
        leave_out=_NOT_IN_REPORTS,
        fixed={"save": ("report",)},
        remedies=dict.fromkeys(_NOT_IN_REPORTS, "Give it to segment run"),
        products=("report", "config"),
    ),
    "batch": EntryPoint("segment batch", _ALL),
    "batch --model shared": EntryPoint("segment batch --model shared", _ALL, leave_out=("regions",)),
    "batch --model FILE": replace(_APPLY, text="segment batch --model FILE"),
    "raster": _make_raster_command(_RASTER, "segment raster"),
    "raster --model FILE": _make_raster_command(_RASTER_APPLY, "segment raster --model FILE"),
    "fit": replace(_FIT, text="segment fit", besides=("overwrite",), products=("config",)),
    "apply": replace(_APPLY, text="segment apply"),
    "relabel": replace(_RELABEL, text="segment relabel", saved=RELABEL_PRODUCTS),
    # The page exports what is asked for there, and paths of masks belong to one image each.
    "serve": EntryPoint(
        "segment serve",
        (*_FITTING, "Clean-up"),
        leave_out=("mask", "roi", "crop", "name", "merge"),
        besides=("palette",),
        remedies={
            **dict.fromkeys(("Output", "mask", "roi", "crop", "name", "merge"), "Choose it on the page"),
            **dict.fromkeys(("background", "group"), "Give it to segment run"),
        },
    ),
    "compare": replace(_COMPARE, text="segment compare", products=("config",)),
    # The function of the library has the name of the command.
    "explore": _EXPLORE,
}
"""Every function and command that takes settings, by its name."""

START = EntryPoint(
    "a fit that starts from a model",
    _ALL,
    leave_out=("order", "init", "seed_color", "n_init", "components_per_class", "merge", "name", "regions"),
)
"""Every fit that starts from a saved model: its classes, their order, names and first means are there."""


def reject_ignored(
    values: Mapping[str, Any],
    entry_point: EntryPoint,
    defaults: Mapping[str, Any] = NO_VALUES,
    *,
    has_defaults: bool = False,
) -> None:
    """Raise a SettingsError if a value was given that a function or command would ignore.

    Parameters
    ----------
    values : mapping of str to value
        Checked values of some or all settings.
    entry_point : EntryPoint
    defaults : mapping of str to value
        Defaults that are not the usual ones: the settings of a saved model.
    has_defaults : bool
        Whether settings that were not given have these defaults in `values`. If not, a usual default is accepted too,
        as it may mean that nothing was given.
    """
    defaults = {**entry_point.fixed, **defaults}
    for setting in list_settings():
        if setting.name not in values or entry_point.is_used(setting):
            continue
        value = values[setting.name]
        if setting.name == "save" and set(value) <= set(entry_point.products):
            continue
        is_default = value == defaults.get(setting.name, setting.default)
        if not is_default and (has_defaults or value != setting.default):
            raise make_unused_error(setting, value, entry_point)


def make_unused_error(setting: Setting, value: object, entry_point: EntryPoint) -> SettingsError:
    """Make the error for a setting that a function or command does not use.

    Parameters
    ----------
    setting : Setting
    value : object
        What it was set to.
    entry_point : EntryPoint

    Returns
    -------
    SettingsError
        What is not used by which function or command, the value and the remedy, in one sentence each.
    """
    text = setting.format(value)
    return SettingsError(
        f"{setting.name} ({setting.option}): not used by {entry_point.text}; got {text}. "
        f"{entry_point.find_remedy(setting)}."
    )
