"""``segment doctor``: what works here, also where a library is broken."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from program_runs import Program, run_process

import segment


def test_everything_that_works_is_listed(run_program: Program) -> None:
    result = run_program("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"segment {segment.__version__}, Python ")
    lines = [line.split() for line in result.out.splitlines()]
    assert ["yes", "numpy", np.__version__] in lines
    assert ["yes", "JPEG", "XL"] in lines


def test_a_broken_library_is_named_and_the_rest_still_checked(
    run_program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = importlib.import_module

    def load_unless_broken(name: str, *rest: Any) -> Any:
        if name == "scipy":
            raise ImportError("libfortran.so:\nno such file")
        return load(name, *rest)

    monkeypatch.setattr(importlib, "import_module", load_unless_broken)
    result = run_program("doctor")
    assert result.code == 1
    assert "cannot be loaded; libfortran.so:\\nno such file\n" in result.out
    assert "pip install --force-reinstall scipy\n" in result.out
    assert "  yes  PNG\n" in result.out


def test_it_works_without_the_library_that_everything_needs(image_folder: Any) -> None:
    (image_folder / "numpy").mkdir()
    (image_folder / "numpy" / "__init__.py").write_text("raise OSError('broken on purpose')")
    done = run_process("doctor")
    # Old versions of OpenCV print the error of NumPy themselves.
    assert (done.returncode, b"segment/" in done.stderr) == (1, False)
    assert b"cannot be loaded; broken on purpose\n" in done.stdout
    assert b"NO   PNG" in done.stdout
