"""Worker processes for the requests of a server: a few at work, a few in the queue, each by itself."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from segment.core.errors import SegmentError
from segment.runs.workers.child_process import ChildProcess
from segment.runs.workers.lost_tasks import TaskLost
from segment.runs.workers.processes import count_cores

__all__ = ["BusyError", "LostError", "WorkerPool"]

MAX_IDLE = 3600.0  # seconds after which a worker without a request ends, and with it what it remembers
CANCEL_SECONDS = 2.0  # that a request gets to end after it was canceled, before its worker is killed
PATIENCE_SECONDS = 0.15  # for the worker that knows an image: another one needs longer to read it
MAX_REMEMBERED = 1000  # images of which the pool knows who worked on them last


class BusyError(SegmentError):
    """As many requests wait as may wait."""


class LostError(SegmentError):
    """A request has no result: its time is over, or its worker died."""


class WorkerPool:
    """Worker processes that keep what they know of an image for its next request.

    Parameters
    ----------
    n_workers : int
        Requests that are worked on at the same time.
    max_waiting : int
        Requests that wait beside these; further ones are refused.
    timeout : float, seconds
        The time that a request may take in a worker.
    """

    def __init__(self, *, n_workers: int, max_waiting: int, timeout: float) -> None:
        self._workers = [_Worker() for _ in range(n_workers)]
        self._max_waiting, self._timeout = max_waiting, timeout
        self._n_requests = 0
        self._last: dict[str, _Worker] = {}
        # Threads that wait for the processes.
        self._threads = ThreadPoolExecutor(n_workers)

    async def run(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a worker.

        Parameters
        ----------
        key : str
            The image that it is about: a free worker that has worked on it is preferred.
        function : callable
            Of a module; it and its arguments can be pickled.
        *arguments

        Returns
        -------
        object
            What the function returns.

        Raises
        ------
        BusyError
            If too many requests wait.
        LostError
            If it took too long or its worker died.
        asyncio.CancelledError
            If the task was canceled: then the work is stopped too.
        """
        if self._n_requests >= len(self._workers) + self._max_waiting:
            raise BusyError("the server: has as many requests as it can queue. Try again in a few seconds.")
        self._n_requests += 1
        try:
            worker = await self._choose_worker(key)
            async with worker.lock:
                return await self._run_in(worker, pickle.dumps((function, arguments)))
        finally:
            self._n_requests -= 1

    def kill(self) -> None:
        """Kill all workers, whatever they do: their requests are lost, and no other begins."""
        for worker in self._workers:
            worker.is_closed = True
            worker.kill()

    def close(self) -> None:
        """End all workers, and wait until they have ended."""
        self.kill()
        # The threads end with the processes for which they wait.
        self._threads.shutdown()
        for worker in self._workers:
            worker.close()

    async def _choose_worker(self, key: str) -> _Worker:
        """Choose the worker that knows an image, if it is free soon; else any free one, and else the one with it."""
        last = self._last.get(key)
        if last is not None:
            # It may be ending a request of the same client, who has canceled it for this one.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS), last.lock:
                    pass
        free = [worker for worker in self._workers if not worker.lock.locked()]
        # Without a free one, the next request of an image waits for the worker that knows it.
        unknown = free[0] if free else self._workers[hash(key) % len(self._workers)]
        worker = last if last is not None and (last in free or not free) else unknown
        self._last.pop(key, None)
        self._last[key] = worker  # as the newest
        if len(self._last) > MAX_REMEMBERED:
            self._last.pop(next(iter(self._last)))
        return worker

    async def _run_in(self, worker: _Worker, call: bytes) -> Any:
        """Do a call in a worker; if this task is canceled, so is the call."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, worker.run, call, self._timeout)
        try:
            result, error = await asyncio.shield(future)
        except asyncio.CancelledError:
            worker.cancel()
            done, _ = await asyncio.wait([future], timeout=CANCEL_SECONDS)
            if not done:
                worker.kill()
                await asyncio.wait([future])
            raise
        if isinstance(result, TaskLost):
            if result.reason == "timeout":
                raise LostError(
                    f"the request: at most {self._timeout:g} s; it took longer. Give --timeout to the server."
                )
            raise LostError("the request: ended its worker process, perhaps for want of memory. Try a smaller image.")
        if error is not None:
            raise error
        return result


class _Worker:
    """A child process that is started again when it has ended."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._guard = threading.Lock()
        self._child: ChildProcess | None = None
        self.is_closed = self._is_canceled = False

    def run(self, call: bytes, timeout: float) -> tuple[Any, BaseException | None]:
        """Do a call; again in a new child if the old one was ending after a cancellation."""
        may_be_ending, self._is_canceled = self._is_canceled, False
        outcome = self._take_child().run(call, timeout)
        is_killed = isinstance(outcome[0], TaskLost) and outcome[0].reason == "killed"
        if is_killed and may_be_ending and not self.is_closed:
            return self._take_child().run(call, timeout)
        return outcome

    def _take_child(self) -> ChildProcess:
        """Take the child, or a new one if it has ended."""
        with self._guard:
            if self._child is None or not (self._child.is_alive or self.is_closed):
                if self._child is not None:
                    self._child.close()
                self._child = ChildProcess(n_threads=count_cores(), max_idle=MAX_IDLE)
            return self._child

    def cancel(self) -> None:
        """Ask the child to end its call."""
        self._is_canceled = True
        with self._guard, contextlib.suppress(OSError):
            if self._child is not None:
                self._child.cancel()

    def kill(self) -> None:
        """Kill the child, whatever it does."""
        with self._guard:
            if self._child is not None:
                self._child.kill()

    def close(self) -> None:
        """End the child and its pipes."""
        if self._child is not None:
            self._child.close()
