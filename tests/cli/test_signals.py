"""Signals end the program with the exit codes of shells."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from segment.cli.signals import Terminated, interrupt_on_signals


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


@pytest.mark.parametrize(("number", "stop"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_further_signals_do_not_stop_the_cleanup(number: int, stop: type[BaseException]) -> None:
    cleaned = False

    def work() -> None:
        nonlocal cleaned
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            cleaned = True

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(stop), interrupt_on_signals():
        work()
    assert cleaned
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_ignored_while_the_process_ends() -> None:
    script = (
        "import atexit, signal; from segment.cli.signals import interrupt_on_signals\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)\n"
        "with interrupt_on_signals(ends_process=True): pass"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
