"""Tables as text for other programs: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from segment.core.errors import printable_path

__all__ = ["format_number", "to_csv", "to_json", "to_rows"]

Columns = Mapping[str, Any]

# Spreadsheets take text that begins with one of these, in ordinary or full width, for a formula, and would run it.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def format_number(value: float) -> str:
    """A number for people, in four digits or all before the point; "-" for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def to_csv(columns: Columns) -> str:
    """A table as CSV (RFC 4180, UTF-8): a row of names, then the values; NaN is an empty cell.

    Text is kept harmless: control characters become escapes, and what a spreadsheet would run as a formula begins with
    an apostrophe. Numbers are written so that they are read back exactly.

    Parameters
    ----------
    columns : mapping of name to ndarray or sequence, all of one length
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(_cell, columns))
    writer.writerows(zip(*([_cell(value) for value in _plain(column)] for column in columns.values()), strict=True))
    return text.getvalue()


def to_rows(columns: Columns) -> list[dict[str, Any]]:
    """A table as a list of rows of plain Python values; NaN is None."""
    values = ([None if _is_nan(value) else value for value in _plain(column)] for column in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def to_json(document: Mapping[str, Any]) -> str:
    """A document of plain values as JSON, in ASCII, whatever text it holds; infinite numbers are an error."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _plain(column: Any) -> list[Any]:
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        text = printable_path(value, limit=sys.maxsize)
        return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
    return "" if _is_nan(value) else value


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
