"""Runs of the program, in this process and in one of its own, and what they write."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image as PilImage

from segment.cli.main import main

MODULE = [sys.executable, "-m", "segment"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Result]


def run_main(*arguments: str) -> int:
    """Run the program in this process, whose worker processes then serve many tests, and return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


def make_program(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in this process: arguments to exit code, stdout and stderr."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = run_main(*arguments)
        return Result(code, *capsys.readouterr())

    return run


def run_process(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The program in a process of its own."""
    environment = {**os.environ, **options.pop("env", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([*MODULE, *arguments], check=False, env=environment, **options)


def hash_tree(folder: Path = Path()) -> dict[str, str]:
    """Everything below a folder: the hash of files, the kind of everything else."""
    return {
        os.fsdecode(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "other"
        for path in folder.rglob("*")
    }


def read_labels(path: str | Path) -> np.ndarray:
    with PilImage.open(path) as image:
        return np.asarray(image)


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def take_one_line(text: str) -> str:
    """The one line that a text consists of, printable throughout."""
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    return text[:-1]


def write_photograph(path: str, side: int = 40) -> None:
    """6 x 8 noisy areas, of so many pixels a side, that leave the fit and the clean-up something to decide."""
    rng = np.random.default_rng(7)
    base = np.kron(rng.integers(40, 200, (6, 8, 3)), np.ones((side, side, 1)))
    noisy = np.clip(base + rng.normal(0, 25, base.shape), 0, 255)
    PilImage.fromarray((noisy // 32 * 32).astype(np.uint8)).save(path)  # few colors, so that the fit is quick
