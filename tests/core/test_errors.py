"""The wording of errors: paths, reasons and counts."""

from __future__ import annotations

from pathlib import Path

import pytest

import segment
from segment.core.errors import (
    MAX_REASON,
    SegmentError,
    SettingsError,
    describe_fault,
    describe_os_error,
    format_percent,
    pluralize,
    printable_path,
)


def test_every_error_of_the_package_is_a_segment_error_with_an_exit_code() -> None:
    errors = [getattr(segment, name) for name in segment.__all__ if name.endswith("Error")]
    assert len(errors) == 7
    for error in errors:
        assert issubclass(error, SegmentError)
        assert error.exit_code == (2 if error is SettingsError else 1)
    assert issubclass(SettingsError, ValueError)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory. Give --max-size"),
        (RuntimeError("can't start new thread"), "no more threads can be started. Raise the limit"),
        (ImportError("libx.so: failed to map segment from shared object"), "not enough memory to load a library"),
    ],
)
def test_small_places_are_no_fault(error: Exception, words: str) -> None:
    assert describe_fault(error).startswith(words)
    assert "fault" not in describe_fault(error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory"), "no such file or directory"),
        (FileExistsError(17, "File exists"), "a file of that name is in the way"),
        (
            BlockingIOError(11, "Resource temporarily unavailable"),
            "no more processes can be started: raise the limit (ulimit -u)",
        ),
        (OSError("Only words\nin two lines"), "only words in two lines"),
        (ValueError("embedded null byte"), "embedded null byte"),
        (OSError("TIFF has no room"), "TIFF has no room"),
        (OSError(), ""),
        (OSError("x" * 500), "x" * MAX_REASON),
    ],
)
def test_reason_of_a_system_error(error: Exception, reason: str) -> None:
    assert describe_os_error(error) == reason


def test_reason_is_that_of_the_cause_where_a_library_wraps_it() -> None:
    error = RuntimeError("read failed; see the previous error")
    error.__cause__ = ValueError("Tile 3 is damaged")
    assert describe_os_error(error) == "tile 3 is damaged"


def test_unforeseen_error_is_a_fault_in_one_line() -> None:
    words = "KeyError: 'a b'. This is a fault of segment; --debug shows where."
    assert describe_fault(KeyError("a b")) == words
    assert "\n" not in describe_fault(RuntimeError("two\nlines"))


@pytest.mark.parametrize(
    ("n", "noun", "words"), [(1, "class", "1 class"), (0, "class", "0 classes"), (2, "file", "2 files")]
)
def test_numbers_of_things(n: int, noun: str, words: str) -> None:
    assert pluralize(n, noun) == words


def test_percents_have_two_digits() -> None:
    assert [format_percent(n, 100_000) for n in (1, 732, 99_999)] == ["0.001 %", "0.73 %", "100 %"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("plain.png", "plain.png"),
        ("naïve 图像.png", "naïve 图像.png"),
        ("a\nb\x1b[31m.png", r"a\nb\x1b[31m.png"),
        (b"caf\xe9.png", r"caf\xe9.png"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (Path("x") / "y.png", "x/y.png"),
    ],
)
def test_path_is_printable(path, expected):
    assert printable_path(path) == expected
    printable_path(path).encode("utf-8")


def test_path_is_short():
    assert printable_path("d/" * 300 + "name.png").endswith("…/name.png")
    assert len(printable_path("d/" * 300 + "name.png")) <= 160
    assert len(printable_path("x" * 255)) <= 160
