"""The names of settings: other spellings, and the names that other libraries have for them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TypeVar

from segment.core.errors import SettingsError

__all__ = ["OTHER_NAMES", "SPELLINGS", "resolve_names"]

Value = TypeVar("Value")

# Other spellings of settings and of their values, on the command line and in the library, with the usual one.
SPELLINGS = {"grayscale": "greyscale", "seed_colour": "seed_color", "gray": "grey"}
# Names of settings in other libraries: the message that refuses one suggests the name that it has here.
OTHER_NAMES = {
    **dict.fromkeys(("n_classes", "n_clusters", "n_components", "num_classes", "n_colors", "classes", "clusters"), "k"),
    **dict.fromkeys(("n_regions", "n_segments"), "regions"),
    **dict.fromkeys(("random_state", "random_seed", "rng"), "seed"),
    **dict.fromkeys(("init_params", "initialization"), "init"),
    **dict.fromkeys(("names", "class_names"), "name"),
    **dict.fromkeys(("color", "colour", "color_space", "colour_space", "colorspace"), "features"),
    **dict.fromkeys(("cmap", "colormap", "colors", "colours"), "palette"),
}


def resolve_names(given: Mapping[str, Value], known: Collection[str]) -> dict[str, Value]:
    """Replace other spellings of the names of settings by the usual ones.

    Parameters
    ----------
    given : mapping of str to value
        By the names that the user wrote.
    known : collection of str
        The usual names of all settings.

    Raises
    ------
    SettingsError
        If a setting is given in two spellings, or a name is unknown: the message suggests what it may stand for.

    Examples
    --------
    >>> resolve_names({"grayscale": True}, ["k", "greyscale", "features"])
    {'greyscale': True}
    >>> resolve_names({"colorspace": "lab"}, ["k", "greyscale", "features"])
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: colorspace: no such setting. Did you mean features?
    """
    found: dict[str, Value] = {}
    for written, value in given.items():
        name = SPELLINGS.get(written, written)
        if name not in known:
            raise SettingsError(f"{written}: no such setting. {_suggest_setting(written, known)}")
        if name in found:
            raise SettingsError(f"{name}: a setting is given once; got {written} too. Leave one out.")
        found[name] = value
    return found


def _suggest_setting(name: str, known: Collection[str]) -> str:
    """Suggest the setting that a name with a slip, or one of another library, may stand for; else list all."""
    name = name.replace("-", "_").lower()
    near = [OTHER_NAMES[name]] if name in OTHER_NAMES else difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
