"""Runs of the program, in this process and in one of its own, and what they write."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as PilImage

MODULE = [sys.executable, "-m", "segment"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Result]


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
