"""Processes that work side by side through joblib, one image in each, and what happens when one of them dies."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from segment.core.errors import SettingsError

__all__ = ["Crew", "Lost", "Overtime", "n_cores", "undisturbed"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_GRACE = 5.0  # seconds after the time allowed until a process that does not react is killed
_PULSE = 0.25  # seconds between two looks whether the parent process is still there


class Overtime(BaseException):
    """The time allowed is over. Not an Exception, so that no decoder takes it for a damaged file."""


@dataclass(frozen=True)
class Lost:
    """What is returned for a task that took too long, or whose worker died twice, the second time alone.

    Attributes
    ----------
    seconds : float
        How long the last attempt took.
    """

    seconds: float


def n_cores() -> int:
    """The cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


class Crew(Generic[Task, Result]):
    """Worker processes for a function.

    They are joblib's. Workers ignore Ctrl-C, which is for the parent process to handle, and end when it ends.

    Parameters
    ----------
    do : callable
        Takes a task and returns its result; both can be pickled, and so can it.
    n_workers : int, >= 1
    again : callable
        Makes a task into that of a second attempt.
    timeout : float, seconds
        A task that takes longer is lost: Overtime is raised in it, and a worker that does not react to that is killed
        5 s later. 0 is no limit.
    """

    def __init__(
        self,
        do: Callable[[Task], Result],
        *,
        n_workers: int,
        again: Callable[[Task], Task] = lambda task: task,
        timeout: float = 0.0,
    ) -> None:
        if n_workers < 1:
            raise SettingsError(f"jobs (--jobs): a whole number of at least 1; got {n_workers}.")
        self._n_workers = n_workers
        self._again = again
        self._do = _Duty(do, os.getpid(), str(Path.cwd()), max(1, n_cores() // n_workers), timeout)
        self.under_way: dict[int, Task] = {}

    def perform(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Result | Lost]]:
        """Do the tasks; each with its result as soon as there is one.

        Where a worker dies, joblib ends all of them. What was under way is then done again, each task alone: the one
        that kills its worker again is lost, the others are not. `under_way` has what is begun and has no result yet.
        """
        queue = _Queue(tasks, self.under_way)
        while not queue.is_empty or self.under_way:
            for number in sorted(self.under_way):  # left by workers that died
                task = self.under_way[number]
                yield task, self._alone(number, task)
            with contextlib.suppress(BrokenExecutor), contextlib.closing(self._shift(queue)) as results:
                for number, result in results:
                    yield self.under_way.pop(number), result

    def _alone(self, number: int, task: Task) -> Result | Lost:
        begin = time.monotonic()
        result: Result | Lost
        try:
            ((_, result),) = list(self._shift(iter([(number, self._again(task))]), one_at_a_time=True))
        except BrokenExecutor:
            result = Lost(time.monotonic() - begin)
        del self.under_way[number]
        return result

    def _shift(
        self, tasks: Iterator[tuple[int, Task]], *, one_at_a_time: bool = False
    ) -> Generator[tuple[int, Result | Lost]]:
        """Workers that do the tasks until there are no more, or until one of them dies."""
        from joblib import Parallel, delayed, parallel_config

        one_at_a_time |= self._n_workers == 1
        # joblib does the work of a single job in this process, which must outlive it: so two workers take turns.
        n_jobs = max(2, self._n_workers)
        # One thread for linear algebra, whose matrices are small; OpenCV and the stages get their share of the cores.
        calls = (delayed(self._do)(number, task) for number, task in tasks)
        with warnings.catch_warnings(), undisturbed():
            warnings.simplefilter("ignore")  # of workers that were stopped or replaced: handled here
            with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
                results = Parallel(
                    return_as="generator_unordered",
                    batch_size=1,
                    pre_dispatch=1 if one_at_a_time else "2*n_jobs",
                    max_nbytes=None,
                )(calls)
        try:
            for result in results:  # noqa: UP028  which would close it before the block below
                yield result
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.close()


class _Queue(Generic[Task]):
    """Tasks with their numbers, for several threads; those handed out are noted."""

    def __init__(self, tasks: Iterator[Task], handed_out: dict[int, Task]) -> None:
        self._tasks = enumerate(tasks)
        self._handed_out = handed_out
        self._lock = threading.Lock()
        self.is_empty = False

    def __iter__(self) -> Iterator[tuple[int, Task]]:
        return self

    def __next__(self) -> tuple[int, Task]:
        with self._lock:
            try:
                number, task = next(self._tasks)
            except StopIteration:
                self.is_empty = True
                raise
            self._handed_out[number] = task
            return number, task


@dataclass(frozen=True)
class _Duty(Generic[Task, Result]):
    """What a worker does with a task."""

    do: Callable[[Task], Result]
    parent: int
    folder: str
    n_threads: int
    timeout: float

    def __call__(self, number: int, task: Task) -> tuple[int, Result | Lost]:
        if os.getppid() == self.parent:  # neither a thread of the parent itself nor a worker of another machine
            _settle(self)
        begin = time.monotonic()
        try:
            with _deadline(self.timeout):
                return number, self.do(task)
        except Overtime:
            return number, Lost(time.monotonic() - begin)


_settled = False


def _settle(duty: _Duty[Any, Any]) -> None:
    """Make a worker process use its share of the cores, stand where its parent does, and end with it."""
    global _settled  # noqa: PLW0603  of the process, as what it guards is
    from segment.core.opencv import load_cv2

    load_cv2().setNumThreads(duty.n_threads)
    os.chdir(duty.folder)  # a worker may have served before
    if not _settled:
        _settled = True
        threading.Thread(target=_follow, args=(duty.parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End this process at once when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_PULSE)
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise Overtime after some seconds in this thread, if it is the main one, and end a process that is deaf to it."""
    is_main = threading.current_thread() is threading.main_thread()
    if seconds == 0 or not is_main or not hasattr(signal, "setitimer"):
        yield
        return

    def raise_overtime(*_: Any) -> None:
        raise Overtime

    before = signal.signal(signal.SIGALRM, raise_overtime)
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and the like wait until the block ends; processes and threads that begin in it never get them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
