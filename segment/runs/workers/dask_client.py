"""The connection to a Dask cluster, and checks whether it can do the work."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from segment.core.errors import (
    ClusterError,
    DependencyError,
    SegmentError,
    SettingsError,
    describe_fault,
    lacks_memory,
    printable_path,
)
from segment.core.threads import can_start_threads
from segment.core.version import __version__
from segment.runs.workers.dask_worker import collect_versions, count_leftovers, has_path

__all__ = ["CONNECT_SECONDS", "MAX_SECONDS_WITHOUT_WORKER", "POLL_SECONDS", "Cluster"]

CONNECT_SECONDS = 10.0  # that a scheduler has to answer, and its first worker to join
POLL_SECONDS = 1.0  # between two checks whether the cluster is still there
MAX_SECONDS_WITHOUT_WORKER = 60.0
_N_THREADS = 3  # of the client, at the same time
_LOGGERS = ("distributed", "distributed.client")
_RESTART = "Start it again, then run the same command; a folder goes on with --resume."
_SAME_VERSION = ("segment", "Python")  # everywhere, or the cluster is refused; other differences are a note


class Cluster:
    """A connection to the scheduler of a Dask cluster. A context manager.

    The workers are processes that ``dask worker`` starts, on any machines. They must see the same files under the same
    paths as this process, and have the same version of this program.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Attributes
    ----------
    scheduler : str
        The address.
    client : distributed.Client
        The connection of Dask's own.
    notes : tuple of str
        A sentence for each library whose version on a worker is not that of this process.

    Raises
    ------
    DependencyError
        If Dask is not installed, or memory is too small for it.
    SettingsError
        If `scheduler` is not an address.
    ClusterError
        If the scheduler does not answer, has no worker, or a worker has another version of this program or of Python;
        or if this process may start no threads or open no files.

    See Also
    --------
    segment_raster : Segments a raster on the workers of a cluster.

    Notes
    -----
    Nothing between this process, the scheduler and its workers is encrypted, and whoever reaches the scheduler can run
    programs on its workers: use it in a network that you trust.

    Examples
    --------
    A scheduler and at least one worker have to run, so this example is not run:

    >>> import segment
    >>> with segment.Cluster("tcp://10.0.0.1:8786") as cluster:  # doctest: +SKIP
    ...     segment.segment_raster("scene.tif", "labels.tif", k=4, cluster=cluster)
    """

    def __init__(self, scheduler: str) -> None:
        try:
            import distributed  # noqa: F401  so that it is known to be there
        except ImportError as error:
            if lacks_memory(error):
                raise DependencyError(f"scheduler (--scheduler): {describe_fault(error)}") from error
            raise DependencyError(
                f"scheduler (--scheduler): needs Dask, which cannot be loaded; {error}. "
                "Run: pip install 'gmm-segment[dask]'."
            ) from error
        if "://" not in scheduler and not re.fullmatch(r".+:\d+", scheduler):
            raise SettingsError(
                f"scheduler (--scheduler): an address such as tcp://10.0.0.1:8786; got {printable_path(scheduler)}."
            )
        # Without them the client of Dask prints tracebacks and waits for ever.
        if not can_start_threads(_N_THREADS):
            raise ClusterError(
                f"{printable_path(scheduler)}: no more threads can be started. Raise the limit of processes (ulimit "
                "-u) or of memory (ulimit -v)."
            )

        # As it was given, for messages.
        self.scheduler = scheduler
        with contextlib.ExitStack() as until_closed:
            until_closed.enter_context(_silence_loggers())
            loop = until_closed.enter_context(_run_event_loop())
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about versions: _check_workers compares them
                    self.client = _connect(scheduler, loop)
            except (OSError, ValueError, TypeError) as error:
                if (cause := _find_lack_of_files(error)) is not None:  # no fault of the scheduler
                    raise ClusterError(f"{printable_path(scheduler)}: {describe_fault(cause)}") from error
                raise ClusterError(
                    f"{printable_path(scheduler)}: no scheduler answers there. Start one with 'dask scheduler', and "
                    "give the address that it prints."
                ) from error
            until_closed.callback(self._close_client)
            self.notes = self._check_workers()
            self._until_closed = until_closed.pop_all()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the scheduler drops the tasks that it still has for it."""
        self._until_closed.close()

    def count_threads(self) -> int:
        """Count the tasks that the workers can do at the same time.

        Returns
        -------
        int
            0 while there is no worker.

        Raises
        ------
        ClusterError
            If the scheduler is gone. A new one does not know the tasks of this process, so waiting would not help.
        """
        if self.client.status == "running":
            with contextlib.suppress(OSError):
                return sum(self.client.nthreads().values())
        raise ClusterError(f"{printable_path(self.scheduler)}: the scheduler is gone. {_RESTART}")

    def check_paths(self, *paths: Path) -> None:
        """Refuse workers that do not see some files or folders.

        Parameters
        ----------
        *paths : Path
            What every worker has to see.

        Raises
        ------
        ClusterError
            If a worker does not see one of them.
        """
        # One question for all workers at once; each answers for its own machine.
        for path in paths:
            for worker, is_there in self.client.run(has_path, str(path.absolute())).items():
                if not is_there:
                    raise ClusterError(
                        f"{printable_path(path)}: the worker {worker} does not see it. All machines need the same "
                        "files under the same paths: share the folder among them."
                    )

    def check_workers_exist(self, last_seen: float) -> float:
        """Refuse to wait longer for a worker.

        Parameters
        ----------
        last_seen : float, seconds
            When there was a worker, by `time.monotonic`.

        Returns
        -------
        float
            Now if there is a worker, else `last_seen`.

        Raises
        ------
        ClusterError
            If there has been no worker for a minute, or the scheduler is gone.
        """
        if self.count_threads() > 0:
            return time.monotonic()
        if time.monotonic() - last_seen > MAX_SECONDS_WITHOUT_WORKER:
            raise ClusterError(f"{printable_path(self.scheduler)}: has no worker left. {_RESTART}")
        return last_seen

    def count_leftovers(self, run: str) -> int:
        """Count what all workers still have of a run: tasks, results and threads.

        Parameters
        ----------
        run : str
            What the name of the run begins with.

        Returns
        -------
        int
            0 if nothing of the run is left.
        """
        return sum(self.client.run(count_leftovers, run, on_error="ignore").values())

    def _close_client(self) -> None:
        """Close Dask's client."""
        # The scheduler may be gone, and then there is nobody to say goodbye to.
        with warnings.catch_warnings(), contextlib.suppress(TimeoutError, OSError):
            warnings.simplefilter("ignore")
            self.client.close(timeout=POLL_SECONDS)

    def _check_workers(self) -> tuple[str, ...]:
        """Refuse a cluster whose workers cannot do the work, and return notes on other differences."""
        place = printable_path(self.scheduler)
        try:
            self.client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise ClusterError(f"{place}: has no worker. Start some: dask worker {place}") from None
        # Results depend on these libraries, so differences are refused or noted.
        here = collect_versions()
        try:
            found = self.client.run(collect_versions)
        # A worker that cannot import this package raises whatever its import raises.
        except SegmentError:
            raise
        except Exception as error:
            detail = " ".join(str(error).split())[:120]
            raise ClusterError(
                f"{place}: a worker cannot load segment {__version__}; {detail}. Install the same on all machines."
            ) from error
        others: dict[str, str] = {}
        for worker, there in found.items():
            others |= {name: f"{there[name]} on {worker}" for name in here if there[name] != here[name]}
        for name in _SAME_VERSION:
            if name in others:
                raise ClusterError(
                    f"{place}: {name} is {here[name]} here and {others[name]}. Install the same on all machines."
                )
        return tuple(
            f"{name} is {here[name]} here and {other}: results may differ from local ones"
            for name, other in others.items()
        )


