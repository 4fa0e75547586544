"""Measure a folder and a raster on a Dask cluster of 1, 2 and 4 workers, and without a cluster.

    python tests/benchmarks/cluster.py images/landscape.jpg [--images 40] [--side 8192] [--repeats 3]

The scheduler and all workers are processes on this machine, one thread each, so more workers than cores gain nothing:
the tables show what a cluster costs, and that it uses two cores as well. The images are the photograph with different
noise in each, and the raster is made of it. Each run is a whole `segment batch` or `segment raster`, start included;
workers are warm, and use one thread for linear algebra, as with a nanny. A raster of this size is a single tile by
default, so it is cut into tiles of 2048 pixels here. Processor seconds are those of the program, the scheduler and all
workers together.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from common import describe_machine, format_table, take_turns
from PIL import Image as PilImage
from rasters import make_raster

import segment

N_WORKERS = (1, 2, 4)
TILE_SIDE = 2048  # pixels
# Arguments: the raster, the labels, the side of tiles, and the scheduler if there is one.
_RASTER = """
import contextlib, sys, segment
source, output, tile, *scheduler = sys.argv[1:]
with segment.Cluster(*scheduler) if scheduler else contextlib.nullcontext() as cluster:
    segment.segment_raster(source, output, k=4, tile=int(tile), cluster=cluster)
"""


class Run(NamedTuple):
    """Seconds and processor seconds."""

    seconds: float
    busy: float


@contextlib.contextmanager
def start_cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """Start a scheduler and its workers; yield its address and the process IDs, and stop them at the end."""
    file = folder / "scheduler.json"
    begin = [sys.executable, "-m", "dask"]
    how = ["--no-dashboard", "--scheduler-file", str(file)]
    commands = [[*begin, "scheduler", "--host", "127.0.0.1", "--port", "0", *how]]
    commands += [[*begin, "worker", "--nthreads", "1", "--no-nanny", *how]] * workers
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    single = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen(command, env=single, **quiet) for command in commands]
    try:
        while not file.exists():
            time.sleep(0.1)
        address = str(json.loads(file.read_text())["address"])
        with segment.Cluster(address) as connected:
            connected.client.wait_for_workers(workers)
        yield address, [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def sum_processor_seconds(processes: Sequence[int]) -> float:
    """Sum the processor seconds that processes have used so far, with their children, which do the images."""
    everyone = [psutil.Process(number) for number in processes]
    everyone += [child for process in everyone for child in process.children(recursive=True)]
    # The times of children that have ended are in those of their parents.
    return sum(sum(process.cpu_times()[:4]) for process in everyone)


def run_program(command: list[str], output: Path, processes: Sequence[int]) -> Run:
    """Run a program once, as a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN), sum_processor_seconds(processes)
    begin = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN), sum_processor_seconds(processes)
    shutil.rmtree(output)
    own = after[0].ru_utime + after[0].ru_stime - before[0].ru_utime - before[0].ru_stime
    return Run(seconds, own + after[1] - before[1])


def make_images(photograph: Path, folder: Path, count: int) -> None:
    """Save a photograph many times, with different noise in each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with PilImage.open(photograph) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    for number in range(count):
        noisy = pixels + rng.integers(-3, 4, pixels.shape, dtype=np.int16)
        PilImage.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / f"{number:04d}.jpg", quality=92)


def run_batch(place: Path, *more: str, processes: Sequence[int] = ()) -> Run:
    """Run `segment batch` on the folder."""
    output = place / "out"
    command = ["-m", "segment", "batch", str(place / "in"), "-k", "4", "-o", str(output), *more]
    return run_program(command, output, processes)


def run_raster(place: Path, *scheduler: str, processes: Sequence[int] = (), tile: int = TILE_SIDE) -> Run:
    """Run `segment raster` on the raster, in tiles of so many pixels."""
    output = place / "out"
    command = ["-c", _RASTER, str(place / "raster.tif"), str(output / "labels.tif"), str(tile), *scheduler]
    return run_program(command, output, processes)


def compare_runs(
    place: Path, do: Callable[..., Run], option: list[str], local: dict[str, list[str]], repeats: int
) -> str:
    """Make the table of one command: without a cluster, and with clusters of more and more workers."""
    rivals = {name: partial(do, place, *more) for name, more in local.items()}
    with contextlib.ExitStack() as stack:
        for workers in N_WORKERS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address, processes = stack.enter_context(start_cluster(folder, workers))
            name = f"cluster, {workers} worker{'s' if workers > 1 else ''}"
            rivals[name] = partial(do, place, *option, address, processes=processes)
        results = take_turns(list(rivals.values()), repeats)
    medians = [Run(*(statistics.median(values) for values in zip(*runs, strict=True))) for runs in results]
    first = medians[len(local)].seconds
    rows = [
        [name, f"{found.seconds:.1f} s", f"{first / found.seconds:.2f}", f"{found.busy:.1f} s"]
        for name, found in zip(rivals, medians, strict=True)
    ]
    return format_table(["", "time", "times as fast as 1 worker", "processor time"], rows)


def main() -> None:
    """Measure both commands and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        make_images(given.photograph, place / "in", given.images)
        make_raster(given.photograph, place / "raster.tif", given.side)
        print(f"\n`segment batch`, {given.images} images of the photograph's size\n")
        local = {f"without, {jobs} process{'es' if jobs > 1 else ''}": ["--jobs", str(jobs)] for jobs in (1, 2)}
        print(compare_runs(place, run_batch, ["--scheduler"], local, given.repeats))
        print(f"\n`segment raster`, {given.side} x {given.side} pixels\n")
        print(compare_runs(place, run_raster, [], {"without, 2 threads": []}, given.repeats))


if __name__ == "__main__":
    main()
