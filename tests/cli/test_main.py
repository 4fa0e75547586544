"""The program as a whole: usage, version, help, errors in one line, interruption."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program_runs import Program, hash_tree, run_process, take_one_line

import segment
from segment.config.products import PRODUCTS

FAULT = "This is a fault of segment; --debug shows where."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Missing argument 'INPUT...'. See 'segment run --help'."),
        (["run", "a.png", "-k", "0"], "k (-k): a whole number from 1 to 255 or auto; got 0."),
        (["run", "a.png", "-k", "x"], "k (-k): a whole number from 1 to 255 or auto; got 'x'."),
        (["run", "a.png", "-k", "2.5"], "k (-k): a whole number from 1 to 255 or auto; got '2.5'."),
        (["run", "a.png", "-k"], "Option '-k' requires an argument."),
        (["run", "a.png", "--tol", "nan"], "tol (--tol): a number of at least 0; got nan."),
        (["run", "a.png", "--denoise", "blur"], "denoise (--denoise): one of none, "),
        (
            ["run", "a.png", "--features", "LAB"],
            "features (--features): one of rgb, lab, hsv, intensity; got 'LAB'. Did you mean lab?",
        ),
        (
            ["run", "a.png", "--save", "all"],
            f"save (--save): one or more of {', '.join(product.name for product in PRODUCTS)}; got 'all'.",
        ),
        (["run", "a.png", "--denois", "x"], "No such option"),
        (["run", "a.png", "--colour", "lab"], "No such option '--colour'. Did you mean '--features'?"),
        (["run", "a.png", "--k", "3"], "No such option '--k'. Did you mean '-k'?"),
        (["run", "a.png", "-K", "3"], "No such option '-K'. Did you mean '-k'?"),
        (["run", "--version"], "No such option '--version'. It is an option of 'segment' alone."),
        (["run", "a.png", "--verbose"], "No such option '--verbose'. See"),
        (["run", "a.png", "--n-classes", "3"], "No such option '--n-classes'. Did you mean '-k'?"),
        (["run", "a.png", "--jobs", "2"], "No such option '--jobs'. It is an option of 'segment batch'."),
        (["run", "a.png", "-r"], "No such option '-r'. It is an option of 'segment batch'."),
        # Nothing that the command would refuse is suggested, such as --tol.
        (["apply", "m.json", "a.png", "--tole", "3"], "No such option '--tole'. See 'segment apply --help'."),
        (["apply", "m.json", "a.png", "--max-whole", "3"], "No such option '--max-whole'. Did you mean '--max-hole'?"),
        (["run", "a.png", "sub/a.png"], "sub/a.png: would share its results with a.png."),
        (
            ["bath", "."],
            "COMMAND: one of run, batch, explore, compare, report, serve, fit, apply, relabel, raster, doctor; "
            "got bath. Did you mean",
        ),
        (["batch", ".", "two\n\x1b[31mlines"], r"Got unexpected extra argument (two\n\x1b[31mlines)"),
    ],
)
def test_wrong_usage_prints_one_line_and_writes_nothing(run_program: Program, arguments: list[str], words: str) -> None:
    before = hash_tree()
    result = run_program(*arguments)
    assert (result.code, result.out) == (2, "")
    assert take_one_line(result.err).startswith(f"Error: {words}")
    assert hash_tree() == before


def test_no_arguments_show_the_help(run_program: Program) -> None:
    result = run_program()
    assert result.code == 2
    assert result.err.startswith("Usage: segment [OPTIONS] COMMAND [ARGS]...")


def test_version(run_program: Program) -> None:
    result = run_program("--version")
    done = run_process("--version")
    assert (result.code, result.err) == (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout.decode() == result.out
    assert result.out.startswith(f"segment, version {segment.__version__}\nPython {platform.python_version()}, ")
    assert f"numpy {np.__version__}, " in result.out


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["batch", "-h"]])
def test_help(run_program: Program, arguments: list[str]) -> None:
    result = run_program(*arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: segment ")


def test_traceback_is_printed_only_with_debug(run_program: Program) -> None:
    for arguments, code, name in (
        (["run", "missing.png", "-k", "2"], 1, "ImageError"),
        (["run", "a.png", "-k", "0"], 2, "SettingsError"),
        (["batch", "missing"], 1, "ImageError"),
    ):
        quiet, loud = run_program(*arguments), run_program(*arguments, "--debug")
        assert (quiet.code, loud.code) == (code, code)
        assert "Traceback" not in quiet.err
        assert loud.err.startswith("Traceback (most recent call last):")
        assert name in loud.err
        assert loud.err.endswith(quiet.err)


def test_unforeseen_error_is_called_a_fault(run_program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("two\nlines")

    for target, where in (
        ("segment.cli.commands.plan_jobs", ""),
        ("segment.pipeline.result_building.LabelCleaner", "a.png: "),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, broken)
            result = run_program("run", "a.png", "-k", "2", "-o", "out")
            assert (result.code, result.err) == (1, f"Error: {where}RuntimeError: two lines. {FAULT}\n")
            assert "RuntimeError: two\nlines" in run_program("run", "a.png", "-k", "2", "--debug").err
    assert hash_tree().keys() == {"a.png"}


def test_interruption_writes_nothing(run_program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupt)
    result = run_program("run", "a.png", "-k", "2", "-o", "out")
    assert (result.code, result.out, result.err.strip()) == (130, "", "Interrupted.")
    assert hash_tree().keys() == {"a.png"}


def test_installed_program_is_the_module(image_folder: Path) -> None:
    script = Path(sys.executable).with_name("segment")
    by_module = run_process("run", "a.png", "-k", "2", "-o", "one")
    assert by_module.returncode == 0
    if not script.exists():
        pytest.skip("the package runs from its source without a program")
    by_script = subprocess.run([script, "run", "a.png", "-k", "2", "-o", "two"], capture_output=True, check=False)
    assert (by_script.returncode, by_script.stderr) == (0, b"")
    assert by_script.stdout.replace(b"two", b"one") == by_module.stdout
    assert hash_tree(Path("one")) == hash_tree(Path("two"))
