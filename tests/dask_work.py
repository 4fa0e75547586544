"""Tasks for Dask workers and for the scheduler, in a module that they can import."""

from __future__ import annotations

import time

BLOCKING_SECONDS = 5.0  # longer than a worker waits for a thread that it has told to stop


def work_endlessly(task: str) -> str:
    """Return a task; the task ``busy`` runs Python for a minute, ``blocked`` is deep in a call of C for seconds."""
    end = time.monotonic() + 60
    while task == "busy" and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(BLOCKING_SECONDS if task == "blocked" else 0)
    return task


def return_task(task: str) -> str:
    return task


def set_allowed_failures(number: int, dask_scheduler: object = None) -> int:
    """Let a scheduler start a task again after so many deaths of its workers; return how many it was before."""
    before = dask_scheduler.allowed_failures  # type: ignore[attr-defined]
    dask_scheduler.allowed_failures = number  # type: ignore[attr-defined]
    return int(before)
