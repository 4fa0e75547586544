"""Tasks for Dask workers and for the scheduler, in a module that they can import."""

from __future__ import annotations

import signal
import time

from segment.runs.workers import time_limit


def work_endlessly(task: str) -> str:
    """Return a task; two of them take a minute, of which one does not react to signals, as a long call in C."""
    if task == "unresponsive":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGTERM])
        time.sleep(60)
    end = time.monotonic() + 60
    while task == "busy" and time.monotonic() < end:
        time.sleep(0.01)
    return task


def set_kill_seconds(seconds: float) -> None:
    """Let a task that does not react to the end of its time be killed so many seconds later, in this process."""
    time_limit.KILL_SECONDS = seconds


def return_task(task: str) -> str:
    return task


def set_allowed_failures(number: int, dask_scheduler: object = None) -> int:
    """Let a scheduler start a task again after so many deaths of its workers; return how many it was before."""
    before = dask_scheduler.allowed_failures  # type: ignore[attr-defined]
    dask_scheduler.allowed_failures = number  # type: ignore[attr-defined]
    return int(before)
