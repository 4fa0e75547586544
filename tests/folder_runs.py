"""Runs over a folder of images: the program, its results and its processes, for the tests that stop and kill them."""

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

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main

from segment.config.config import SegmentConfig
from segment.runs.batch.manifest_rows import MANIFEST, TABLE

ARGUMENTS = ("-k", "2", "--n-init", "2", "--save", "labels", "--jobs", "2")
CONFIG = SegmentConfig(k=2, n_init=2, save=("labels",))

# A sitecustomize.py, in which worker processes wait before they open an image while there is a file of its name and
# ".hold", and are killed where there is one of its name and ".kill". So a run is stopped in its midst by what it does,
# not after a time, which would depend on the machine.
HOOK = """import os, sys, time
def wait_or_die(event, given):
    if event == "open" and str(given[0]).endswith(".png"):
        while os.path.exists(f"{given[0]}.hold"):
            time.sleep(0.01)
        if os.path.exists(f"{given[0]}.kill"):
            os.kill(os.getpid(), 9)
program = open("/proc/self/cmdline").read()
if "LokyProcess" in program or "serve_tasks" in program:  # a worker of this machine or of Dask
    sys.addaudithook(wait_or_die)
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")


def write_images() -> None:
    """Write twelve small images into the folder ``in``: the same in every test."""
    Path("in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.normal([[[60, 90, 120]]], 8, (16, 16, 3))
        pixels[:, 4 + number :] += 60
        PilImage.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(f"in/{number:02d}.png")


def run_batch(output: str, *more: str) -> int:
    return run_main("batch", "in", "-o", output, *ARGUMENTS, *more)


def touch(root: Path, *names: str) -> None:
    """Write files that are no images."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def write_hook(folder: Path) -> str:
    """Write the hook into a folder, and return the PYTHONPATH with which processes load it."""
    (folder / "sitecustomize.py").write_text(HOOK)
    return os.pathsep.join(filter(None, [str(folder.absolute()), os.environ.get("PYTHONPATH")]))


def start_batch(output: str, *more: str, lines: int) -> subprocess.Popen[str]:
    """Start the program in processes of its own, and wait until it has reported so many results."""
    process = subprocess.Popen(
        [sys.executable, "-m", "segment", "batch", "in", "-o", output, *ARGUMENTS, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": write_hook(Path())},
        start_new_session=True,
        preexec_fn=restore_interrupts,  # noqa: PLW1509  # it takes no lock that a thread may hold
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    return process


def restore_interrupts() -> None:
    """Undo what a shell does to programs in the background: they and their children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def hash_results(folder: str | Path) -> dict[str, str]:
    """Hash every file except the manifest, which has times."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name not in (MANIFEST, TABLE)
    }


def read_manifest(folder: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / MANIFEST).read_text().splitlines()]


def read_manifest_without_times(folder: str) -> list[dict[str, Any]]:
    rows = read_manifest(folder)
    return [{key: value for key, value in row.items() if key not in ("seconds", "modified")} for row in rows]


def list_processes(session: int) -> list[int]:
    """List the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def wait_for_end(session: int) -> bool:
    """Wait for the end of all processes of a session; false if they take more than half a minute."""
    end = time.monotonic() + 30
    while list_processes(session) and time.monotonic() < end:
        time.sleep(0.02)
    return not list_processes(session)


# Tasks for workers.


def kill_worker(task: str) -> str:
    """Kill the worker of the task ``killed``, and at its first attempt that of the task ``once:FILE``."""
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.startswith("once"):
        mark = Path(task.split(":", 1)[1])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return task


def ring_if_slow(task: str) -> str:
    """Let the time limit of the task ``slow`` ring at once, so that nothing depends on how fast a machine is."""
    if task == "slow":
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
        signal.raise_signal(signal.SIGALRM)
    return task
