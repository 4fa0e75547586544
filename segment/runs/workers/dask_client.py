"""The connection to a Dask cluster, and whether it can do the work."""

from __future__ import annotations

import contextlib
import logging
import re
import time
import warnings
from pathlib import Path
from types import TracebackType

from segment.core.errors import ClusterError, DependencyError, SegmentError, SettingsError, printable_path
from segment.core.version import __version__
from segment.runs.workers.dask_worker import left_of, sees, versions

__all__ = ["CONNECT", "LOOK", "PATIENCE", "Cluster"]

CONNECT = 10.0  # seconds that a scheduler has to answer, and its first worker to come
LOOK = 1.0  # seconds between two looks whether the cluster is still there
PATIENCE = 60.0  # seconds without any worker that are waited through
_LOGS = ("distributed", "distributed.client")
_AGAIN = "Start it again, then run the same command; a folder goes on with --resume."
_MUST_AGREE = ("segment", "Python")


class Cluster:
    """A connection to the scheduler of a Dask cluster. A context manager.

    Its workers are processes that ``dask worker`` starts, on any machines. They see the same files under the same paths
    as this process, and have the same version of this program.

    Parameters
    ----------
    scheduler : str
        Its address, such as tcp://10.0.0.1:8786.

    Attributes
    ----------
    client : distributed.Client
    notes : tuple of str
        What is to be said about it: libraries of other versions on its workers.

    Raises
    ------
    DependencyError
        If Dask is missing.
    ClusterError
        If the scheduler does not answer, has no workers, or they cannot work for this program.
    """

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise DependencyError(
                f"scheduler (--scheduler): needs Dask, which cannot be loaded; {error}. "
                "Install it: pip install distributed."
            ) from error
        if "://" not in scheduler and not re.fullmatch(r".+:\d+", scheduler):
            raise SettingsError(
                f"scheduler (--scheduler): an address such as tcp://10.0.0.1:8786; got {printable_path(scheduler)}."
            )

        class Quiet(Client):  # type: ignore[misc]  # one that never came to be has nothing to say at its end
            def __del__(self) -> None:
                with contextlib.suppress(Exception):
                    super().__del__()

        self.scheduler = scheduler
        self._levels = {name: logging.getLogger(name).level for name in _LOGS}
        for name in _LOGS:  # what goes wrong is an error here, or done again
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions: see below
                self.client = Quiet(scheduler, timeout=CONNECT, set_as_default=False, name="segment")
        except (OSError, ValueError, TypeError) as error:
            self._unmute()
            raise ClusterError(
                f"{printable_path(scheduler)}: no scheduler answers there. Start one with 'dask scheduler', and "
                "give the "
                "address that it prints."
            ) from error
        try:
            self.notes = self._checked()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the scheduler drops whatever it still does for it."""
        with warnings.catch_warnings(), contextlib.suppress(TimeoutError, OSError):
            warnings.simplefilter("ignore")
            self.client.close(timeout=LOOK)
        self._unmute()

    def n_threads(self) -> int:
        """How many tasks its workers do at a time.

        Raises
        ------
        ClusterError
            If the scheduler is gone. It has forgotten this process then, so there is nothing to wait for.
        """
        if self.client.status == "running":
            with contextlib.suppress(OSError):
                return sum(self.client.nthreads().values())
        raise ClusterError(f"{printable_path(self.scheduler)}: the scheduler is gone. {_AGAIN}")

    def check_sees(self, *paths: Path) -> None:
        """Refuse workers that do not see files.

        Raises
        ------
        ClusterError
        """
        for path in paths:
            for worker, found in self.client.run(sees, str(path.absolute())).items():
                if not found:
                    raise ClusterError(
                        f"{printable_path(path)}: the worker {worker} does not see it. All machines need the same "
                        "files "
                        "under the same paths: share the folder among them."
                    )

    def check(self, last_seen: float) -> float:
        """Refuse to wait any longer for a worker. When one was last seen, by the monotonic clock.

        Raises
        ------
        ClusterError
            If there has been none for a minute, or the scheduler is gone.
        """
        if self.n_threads() > 0:
            return time.monotonic()
        if time.monotonic() - last_seen > PATIENCE:
            raise ClusterError(f"{printable_path(self.scheduler)}: has no worker left. {_AGAIN}")
        return last_seen

    def left_of(self, run: str) -> int:
        """How much all workers have of a run; see :func:`segment.runs.workers.dask_worker.left_of`."""
        return sum(self.client.run(left_of, run, on_error="ignore").values())

    def _unmute(self) -> None:
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def _checked(self) -> tuple[str, ...]:
        """Refuse a cluster that cannot do the work."""
        place = printable_path(self.scheduler)
        try:
            self.client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError:
            raise ClusterError(f"{place}: has no worker. Start some: dask worker {place}") from None
        ours = versions()
        try:
            found = self.client.run(versions)
        except SegmentError:
            raise
        except Exception as error:
            detail = " ".join(str(error).split())[:120]
            raise ClusterError(
                f"{place}: a worker cannot load segment {__version__}; {detail}. Install the same on all machines."
            ) from error
        others: dict[str, str] = {}
        for worker, theirs in found.items():
            others |= {name: f"{theirs[name]} on {worker}" for name in ours if theirs[name] != ours[name]}
        for name in _MUST_AGREE:
            if name in others:
                raise ClusterError(
                    f"{place}: {name} is {ours[name]} here and {others[name]}. Install the same on all machines."
                )
        return tuple(
            f"{name} is {ours[name]} here and {other}: results may differ from local ones"
            for name, other in others.items()
        )
