"""Estimate how the work of a cluster grows to 256 workers, by a simulation with measured times.

    python tests/benchmarks/cluster_growth.py images/landscape.jpg

One worker on this machine does a small and a larger folder, and a raster in tiles of 2048 and of 512 pixels. From these
come the seconds of each task, the processor seconds that the scheduler and the program need for each further task, and
the seconds of the program before, between and after the tasks. The simulation then sends tasks as
`segment.runs.workers.dask_tasks.TaskGroup` does: at most twice as many as workers are in progress, each passes the
scheduler, a worker and the program, and the results of a raster are taken in the order of the tiles. It knows no
network and no file system: what these can carry is another bound.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cluster import Run, make_images, run_batch, run_raster, start_cluster, sum_processor_seconds
from common import describe_machine, format_table
from distributed import Client, get_task_stream
from rasters import make_raster

N_WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
IDLE_SECONDS = 10.0
REPEATS = 3
MIN_TASK_SECONDS = 0.002  # shorter ones only hold what others need


class Times(NamedTuple):
    """What a run takes.

    Attributes
    ----------
    stages : list of list of float, seconds
        Of each task, for each stage of the run: the next begins when the last result of one is taken.
    scheduler, program : float, seconds
        For each task.
    alone : float, seconds
        Of the program while no task is in progress.
    """

    stages: list[list[float]]
    scheduler: float
    program: float
    alone: float


class Observed(NamedTuple):
    """One run with one worker: its seconds, and the processor seconds of the program, and of the scheduler."""

    seconds: float
    program: float
    scheduler: float
    stages: list[list[float]]

    @property
    def n_tasks(self) -> int:
        """Tasks of all stages."""
        return sum(map(len, self.stages))


def observe_run(do: Callable[..., Run], place: Path, *option: str) -> Observed:
    """Do one kind of run several times with one worker, and take medians; the first time the worker loads libraries."""
    with tempfile.TemporaryDirectory() as folder, start_cluster(Path(folder), 1) as (address, processes):
        do(place, *option, address)
        with Client(address, set_as_default=False) as client:
            # A scheduler looks after itself all the time, without tasks too.
            before = sum_processor_seconds(processes[:1])
            time.sleep(IDLE_SECONDS)
            idle = (sum_processor_seconds(processes[:1]) - before) / IDLE_SECONDS
            runs = []
            for _ in range(REPEATS):
                before = sum_processor_seconds(processes[:1])
                with get_task_stream(client=client) as stream:
                    run = do(place, *option, address)
                scheduler = sum_processor_seconds(processes[:1]) - before - idle * run.seconds
                runs.append(Observed(run.seconds, run.busy, scheduler, group_tasks(stream.data)))
    seconds, program, scheduler = (statistics.median(run[place] for run in runs) for place in range(3))
    return Observed(seconds, program, scheduler, runs[-1].stages)


def group_tasks(stream: list[dict[str, Any]]) -> list[list[float]]:
    """Return the seconds of each task that Dask reports, for each stage."""
    stages: dict[str, list[float]] = {}
    for task in stream:
        # The key of a task is the name of its stage and a number.
        seconds = sum(part["stop"] - part["start"] for part in task["startstops"])
        if seconds > MIN_TASK_SECONDS:
            stages.setdefault(task["key"].rpartition("-")[0], []).append(seconds)
    return list(stages.values())


def compute_times(small: Observed, large: Observed) -> Times:
    """Compute what each further task takes from two runs of different size."""
    further = large.n_tasks - small.n_tasks
    program = max(0.0, large.program - small.program) / further
    scheduler = max(0.0, large.scheduler - small.scheduler) / further
    alone = large.seconds - sum(map(sum, large.stages))
    return Times(large.stages, scheduler, program, alone)


def simulate_stage(tasks: Sequence[float], workers: int, times: Times, *, in_order: bool) -> float:
    """Return the seconds until the program has the results of all tasks."""
    free = [0.0] * workers
    scheduler = program = 0.0
    waiting: list[tuple[float, float]] = []  # results that the program has not taken: (rank, seconds when done)
    for number, seconds in enumerate(tasks):
        if len(waiting) == 2 * workers:
            program = max(program, heapq.heappop(waiting)[1]) + times.program
        scheduler = max(scheduler, program) + times.scheduler
        done = max(scheduler, heapq.heappop(free)) + seconds
        heapq.heappush(free, done)
        heapq.heappush(waiting, (number if in_order else done, done))
    while waiting:
        program = max(program, heapq.heappop(waiting)[1]) + times.program
    return program


def simulate_run(times: Times, n_tasks: int, workers: int, *, in_order: bool) -> float:
    """Return the seconds of a run with so many tasks in its last stage, and in proportion in those before."""
    generator = random.Random(0)
    total = times.alone
    for stage in times.stages:
        count = max(1, round(n_tasks * len(stage) / len(times.stages[-1])))
        total += simulate_stage(generator.choices(stage, k=count), workers, times, in_order=in_order)
    return total


def describe_growth(name: str, times: Times, sizes: dict[str, int], *, in_order: bool) -> str:
    """Make the table of one kind of work."""
    tasks = ", ".join(f"{1000 * sum(stage) / len(stage):.0f} ms" for stage in times.stages)
    lines = [
        f"\n{name}: a task takes {tasks} (mean of each stage), the scheduler {1000 * times.scheduler:.1f} ms and the "
        f"program {1000 * times.program:.1f} ms for each, the program {times.alone:.1f} s by itself.\n"
    ]
    rows = []
    for workers in N_WORKERS:
        row = [str(workers)]
        for size in sizes.values():
            one, found = (simulate_run(times, size, n, in_order=in_order) for n in (1, workers))
            row += [f"{found:.0f} s", f"{one / found:.1f}"]
        rows.append(row)
    head = ["workers", *(text for size in sizes for text in (size, "times as fast"))]
    return "\n".join([*lines, format_table(head, rows)])


def main() -> None:
    """Measure, simulate, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    given = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        folders = []
        for count in (8, 32):
            place = Path(name) / str(count)
            place.mkdir()
            make_images(given.photograph, place / "in", count)
            folders.append(observe_run(run_batch, place, "--scheduler"))
        make_raster(given.photograph, Path(name) / "raster.tif", 8192)
        large_tiles = observe_run(run_raster, Path(name))
        small_tiles = observe_run(partial(run_raster, tile=512), Path(name))
    folder, raster = compute_times(*folders), compute_times(large_tiles, small_tiles)
    # Small tiles only tell what one more task costs.
    alone = large_tiles.seconds - sum(map(sum, large_tiles.stages))
    raster = raster._replace(stages=large_tiles.stages, alone=alone)
    sizes = {"1000 images": 1000, "10,000 images": 10_000}
    print(describe_growth("`segment batch`", folder, sizes, in_order=False))
    sizes = {"1 gigapixel": 238, "10 gigapixels": 2384}
    print(describe_growth("`segment raster`", raster, sizes, in_order=True))


if __name__ == "__main__":
    main()
