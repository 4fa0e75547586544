"""One setting: its type, range, choices and help, and the check of a value against them."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from segment.core.errors import SettingsError

__all__ = ["COLOR", "FREE", "MERGE", "NAMING", "Form", "Setting", "Span", "merge_of", "naming_of"]


class Form(NamedTuple):
    """How a value that may be given several times is written: in short, as a pattern, and as a rule."""

    text: str
    pattern: str
    rule: str


_NAME = r"[^=,]*[^=,\s][^=,]*"  # a name holds neither = nor comma, and is not blank
FREE = Form("", ".*", "text")
COLOR = Form("#RRGGBB", "#[0-9a-fA-F]{6}", "colors written #RRGGBB, with six hexadecimal digits")
NAMING = Form("CLASS=NAME", rf"[1-9][0-9]{{0,2}}={_NAME}", "names written CLASS=NAME, such as 4=sky")
MERGE = Form(
    "[NAME=]A,B",
    rf"({_NAME}=)?[1-9][0-9]{{0,2}}(,[1-9][0-9]{{0,2}})+",
    "classes written NAME=A,B or A,B, such as ground=2,3",
)
_LONGEST_TEXT = 60


def naming_of(text: str) -> tuple[int, str]:
    """Label and name of ``CLASS=NAME``."""
    label, name = text.split("=")
    return int(label), name.strip()


def merge_of(text: str) -> tuple[str, tuple[int, ...]]:
    """Name, empty where there is none, and labels of ``NAME=A,B``."""
    name, _, labels = text.rpartition("=")
    return name.strip(), tuple(int(label) for label in labels.split(","))


class Span(NamedTuple):
    """Whole numbers from `low` to `high`, both included; written ``low..high``."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of one setting.

    Attributes
    ----------
    name : str
        Its name in Python.
    group : str
        The stage it belongs to, one of GROUPS.
    help : str
        What it does, with its unit and the effect of raising it.
    default : object
    type : type
        int, float, bool, str, Span, or tuple for several of the choices.
    low, high : float
        The range, both ends included.
    choices : tuple of str
        The allowed values of a str or tuple, and the words that may stand for a number; empty for flags, spans and a
        tuple of colors.
    option : str
        Its name on the command line.
    form : Form
        How each value of a tuple without choices is written.
    """

    name: str
    group: str
    help: str
    default: Any
    type: type
    low: float
    high: float
    choices: tuple[str, ...]
    option: str
    form: Form = FREE

    def checked(self, value: Any) -> Any:
        """The value in the setting's own type; a SettingsError says what is wrong with it."""
        if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number or flag of NumPy
            value = value.item()
        checks: dict[type, Callable[[Any], Any]] = {
            tuple: self._several,
            str: self._word,
            bool: self._flag,
            Span: self._span,
        }
        return checks.get(self.type, self._number)(value)

    def _several(self, value: Any) -> tuple[str, ...]:
        if not self.choices:
            return self._written(value)
        parts = value.split(",") if isinstance(value, str) else value
        several = isinstance(parts, (tuple, list, set, frozenset)) and len(parts) > 0
        if not several or not all(part in self.choices for part in parts):
            raise self._refusal(f"one or more of {', '.join(self.choices)}", value)
        return tuple(choice for choice in self.choices if choice in parts)

    def _word(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise self._refusal(f"one of {', '.join(self.choices)}", value)
        return value

    def _flag(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._refusal("True or False", value)
        return value

    def _number(self, value: Any) -> Any:
        """A number in the range, or one of the words that may stand for it."""
        if isinstance(value, str) and value in self.choices:
            return value
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        high = min(self.high, sys.float_info.max)
        if not number or not self.low <= value <= high or (self.type is int and value != int(value)):
            kind = "a whole number" if self.type is int else "a number"
            bound = f"of at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:.10g}"
            raise self._refusal(" or ".join((f"{kind} {bound}", *self.choices)), value)
        return self.type(value)

    def _span(self, value: Any) -> Span:
        parts = value.split("..") if isinstance(value, str) else value
        try:
            span = Span(*(int(part) for part in parts))
            same = isinstance(value, str) or tuple(span) == tuple(value)
        except (TypeError, ValueError, OverflowError):
            same = False
        if not same or not self.low <= span.low <= span.high <= self.high:
            raise self._refusal(f"LOW..HIGH, whole numbers from {self.low:g} to {self.high:g}", value)
        return span

    def _written(self, value: Any) -> tuple[str, ...]:
        """Texts of the setting's form, in the order given; colors in lower case."""
        parts = (value,) if isinstance(value, str) else value
        if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
            raise self._refusal(self.form.rule, value)
        for part in parts:
            if not re.fullmatch(self.form.pattern, part) or not part.isprintable() or len(part) > _LONGEST_TEXT:
                raise self._refusal(self.form.rule, part)
        return tuple(part.lower() if self.form is COLOR else part for part in parts)

    def _refusal(self, rule: str, value: Any) -> SettingsError:
        return SettingsError(f"{self.name} ({self.option}): {rule}; got {value!r}.")
