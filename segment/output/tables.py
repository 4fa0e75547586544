"""Write tables as text for other programs: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from segment.core.errors import DependencyError, printable_path

__all__ = [
    "drop_nan",
    "escape_formula",
    "format_area",
    "format_cell",
    "format_expected_share",
    "format_number",
    "format_share",
    "iterate_csv",
    "iterate_json",
    "name_channels",
    "to_dataframe",
    "to_json",
    "to_rows",
]

Columns = Mapping[str, Any]

CHUNK_ROWS = 2**13  # whose text is in memory at once

# A spreadsheet runs text as a formula if it begins with one of these; the last four are the full-width forms.
_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def format_area(value: float) -> str:
    """Format an area for people.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        As of :func:`format_number`, with commas between thousands.

    Examples
    --------
    >>> format_area(115017.2), format_area(0.0123456)
    ('115,017', '0.01235')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e11 else format_number(value)


def format_number(value: float) -> str:
    """Format a number for people: four significant digits, or all digits before the point.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        "-" for NaN.

    Examples
    --------
    >>> format_number(44721.4), format_number(0.0123456), format_number(float("nan"))
    ('44721', '0.01235', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e11 else f"{value:.4g}"


def format_share(share: float) -> str:
    """Format a share for people.

    Parameters
    ----------
    share : float
        0..1, or NaN for what does not count.

    Returns
    -------
    str
        Percents with two decimals; "-" for NaN.

    Examples
    --------
    >>> format_share(0.1234), format_share(float("nan"))
    ('12.34 %', '-')
    """
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"


def format_expected_share(share: float, deviation: float) -> str:
    """Format an expected share and its standard deviation for people.

    Parameters
    ----------
    share, deviation : float
        0..1, or NaN where it is not known.

    Returns
    -------
    str
        Percents with two decimals; "-" where the share is NaN.

    Examples
    --------
    >>> format_expected_share(0.1234, 0.0105), format_expected_share(float("nan"), float("nan"))
    ('12.34 +- 1.05 %', '-')
    """
    return "-" if math.isnan(share) else f"{100 * share:.2f} +- {100 * deviation:.2f} %"


def drop_nan(value: float) -> float | None:
    """Replace NaN, which JSON does not know, by None.

    Parameters
    ----------
    value : float
        Any number.
    """
    return None if math.isnan(value) else value


def name_channels(n_channels: int) -> tuple[str, ...]:
    """Name the channels of an image in the columns of tables.

    Examples
    --------
    >>> name_channels(3), name_channels(2)
    (('red', 'green', 'blue'), ('band_1', 'band_2'))
    """
    usual = {1: ("gray",), 3: ("red", "green", "blue")}
    return usual.get(n_channels) or tuple(f"band_{number}" for number in range(1, n_channels + 1))


def escape_formula(text: str) -> str:
    r"""Make a text safe for a cell of a spreadsheet: one printable line that is never run as a formula.

    Parameters
    ----------
    text : str
        Any text, such as a file name or the name of a class.

    Returns
    -------
    str
        The text with control characters as escapes. An apostrophe is put in front if the first character that is no
        space is one of ``= + - @`` in ordinary or full width.

    Examples
    --------
    >>> escape_formula("sky"), escape_formula("=SUM(A1)"), escape_formula("two\nlines")
    ('sky', "'=SUM(A1)", 'two\\nlines')
    """
    printable = printable_path(text, limit=sys.maxsize)
    return f"'{printable}" if printable.lstrip().startswith(_FORMULA_STARTS) else printable


def format_cell(value: object) -> object:
    """Format a value for the csv module, so that a spreadsheet takes no text for a formula.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
        Empty for None and NaN; text made safe by :func:`escape_formula`.
    """
    if isinstance(value, str):
        return escape_formula(value)
    return "" if value is None or _is_nan(value) else value


def iterate_csv(columns: Columns) -> Iterator[str]:
    r"""Write a table as CSV (RFC 4180) in pieces: a row of names, then a row for each value of the columns.

    Parameters
    ----------
    columns : mapping of name to ndarray or sequence
        All of one length.

    Yields
    ------
    str
        Whole lines. Text cells are made safe by :func:`escape_formula`; numbers are written so that they are read back
        exactly; NaN is an empty cell.

    Examples
    --------
    >>> "".join(iterate_csv({"label": [1, 2], "mean": [0.5, float("nan")]}))
    'label,mean\r\n1,0.5\r\n2,\r\n'
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(format_cell, columns))
    yield text.getvalue()
    for part in _split_rows(columns):
        text.seek(0)
        text.truncate()
        cells = ([format_cell(value) for value in _list_values(column)] for column in part.values())
        writer.writerows(zip(*cells, strict=True))
        yield text.getvalue()