@contextlib.contextmanager
def _silence_loggers() -> Iterator[None]:
    """Silence Dask in the block: what it logs is an error here, or the task is done again."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _run_event_loop() -> Iterator[Any]:
    """Run an event loop in a thread as long as the block lasts.

    A client of Dask that starts its own fails where the thread does not begin within 10 s, as on a busy machine.
    """
    from tornado.ioloop import IOLoop

    started: SimpleQueue[tuple[Any, asyncio.Event]] = SimpleQueue()

    async def wait_for_end() -> None:
        end = asyncio.Event()
        started.put((IOLoop.current(), end))
        await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(wait_for_end()), daemon=True)
    thread.start()
    loop, end = started.get()
    try:
        yield loop
    finally:
        loop.add_callback(end.set)
        thread.join(CONNECT_SECONDS)


def _connect(scheduler: str, loop: Any) -> Any:
    """Connect a client of Dask to a scheduler."""
    from distributed import Client

    class QuietClient(Client):  # type: ignore[misc]
        """Dask's client, without the error that it reports at exit if it was never connected."""

        def __del__(self) -> None:
            with contextlib.suppress(Exception):
                super().__del__()

    return QuietClient(scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="segment", loop=loop)


def _find_lack_of_files(error: BaseException) -> BaseException | None:
    """Find among the causes of an error the one that this process may open no more files; None if it is not there."""
    cause: BaseException | None = error
    while cause is not None and getattr(cause, "errno", None) not in (errno.EMFILE, errno.ENFILE):
        cause = cause.__cause__ or cause.__context__
    return cause
