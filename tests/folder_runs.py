"""Runs of a folder of images: the program, its results and its processes, for the tests that stop and kill them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from segment.cli.main import main
from segment.config.config import SegmentConfig
from segment.runs.batch.manifest_rows import MANIFEST, TABLE

ARGUMENTS = ("-k", "2", "--n-init", "2", "--save", "labels", "--jobs", "2")
CONFIG = SegmentConfig(k=2, n_init=2, save=("labels",))


def command(output: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "segment", "batch", "in", "-o", output, *ARGUMENTS, *more]


def run(*arguments: str) -> int:
    """The program in this process, whose workers serve many tests."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


def batch(output: str, *more: str) -> int:
    return run("batch", "in", "-o", output, *ARGUMENTS, *more)


def results(folder: str | Path) -> dict[str, str]:
    """Every file but the manifest, which has times, and its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name not in (MANIFEST, TABLE)
    }


def rows(folder: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / MANIFEST).read_text().splitlines()]


def timeless(folder: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "modified")} for row in rows(folder)]


def heed_interrupts() -> None:
    """Undo what a shell does to programs in the background: they are deaf to Ctrl-C, and so are their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(output: str, *more: str, lines: int) -> subprocess.Popen[str]:
    """The program in processes of its own, once it has told of so many results."""
    process = subprocess.Popen(
        command(output, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  # it takes no lock that a thread may hold
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    return process


def living(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def gone(session: int) -> bool:
    """Whether all processes of a session end within five seconds."""
    end = time.monotonic() + 5
    while living(session) and time.monotonic() < end:
        time.sleep(0.05)
    return not living(session)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")


def die_of(task: str) -> str:
    """A task for a worker: some kill it, one sleeps, one is deaf to all but the kernel."""
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.startswith("once"):
        mark = Path(task.split(":", 1)[1])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return task


def rest(task: str) -> str:
    time.sleep(60 if task == "slow" else 0)
    return task
