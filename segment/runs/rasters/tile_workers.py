"""Who works on the tiles of a raster: threads of this process, or the workers of a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from segment.runs.rasters.pairwise_sum import Tree
from segment.runs.rasters.reader import rasterio_settings
from segment.runs.rasters.tiles import Window, in_order
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.dask_tasks import Flight

__all__ = ["Crew", "Machines", "Threads", "progress"]

Result = TypeVar("Result")

_THREADS = 2  # that work on tiles at the same time


def progress(on_stage: Callable[[str], None], stage: str, total: int) -> Callable[[], None]:
    """What to call for each tile that is done, so that it is told how many are."""
    numbers = iter(range(1, total + 1))
    return lambda: on_stage(f"{stage}, tile {next(numbers)} of {total}")


class Crew(Protocol):
    """Those who work on tiles, a bounded number at a time."""

    def each(
        self, function: Callable[[Window], Result], windows: list[Window], done: Callable[[], None]
    ) -> Iterator[Result]:
        """What a function makes of each tile, in their order; `done` is called for each."""

    def sums(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        join: Callable[[Result, Result], Result],
        done: Callable[[], None],
    ) -> Iterator[Result]:
        """What adds up to the sum of what a function makes of the tiles, in their order; `done` is called for each."""


class Threads:
    """Threads of this process."""

    def each(
        self, function: Callable[[Window], Result], windows: list[Window], done: Callable[[], None]
    ) -> Iterator[Result]:
        """What a function makes of each tile, in their order; `done` is called for each."""
        for result in in_order(function, windows, threads=_THREADS):
            done()
            yield result

    def sums(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        join: Callable[[Result, Result], Result],  # noqa: ARG002  whoever takes the parts can add them up as well
        done: Callable[[], None],
    ) -> Iterator[Result]:
        """The parts as they are."""
        return self.each(function, windows, done)


class Machines:
    """The workers of a cluster. A function is sent to them once, with all that it holds.

    Parameters
    ----------
    cluster : Cluster
    path : Path
        Of the raster, which they have to see.

    Raises
    ------
    ClusterError
        If they do not.
    """

    def __init__(self, cluster: Cluster, path: Path) -> None:
        cluster.check_sees(path)
        self._cluster = cluster

    def each(
        self, function: Callable[[Window], Result], windows: list[Window], done: Callable[[], None]
    ) -> Iterator[Result]:
        """What a function makes of each tile, in their order; `done` is called for each.

        Results wait on the cluster for their turn; so many tiles are under way, or wait, as keep all workers busy.
        """
        with Flight(self._cluster) as flight:
            shared = flight.share(function)
            waiting: deque[Any] = deque()
            settled: set[Any] = set()
            for window in windows:
                waiting.append(flight.send(_of_tile, shared, window))
                while len(waiting) >= flight.most:
                    yield _first(flight, waiting, settled)
                    done()
            while waiting:
                yield _first(flight, waiting, settled)
                done()

    def sums(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        join: Callable[[Result, Result], Result],
        done: Callable[[], None],
    ) -> Iterator[Result]:
        """One part: the sum of all, added up in a tree by the workers, so that this process has to hold no other."""
        with Flight(self._cluster) as flight:
            shared = flight.share(function)
            tree: Tree[Any] = Tree(lambda first, second: flight.send(join, first, second, urgent=True))
            tiles = set()
            for window in windows:
                tile = flight.send(_of_tile, shared, window)
                tiles.add(tile.key)
                tree.add(tile)
                while flight.is_full:
                    _count(flight, tiles, done)
            total = tree.total()
            while flight:
                _count(flight, tiles, done)
            yield flight.result(total)


def _first(flight: Flight, waiting: deque[Any], settled: set[Any]) -> Any:
    """The result of the task that has waited longest, once it has settled."""
    task = waiting.popleft()
    while task not in settled:
        settled.add(flight.next())
    settled.remove(task)
    return flight.result(task)


def _count(flight: Flight, tiles: set[str], done: Callable[[], None]) -> None:
    """Wait for a task, say so if it was a tile, and raise what went wrong with it."""
    task = flight.next()
    if task.status == "error":
        flight.result(task)
    if task.key in tiles:
        done()


def _of_tile(function: Callable[[Window], Result], window: Window) -> Result:
    """What a function makes of a tile, on a worker."""
    with rasterio_settings():
        return function(window)
