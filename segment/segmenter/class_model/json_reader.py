"""Read JSON that may have been damaged or edited by hand: every field is checked for its name, type and shape.

Whatever is wrong becomes a :class:`segment.core.errors.ModelError` of one line that names the field.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ModelError, printable_path

__all__ = ["Fields", "parse_json"]

_MAX_QUOTED = 60  # characters of a wrong value in a message


def parse_json(text: str) -> object:
    """Parse a JSON text.

    Parameters
    ----------
    text : str
        JSON as RFC 8259 has it: without NaN, without infinities, and with every key of an object once.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None.

    Raises
    ------
    ModelError
        If it is not such a text.

    Examples
    --------
    >>> parse_json('{"k": 4}')
    {'k': 4}
    >>> parse_json('{"k": NaN}')
    Traceback (most recent call last):
        ...
    segment.core.errors.ModelError: a model has finite numbers; got NaN. Fit it again.
    """
    try:
        # Python accepts NaN and keeps the last of two fields of one name; both would hide damage.
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_build_object)
    except json.JSONDecodeError as error:
        # The message of Python begins with a capital letter, which would stand in the middle of ours.
        detail = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
        raise ModelError(
            f"a model is JSON text; got {printable_path(detail)}. Fit it again, or undo the last edit."
        ) from error
    except (ValueError, RecursionError) as error:
        # Integers of thousands of digits, and lists nested thousands of times.
        raise ModelError(f"a model is JSON text; {printable_path(str(error).lower())}. Fit it again.") from error


def _reject_constant(name: str) -> NoReturn:
    """Raise a ModelError for NaN or an infinity, which Python reads but JSON does not have."""
    raise ModelError(f"a model has finite numbers; got {name}. Fit it again.")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a dictionary from the fields of an object, and raise a ModelError if two have the same name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, _ in pairs if counts[key] > 1)
        raise ModelError(f"{printable_path(twice)}: a field appears once; got it twice. Remove one.")
    return found


class Fields:
    """Checked access to the fields of a JSON object.

    Parameters
    ----------
    value : object
        Parsed JSON.
    where : str
        Path of the object in the file, such as ``classes[0]``, for messages; empty for the file itself.

    Raises
    ------
    ModelError
        If the value is not an object.

    Examples
    --------
    >>> fields = Fields({"label": 1, "mean": [3, 4.5]}, "classes[0]")
    >>> fields.read_array("mean", (2,))
    array([3. , 4.5])
    >>> fields.read_string("name")
    Traceback (most recent call last):
        ...
    segment.core.errors.ModelError: classes[0].name: is missing. Fit the model again.
    """

    def __init__(self, value: object, where: str) -> None:
        self._where = where
        if not isinstance(value, dict):
            raise ModelError(f"{where}: an object with named fields; got {_quote(value)}.")
        self._values: dict[str, Any] = value

    @property
    def values(self) -> dict[str, Any]:
        """A copy of all fields, unchecked."""
        return dict(self._values)

    def require_only(self, *keys: str) -> Fields:
        """Raise a ModelError if there is a field of another name.

        Parameters
        ----------
        *keys : str
            The names that are allowed. A field may be missing.

        Returns
        -------
        Fields
            The same object.
        """
        unknown = [key for key in self._values if key not in keys]
        if unknown:
            raise ModelError(
                f"{self._where}: fields are {', '.join(keys)}; got {printable_path(unknown[0])} too. Remove it."
            )
        return self

    def read_value(self, key: str) -> Any:
        """Read a field of any type.

        Parameters
        ----------
        key : str
            Name of the field. It must exist, here as in all the methods below.

        Returns
        -------
        object
            As JSON has it.
        """
        if key not in self._values:
            raise ModelError(f"{self._build_path(key)}: is missing. Fit the model again.")
        return self._values[key]

    def read_object(self, key: str) -> Fields:
        """Read a field that is an object itself.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        Fields
            Access to the fields of that object.
        """
        return Fields(self.read_value(key), self._build_path(key))

    def read_string(self, key: str) -> str:
        """Read a text.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        str
            Any text, the empty one too.
        """
        value = self.read_value(key)
        if not isinstance(value, str):
            raise self._make_error(key, "text", value)
        return value

    def read_list(self, key: str) -> list[Any]:
        """Read a list.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        list
            Its items are not checked.
        """
        value = self.read_value(key)
        if not isinstance(value, list):
            raise self._make_error(key, "a list", value)
        return value

    def read_strings(self, key: str) -> tuple[str, ...]:
        """Read a list of texts.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        tuple of str
            The items.
        """
        values = self.read_list(key)
        if not all(isinstance(value, str) for value in values):
            raise self._make_error(key, "a list of texts", values)
        return tuple(values)

    def read_integer(self, key: str, low: int, high: int) -> int:
        """Read a whole number.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : int
            Least and greatest number that are allowed.

        Returns
        -------
        int
            From `low` to `high`.
        """
        value = self.read_value(key)
        # In Python True is an int, but in JSON it is no number.
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._make_error(key, f"a whole number from {low} to {high}", value)
        return value

    def read_number(self, key: str) -> float:
        """Read a finite number.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        float
            The number.
        """
        return float(self.read_array(key, ()))

    def read_array(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Read nested lists of finite numbers.

        Parameters
        ----------
        key : str
            Name of the field.
        shape : tuple of int
            The shape that the array must have; () for a single number.

        Returns
        -------
        ndarray of that shape, float64
            Row by row.
        """
        kind = " x ".join(map(str, shape))
        # NumPy itself would turn texts into numbers, and fail in many ways on lists of unequal length.
        flat = _flatten(self.read_value(key), shape)
        if len(flat) != math.prod(shape):
            rule = f"{kind} finite numbers" if kind else "a finite number"
            raise self._make_error(key, rule, self.read_value(key))
        return np.array(flat, dtype=np.float64).reshape(shape)

    def _build_path(self, key: str) -> str:
        """Return the path of a field in the file."""
        return f"{self._where}.{key}" if self._where else key

    def _make_error(self, key: str, rule: str, value: object) -> ModelError:
        """Make the error for a field that is not as the rule says."""
        path = self._build_path(key)
        return ModelError(f"{path}: {rule}; got {_quote(value)}. Fit the model again, or undo the edit.")


def _flatten(value: object, shape: tuple[int, ...]) -> list[float]:
    """List the numbers of nested lists row by row: fewer than the shape has if anything is wrong."""
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            return []
        return [number for part in value for number in _flatten(part, shape[1:])]
    # True and False are numbers to Python.
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return []
    # An integer may be too large for a float, and a number such as 1e999 is read as infinity.
    try:
        number = float(value)
    except OverflowError:
        return []
    return [number] if math.isfinite(number) else []


def _quote(value: object) -> str:
    """Return a value as a message quotes it: printable and short."""
    return printable_path(repr(value), limit=_MAX_QUOTED)
