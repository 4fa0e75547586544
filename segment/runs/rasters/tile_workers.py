"""Who works on the tiles of a raster: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.pairwise_sum import PairwiseSum
from segment.runs.rasters.tiles import Window, map_in_order
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.dask_tasks import TaskGroup

__all__ = ["N_THREADS", "DaskTiles", "Threads", "TileWorkers"]

Result = TypeVar("Result")

N_THREADS = 2  # each needs memory for a tile


class TileWorkers(Protocol):
    """Workers that apply a function to the tiles of a raster, a bounded number of tiles at the same time."""

    def map_tiles(
        self, function: Callable[[Window], Result], windows: list[Window], on_tile: Callable[[], None]
    ) -> Iterator[Result]:
        """Apply a function to each tile.

        Parameters
        ----------
        function : callable
            Takes a window.
        windows : list of Window
            The tiles.
        on_tile : callable
            Called after each tile.

        Yields
        ------
        object
            The results in the order of the tiles.
        """

    def sum_tiles(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        add: Callable[[Result, Result], Result],
        on_tile: Callable[[], None],
    ) -> Iterator[Result]:
        """Apply a function to each tile, and add results where that saves this process memory.

        Parameters
        ----------
        function, windows, on_tile
            As for :meth:`map_tiles`.
        add : callable
            Takes two results and returns their sum; it must not change them.

        Yields
        ------
        object
            Parts that remain to be added, in the order of the tiles.
        """


class Threads:
    """Threads of this process. See :class:`TileWorkers` for its methods."""

    def map_tiles(
        self, function: Callable[[Window], Result], windows: list[Window], on_tile: Callable[[], None]
    ) -> Iterator[Result]:
        """Apply a function to each tile; see :meth:`TileWorkers.map_tiles`."""
        for result in map_in_order(function, windows, threads=N_THREADS):
            on_tile()
            yield result

    def sum_tiles(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        add: Callable[[Result, Result], Result],  # noqa: ARG002  this process has the parts anyway
        on_tile: Callable[[], None],
    ) -> Iterator[Result]:
        """Apply a function to each tile and add nothing; see :meth:`TileWorkers.sum_tiles`."""
        return self.map_tiles(function, windows, on_tile)


class DaskTiles:
    """The workers of a Dask cluster. A function is sent to them once, with all that it refers to.

    See :class:`TileWorkers` for its methods.

    Parameters
    ----------
    cluster : Cluster
        Its workers do the tiles.
    *paths : Path
        The raster, and other files that are read with it.

    Raises
    ------
    ClusterError
        If a worker does not see the raster.
    """

    def __init__(self, cluster: Cluster, *paths: Path) -> None:
        cluster.check_paths(*paths)
        self._cluster = cluster

    def map_tiles(
        self, function: Callable[[Window], Result], windows: list[Window], on_tile: Callable[[], None]
    ) -> Iterator[Result]:
        """Apply a function to each tile; see :meth:`TileWorkers.map_tiles`.

        Results wait on the cluster for their turn. Tiles in progress and waiting results together are as many as keep
        all workers busy.
        """
        with TaskGroup(self._cluster) as group:
            shared = group.send_shared(function)
            waiting: deque[Any] = deque()
            ended: set[Any] = set()
            for window in windows:
                waiting.append(group.send(_run_on_tile, shared, window))
                while len(waiting) >= group.max_tasks:
                    yield _take_first(group, waiting, ended)
                    on_tile()
            # All tiles are sent: take the rest.
            while waiting:
                yield _take_first(group, waiting, ended)
                on_tile()

    def sum_tiles(
        self,
        function: Callable[[Window], Result],
        windows: list[Window],
        add: Callable[[Result, Result], Result],
        on_tile: Callable[[], None],
    ) -> Iterator[Result]:
        """Let the workers add all results pairwise, and yield the total; see :meth:`TileWorkers.sum_tiles`."""
        with TaskGroup(self._cluster) as group:
            shared = group.send_shared(function)
            # What is summed are tasks: adding two of them sends the task that adds their results. It is urgent, because
            # it frees the memory of two results.
            sums: PairwiseSum[Any] = PairwiseSum(lambda first, second: group.send(add, first, second, urgent=True))
            tiles: set[str] = set()
            for window in windows:
                task = group.send(_run_on_tile, shared, window)
                tiles.add(task.key)
                sums.add(task)
                while group.is_full:
                    _wait_for_next(group, tiles, on_tile)
            total = sums.compute_total()
            while group:
                _wait_for_next(group, tiles, on_tile)
            yield group.require_result(total)


def _take_first(group: TaskGroup, waiting: deque[Any], ended: set[Any]) -> Any:
    """Return the result of the task that was sent first, once it has ended."""
    task = waiting.popleft()
    while task not in ended:
        ended.add(group.wait_for_next())
    ended.remove(task)
    return group.require_result(task)


def _wait_for_next(group: TaskGroup, tiles: set[str], on_tile: Callable[[], None]) -> None:
    """Wait until a task ends, report it if it was a tile, and raise what went wrong with it."""
    task = group.wait_for_next()
    # A failed tile makes every sum that needs it fail, too, with the same error: raise it at the first.
    if task.status == "error":
        group.require_result(task)
    if task.key in tiles:
        on_tile()


def _run_on_tile(function: Callable[[Window], Result], window: Window) -> Result:
    """Apply a function to a tile, on a worker."""
    # GDAL is configured for each thread, and each task of a worker may run in another one.
    with configure_rasterio():
        return function(window)
