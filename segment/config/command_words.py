"""Settings as words of a command line."""

from __future__ import annotations

from segment.config.entry_points import EntryPoint
from segment.config.setting_values import SettingValues, list_settings

__all__ = ["list_options"]


def list_options(config: SettingValues, entry_point: EntryPoint, *, with_k: bool) -> tuple[str, ...]:
    """List the options of a command that set what is not the default.

    Parameters
    ----------
    config : SegmentConfig
    entry_point : EntryPoint
        The command.
    with_k : bool
        Whether -k is listed in any case.

    Returns
    -------
    tuple of str
        The words of the command line.

    Examples
    --------
    >>> from segment.config.config import SegmentConfig
    >>> from segment.config.entry_points import ENTRY_POINTS
    >>> list_options(SegmentConfig(k=3, name=("1=sea", "2=sky")), ENTRY_POINTS["run"], with_k=True)
    ('-k', '3', '--name', '1=sea', '--name', '2=sky')
    """
    words: list[str] = []
    for setting in list_settings():
        value = getattr(config, setting.name)
        is_listed = with_k if setting.name == "k" else value != setting.default
        if not entry_point.is_used(setting) or not is_listed:
            continue
        if setting.type is bool:
            words.append(setting.option)
        # Settings that may be repeated have a word for each value, choices are separated by commas.
        elif setting.type is tuple and not setting.choices:
            words += [word for each in value for word in (setting.option, each)]
        elif isinstance(value, float):
            words += [setting.option, str(value).removesuffix(".0")]
        else:
            words += [setting.option, ",".join(value) if setting.type is tuple else str(value)]
    return tuple(words)
