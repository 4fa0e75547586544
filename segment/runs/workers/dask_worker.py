"""What runs on a Dask worker: tasks, some of which can be stopped, and answers about the worker."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from segment.core.errors import ClusterError, SegmentError
from segment.core.opencv import load_cv2
from segment.core.version import __version__
from segment.runs.workers.child_process import ChildProcess

__all__ = [
    "collect_versions",
    "count_leftovers",
    "has_path",
    "return_unchanged",
    "run_stoppable_task",
    "run_task",
]

Thing = TypeVar("Thing")

POLL_SECONDS = 0.25  # between two checks whether the result is still wanted

_RUNNING: dict[threading.Thread, str] = {}  # threads that wait for a child process, with the name of the run
_IDLE_CHILDREN: list[ChildProcess] = []  # kept for the next tasks: a child takes a second to start


def run_task(function: Callable[..., Any], *arguments: Any, version: str) -> Any:
    """Run a task that takes some seconds at most and changes nothing, so that it need not be stopped.

    Parameters
    ----------
    function : callable
        The task.
    *arguments
        Its arguments.
    version : str
        Version of the program that started the run.

    Returns
    -------
    Any
        What the function returns.

    Raises
    ------
    ClusterError
        If this worker has another version of the program, as it joined after the run began, or too little memory.
    """
    _check_version(version)
    # A worker does as many tasks at a time as it may use cores.
    load_cv2().setNumThreads(1)
    try:
        return function(*arguments)
    except SegmentError as error:
        # The message is complete, and the error that caused it may be of a kind that cannot be pickled.
        error.__cause__ = error.__context__ = None
        raise
    except MemoryError:
        from distributed import get_worker

        raise ClusterError(
            f"the worker {get_worker().address}: not enough memory for a task. Start it with more, or fewer threads."
        ) from None


def run_stoppable_task(function: Callable[..., Any], *arguments: Any, run: str, version: str, seconds: float) -> Any:
    """Run a task in a child process, and stop it when its time is over or when nobody waits for it any more.

    Dask itself cannot stop a task that has begun.

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
        What the function returns; TaskLost if it took longer than allowed, or if its process died.

    Raises
    ------
    ClusterError
        If this worker has another version of the program: it joined after the run began.
    """
    from distributed import get_worker
    from distributed.protocol import pickle

    _check_version(version)
    worker = get_worker()
    key = worker.get_current_task()
    # Dask's pickle takes functions, too, that were defined in the program that was started.
    call = pickle.dumps((function, arguments), protocol=5)
    child = _take_child()
    done: list[tuple[Any, BaseException | None]] = []
    thread = threading.Thread(target=lambda: done.append(child.run(call, seconds)), daemon=True)
    _RUNNING[thread] = run
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            # The child watches its time itself. Nobody tells a running task that it was cancelled: look now and then.
            if thread.is_alive() and not _is_wanted(worker, key):
                child.stop(thread)
    finally:
        if not thread.is_alive():
            _RUNNING.pop(thread, None)
    if child.is_alive:
        _IDLE_CHILDREN.append(child)
    else:
        child.close()
    # A thread that was stopped has a result, too: TaskLost.
    ((result, error),) = done
    if error is not None:
        raise error
    return result


def _check_version(version: str) -> None:
    """Refuse to work for another version of the program."""
    # Results of two versions may differ, and a folder must not mix them.
    if version != __version__:
        raise ClusterError(f"a worker joined that has segment {__version__}, not {version}. Install the same on all.")


def _take_child() -> ChildProcess:
    """Take a child process that has no task, or start one."""
    while _IDLE_CHILDREN:
        child = _IDLE_CHILDREN.pop()
        if child.is_alive:
            return child
        child.close()
    return ChildProcess()


def _is_wanted(worker: Any, key: str) -> bool:
    """Return whether anybody waits for the task: not after it was cancelled, or when its client is gone."""
    task = worker.state.tasks.get(key)
    # "resumed": it was cancelled here, and the scheduler now wants its result from another worker.
    return task is not None and task.state not in ("cancelled", "resumed")


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
