"""Run work on several cores: the one place that starts the threads of the stages.

NumPy, OpenCV and Pillow release Python's global lock while they compute, so blocks of an image can be processed at the
same time. An operation on a block should take 20 microseconds or more: threads take turns between the operations, and
each change costs a few microseconds.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Protocol, TypeVar

from segment.core.opencv import load_cv2

__all__ = [
    "IMPORT_LOCK",
    "ThreadMap",
    "can_start_threads",
    "count_threads",
    "limit_library_threads",
    "run_in_threads",
    "start_threads",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

# Held where a function imports SciPy, or a library that does. Threads that import two parts of a package at once wait
# for each other's modules; Python ends that with a half-loaded module, and the import fails.
IMPORT_LOCK = threading.RLock()

# Each thread has its own attributes here: `is_worker` is True in those that `start_threads` started.
_THREAD_STATE = threading.local()
SPARE_THREADS = 2  # the system counts a thread for a moment longer than Python does

# Libraries are limited for the whole process, so calls that run at once must not lift each other's limit.
_LIMIT_LOCK = threading.Lock()
_limits: list[Any] = []  # for each block that lasts; the limit itself in the first place


class ThreadMap(Protocol):
    """Function that calls `work` for each item and returns the results in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]: ...


def count_threads() -> int:
    """Return how many threads a stage may use: as many as OpenCV, so that one setting limits both.

    Returns
    -------
    int
        At least 1. It is 1 in a thread that :func:`start_threads` started: the work there runs in parallel already.
    """
    return 1 if getattr(_THREAD_STATE, "is_worker", False) else max(1, int(load_cv2().getNumThreads()))


@cache
def can_start_threads(n: int) -> bool:
    """Check whether n more threads can run at once, by starting them. The answer for each n is kept.

    A limit of processes (`ulimit -u`, the limit of a container) counts threads too.

    Parameters
    ----------
    n : int
        Threads, in addition to those that run already.

    Returns
    -------
    bool

    Examples
    --------
    >>> can_start_threads(1)
    True
    """
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(n + SPARE_THREADS):
            thread = threading.Thread(target=end.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:  # "can't start new thread"
        return False
    finally:
        end.set()
        for thread in started:
            thread.join()
    return True


@contextmanager
def start_threads(several: bool = True) -> Iterator[ThreadMap]:
    """Keep threads ready for as long as a block lasts.

    Parameters
    ----------
    several : bool
        False uses the present thread only, for work that is too small to share.

    Yields
    ------
    ThreadMap
        ``run_each(work, items)`` calls ``work(item)`` for all items, several at a time. The first exception, including
        that of Ctrl-C, is raised after the calls in progress have ended; the other items are not started.
    """
    n = count_threads() if several else 1
    if n == 1 or not can_start_threads(n):
        yield _run_in_sequence
        return
    # Without the mark and the limit, threads within threads would be more than the cores.
    with limit_library_threads(), ThreadPoolExecutor(n, initializer=_mark_as_worker) as pool:

        def run_each(work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
            return list(pool.map(work, items))

        yield run_each


def run_in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function for each item, several at a time: :func:`start_threads` for one call.

    Parameters
    ----------
    work : callable
        Called as ``work(item)``, in any thread.
    items : iterable
        One or none is done in the present thread.

    Returns
    -------
    list
        The results in the order of the items.

    Examples
    --------
    >>> run_in_threads(abs, [-3, 2, -1])
    [3, 2, 1]
    """
    listed = list(items)
    # A single piece of work is done sooner than a thread is started.
    if len(listed) < 2:
        return _run_in_sequence(work, listed)
    with start_threads() as run_each:
        return run_each(work, listed)


@contextmanager
def limit_library_threads() -> Iterator[None]:
    """Let linear algebra and OpenMP use one thread for as long as a block lasts.

    Several threads round otherwise, and on a busy machine they wait for each other, which takes many times as long.
    The limit holds for all threads of the process, until the last block that needs it has ended.

    Yields
    ------
    None

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with limit_library_threads():
    ...     {library["num_threads"] for library in threadpool_info()}
    {1}
    """
    with _LIMIT_LOCK:
        # A library that comes later comes with a module.
        _limits.append(None if _limits else _find_libraries(len(sys.modules)).limit(limits=1))
    try:
        yield
    finally:
        with _LIMIT_LOCK:
            # The last of the list leaves, whichever block ends: the limit itself stays until no block is left.
            limit = _limits.pop()
            if limit is not None:
                limit.restore_original_limits()


@lru_cache(maxsize=1)
def _find_libraries(n_modules: int) -> Any:  # noqa: ARG001  another number is another answer
    """Find the loaded libraries that start threads, which takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _run_in_sequence(work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
    """Call `work` for one item after the other, in the present thread."""
    return [work(item) for item in items]


def _mark_as_worker() -> None:
    """Remember in a new thread that it is one of several."""
    _THREAD_STATE.is_worker = True
