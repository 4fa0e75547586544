"""Tasks on a cluster, a bounded number at a time, and what comes of each."""

from __future__ import annotations

import contextlib
import secrets
import time
import warnings
import weakref
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from segment.core.errors import ClusterError, printable_path
from segment.core.version import __version__
from segment.runs.workers.dask_client import LOOK, PATIENCE, Cluster
from segment.runs.workers.dask_worker import carry_out, same

__all__ = ["Flight", "Killed"]

_SETTLED = 3.0  # seconds in which what was cancelled should have ended


class Killed(ClusterError):  # noqa: N818  said of a task
    """A task's workers died, as often as the scheduler allows."""


class Flight:
    """Tasks that are under way on a cluster, and those that have settled. A context manager.

    At its end nothing of it is left on the cluster: what is under way is cancelled, and waited for a few seconds.

    Parameters
    ----------
    cluster : Cluster
    seconds : float
        For each task; 0 is no limit.
    at_once : int
        Tasks that are under way at the same time, at most; 0 for twice as many as the cluster does at a time, so that
        no worker waits for its next.
    """

    def __init__(self, cluster: Cluster, *, seconds: float = 0.0, at_once: int = 0) -> None:
        self._cluster = cluster
        self._run = f"segment-{secrets.token_hex(8)}"
        self._how = {"run": self._run, "version": __version__, "seconds": seconds}
        self._at_once = at_once
        self._n_threads, self._counted = 0, -LOOK  # of the cluster, and when that was found
        self._settled: SimpleQueue[Any] = SimpleQueue()
        self._under_way: set[Any] = set()
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()  # all whose results the cluster has to hold
        self._sent = 0

    def __enter__(self) -> Flight:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self._under_way:
            self._end()

    def __bool__(self) -> bool:
        """Whether any task is under way."""
        return bool(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether so many tasks are under way that no more should be sent before one has settled."""
        return len(self._under_way) >= self.most

    @property
    def most(self) -> int:
        """How many tasks should be under way."""
        if self._at_once:
            return self._at_once
        if time.monotonic() - self._counted > LOOK:
            self._n_threads, self._counted = self._cluster.n_threads(), time.monotonic()
        return 2 * max(1, self._n_threads)

    def share(self, thing: Any) -> Any:
        """A thing that many tasks need, sent once. What a worker that dies has of it, Dask makes again."""
        return self._submit(same, thing)

    def send(self, function: Any, *arguments: Any, urgent: bool = False) -> Any:
        """Begin a task: what a function makes of its arguments, some of which may be shared or other tasks' results.

        The task may be done more than once: Dask gives what a dead worker had to another, up to the number of times
        that the scheduler allows.
        """
        task = self._submit(carry_out, function, *arguments, priority=int(urgent), **self._how)
        self._under_way.add(task)
        task.add_done_callback(self._settled.put)
        return task

    def next(self) -> Any:
        """Wait for the next task that settles.

        Raises
        ------
        ClusterError
            If the cluster goes away.
        """
        seen = time.monotonic()
        while True:
            try:
                task = self._settled.get(timeout=LOOK)
            except Empty:
                seen = self._cluster.check(seen)
                continue
            self._under_way.discard(task)
            return task

    def result(self, task: Any) -> Any:
        """The result of a task that has settled.

        Raises
        ------
        ClusterError
            If its workers died too often, or the scheduler has forgotten it.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        seen = time.monotonic()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    return task.result(timeout=PATIENCE / 2)
                seen = self._cluster.check(seen)  # its worker died when it was done, and it is done again
        except KilledWorker as error:
            raise Killed(
                f"{printable_path(self._cluster.scheduler)}: workers were killed, several times; most often for "
                "want of memory. "
                "Give them more."
            ) from error
        except CancelledError as error:
            self._cluster.n_threads()
            raise ClusterError(f"{printable_path(self._cluster.scheduler)}: somebody cancelled the work.") from error

    def _submit(self, function: Any, *arguments: Any, **how: Any) -> Any:
        self._sent += 1
        key = f"{self._run}-{self._sent}"
        with warnings.catch_warnings(), self._told_if_gone():
            warnings.simplefilter("ignore")  # of large things: they are sent once
            task = self._cluster.client.submit(function, *arguments, **how, key=key, pure=False, fifo_timeout=0)
        self._known.add(task)
        return task

    @contextlib.contextmanager
    def _told_if_gone(self) -> Iterator[None]:
        """Blame the scheduler for whatever goes wrong when it is gone."""
        try:
            yield
        except Exception:
            self._cluster.n_threads()
            raise

    def _end(self) -> None:
        """Cancel what is under way, and wait a few seconds for its end."""
        with contextlib.suppress(Exception):  # the cluster may be gone, and what ends this is told
            self._cluster.client.cancel(list(self._known), force=True)
            end = time.monotonic() + _SETTLED
            while self._cluster.left_of(self._run) and time.monotonic() < end:
                time.sleep(0.05)
