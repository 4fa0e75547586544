"""Run work on several cores: the one place that starts the threads of the stages.

NumPy, OpenCV and Pillow release Python's global lock while they compute, so blocks of an image can be processed at the
same time. An operation on a block should take 20 microseconds or more: threads take turns between the operations, and
each change costs a few microseconds.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast

from segment.core.opencv import load_cv2

__all__ = [
    "IMPORT_LOCK",
    "Answer",
    "ThreadMap",
    "ThreadTeam",
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

    Examples
    --------
    >>> can_start_threads(1)
    True
    """
    try:
        with ThreadTeam(n + SPARE_THREADS):
            return True
    except RuntimeError:  # "can't start new thread"
        return False


class ThreadTeam:
    """Threads that call functions in the order in which they are sent, for as long as a block lasts.

    An interrupt (Ctrl-C) may come at any call of the main thread. In `concurrent.futures` it can come while a lock that
    the other threads need is held and leave it locked, so that the program never ends. Here the main thread meets the
    others in queues alone, which are written in C and never interrupted halfway.

    Parameters
    ----------
    n : int
        Threads.
    prepare : callable, optional
        Called without arguments in each thread, first.

    Raises
    ------
    RuntimeError
        On entering the block, if the system lets no more threads start.

    Examples
    --------
    >>> with ThreadTeam(2) as team:
    ...     answers = [team.send(abs, number) for number in (-3, 2)]
    ...     [answer.wait() for answer in answers]
    [3, 2]
    """

    def __init__(self, n: int, prepare: Callable[[], object] | None = None) -> None:
        self._n = n
        self._prepare = prepare
        self._started: list[threading.Thread] = []
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._is_ending = False

    def __enter__(self) -> ThreadTeam:
        """Start the threads."""
        try:
            for _ in range(self._n):
                # The program does not wait for a thread that an interrupt kept from the list.
                thread = threading.Thread(target=self._do_calls, daemon=True)
                thread.start()
                self._started.append(thread)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the calls in progress; those that have not begun are left out."""
        self._end()

    def send(self, work: Callable[[Item], Result], item: Item) -> Answer[Result]:
        """Let a thread call `work(item)`.

        Parameters
        ----------
        work : callable
        item : object

        Returns
        -------
        Answer
            Its method ``wait()`` returns the result, or raises the exception of the call. It may be asked once.
        """
        answer: Answer[Result] = Answer()
        self._calls.put(lambda: answer.find(work, item))
        return answer

    def _do_calls(self) -> None:
        """Make calls until there are no more."""
        if self._prepare is not None:
            self._prepare()
        while (call := self._calls.get()) is not None:
            if not self._is_ending:
                call()
        self._calls.put(None)  # for the next thread

    def _end(self) -> None:
        self._is_ending = True
        self._calls.put(None)
        for thread in self._started:
            thread.join()


class Answer(Generic[Result]):
    """What a call in another thread returns or raises. See :class:`ThreadTeam`."""

    def __init__(self) -> None:
        self._outcome: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()

    def find(self, work: Callable[[Item], Result], item: Item) -> None:
        """Make the call, in the thread that is to do it."""
        try:
            self._outcome.put((work(item), None))
        except BaseException as error:
            self._outcome.put((None, error))

    def wait(self) -> Result:
        """Wait for the end of the call and return its result, or raise its exception."""
        result, error = self._outcome.get()
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback has this frame: the two would keep each other, and all arrays on the way, alive
        return cast("Result", result)


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
    with limit_library_threads(), ThreadTeam(n, _mark_as_worker) as team:

        def run_each(work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
            return [answer.wait() for answer in [team.send(work, item) for item in items]]

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
