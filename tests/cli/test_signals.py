"""Signals end the program with the exit codes of shells."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_program_is_loading(number: int, tmp_path: Path) -> None:
    """The package is loaded from a finder that sends the signal as soon as the command line is looked for."""
    script = f"""
import os, runpy, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "segment.cli.commands":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Finder())
runpy.run_module("segment", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        # What is started in the background may have been told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it takes no lock
    )
    assert (done.returncode, done.stderr) == (128 + number, b"Interrupted.\n")