def _split_rows(columns: Columns) -> Iterator[Columns]:
    """Split a table into parts of `CHUNK_ROWS` rows."""
    n_rows = len(next(iter(columns.values()), ()))
    for start in range(0, n_rows, CHUNK_ROWS):
        yield {name: column[start : start + CHUNK_ROWS] for name, column in columns.items()}


def to_rows(columns: Columns) -> list[dict[str, Any]]:
    """Convert a table to a list of rows.

    Parameters
    ----------
    columns : mapping of name to ndarray or sequence
        All of one length.

    Returns
    -------
    list of dict of name to value
        Plain Python values; NaN is None.
    """
    # JSON knows no NaN.
    values = ([None if _is_nan(value) else value for value in _list_values(column)] for column in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def to_dataframe(columns: Columns) -> Any:
    """Convert a table to a data frame.

    Parameters
    ----------
    columns : mapping of name to ndarray or sequence
        All of one length.

    Returns
    -------
    pandas.DataFrame
        The same columns in the same order; the rows are numbered from 0.

    Raises
    ------
    DependencyError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise DependencyError(
            f"to_pandas: needs pandas, which cannot be loaded; {error}. Run: pip install 'gmm-segment[pandas]'."
        ) from error
    return pd.DataFrame({name: _list_values(column) for name, column in columns.items()}, columns=list(columns))


def iterate_json(document: Mapping[str, Any], **tables: Columns) -> Iterator[str]:
    """Write a document as JSON in pieces, with tables behind its other values, each a list of rows.

    Parameters
    ----------
    document : mapping
        Plain values; at least one.
    **tables : mapping of name to ndarray or sequence
        Tables by their names in the document.

    Yields
    ------
    str
        The text that :func:`to_json` makes of the document with the rows of the tables.

    Examples
    --------
    >>> text = "".join(iterate_json({"a": 1}, rows={"n": [1, 2]}, none={"n": []}))
    >>> text == to_json({"a": 1, "rows": [{"n": 1}, {"n": 2}], "none": []})
    True
    """
    yield to_json(document).removesuffix("\n}\n")
    for name, columns in tables.items():
        yield f",\n {json.dumps(name)}: ["
        separator = ""
        for part in _split_rows(columns):
            # Rows are indented as they are within the list of a document.
            rows = json.dumps(to_rows(part), indent=1, allow_nan=False)[1:-2].replace("\n", "\n ")
            yield separator + rows
            separator = ","
        yield "\n ]" if separator else "]"
    yield "\n}\n"


def to_json(document: Mapping[str, Any]) -> str:
    """Write a document as JSON.

    Parameters
    ----------
    document : mapping
        Plain values.

    Returns
    -------
    str
        ASCII only, whatever text the document holds.

    Raises
    ------
    ValueError
        If a number is infinite or NaN.
    """
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _list_values(column: Any) -> list[Any]:
    """List the values of a column as plain Python values."""
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _is_nan(value: Any) -> bool:
    """Check whether a value is the floating-point NaN."""
    return isinstance(value, float) and math.isnan(value)
