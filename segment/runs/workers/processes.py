"""Worker processes of this machine, through joblib: one task at a time in each, also when a worker dies."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from segment.core.errors import SettingsError
from segment.core.threads import can_start_threads
from segment.runs.workers.lost_tasks import TaskLost, TaskTimeout
from segment.runs.workers.time_limit import limit_time

__all__ = ["ProcessWorkers", "count_cores", "hold_signals", "watch_parent"]

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks of the system: its limit counts processes and threads alike. For joblib this process starts two processes and
# two threads; a worker is a process with a thread that watches the parent and two that write. Each core has a thread
# of OpenCV and one of the stages.
OWN_TASKS = 4
TASKS_OF_WORKER = 4
TASKS_OF_CORE = 2
# Descriptors that are open at the same time: of this process, and for each worker.
OWN_FILES = 10
FILES_OF_WORKER = 4
POLL_SECONDS = 0.25  # between two checks whether the parent process is still there


def count_cores() -> int:
    """Return the number of processor cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


class ProcessWorkers(Generic[Task, Result]):
    """Worker processes that apply one function to many tasks.

    They are joblib's. Workers ignore Ctrl-C, which the parent process handles, and end when the parent ends.

    Parameters
    ----------
    function : callable
        Takes a task and returns its result. The function, tasks and results can be pickled.
    n_workers : int, >= 1
        Tasks that are done at the same time.
    prepare_retry : callable
        Takes a task whose worker died and returns the task of the second attempt.
    timeout : float, seconds
        A task that takes longer is lost: TaskTimeout is raised in it, and a worker that does not react is killed 5 s
        later. 0 is no limit.

    Attributes
    ----------
    in_progress : dict of int to task
        Tasks that have begun and have no result yet, by their number.
    obstacle : str
        Why this process does the tasks itself, one after the other, and the remedy; empty where workers do them.

    Raises
    ------
    SettingsError
        If `n_workers` is less than 1.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        *,
        n_workers: int,
        prepare_retry: Callable[[Task], Task] = lambda task: task,
        timeout: float = 0.0,
    ) -> None:
        if n_workers < 1:
            raise SettingsError(f"jobs (--jobs): a whole number of at least 1; got {n_workers}.")
        self._n_workers = n_workers
        self._prepare_retry = prepare_retry
        self._timeout = timeout
        # Workers side by side share the cores evenly.
        n_threads = max(1, count_cores() // n_workers)
        self._call = WorkerTask(function, os.getpid(), str(Path.cwd()), n_threads, timeout)
        self.in_progress: dict[int, Task] = {}
        self.obstacle = _find_obstacle(n_workers)

    def run(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Result | TaskLost]]:
        """Do the tasks, and yield each with its result as soon as there is one.

        When one worker dies, joblib ends all of them. The tasks in progress are then done again, one at a time: a task
        whose worker dies again is lost, the others are not.

        Parameters
        ----------
        tasks : iterator
            Read from a thread of joblib's, a few tasks ahead of the workers. It must not raise.

        Yields
        ------
        tuple of (task, result or TaskLost)
            In the order in which the tasks end.
        """
        queue = _NumberedTasks(tasks, self.in_progress)
        # A round ends when there are no more tasks, or when a worker dies and leaves tasks in progress.
        while not queue.is_empty or self.in_progress:
            for number in sorted(self.in_progress):  # left by workers that died
                task = self.in_progress[number]
                yield task, self._run_alone(number, task)
            # A broken executor ends this round; the next one begins with what was in progress.
            with contextlib.suppress(BrokenExecutor), contextlib.closing(self._run_workers(queue)) as results:
                for number, result in results:
                    yield self.in_progress.pop(number), result

    def _run_alone(self, number: int, task: Task) -> Result | TaskLost:
        """Do one task while no other runs, so that a worker that dies was killed by this task."""
        begin = time.monotonic()
        result: Result | TaskLost
        try:
            retry = iter([(number, self._prepare_retry(task))])
            ((_, result),) = list(self._run_workers(retry, one_at_a_time=True))
        except BrokenExecutor:
            seconds = time.monotonic() - begin
            # A worker that does not react to TaskTimeout is killed, too: the time tells which of the two it was.
            result = TaskLost("timeout" if 0 < self._timeout <= seconds else "killed", seconds)
        del self.in_progress[number]
        return result

    def _run_workers(
        self, tasks: Iterator[tuple[int, Task]], *, one_at_a_time: bool = False
    ) -> Generator[tuple[int, Result | TaskLost]]:
        """Start workers that do the tasks until there are no more, or until one of the workers dies."""
        from joblib import Parallel, delayed, parallel_config

        if self.obstacle:
            for number, task in tasks:
                yield self._call(number, task)
            return
        one_at_a_time |= self._n_workers == 1
        # joblib does the work of a single job in this process, which must outlive it: so two workers take turns.
        n_jobs = max(2, self._n_workers)
        calls = (delayed(self._call)(number, task) for number, task in tasks)
        _start_resource_tracker()
        # joblib warns of workers that were stopped or replaced: that is handled here. Worker processes start with
        # Ctrl-C blocked, so that only the parent process gets it.
        with warnings.catch_warnings(), hold_signals():
            warnings.simplefilter("ignore")
            # One thread for linear algebra, whose matrices are small; OpenCV and the stages share the cores.
            with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
                results = Parallel(
                    return_as="generator_unordered",
                    batch_size=1,
                    pre_dispatch=1 if one_at_a_time else "2*n_jobs",
                    max_nbytes=None,
                )(calls)
        try:
            for result in results:  # noqa: UP028  yield from would close it before the block below
                yield result
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.close()


def _find_obstacle(n_workers: int) -> str:
    """Say in one line why worker processes cannot be started, and the remedy; empty if they can."""
    if import_module("joblib._multiprocessing_helpers").mp is None:
        why = "there are no POSIX semaphores. Make /dev/shm writable"
    # Tried first: at the limit joblib fails halfway or waits forever.
    elif not can_start_threads(OWN_TASKS + TASKS_OF_WORKER * max(2, n_workers) + TASKS_OF_CORE * count_cores()):
        why = "so many processes cannot be started. Raise the limit (ulimit -u or -v) or lower --jobs"
    elif not _can_open_files(OWN_FILES + FILES_OF_WORKER * max(2, n_workers)):
        why = "so many files cannot be open. Raise the limit (ulimit -n) or lower --jobs"
    else:
        return ""
    return f"One image at a time: {why} to process several at once."


def _can_open_files(n: int) -> bool:
    """Check whether n more files can be open at once, by opening them."""
    with contextlib.ExitStack() as stack:
        try:
            for _ in range(n):
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return False
    return True


def _start_resource_tracker() -> None:
    """Start the helper processes of Python and joblib, which workers need, before signals are held back.

    As they start, they let Ctrl-C through again, and workers that start after them would get it too.
    """
    if hasattr(signal, "pthread_sigmask"):
        for module in ("multiprocessing.resource_tracker", "joblib.externals.loky.backend.resource_tracker"):
            import_module(module).ensure_running()


class _NumberedTasks(Generic[Task]):
    """Numbers tasks as they are handed out, and notes them as in progress; safe for several threads."""

    def __init__(self, tasks: Iterator[Task], in_progress: dict[int, Task]) -> None:
        self._tasks = enumerate(tasks)
        self._in_progress = in_progress
        self._lock = threading.Lock()
        self.is_empty = False

    def __iter__(self) -> Iterator[tuple[int, Task]]:
        return self

    def __next__(self) -> tuple[int, Task]:
        # joblib reads tasks from its callback threads.
        with self._lock:
            try:
                number, task = next(self._tasks)
            except StopIteration:
                self.is_empty = True
                raise
            self._in_progress[number] = task
            return number, task


@dataclass(frozen=True)
class WorkerTask(Generic[Task, Result]):
    """The call that a worker process makes for each task: the function, and the state of the process around it.

    Attributes
    ----------
    function : callable
        Takes a task and returns its result.
    parent : int
        Number of the parent process.
    folder : str
        Working folder of the parent process.
    n_threads : int
        Threads that OpenCV may use in this worker.
    timeout : float, seconds
        For each task; 0 is no limit.
    """

    function: Callable[[Task], Result]
    parent: int
    folder: str
    n_threads: int
    timeout: float

    def __call__(self, number: int, task: Task) -> tuple[int, Result | TaskLost]:
        if os.getppid() == self.parent:  # neither a thread of the parent itself nor a worker of another machine
            _prepare_process(self)
        begin = time.monotonic()
        try:
            with limit_time(self.timeout):
                return number, self.function(task)
        except TaskTimeout:
            return number, TaskLost("timeout", time.monotonic() - begin)


_is_watched = False  # in this process


def _prepare_process(call: WorkerTask[Any, Any]) -> None:
    """Give a worker process its share of the cores and its parent's folder, and let it end with its parent."""
    global _is_watched  # noqa: PLW0603  one for each process, as the thread that it guards
    from segment.core.opencv import load_cv2

    load_cv2().setNumThreads(call.n_threads)
    os.chdir(call.folder)  # joblib keeps workers: this one may have served a run in another folder
    if not _is_watched:
        _is_watched = True
        threading.Thread(target=watch_parent, args=(call.parent,), daemon=True).start()


def watch_parent(parent: int) -> None:
    """Kill this process as soon as its parent is gone. Does not return.

    Parameters
    ----------
    parent : int
        Number of the parent process.
    """
    # A process whose parent dies gets another parent.
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def hold_signals() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the block ends; processes and threads that begin in it never get them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Threads and processes inherit the mask of the thread that starts them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
