"""What runs on a Dask worker: a task that can be cancelled, and answers about the worker."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from segment.core.errors import ClusterError, SegmentError
from segment.core.opencv import load_cv2
from segment.core.version import __version__
from segment.runs.workers.lost_tasks import TaskLost, TaskTimeout

__all__ = ["collect_versions", "count_leftovers", "has_path", "return_unchanged", "run_task"]

Thing = TypeVar("Thing")

POLL_SECONDS = 0.25  # between two checks whether the result is still wanted
STOP_SECONDS = 2.0  # that a task gets to end after it was told to

_RUNNING: dict[threading.Thread, str] = {}  # threads of this process, with the name of the run that each works for


def run_task(function: Callable[..., Any], *arguments: Any, run: str, version: str, seconds: float) -> Any:
    """Run a task in a thread of its own, and stop it when its time is over or nobody waits for it any more.

    Dask cannot stop a task that has begun. Here TaskTimeout is raised in the thread of the task. During a long call to
    a library in C it takes effect late: such a thread is left alone, and stops before it writes anything.

    Parameters
    ----------
    function : callable
        The task.
    *arguments
        Its arguments.
    run : str
        Name of the run that the task belongs to; the keys of its tasks begin with it.
    version : str
        Version of the program that started the run.
    seconds : float
        The time allowed; 0 is no limit.

    Returns
    -------
    Any or TaskLost
        What the function returns; TaskLost if it took longer than allowed.

    Raises
    ------
    ClusterError
        If this worker has another version of the program: it joined after the run began.
    """
    from distributed import get_worker

    if version != __version__:
        raise ClusterError(f"a worker joined that has segment {__version__}, not {version}. Install the same on all.")
    # A worker does as many tasks at a time as it may use cores.
    load_cv2().setNumThreads(1)
    worker = get_worker()
    key = worker.get_current_task()
    # The thread that Dask has given us watches; another one works.
    done: list[tuple[Any, BaseException | None]] = []
    thread = threading.Thread(target=_call, args=(done, function, arguments), daemon=True)
    begin = time.monotonic()
    _RUNNING[thread] = run
    thread.start()
    try:
        while thread.is_alive():
            thread.join(min(POLL_SECONDS, seconds or POLL_SECONDS))
            # Looked at a few times a second: nobody tells a running task that it was cancelled.
            is_late = 0 < seconds <= time.monotonic() - begin
            if thread.is_alive() and (is_late or not _is_wanted(worker, key)):
                _stop_thread(thread)
                return TaskLost("timeout", time.monotonic() - begin)
    finally:
        # A thread that does not end stays listed, so that count_leftovers counts it.
        if not thread.is_alive():
            _RUNNING.pop(thread, None)
    ((result, error),) = done
    if isinstance(error, SegmentError):
        # The message is complete, and the error that caused it may be of a kind that cannot be pickled.
        error.__cause__ = error.__context__ = None
    if error is not None:
        raise error
    return result


def _call(done: list[tuple[Any, BaseException | None]], function: Callable[..., Any], arguments: tuple[Any]) -> None:
    """Append what a function returns or raises to a list; nothing if it is stopped."""
    try:
        done.append((function(*arguments), None))
    except TaskTimeout:
        pass
    except BaseException as error:
        done.append((None, error))


def _is_wanted(worker: Any, key: str) -> bool:
    """Return whether anybody waits for the task: not after it was cancelled, or when its client is gone."""
    # "resumed": it was cancelled here, and the scheduler now wants its result from another worker.
    task = worker.state.tasks.get(key)
    return task is not None and task.state not in ("cancelled", "resumed")


def _stop_thread(thread: threading.Thread) -> None:
    """Raise TaskTimeout in a thread, as soon as it runs Python code, and wait a short time for its end."""
    import ctypes

    assert thread.ident is not None
    # The only way to stop a thread of Python from outside.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TaskTimeout))
    thread.join(STOP_SECONDS)


def count_leftovers(run: str, dask_worker: Any = None) -> int:
    """Count what this worker still has of a run: tasks and results, and threads that have not ended.

    Parameters
    ----------
    run : str
        What the name of the run begins with.
    dask_worker : distributed.Worker
        Dask fills it in.

    Returns
    -------
    int
        0 if nothing of the run is left.
    """
    for thread in [thread for thread in _RUNNING if not thread.is_alive()]:
        _RUNNING.pop(thread, None)
    tasks = sum(str(key).startswith(run) for key in list(dask_worker.state.tasks))
    return tasks + sum(name.startswith(run) for name in list(_RUNNING.values()))


def return_unchanged(thing: Thing) -> Thing:
    """Return the argument: a task whose result other tasks share.

    Parameters
    ----------
    thing : object
        Anything that can be pickled.

    Returns
    -------
    object
        The same.
    """
    return thing


def has_path(path: str) -> bool:
    """Return whether this machine sees a file or folder.

    Parameters
    ----------
    path : str
        An absolute path.

    Returns
    -------
    bool
        True also for a broken symbolic link.
    """
    return os.path.lexists(path)


def collect_versions() -> dict[str, str]:
    """Return the versions, in this process, of everything that results depend on."""
    from importlib import metadata  # slow to load

    found = {"segment": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in ("numpy", "scipy", "scikit-image", "distributed"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return {**found, "OpenCV": str(load_cv2().__version__)}
