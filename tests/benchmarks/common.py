"""Helpers of the benchmark scripts: run rivals in turns, describe the machine, format Markdown tables."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy
import PIL
import scipy
import sklearn

import segment

__all__ = [
    "Photograph",
    "add_record_option",
    "describe_machine",
    "format_table",
    "read_rows",
    "record_results",
    "take_turns",
]

Result = TypeVar("Result")

# What the README quotes: a test holds README.md and docs/measured.md against it.
RESULTS = Path(__file__).parents[2] / "docs" / "results.json"

_LIBRARIES = (
    ("NumPy", numpy),
    ("SciPy", scipy),
    ("OpenCV", cv2),
    ("scikit-learn", sklearn),
    ("Pillow", PIL),
    ("segment", segment),
)


@dataclass(frozen=True)
class Photograph:
    """A photograph at one size: its file, and its megapixels."""

    path: Path
    megapixels: float


def describe_machine() -> str:
    """Describe the processor, the libraries and the date in one sentence."""
    libraries = ", ".join(f"{name} {module.__version__}" for name, module in _LIBRARIES)
    system = f"{platform.system()}; Python {platform.python_version()}"
    return f"{_find_processor_name()}, {os.cpu_count()} cores, {system}, {libraries}; {datetime.date.today():%d %B %Y}."


def take_turns(rivals: Sequence[Callable[[], Result]], repeats: int, *, warm_up: bool = True) -> list[list[Result]]:
    """Call the rivals in turns and return the results of each, (rivals, repeats); a first round is dropped.

    In turns, because the speed of a machine changes over time, with other work and with its temperature.
    """
    rounds = [[rival() for rival in rivals] for _ in range(repeats + warm_up)]
    return [list(results) for results in zip(*rounds[warm_up:], strict=True)]


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table; all columns but the first are aligned to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def read_rows(table: str) -> list[list[str]]:
    """Read the cells of the rows of a Markdown table, without its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def _find_processor_name() -> str:
    """Find the name of the processor; its architecture where the system does not tell."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def add_record_option(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a script calls :func:`record_results`."""
    parser.add_argument("--record", action="store_true", help="put the figures of the README into docs/results.json")


def record_results(measured: dict[str, str], program: str, path: Path = RESULTS) -> None:
    """Put figures into the file from which the README and the documentation are checked.

    A figure that the file does not have yet, by its words, is added at its end.
    """
    results = json.loads(path.read_text(encoding="utf-8"))
    for what, text in measured.items():
        results[what] = {"measured": text, "program": program}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
