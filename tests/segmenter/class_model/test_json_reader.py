"""JSON that is read with checks: what is refused, and how the message names it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from segment.core.errors import ModelError
from segment.segmenter.class_model.json_reader import Fields, parse_json

TEXTS = {
    "empty": ("", "a model is JSON text; got expecting value at line 1, column 1."),
    "half": ('{"format": "segment class model", "version"', "a model is JSON text; got expecting ':' delimiter"),
    "nan": ('{"format": NaN}', "a model has finite numbers; got NaN."),
    "infinity": ('{"format": [-Infinity]}', "a model has finite numbers; got -Infinity."),
    "twice": ('{"format": "segment class model", "format": "x"}', "format: a field appears once; got it twice."),
    "deep": ("[" * 100_000, "a model is JSON text; "),
    "long number": ('{"version": ' + "1" * 10_000 + "}", "a model is JSON text; exceeds the limit"),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_text_that_is_not_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(words)}"):
        parse_json(text)


def test_json_is_parsed() -> None:
    assert parse_json(' {"a": [1, 2.5, "x", null, true]} ') == {"a": [1, 2.5, "x", None, True]}


FIELDS = {
    "whole": 3,
    "true": True,
    "half": 0.5,
    "text": "sky",
    "texts": ["a", "b"],
    "mixed": ["a", 1],
    "object": {"x": 1},
    "matrix": [[1, 2, 3], [4, 5, 6]],
    "ragged": [[1, 2, 3], [4, 5]],
    "infinite": [float("inf")],
    "huge": 10**400,
}


def test_fields_are_read_by_type() -> None:
    fields = Fields(FIELDS, "part")
    assert fields.read_value("mixed") == ["a", 1]
    assert fields.read_string("text") == "sky"
    assert fields.read_list("mixed") == ["a", 1]
    assert fields.read_strings("texts") == ("a", "b")
    assert fields.read_integer("whole", 0, 3) == 3
    assert fields.read_number("half") == 0.5
    assert fields.read_number("whole") == 3.0
    np.testing.assert_array_equal(fields.read_array("matrix", (2, 3)), [[1, 2, 3], [4, 5, 6]])
    assert fields.read_object("object").read_integer("x", 1, 1) == 1
    assert fields.values == FIELDS
    assert fields.require_only(*FIELDS) is fields


REFUSALS: dict[str, tuple[Callable[[Fields], object], str]] = {
    "missing": (lambda fields: fields.read_value("x"), "part.x: is missing."),
    "text": (lambda fields: fields.read_string("whole"), "part.whole: text; got 3."),
    "list": (lambda fields: fields.read_list("object"), "part.object: a list; got {'x': 1}."),
    "texts": (lambda fields: fields.read_strings("mixed"), "part.mixed: a list of texts; got ['a', 1]."),
    "too large": (lambda fields: fields.read_integer("whole", 0, 2), "part.whole: a whole number from 0 to 2; got 3."),
    "not whole": (lambda fields: fields.read_integer("half", 0, 2), "part.half: a whole number from 0 to 2; got 0.5."),
    "flag": (lambda fields: fields.read_integer("true", 0, 2), "part.true: a whole number from 0 to 2; got True."),
    "no number": (lambda fields: fields.read_number("text"), "part.text: a finite number; got 'sky'."),
    "huge": (lambda fields: fields.read_number("huge"), "part.huge: a finite number; got 1000"),
    "flag as number": (lambda fields: fields.read_number("true"), "part.true: a finite number; got True."),
    "infinite": (lambda fields: fields.read_array("infinite", (1,)), "part.infinite: 1 finite numbers; got [inf]."),
    "shape": (lambda fields: fields.read_array("matrix", (3, 2)), "part.matrix: 3 x 2 finite numbers; got [[1, 2, 3]"),
    "ragged": (lambda fields: fields.read_array("ragged", (2, 3)), "part.ragged: 2 x 3 finite numbers;"),
    "no object": (lambda fields: fields.read_object("whole"), "part.whole: an object with named fields; got 3."),
    "inside": (lambda fields: fields.read_object("object").read_string("x"), "part.object.x: text; got 1."),
    "unknown": (lambda fields: fields.require_only("whole", "true"), "part: fields are whole, true; got half too."),
}


@pytest.mark.parametrize(("read", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_field_is_named(read: Callable[[Fields], object], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read(Fields(FIELDS, "part"))
    assert str(caught.value).startswith(words)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_key_that_appears_twice_is_found_in_linear_time() -> None:
    text = "{" + ",".join(f'"{number}": 0' for number in (*range(200_000), 199_999)) + "}"
    with pytest.raises(ModelError, match="199999: a field appears once; got it twice"):
        parse_json(text)
