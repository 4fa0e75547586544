"""The option ``--config``: a file of settings as the defaults of a command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from segment.cli.parameter_types import NamedPath
from segment.cli.terminal import print_message
from segment.config.config import list_settings
from segment.config.conflicts import explain_unused
from segment.config.entry_points import EntryPoint, reject_ignored
from segment.config.setting import Setting, Span
from segment.config.setting_values import SettingValues
from segment.core.errors import SettingsError, printable_path
from segment.runs.config_files import load_config_file

__all__ = ["CONFIG", "Options", "leave_out_contradicted", "leave_out_unused", "split_by_source"]

Options = dict[str, Any]
"""The options of the settings by their names; None or an empty tuple where one is not given."""
# Where the context of a command keeps the path of the file, and its settings.
_PATH, _SETTINGS = "segment.config_path", "segment.config_settings"


def _read_config(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Make the settings of a file the defaults of the options."""
    if path is not None:
        context.meta[_PATH] = printable_path(path)
        settings = load_config_file(path)
        context.meta[_SETTINGS] = settings
        context.default_map = {name: _to_option(name, value) for name, value in settings.items()}
        known = {param.name for param in context.command.params}
        for name in (name for name in settings if name not in known):
            reason = f"{name}: {context.command_path} has an option of its own for it. It is left out"
            print_message(f"Warning: {context.meta[_PATH]}: {reason}.")


def _to_option(name: str, value: Any) -> Any:
    """Write a value as its option takes it from the command line, where texts are collected to be counted."""
    is_text = next(setting.is_text for setting in list_settings() if setting.name == name)
    return (value,) if is_text else str(value) if isinstance(value, Span) else value


# Eager, so that its settings are there before the other options are read.
CONFIG = click.option(
    "--config",
    type=NamedPath(path_type=Path),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="Take settings from this file, as --save config writes it. Options on the command line override it.",
)


def split_by_source(options: Options) -> tuple[Options, Options]:
    """Check the options that have a value, and tell those of the command line from those of the file.

    Parameters
    ----------
    options : dict
        The options by their settings.

    Returns
    -------
    given, from_file : dict of str to value
        Checked options of the command line, and of the file of ``--config``.

    Raises
    ------
    SettingsError
        If a value is not allowed, or is one of several texts, or an empty text that takes back no setting of the file:
        some would be ignored without a word, or a variable that a script left unset.
    """
    settings = {setting.name: setting for setting in list_settings()}
    context = click.get_current_context(silent=True)
    given: Options = {}
    from_file: Options = {}
    for name, value in options.items():
        if value not in (None, ()):
            is_from_file = context and context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP
            if settings[name].is_text:
                is_in_file = bool(context and name in context.meta.get(_SETTINGS, {}))
                value = _take_text(settings[name], value, can_be_empty=is_in_file)  # noqa: PLW2901
            # Products are one text for messages; given several times, all of them are written.
            written = ",".join(value) if name == "save" else value
            (from_file if is_from_file else given)[name] = settings[name].check(written)
    return given, from_file


def _take_text(setting: Setting, texts: tuple[str, ...], *, can_be_empty: bool) -> str:
    """Take the text of a setting that is given once; an empty one takes back that of a file."""
    about = f"{setting.name} ({setting.option})"
    if len(texts) > 1:
        raise SettingsError(f"{about}: given once; got {' and '.join(map(printable_path, texts))}. Leave one out.")
    if texts[0] == "" and not can_be_empty:
        raise SettingsError(f"{about}: {setting.form.rule}; got nothing. Leave it out for none.")
    return texts[0]


def leave_out_unused(from_file: Options, command: EntryPoint, defaults: Mapping[str, Any]) -> Options:
    """Leave out what a command does not use of the settings of a file, and print a warning for each.

    Parameters
    ----------
    from_file : dict of str to value
        Checked settings of the file.
    command : EntryPoint
    defaults : mapping of str to value
        Defaults that are not the usual ones: these values are accepted.

    Returns
    -------
    dict of str to value
        The settings that are used.
    """
    kept = {}
    for name, value in from_file.items():
        try:
            reject_ignored({name: value}, command, defaults, has_defaults=True)
        # One file serves several commands: a setting that this one does not use is reported, not refused.
        except SettingsError as error:
            print_message(f"Warning: {click.get_current_context().meta[_PATH]}: {error}")
        else:
            kept[name] = value
    return kept


def leave_out_contradicted(from_file: Options, given: Options, defaults: Mapping[str, Any]) -> Options:
    """Leave out what has no effect of the settings of a file because of options, and print a warning for each.

    Parameters
    ----------
    from_file, given : dict of str to value
        Checked settings of the file and of the command line.
    defaults : mapping of str to value
        Values of settings that are not given.

    Returns
    -------
    dict of str to value
        The settings that have an effect. What the file itself contradicts stays.
    """
    context = click.get_current_context()
    alone = SettingValues(**{**defaults, **context.meta[_SETTINGS]})
    together = SettingValues(**{**defaults, **from_file, **given})
    kept = dict(from_file)
    for setting in list_settings():
        if setting.name not in from_file or setting.name in given or explain_unused(alone, setting):
            continue
        if reason := explain_unused(together, setting):
            del kept[setting.name]
            print_message(f"Warning: {context.meta[_PATH]}: {reason} It is left out.")
    return kept
