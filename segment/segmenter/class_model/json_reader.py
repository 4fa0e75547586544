"""JSON read with suspicion: every field by name, type and shape, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ModelError, printable_path

__all__ = ["Fields", "parse"]


def parse(text: str) -> object:
    """The value that a JSON text stands for. NaN, infinities and keys given twice are refused.

    Raises
    ------
    ModelError
        If it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct_keys)
    except json.JSONDecodeError as error:
        detail = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
        raise ModelError(
            f"a model is JSON text; got {printable_path(detail)}. Fit it again, or undo the last edit."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"a model is JSON text; {printable_path(str(error).lower())}. Fit it again.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ModelError(f"a model has finite numbers; got {name}. Fit it again.")


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if [other for other, _ in pairs].count(key) > 1)
        raise ModelError(f"{printable_path(twice)}: a field stands once; got it twice. Remove one.")
    return found


class Fields:
    """The fields of a JSON object.

    Parameters
    ----------
    value : object
        What JSON gave; anything but an object is refused.
    where : str
        What it is called in messages, such as ``classes[0]``.
    """

    def __init__(self, value: object, where: str) -> None:
        self._where = where
        if not isinstance(value, dict):
            raise ModelError(f"{where}: an object with named fields; got {_short(value)}.")
        self._values: dict[str, Any] = value

    @property
    def everything(self) -> dict[str, Any]:
        """All fields as JSON gave them."""
        return dict(self._values)

    def only(self, *keys: str) -> Fields:
        """The same fields; any other key is refused."""
        unknown = [key for key in self._values if key not in keys]
        if unknown:
            raise ModelError(
                f"{self._where}: fields are {', '.join(keys)}; got {printable_path(unknown[0])} too. Remove it."
            )
        return self

    def value(self, key: str) -> Any:
        """Whatever the field holds."""
        if key not in self._values:
            raise ModelError(f"{self._name(key)}: is missing. Fit the model again.")
        return self._values[key]

    def part(self, key: str) -> Fields:
        """A field that is an object itself."""
        return Fields(self.value(key), self._name(key))

    def text(self, key: str) -> str:
        value = self.value(key)
        if not isinstance(value, str):
            raise self._refusal(key, "text", value)
        return value

    def items(self, key: str) -> list[Any]:
        value = self.value(key)
        if not isinstance(value, list):
            raise self._refusal(key, "a list", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise self._refusal(key, "a list of texts", values)
        return tuple(values)

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.value(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._refusal(key, f"a whole number from {low} to {high}", value)
        return value

    def number(self, key: str) -> float:
        return float(self.array(key, ()))

    def array(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """A finite number, or nested lists of such numbers of the given shape."""
        kind = " x ".join(map(str, shape))
        flat = _flat(self.value(key), shape)
        if len(flat) != math.prod(shape):
            raise self._refusal(key, f"{kind} finite numbers" if kind else "a finite number", self.value(key))
        return np.array(flat, dtype=np.float64).reshape(shape)

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _refusal(self, key: str, rule: str, value: object) -> ModelError:
        return ModelError(f"{self._name(key)}: {rule}; got {_short(value)}. Fit the model again, or undo the edit.")


def _flat(value: object, shape: tuple[int, ...]) -> list[float]:
    """The numbers of nested lists row by row; fewer than the shape has where anything is not as it should be."""
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            return []
        return [number for part in value for number in _flat(part, shape[1:])]
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return []
    try:
        number = float(value)
    except OverflowError:
        return []
    return [number] if math.isfinite(number) else []


def _short(value: object) -> str:
    return printable_path(repr(value), limit=60)
