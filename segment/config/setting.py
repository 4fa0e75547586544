"""One setting: its type, range, choices and help, and the check of a value against them."""

from __future__ import annotations

import difflib
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from segment.config.palette_file import is_palette_file, read_palette_file
from segment.config.setting_names import SPELLINGS
from segment.config.text_forms import (
    BANDS,
    BOX,
    CLASS,
    COLOR,
    FREE,
    GROUP,
    MERGE,
    NAMING,
    NUMBERS,
    PALETTE,
    Form,
    is_number,
)
from segment.core.errors import SettingsError

__all__ = ["Setting", "Span", "define_setting", "describe_field"]

Value = TypeVar("Value")

MAX_TEXT_LENGTH = 60  # characters


class Span(NamedTuple):
    """Whole numbers from `low` to `high`, both included; written ``low..high``."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The description of one setting.

    Attributes
    ----------
    name : str
        Its name in Python.
    group : str
        The stage it belongs to, one of :data:`segment.config.setting_values.GROUPS`.
    help : str
        What it does, with its unit and the effect of raising it.
    default : object
    type : type
        int, float, bool, str, Span, or tuple for several of the choices. A str without choices is a text of the form.
    low, high : float
        The range, both ends included.
    choices : tuple of str
        The allowed values of a str or tuple, and the words that may stand for a number; empty for flags, spans and a
        tuple of colors.
    option : str
        Its name on the command line.
    form : Form
        How a text without choices, or each value of a tuple without choices, is written.
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

    @property
    def is_text(self) -> bool:
        """Whether the value is one free text, such as a path; empty for none."""
        return self.type is str and not self.choices

    @property
    def options(self) -> tuple[str, ...]:
        """Its names on the command line, in every spelling; the usual one first."""
        others = (other for other, usual in SPELLINGS.items() if usual == self.name)
        return (self.option, *("--" + other.replace("_", "-") for other in others))

    @property
    def words(self) -> tuple[str, ...]:
        """Its choices in every spelling; the usual ones first."""
        return (*self.choices, *(other for other, usual in SPELLINGS.items() if usual in self.choices))

    def check(self, value: Any) -> Any:
        """Check a value and convert it to the type of the setting.

        Parameters
        ----------
        value : object

        Returns
        -------
        object
            Of :attr:`type`, or one of the words that may stand for a number.

        Raises
        ------
        SettingsError
            If it is of another type or out of the range; the message says what is allowed.
        """
        value = _convert_scalar(value)
        checks: dict[type, Callable[[Any], Any]] = {
            tuple: self._check_several,
            str: self._check_text if self.is_text else self._check_word,
            bool: self._check_flag,
            Span: self._check_span,
        }
        return checks.get(self.type, self._check_number)(value)

    def format(self, value: object) -> str:
        """Write a value of the setting as messages show it."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return ", ".join(map(str, value)) if type(value) is tuple else str(value)

    def _check_several(self, value: Any) -> tuple[str, ...]:
        """Check a list of choices; they come back in the order in which the setting has them."""
        if not self.choices:
            return self._check_texts(value)
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        # Sets are accepted here because the order of the choices does not matter.
        is_list = isinstance(parts, (tuple, list, set, frozenset))
        if not is_list or not parts or not all(part in self.choices for part in parts):
            others = [part for part in parts if part not in self.choices] if is_list else []
            raise self._make_error(f"one or more of {', '.join(self.choices)}", value, *others[:1])
        return tuple(choice for choice in self.choices if choice in parts)

    def _check_word(self, value: object) -> str:
        """Check one of the choices, which may be spelled otherwise, or a text of the setting's form if it has one."""
        if self.form is PALETTE:
            value = _write_palette(value)
        if self.form is not FREE and isinstance(value, str) and "=" in value:
            text = ",".join(part.strip() for part in value.split(","))
            if not re.fullmatch(self.form.pattern, text) or not text.isprintable():
                raise self._make_error(self.form.rule, value)
            return text
        # Only texts are looked up: a list, given by mistake, cannot be a key of a dictionary.
        word = SPELLINGS.get(value, value) if isinstance(value, str) else value
        if not isinstance(word, str) or word not in self.choices:
            other = f", or {self.form.rule}" if self.form is not FREE else ""
            raise self._make_error(f"one of {', '.join(self.choices)}{other}", value, word)
        return word

    def _check_text(self, value: Any) -> str:
        """Check a text of the setting's form; paths, numbers and sequences of numbers are written as such texts."""
        parts = value if isinstance(value, (tuple, list)) else (value,)
        words = [self._write_word(part) for part in parts]
        text = ",".join(words)
        if text and not re.fullmatch(self.form.pattern, text):
            raise self._make_error(self.form.rule, value)
        return text

    def _write_word(self, value: Any) -> str:
        """Write a path or a number as text."""
        value = _convert_scalar(value)
        if isinstance(value, (str, os.PathLike)):
            return os.fsdecode(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or self.form not in (NUMBERS, BOX, BANDS):
            raise self._make_error(self.form.rule, value)
        # Whole numbers are written alike, whatever their type.
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)

    def _check_flag(self, value: object) -> bool:
        """Check a flag; numbers and words are refused."""
        if not isinstance(value, bool):
            raise self._make_error("True or False", value)
        return value

    def _check_number(self, value: Any) -> Any:
        """Check a number in the range, or one of the words that may stand for it."""
        if isinstance(value, str) and value in self.choices:
            return value
        if isinstance(value, str) and self.form.text:  # a number with a unit, or the text of a plain one
            if re.fullmatch(self.form.pattern, value):
                return value
            value = float(value) if re.fullmatch(NUMBERS.pattern, value) and "," not in value else value
        # Infinity, and a number too large for a float, are refused.
        high = min(self.high, sys.float_info.max)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= high or (self.type is int and value != int(value)):
            kind = "a whole number" if self.type is int else "a number"
            bound = f"of at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:.10g}"
            others = (*self.choices, *((self.form.rule,) if self.form.text else ()))
            raise self._make_error(" or ".join((f"{kind} {bound}", *others)), value)
        return self.type(value)

    def _check_span(self, value: Any) -> Span:
        """Check a pair of whole numbers in ascending order, or their text ``low..high``."""
        parts = value.split("..") if isinstance(value, str) else value
        try:
            span = Span(*(int(part) for part in parts))
            # int() would accept 2.5, "1_0" and, outside of a text, "2".
            is_same = all(is_number(part) for part in parts) if isinstance(value, str) else tuple(span) == tuple(value)
        except (TypeError, ValueError, OverflowError):
            is_same = False
        if not is_same or not self.low <= span.low <= span.high <= self.high:
            raise self._make_error(
                f"LOW..HIGH, whole numbers from {self.low:g} to {self.high:g}, the lower first", value
            )
        return span

    def _check_texts(self, value: object) -> tuple[str, ...]:
        """Check texts of the setting's form, in the order given; colors become lower case."""
        parts = (value,) if isinstance(value, str) else value
        if isinstance(parts, Mapping) and self.form in (NAMING, MERGE, GROUP):
            parts = [f"{key}={_join_words(words)}" for key, words in parts.items()]
        if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) for part in parts):
            raise self._make_error(self.form.rule, value)
        if self.form in (NAMING, CLASS):
            parts = [name for part in parts for name in self._split_names(part)]
        # Texts go into legends and tables: they are printable and short.
        for part in parts:
            if not re.fullmatch(self.form.pattern, part) or not part.isprintable():
                raise self._make_error(self.form.rule, part)
            if len(part) > MAX_TEXT_LENGTH:
                raise self._make_error(f"at most {MAX_TEXT_LENGTH} characters", part)
        return tuple(part.lower() if self.form is COLOR else part for part in parts)

    def _split_names(self, text: str) -> list[str]:
        """Split several names, written 1=sky,2=sea; a comma within a name is refused."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > 1 and not all(re.fullmatch(self.form.pattern, part) for part in parts):
            error = self._make_error("a name has no comma, because commas separate names", text)
            raise SettingsError(f"{error} Leave the comma out.")
        return parts if len(parts) > 1 else [text]

    def _make_error(self, rule: str, value: object, word: object = None) -> SettingsError:
        """Make the error for a value that breaks a rule; a word may be one of the choices with a slip."""
        near = difflib.get_close_matches(word.lower(), self.choices, n=1) if isinstance(word, str) else []
        hint = f" Did you mean {near[0]}?" if near else ""
        return SettingsError(f"{self.name} ({self.option}): {rule}; got {value!r}.{hint}")


def define_setting(
    default: Value,
    group: str,
    help_: str,
    *,
    low: float = 0,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
    option: str = "",
    form: Form = FREE,
) -> Value:
    """Define a setting as a field of :class:`segment.config.setting_values.SettingValues`.

    Parameters
    ----------
    default, group, help_, low, high, choices, option, form
        The attributes of :class:`Setting`. By default the choices are those of the annotation, where it is a Literal,
        and the option is made of the name of the field.

    Returns
    -------
    dataclasses.Field
        Typed as a value of the setting, so that mypy checks the default and every use.
    """
    about = {"group": group, "help": help_, "low": low, "high": high, "choices": choices, "option": option}
    return field(default=default, metadata={**about, "form": form})


def describe_field(item: Field[Any], hint: object) -> Setting:
    """Describe a setting by its field in :class:`segment.config.setting_values.SettingValues`.

    Parameters
    ----------
    item : dataclasses.Field
        Its default is that of the setting, and its metadata are attributes of it.
    hint : type
        The type that the field is annotated with.
    """
    kind, choices = _read_annotation(hint)
    about = {**item.metadata, "choices": item.metadata["choices"] or choices}
    about["option"] = item.metadata["option"] or "--" + item.name.replace("_", "-")
    return Setting(name=item.name, default=item.default, type=kind, **about)


def _convert_scalar(value: Any) -> Any:
    """Convert numbers, flags and sequences of NumPy to those of Python, so that files hold the same text."""
    return value.tolist() if hasattr(value, "tolist") and getattr(value, "ndim", None) in (0, 1) else value


def _join_words(words: object) -> str:
    """Write one word, or several with commas between them."""
    return ",".join(map(str, words)) if isinstance(words, (tuple, list)) else str(words)


def _write_palette(value: object) -> object:
    """Write the colors of a mapping, a list or a file as the setting `palette` has them; leave all else."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={color}" for key, color in value.items())
    if isinstance(value, (tuple, list)):
        return ",".join(f"{number}={color}" for number, color in enumerate(value, start=1))
    return read_palette_file(value) if is_palette_file(value) else value


def _read_annotation(hint: Any) -> tuple[type, tuple[str, ...]]:
    """Read the type of a setting, and its choices or the words that may stand for a number, from its annotation."""
    if get_origin(hint) is Literal:
        return str, get_args(hint)
    if get_origin(hint) is tuple:
        return (Span if get_args(hint) == (int, int) else tuple), ()
    if get_args(hint):  # a number, or a word such as "auto"
        kind, words = get_args(hint)
        return kind, get_args(words)
    return hint, ()
