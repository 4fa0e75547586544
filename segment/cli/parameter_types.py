"""Types of the arguments and options of commands: paths and numbers."""

from __future__ import annotations

import math
from typing import Any

import click

from segment.config.text_forms import is_number

__all__ = ["NamedPath", "NumberOrWord"]


class NamedPath(click.Path):
    """Path that is not empty: an empty one would stand for the current folder, where a script left a variable unset."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text to a Path; refuse an empty one."""
        if value == "":
            self.fail("a path has at least one character; got none. Give . for the current folder.", param, ctx)
        return super().convert(value, param, ctx)


class NumberOrWord(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from Click 8.3 on
    """A number, or one of the words that may stand for it, if there are some."""

    def __init__(self, kind: type, words: tuple[str, ...] = ()) -> None:
        self._number = click.types.convert_type(kind)
        self.name = " or ".join((self._number.name, *words))
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a text: a word stays as it is, anything else becomes a number.

        Parameters
        ----------
        value : str, int or float
        param : click.Parameter, optional
        ctx : click.Context, optional
            For the message of an error.

        Returns
        -------
        str, int or float
        """
        if value in self._words:
            return value
        try:
            number = self._number.convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        # Python takes 1_0 and digits of any script; nan and inf are refused with the range.
        if isinstance(value, str) and not is_number(value) and abs(number) < math.inf:
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number
