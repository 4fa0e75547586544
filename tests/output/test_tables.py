"""Tables as CSV and JSON, read back by the csv and json modules."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.output.tables import escape_formula, format_number, iterate_csv, iterate_json, to_json, to_rows


def write_csv(table: dict[str, Any]) -> str:
    return "".join(iterate_csv(table))


TABLE = {
    "label": np.array([1, 2]),
    "name": np.array(["sky", 'a "b", c'], dtype=object),
    "mean": np.array([0.1, np.nan]),
}


def test_a_small_table_is_known() -> None:
    assert write_csv(TABLE) == 'label,name,mean\r\n1,sky,0.1\r\n2,"a ""b"", c",\r\n'
    assert to_rows(TABLE) == [
        {"label": 1, "name": "sky", "mean": 0.1},
        {"label": 2, "name": 'a "b", c', "mean": None},
    ]


def test_long_tables_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.output.tables.CHUNK_ROWS", 2)
    table = {"n": np.arange(5), "share": np.array([0.5, np.nan, 0.25, 1, 0])}
    pieces = list(iterate_csv(table))
    assert len(pieces) == 4
    assert "".join(pieces) == "n,share\r\n0,0.5\r\n1,\r\n2,0.25\r\n3,1.0\r\n4,0.0\r\n"
    pieces = list(iterate_json({"a": {"b": 1}}, rows=table, none={"n": []}))
    assert "".join(pieces) == to_json({"a": {"b": 1}, "rows": to_rows(table), "none": []})
    assert max(map(len, pieces)) < 80


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", " =1+1", "\uff1d1"])
def test_no_text_is_a_formula(name: str) -> None:
    assert escape_formula(name) == f"'{name}"
    (cell,) = list(csv.reader(io.StringIO(write_csv({"name": [name]}))))[1]
    assert cell == f"'{name}"
    assert to_rows({"name": [name]}) == [{"name": name}]


def test_numbers_below_zero_stay_numbers() -> None:
    assert write_csv({"mean": np.array([-1.5])}) == "mean\r\n-1.5\r\n"


@pytest.mark.parametrize(
    ("name", "cell"), [("a\nb", r"a\nb"), ("\x1b[31m", r"\x1b[31m"), ("\t=1", r"\t=1"), ("\udcff", r"\xff")]
)
def test_control_characters_are_escaped(name: str, cell: str) -> None:
    assert write_csv({"name": [name]}) == f"name\r\n{cell}\r\n"


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(), st.floats(allow_infinity=False), st.integers(-(2**53), 2**53)), max_size=5))
def test_values_are_read_back(rows: list[tuple[str, float, int]]) -> None:
    columns = {key: [row[i] for row in rows] for i, key in enumerate(("text", "float", "int"))}
    columns["float"] = np.array(columns["float"], dtype=float)
    found = list(csv.DictReader(io.StringIO(write_csv(columns), newline="")))
    assert [float(row["float"] or "nan") for row in found] == pytest.approx(
        columns["float"].tolist(), rel=0, nan_ok=True
    )
    assert [int(row["int"]) for row in found] == columns["int"]
    assert all(row["text"].isprintable() for row in found)
    again = json.loads(to_json({"rows": to_rows(columns)}))["rows"]
    assert [row["text"] for row in again] == columns["text"]
    assert [row["float"] is None for row in again] == np.isnan(columns["float"]).tolist()


def test_json_holds_no_infinity() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": np.inf})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.434e7, "44340000"),
        (44721.4, "44721"),
        (7196.2, "7196"),
        (123.456, "123.5"),
        (0.012345, "0.01235"),
        (-2.5, "-2.5"),
        (math.nan, "-"),
    ],
)
def test_numbers_for_people_have_no_exponent(value: float, text: str) -> None:
    assert format_number(value) == text
