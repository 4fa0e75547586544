"""What a worker of the cluster does with a task, so that it can be given up, and that nothing of it goes on unseen."""

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

__all__ = ["Late", "carry_out", "left_of", "same", "sees", "versions"]

Thing = TypeVar("Thing")

_PULSE = 0.25  # seconds between two looks whether the result is still wanted
_GRACE = 2.0  # seconds that work which is given up is waited for

_UNDER_WAY: dict[threading.Thread, str] = {}  # threads of this process, with the run that each works for


class Late(Exception):  # noqa: N818  said of a task, as TimeoutError is of a call
    """A task took more than its time.

    Attributes
    ----------
    seconds : float
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Withdrawn(BaseException):
    """The work is not wanted any more. Not an Exception, so that no decoder takes it for a damaged file."""


def carry_out(function: Callable[..., Any], *arguments: Any, run: str, version: str, seconds: float) -> Any:
    """Do a task in a thread of its own, and end that when its time is over or nobody waits for it any more.

    Dask cannot stop what a worker does; here the thread gets an exception. In the midst of a long call to a library it
    hears of that late: it is left alone then, and ends before it writes anything.

    Parameters
    ----------
    function : callable
    *arguments
        Its arguments.
    run : str
        Names the run that it is for; the keys of its tasks begin so.
    version : str
        Of the program that the run is of.
    seconds : float
        The time allowed; 0 is no limit.

    Raises
    ------
    Late
        If it took longer.
    ClusterError
        If this worker has another version of the program: it came after the run began.
    """
    from distributed import get_worker

    if version != __version__:
        raise ClusterError(f"a worker joined that has segment {__version__}, not {version}. Install the same on all.")
    # A worker has as many tasks at a time as it may use cores.
    load_cv2().setNumThreads(1)
    worker = get_worker()
    key = worker.get_current_task()
    done: list[tuple[Any, BaseException | None]] = []
    thread = threading.Thread(target=_work, args=(done, function, arguments), daemon=True)
    begin = time.monotonic()
    _UNDER_WAY[thread] = run
    thread.start()
    try:
        while thread.is_alive():
            thread.join(min(_PULSE, seconds or _PULSE))
            if thread.is_alive() and (0 < seconds <= time.monotonic() - begin or not _is_wanted(worker, key)):
                _end(thread)
                raise Late(time.monotonic() - begin)
    finally:
        if not thread.is_alive():
            _UNDER_WAY.pop(thread, None)
    ((result, error),) = done
    if isinstance(error, SegmentError):
        error.__cause__ = error.__context__ = None  # it says it all, and what caused it may not be able to travel
    if error is not None:
        raise error
    return result


def _work(done: list[tuple[Any, BaseException | None]], function: Callable[..., Any], arguments: tuple[Any]) -> None:
    try:
        done.append((function(*arguments), None))
    except Withdrawn:
        pass
    except BaseException as error:
        done.append((None, error))


def _is_wanted(worker: Any, key: str) -> bool:
    """Whether anybody waits for the task: not if it was cancelled, or if its client is gone."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state not in ("cancelled", "resumed")


def _end(thread: threading.Thread) -> None:
    """Raise Withdrawn in a thread, as soon as it is in Python code, and wait a while for its end."""
    import ctypes

    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Withdrawn))
    thread.join(_GRACE)


def left_of(run: str, dask_worker: Any = None) -> int:
    """How much this worker has of a run: tasks that it does or holds, and threads that have not ended yet."""
    for thread in [thread for thread in _UNDER_WAY if not thread.is_alive()]:
        _UNDER_WAY.pop(thread, None)
    tasks = sum(str(key).startswith(run) for key in list(dask_worker.state.tasks))
    return tasks + sum(name == run for name in list(_UNDER_WAY.values()))


def same(thing: Thing) -> Thing:
    """The thing itself: a task whose result is what other tasks share."""
    return thing


def sees(path: str) -> bool:
    """Whether there is such a file or folder here."""
    return os.path.lexists(path)


def versions() -> dict[str, str]:
    """What results depend on, and its versions here."""
    from importlib import metadata  # slow to load

    found = {"segment": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in ("numpy", "scipy", "scikit-image", "distributed"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return {**found, "OpenCV": str(load_cv2().__version__)}
