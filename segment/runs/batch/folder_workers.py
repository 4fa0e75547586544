"""Who does the images of a folder: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from operator import call
from typing import Any, Generic, TypeVar

from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.dask_tasks import TaskGroup
from segment.runs.workers.dask_worker import return_unchanged
from segment.runs.workers.lost_tasks import TaskLost
from segment.runs.workers.processes import ProcessWorkers, count_cores

__all__ = ["DaskWorkers", "Workers", "start_workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class DaskWorkers(Generic[Task, Result]):
    """Workers of a Dask cluster that apply one function to many tasks.

    They are used as :class:`segment.runs.workers.processes.ProcessWorkers`. joblib's backend for Dask is not used: it
    waits for ever for a task whose workers died.

    Parameters
    ----------
    function : callable
        Takes a task and returns its result. The function, tasks and results can be pickled.
    cluster : Cluster
        Its workers do the tasks.
    max_tasks : int
        Tasks in progress at the same time, at most; 0 for as many as keep all workers busy.
    prepare_retry : callable
        Takes a task and returns the task of a second attempt. Dask starts the task of a dead worker again by itself,
        so every task is sent in this form.
    timeout : float, seconds
        A task that takes longer is lost; 0 is no limit.

    Attributes
    ----------
    in_progress : dict of int to task
        Tasks that were sent and have no result yet, by their number.
    obstacle : str
        Empty: a cluster that cannot be used is refused before.
    """

    obstacle = ""

    def __init__(
        self,
        function: Callable[[Task], Result],
        cluster: Cluster,
        *,
        max_tasks: int = 0,
        prepare_retry: Callable[[Task], Task] = return_unchanged,
        timeout: float = 0.0,
    ) -> None:
        self._function = function
        self._cluster = cluster
        self._max_tasks = max_tasks
        self._prepare_retry = prepare_retry
        self._timeout = timeout
        self.in_progress: dict[int, Task] = {}

    def run(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Result | TaskLost]]:
        """Do the tasks, and yield each with its result as soon as there is one.

        Dask gives a task up when several workers died that had it, whichever of their tasks killed them. Such a task,
        and one whose own process died, is tried once more, alone, when all others are done. If it dies again it is
        lost.

        Parameters
        ----------
        tasks : iterator
            Read as workers become free.

        Yields
        ------
        tuple of (task, result or TaskLost)
            In the order in which the tasks end.
        """
        suspects = []
        for number, result in self._run_group(enumerate(tasks), self._max_tasks):
            # Its workers may have been killed by another task that they had at the same time.
            if isinstance(result, TaskLost) and result.reason == "killed":
                suspects.append(number)
            else:
                yield self.in_progress.pop(number), result
        for number in sorted(suspects):
            ((_, result),) = self._run_group(iter([(number, self.in_progress[number])]), 1)
            yield self.in_progress.pop(number), result

    def _run_group(self, tasks: Iterator[tuple[int, Task]], max_tasks: int) -> Generator[tuple[int, Result | TaskLost]]:
        """Do numbered tasks, and yield the results in the order in which they end."""
        # The number of a task is remembered by its future, because tasks end in any order.
        with TaskGroup(self._cluster, can_stop=True, seconds=self._timeout, max_tasks=max_tasks) as group:
            function = group.send_shared(self._function)
            numbers = {}
            for number, task in tasks:
                self.in_progress[number] = task
                # Dask has put the function in the place of its future where it is called.
                numbers[group.send(call, function, self._prepare_retry(task))] = number
                # No further task is read before there is room, so a folder of any size needs little memory.
                while group.is_full:
                    ended = group.wait_for_next()
                    yield numbers.pop(ended), group.get_result(ended)
            while group:
                ended = group.wait_for_next()
                yield numbers.pop(ended), group.get_result(ended)


Workers = ProcessWorkers[Any, Any] | DaskWorkers[Any, Any]


def start_workers(
    function: Callable[[Any], Any],
    *,
    cluster: Cluster | None,
    n_workers: int,
    prepare_retry: Callable[[Any], Any] = return_unchanged,
    timeout: float = 0.0,
) -> Workers:
    """Choose the workers that apply a function to tasks.

    Parameters
    ----------
    function : callable
        Takes a task and returns its result.
    cluster : Cluster or None
        Use its workers; None for processes of this machine.
    n_workers : int
        Tasks at the same time, at most; 0 for one on each core, or for as many as keep the cluster busy.
    prepare_retry : callable
        Takes a task and returns the task of a second attempt.
    timeout : float, seconds
        For each task; 0 is no limit.

    Returns
    -------
    ProcessWorkers or DaskWorkers
        Their method `run` does the tasks.
    """
    # Both have the same method and attribute, so the folder need not know which it has.
    if cluster is not None:
        return DaskWorkers(function, cluster, max_tasks=n_workers, prepare_retry=prepare_retry, timeout=timeout)
    return ProcessWorkers(function, n_workers=n_workers or count_cores(), prepare_retry=prepare_retry, timeout=timeout)
