"""Work for Dask workers, in a module that they can import."""

from __future__ import annotations

import time

from folder_runs import rest


def busy(task: str) -> str:
    """Some tasks take long, in Python or in a call that hears of nothing."""
    end = time.monotonic() + 60
    while task == "busy" and time.monotonic() < end:
        time.sleep(0.01)
    return rest(task)
