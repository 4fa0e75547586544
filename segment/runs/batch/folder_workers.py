"""Who does the images: processes of this machine, or the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, TypeVar

from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.dask_tasks import Flight, Killed
from segment.runs.workers.dask_worker import Late, same
from segment.runs.workers.processes import Crew, Lost, n_cores

__all__ = ["AnyCrew", "ClusterCrew", "crew_of"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class ClusterCrew(Generic[Task, Result]):
    """The workers of a cluster for a function: as :class:`segment.runs.workers.processes.Crew`.

    joblib's backend for Dask is not used: it waits for ever for a task whose workers died.

    Parameters
    ----------
    do : callable
        Takes a task and returns its result; both can be pickled, and so can it.
    cluster : Cluster
    at_once : int
        Tasks at a time, at most; 0 for what keeps all workers busy.
    again : callable
        Makes a task into that of a second attempt. Dask begins a task again when its worker dies, so all get it.
    timeout : float, seconds
        A task that takes longer is lost; 0 is no limit.
    """

    def __init__(
        self,
        do: Callable[[Task], Result],
        cluster: Cluster,
        *,
        at_once: int = 0,
        again: Callable[[Task], Task] = same,
        timeout: float = 0.0,
    ) -> None:
        self._do = do
        self._cluster = cluster
        self._at_once = at_once
        self._again = again
        self._timeout = timeout
        self.under_way: dict[int, Task] = {}

    def perform(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Result | Lost]]:
        """Do the tasks; each with its result as soon as there is one.

        Dask gives up a task after a number of workers died that had it, whichever task it was that killed them. It is
        tried once more when all others are done, alone: then it is lost. `under_way` has what has no result yet.
        """
        suspects = []
        for number, result in self._flown(enumerate(tasks), self._at_once):
            if isinstance(result, Killed):
                suspects.append(number)
            else:
                yield self.under_way.pop(number), result
        for number in sorted(suspects):
            ((_, result),) = self._flown(iter([(number, self.under_way[number])]), 1)
            yield self.under_way.pop(number), Lost(0.0) if isinstance(result, Killed) else result

    def _flown(self, tasks: Iterator[tuple[int, Task]], at_once: int) -> Generator[tuple[int, Result | Lost | Killed]]:
        """The results of tasks, in the order in which they are done."""
        with Flight(self._cluster, seconds=self._timeout, at_once=at_once) as flight:
            do = flight.share(self._do)
            numbers = {}
            for number, task in tasks:
                self.under_way[number] = task
                numbers[flight.send(_called, do, self._again(task))] = number
                while flight.is_full:
                    yield self._settled(flight, numbers)
            while flight:
                yield self._settled(flight, numbers)

    def _settled(self, flight: Flight, numbers: dict[object, int]) -> tuple[int, Result | Lost | Killed]:
        future = flight.next()
        number = numbers.pop(future)
        result: Result | Lost | Killed
        try:
            result = flight.result(future)
        except Late as late:
            result = Lost(late.seconds)
        except Killed as killed:
            result = killed
        return number, result


def _called(do: Callable[[Task], Result], task: Task) -> Result:
    return do(task)


AnyCrew = Crew[Any, Any] | ClusterCrew[Any, Any]


def crew_of(
    do: Callable[[Any], Any],
    *,
    cluster: Cluster | None,
    n_workers: int,
    again: Callable[[Any], Any] = same,
    timeout: float = 0.0,
) -> AnyCrew:
    """Those who do tasks, at most `n_workers` at a time; 0 for one on each core, or each thread of the cluster."""
    if cluster is not None:
        return ClusterCrew(do, cluster, at_once=n_workers, again=again, timeout=timeout)
    return Crew(do, n_workers=n_workers or n_cores(), again=again, timeout=timeout)
