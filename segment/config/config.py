"""The configuration of a run: all settings, checked by themselves, together, and for what is done with them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import cleandoc
from typing import Any

from segment.config.conflicts import refuse_conflicts
from segment.config.entry_points import ENTRY_POINTS, NO_VALUES, reject_ignored
from segment.config.setting import Setting, Span
from segment.config.setting_names import SPELLINGS, resolve_names
from segment.config.setting_values import GROUPS, SettingValues, list_settings
from segment.core.errors import SettingsError

__all__ = ["GROUPS", "SegmentConfig", "list_settings"]


@dataclass(frozen=True, kw_only=True, repr=False)
class SegmentConfig(SettingValues):
    """All settings of a run, checked when it is made.

    A configuration cannot be changed; :func:`dataclasses.replace` makes a changed copy, which is checked as well.

    Attributes
    ----------
    SETTINGS

    Raises
    ------
    SettingsError
        If a value is outside its range or of another type, or if two settings contradict each other.

    Examples
    --------
    >>> import segment
    >>> config = segment.SegmentConfig(k=3, features="lab")
    >>> config
    SegmentConfig(k=3, features='lab')
    >>> config.smoothness
    12.0
    >>> segment.SegmentConfig(k=0)
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: k (-k): a whole number from 1 to 255 or auto; got 0.
    """

    def __post_init__(self) -> None:
        # The class is frozen, so that a checked value can replace the given one only through `object`.
        for setting in list_settings():
            value = getattr(self, setting.name)
            if value is not setting.default:  # which needs no check
                object.__setattr__(self, setting.name, setting.check(value))
        refuse_conflicts(self)

    def __repr__(self) -> str:
        values = ((setting, getattr(self, setting.name)) for setting in list_settings())
        changed = (f"{setting.name}={value!r}" for setting, value in values if value != setting.default)
        return f"{type(self).__name__}({', '.join(changed)})"

    @classmethod
    def from_values(cls, **values: Any) -> SegmentConfig:
        """Make a configuration from single values; the others have their defaults.

        Parameters
        ----------
        **values
            Settings by name. ``grayscale`` and ``seed_colour`` are accepted for ``greyscale`` and ``seed_color``.

        Returns
        -------
        SegmentConfig

        Raises
        ------
        SettingsError
            If a name is unknown, which the message answers with the nearest known one, or a value is not allowed.

        Examples
        --------
        >>> SegmentConfig.from_values(grayscale=True).greyscale
        True
        >>> SegmentConfig.from_values(shrinkag=2)
        Traceback (most recent call last):
            ...
        segment.core.errors.SettingsError: shrinkag: no such setting. Did you mean shrinkage?
        """
        return cls(**resolve_names(values, [setting.name for setting in list_settings()]))

    @classmethod
    def resolve(cls, config: SegmentConfig | None, values: Mapping[str, Any], **defaults: Any) -> SegmentConfig:
        """Take a whole configuration, or make one from single values; not both.

        Parameters
        ----------
        config : SegmentConfig or None
            A whole configuration.
        values : mapping of str to value
            Single settings.
        **defaults
            Values of settings that are in neither, where they are not the usual ones. A whole configuration keeps its
            own.

        Returns
        -------
        SegmentConfig

        Raises
        ------
        SettingsError
            If both are given, if `config` is of another type, or if a value is not allowed.
        """
        if config is not None and values:
            got = ", ".join(values)
            raise SettingsError(f"config: a configuration or single settings, not both; got {got} too. Leave one out.")
        # A value given in another spelling takes the place of a default as well.
        if config is None:
            usual_names = {SPELLINGS.get(name, name) for name in values}
            others = {name: value for name, value in defaults.items() if name not in usual_names}
            return cls.from_values(**others, **values)
        if not isinstance(config, cls):
            raise SettingsError(f"config: a SegmentConfig; got {type(config).__name__}. Name settings, such as k=4.")
        return config

    def for_ready_classes(self) -> SegmentConfig:
        """Leave out what orders, merges and names classes: a model that was fitted with it would get it twice.

        Returns
        -------
        SegmentConfig

        Examples
        --------
        >>> SegmentConfig(k=4, merge="land=1,2", name="4=sky").for_ready_classes() == SegmentConfig(k=4)
        True
        """
        cls = type(self)
        return replace(self, order=cls.order, merge=cls.merge, name=cls.name)

    def reject_unused_by(
        self, entry_point: str, defaults: Mapping[str, Any] = NO_VALUES, *, has_defaults: bool = False
    ) -> SegmentConfig:
        """Refuse every changed setting that a function or command would ignore.

        Parameters
        ----------
        entry_point : str
            A function such as ``"segment_image"`` or a command such as ``"batch"``, one of
            :data:`segment.config.entry_points.ENTRY_POINTS`.
        defaults : mapping of str to value
            Settings of a saved model. The same values are accepted as if they were the defaults.
        has_defaults : bool
            Whether this configuration has these defaults where nothing else was given. Then a usual default in their
            place is refused too: it was given and would be ignored.

        Returns
        -------
        SegmentConfig
            The same configuration.

        Raises
        ------
        SettingsError
            If a setting that is not used is neither at its default nor at the value in `defaults`.

        Examples
        --------
        >>> SegmentConfig(save="model").reject_unused_by("fit_classes")
        Traceback (most recent call last):
            ...
        segment.core.errors.SettingsError: save (--save): not used by fit_classes; got model. Use it to apply the model.
        """
        values = {setting.name: getattr(self, setting.name) for setting in list_settings()}
        reject_ignored(values, ENTRY_POINTS[entry_point], defaults, has_defaults=has_defaults)
        return self


def _format_setting(setting: Setting) -> str:
    """Write the entry of a setting in the docstring: name, type, range, default and help."""
    choices = f"{{{', '.join(repr(choice) for choice in setting.choices)}}}"
    bounds = f"{setting.low:g} and more" if math.isinf(setting.high) else f"{setting.low:g} to {setting.high:.10g}"
    if setting.type is bool:
        kind = "bool"
    elif setting.type is Span:
        kind = f"tuple of (int, int), {bounds}"
    elif setting.is_text:
        kind = f"str, {setting.form.text}"
    elif setting.type is tuple:
        kind = f"tuple of {choices}" if setting.choices else f"tuple of str, {setting.form.text}"
    elif setting.type is str:
        kind = f"{choices} or {setting.form.text}" if setting.form.text else choices
    else:
        kind = f"{setting.type.__name__}{f' or {choices}' if setting.choices else ''}, {bounds}"
    default = tuple(setting.default) if setting.type is Span else setting.default
    text = textwrap.fill(setting.help, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"{setting.name} : {kind}, default {default!r}\n{text}"


# `help(segment.SegmentConfig)` shows every setting; with -OO Python has no docstrings.
if SegmentConfig.__doc__:
    _attributes = "\n".join(map(_format_setting, list_settings()))
    SegmentConfig.__doc__ = cleandoc(SegmentConfig.__doc__).replace("SETTINGS", _attributes)
