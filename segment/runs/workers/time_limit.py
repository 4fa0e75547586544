"""The time limit of a task in a process: an exception first, then the end of the process."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segment.runs.workers.lost_tasks import TaskTimeout

__all__ = ["limit_time"]

KILL_SECONDS = 5.0  # from the end of the time allowed until a process that does not react is killed


@contextlib.contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Raise TaskTimeout in the main thread after some seconds; kill the process if it does not react.

    Parameters
    ----------
    seconds : float, seconds
        The time that the block may take; 0 for any. Without effect outside the main thread, and where the system has no
        interval timers (Windows).

    Yields
    ------
    None

    Raises
    ------
    TaskTimeout
        In the block, when its time is over.

    Examples
    --------
    >>> import time
    >>> with limit_time(0.05):
    ...     time.sleep(30)
    Traceback (most recent call last):
        ...
    segment.runs.workers.lost_tasks.TaskTimeout
    """
    # Only the main thread runs handlers of signals.
    is_main = threading.current_thread() is threading.main_thread()
    if seconds == 0 or not is_main or not hasattr(signal, "setitimer"):
        yield
        return

    def raise_timeout(*_: Any) -> None:
        raise TaskTimeout

    before = signal.signal(signal.SIGALRM, raise_timeout)
    with Path(os.devnull).open("w") as nowhere:
        # A handler of Python runs between two instructions of Python, so a long call in C delays it. The watchdog of
        # faulthandler is a thread in C: it ends the process in any case.
        faulthandler.dump_traceback_later(seconds + KILL_SECONDS, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)
