"""Groups of tasks on a Dask cluster: a bounded number at a time, and nothing left on the cluster at the end."""

from __future__ import annotations

import contextlib
import secrets
import time
import warnings
import weakref
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from segment.core.errors import ClusterError, printable_path
from segment.core.version import __version__
from segment.runs.workers.dask_client import MAX_SECONDS_WITHOUT_WORKER, POLL_SECONDS, Cluster
from segment.runs.workers.dask_worker import return_unchanged, run_stoppable_task, run_task
from segment.runs.workers.lost_tasks import TaskLost

__all__ = ["TaskGroup"]

MAX_CANCEL_SECONDS = 3.0  # that are waited for the end of cancelled tasks


class TaskGroup:
    """Tasks in progress on a cluster, and a queue of those that have ended. A context manager.

    At its end nothing of it stays on the cluster: tasks in progress are cancelled, and their end is waited for a few
    seconds.

    Parameters
    ----------
    cluster : Cluster
        Its workers do the tasks.
    can_stop : bool
        Whether tasks are stopped when they are cancelled or take too long: each runs in a child process of its worker.
        Else a task that has begun is finished.
    seconds : float
        Time allowed for each task that can be stopped; 0 is no limit.
    max_tasks : int
        Tasks in progress at the same time, at most; 0 for twice as many as the cluster can do at a time, so that no
        worker waits for its next task.
    """

    def __init__(self, cluster: Cluster, *, can_stop: bool = False, seconds: float = 0.0, max_tasks: int = 0) -> None:
        self._cluster = cluster
        self._run = f"segment-{secrets.token_hex(8)}"
        self._run_task: Any = partial(run_task, version=__version__)
        if can_stop:
            self._run_task = partial(run_stoppable_task, run=self._run, version=__version__, seconds=seconds)
        self._max_tasks = max_tasks
        self._n_threads, self._counted_at = 0, -POLL_SECONDS  # of the cluster, and when they were counted
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._in_progress: set[Any] = set()
        # All futures that somebody holds: the cluster keeps the result of each of them.
        self._futures: weakref.WeakSet[Any] = weakref.WeakSet()
        self._n_sent = 0

    def __enter__(self) -> TaskGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self._in_progress:
            self._cancel_all()

    def __bool__(self) -> bool:
        """Return whether any task is in progress."""
        return bool(self._in_progress)

    @property
    def is_full(self) -> bool:
        """Whether no more tasks should be sent before one has ended."""
        return len(self._in_progress) >= self.max_tasks

    @property
    def max_tasks(self) -> int:
        """How many tasks should be in progress."""
        if self._max_tasks:
            return self._max_tasks
        # Workers may join or leave while the group works, but asking the scheduler takes time.
        if time.monotonic() - self._counted_at > POLL_SECONDS:
            self._n_threads, self._counted_at = self._cluster.count_threads(), time.monotonic()
        return 2 * max(1, self._n_threads)

    def send_shared(self, thing: Any) -> Any:
        """Send once what many tasks need. Dask makes again what a worker that dies has of it.

        Parameters
        ----------
        thing : object
            Anything that can be pickled.

        Returns
        -------
        distributed.Future
            To be given to :meth:`send` as an argument.
        """
        return self._submit(return_unchanged, thing)

    def send(self, function: Any, *arguments: Any, urgent: bool = False) -> Any:
        """Start a task.

        It may be done more than once: Dask gives a dead worker's task to another worker, as often as the scheduler
        allows.

        Parameters
        ----------
        function : callable
            The task.
        *arguments
            Its arguments. A future of this group stands for its result.
        urgent : bool
            Whether workers do it before other tasks.

        Returns
        -------
        distributed.Future
            The task.
        """
        task = self._submit(self._run_task, function, *arguments, priority=int(urgent))
        self._in_progress.add(task)
        # Called by a thread of Dask's, so the queue is one for several threads.
        task.add_done_callback(self._ended.put)
        return task

    def wait_for_next(self) -> Any:
        """Wait for the next task that ends, well or not.

        Returns
        -------
        distributed.Future
            The task.

        Raises
        ------
        ClusterError
            If the scheduler is gone, or there has been no worker for a minute.
        """
        seen = time.monotonic()
        while True:
            try:
                task = self._ended.get(timeout=POLL_SECONDS)
            # Nothing ends while no worker is there, nor when the scheduler is gone: look at both now and then.
            except Empty:
                seen = self._cluster.check_workers_exist(seen)
                continue
            self._in_progress.discard(task)
            return task

    def get_result(self, task: Any) -> Any:
        """Return the result of a task that has ended.

        Parameters
        ----------
        task : distributed.Future
            A task of this group.

        Returns
        -------
        Any or TaskLost
            TaskLost if its workers died as often as the scheduler allows, or if it took longer than allowed.

        Raises
        ------
        ClusterError
            If somebody else cancelled it.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        seen = time.monotonic()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    return task.result(timeout=MAX_SECONDS_WITHOUT_WORKER / 2)
                # The worker died that had the result, so the task is done again.
                seen = self._cluster.check_workers_exist(seen)
        except KilledWorker as error:
            return TaskLost("killed", worker=error.last_worker.address)
        except CancelledError as error:
            self._cluster.count_threads()  # raises if it was cancelled because the scheduler is gone
            raise ClusterError(f"{printable_path(self._cluster.scheduler)}: somebody cancelled the work.") from error

    def require_result(self, task: Any) -> Any:
        """Return the result of a task that the whole work depends on.

        Parameters
        ----------
        task : distributed.Future
            A task of this group, which has ended.

        Returns
        -------
        Any
            What its function returned.

        Raises
        ------
        ClusterError
            If its workers died as often as the scheduler allows, or somebody else cancelled it.
        """
        result = self.get_result(task)
        if isinstance(result, TaskLost):
            raise ClusterError(
                f"{printable_path(self._cluster.scheduler)}: workers were killed several times, the last "
                f"{result.worker}, most often because memory ran out. Give them more (dask worker --memory-limit)."
            )
        return result

    def _submit(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Send a call to the scheduler; if that fails because the scheduler is gone, raise an error that says so."""
        self._n_sent += 1
        # The key begins with the name of the run, by which leftovers are found. pure=False: equal calls are different
        # tasks. fifo_timeout=0: tasks are done in the order in which they were sent.
        key = f"{self._run}-{self._n_sent}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about large arguments: they are sent once
                task = self._cluster.client.submit(function, *arguments, **options, key=key, pure=False, fifo_timeout=0)
        except Exception:
            self._cluster.count_threads()
            raise
        self._futures.add(task)
        return task

    def _cancel_all(self) -> None:
        """Cancel the tasks in progress, and wait a few seconds for their end."""
        # If the cluster is gone there is nothing to cancel, and the error that ends the block is raised anyway.
        with contextlib.suppress(Exception):
            self._cluster.client.cancel(list(self._futures), force=True)
            end = time.monotonic() + MAX_CANCEL_SECONDS
            while self._cluster.count_leftovers(self._run) and time.monotonic() < end:
                time.sleep(0.05)
