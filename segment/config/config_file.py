"""Settings as a text in TOML: what ``--save config`` writes and ``--config`` reads."""

from __future__ import annotations

import json
from typing import Any

from segment.config.setting import Span
from segment.config.setting_names import resolve_names
from segment.config.setting_values import SettingValues, list_settings
from segment.core.errors import SettingsError
from segment.core.version import __version__

__all__ = ["READING", "collect_reading", "format_config", "parse_config"]

READING = ("page", "bands", "crop", "pixel_size", "keep_profile")
"""Settings that say which pixels of a file an image is, and what they mean: a label image holds them."""

# Whether files may be replaced is decided anew in each run.
_NOT_WRITTEN = ("overwrite",)


def collect_reading(config: SettingValues) -> dict[str, Any]:
    """Collect the settings with which an image was read and that are not at their defaults.

    Parameters
    ----------
    config : SegmentConfig

    Returns
    -------
    dict of str to value
        By their names, those of :data:`READING` at most.

    Examples
    --------
    >>> from segment.config.config import SegmentConfig
    >>> collect_reading(SegmentConfig(crop="0,0,8,8", page="all"))
    {'crop': '0,0,8,8'}
    """
    settings = [setting for setting in list_settings() if setting.name in READING]
    values = {setting.name: getattr(config, setting.name) for setting in settings}
    # Where all pages are segmented, each result has the number of its page in its name.
    return {item.name: values[item.name] for item in settings if values[item.name] not in (item.default, "all")}


def format_config(config: SettingValues) -> str:
    r"""Write the settings that are not the default, and the number of classes, as TOML.

    Parameters
    ----------
    config : SegmentConfig

    Returns
    -------
    str
        A line for each setting. `overwrite` is left out.

    Raises
    ------
    SettingsError
        If a path is no Unicode text, which TOML cannot hold.

    Examples
    --------
    >>> from segment.config.config import SegmentConfig
    >>> print(format_config(SegmentConfig(k=6, features="lab", name=("6=sky",))).partition("\n")[2])
    k = 6
    name = ["6=sky"]
    features = "lab"
    <BLANKLINE>
    """
    lines = [f"# Settings of segment {__version__}, for --config. Settings that are not here have their defaults."]
    for setting in list_settings():
        value = getattr(config, setting.name)
        # Without k a run would say that none was given; regions have no classes.
        is_written = config.regions == 0 if setting.name == "k" else value != setting.default
        if is_written and setting.name not in _NOT_WRITTEN:
            lines.append(f"{setting.name} = {_format_value(value)}")
    text = "\n".join(lines) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            "save (--save): config holds paths in Unicode; got one of other bytes. Rename it, or leave config out."
        ) from error
    return text


def parse_config(text: str) -> dict[str, Any]:
    r"""Read settings that are written in TOML.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict of str to value
        Checked settings by their usual names.

    Raises
    ------
    SettingsError
        If the text is no TOML, a setting is unknown, which the message answers with the nearest known one, or a value
        is not allowed.

    Examples
    --------
    >>> parse_config('k = "auto"\nk_range = "2..9"')
    {'k': 'auto', 'k_range': Span(low=2, high=9)}
    """
    import tomllib  # loaded here: few runs read a file of settings

    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"a file of settings is TOML, such as k = 6; got {error}. Mend that line.") from error
    settings = {setting.name: setting for setting in list_settings()}
    return {name: settings[name].check(value) for name, value in resolve_names(table, settings).items()}


def _format_value(value: Any) -> str:
    """Write a value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple) and not isinstance(value, Span):
        return f"[{', '.join(map(_format_value, value))}]"
    # JSON escapes as TOML does, but for the one control character beyond ASCII's first 32.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
