"""Settings in the address of a request: described for the page, and read from a query."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from segment.config.config import GROUPS, SegmentConfig, list_settings
from segment.config.conflicts import UNUSED_RULES
from segment.config.entry_points import ENTRY_POINTS
from segment.config.palette_file import is_palette_file
from segment.config.products import CLASS_PRODUCTS, PRODUCTS, REGION_PRODUCTS
from segment.config.setting import Setting, Span
from segment.config.setting_names import resolve_names
from segment.config.text_forms import is_number, is_path
from segment.core.errors import SettingsError

__all__ = ["PARAMETERS", "describe_settings", "make_plain", "read_settings"]

# Other parameters of a query.
PARAMETERS = frozenset({"token", "image", "model", "mask_id", "roi_id", "size", "quick", "file", "x", "y"})
# The server writes into folders of its own; other paths of a client are never opened.
_NOT_OFFERED = frozenset({"overwrite", "mask"})
# The remedy where it is not to post a picture.
_PATH_REMEDIES = {"overwrite": "Leave it out", "palette": "Give the colors, such as sky=#4477aa,2=#228833"}
_FLAGS = {"true": True, "1": True, "on": True, "": True, "false": False, "0": False, "off": False}


def describe_settings(start: SegmentConfig) -> dict[str, Any]:
    """Describe every setting and product, for a page that makes its controls of them.

    Parameters
    ----------
    start : SegmentConfig
        What the page begins with.

    Returns
    -------
    dict
        For JSON: ``groups``, ``settings`` and ``products``.
    """
    settings = [
        {
            "name": setting.name,
            "group": setting.group,
            "option": setting.option,
            "help": setting.help,
            "type": _name_type(setting),
            "default": make_plain(setting.default),
            "value": make_plain(getattr(start, setting.name)),
            "low": setting.low,
            "high": None if math.isinf(setting.high) else setting.high,
            # An answer is about one page of a file.
            "choices": [] if setting.name == "page" else list(setting.choices),
            "form": setting.form.text,
            # Other settings, values, and whether they have these or others: where all of a rule hold, it has no effect.
            "unused_when": [
                [list(condition) for condition in rule.when]
                for rule in UNUSED_RULES
                if setting.name in rule.names and all(name != setting.name for name, *_ in rule.when)
            ],
            "of_labels": ENTRY_POINTS["apply"].is_used(setting),
        }
        for setting in list_settings()
        if setting.name not in _NOT_OFFERED
    ]
    products = [
        {
            "name": product.name,
            "help": product.help,
            "of_classes": product.name in CLASS_PRODUCTS,
            "of_regions": product.name in REGION_PRODUCTS,
        }
        for product in PRODUCTS
    ]
    return {"groups": list(GROUPS), "settings": settings, "products": products}


def read_settings(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read the settings of a query.

    Parameters
    ----------
    items : iterable of (str, str)
        Names and texts. Settings of several values may be repeated, or have commas between their values.

    Returns
    -------
    dict of str to value
        Checked values; other parameters of :data:`PARAMETERS` are left out.

    Raises
    ------
    SettingsError
        If a setting is unknown, not offered, given twice, or has a value that is not allowed.

    Examples
    --------
    >>> read_settings([("k", "6"), ("name", "6=sky"), ("name", "1=sea"), ("greyscale", "true")])
    {'k': 6, 'name': ('6=sky', '1=sea'), 'greyscale': True}
    """
    texts: dict[str, list[str]] = {}
    for name, text in items:
        if name not in PARAMETERS:
            texts.setdefault(name, []).append(text)
    settings = {setting.name: setting for setting in list_settings()}
    return {name: _read_values(settings[name], values) for name, values in resolve_names(texts, settings).items()}


def _read_values(setting: Setting, texts: list[str]) -> Any:
    """Check all texts that a query has for a setting, and convert them to its value."""
    name = setting.name
    if _names_path(name, texts[0]):
        send = f"Draw it on the page, or post a picture to /api/images/ID/{name} and give {name}_id"
        remedy = _PATH_REMEDIES.get(name, send)
        raise SettingsError(f"{name}: no path of a client is opened; got {texts[0][:60]!r}. {remedy}.")
    if len(texts) > 1 and setting.type is not tuple:
        raise SettingsError(f"{name}: given once; got {len(texts)} values. Leave the others out.")
    return setting.check(_convert_texts(setting, texts))


def _names_path(name: str, text: str) -> bool:
    """Tell whether a setting names a file of the server, or would write one."""
    if name == "roi":
        return is_path(text)
    return name in _NOT_OFFERED or (name == "palette" and is_palette_file(text))


def make_plain(value: Any) -> Any:
    """Convert a value of a setting to what JSON can hold.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
    """
    if isinstance(value, Span):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _name_type(setting: Setting) -> str:
    """Name the type of a setting as JSON schemas do: a page chooses its control by it."""
    if setting.type is Span:
        return "span"
    if setting.type is tuple:
        return "several" if setting.choices else "texts"
    if setting.is_text:
        return "text"
    return {bool: "flag", int: "integer", float: "number", str: "choice"}[setting.type]


def _convert_texts(setting: Setting, texts: list[str]) -> Any:
    """Convert the texts of a query to the type of a setting; what cannot be converted is left for its check."""
    if setting.type is tuple:
        return ",".join(texts) if setting.choices else tuple(texts)
    (text,) = texts
    if setting.type is bool:
        return _FLAGS.get(text.lower(), text)
    if setting.type in (int, float) and is_number(text):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text
