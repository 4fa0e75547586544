"""A folder and a raster on a Dask cluster of 1, 2 and 4 workers, against this machine without one.

    python tests/benchmarks/cluster.py images/landscape.jpg [--images 40] [--side 8192] [--repeats 3]

The scheduler and all workers are processes on this machine, one thread each, so workers beyond its cores gain nothing:
what is measured is what the cluster costs, and that two cores are used as well through it. The images are the
photograph with other noise in each, the raster is made of it. Each run is a whole `segment batch` or `segment raster`,
start included; workers are warm, and use one thread for linear algebra, as with a nanny. A raster of this size is a
single tile by default, so it is cut into tiles of 2048 pixels here. Processor seconds are those of the program, the
scheduler and all workers together.
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
from common import machine, table, take_turns
from PIL import Image as PilImage
from rasters import make_raster

import segment

_WORKERS = (1, 2, 4)
_TILE = 2048  # pixels
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
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and its workers: its address, and the numbers of all processes."""
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


def busy(processes: Sequence[int]) -> float:
    """Processor seconds of processes so far."""
    fields = [Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split() for number in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def run(command: list[str], output: Path, processes: Sequence[int]) -> Run:
    """One whole run of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN), busy(processes)
    begin = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN), busy(processes)
    shutil.rmtree(output)
    own = after[0].ru_utime + after[0].ru_stime - before[0].ru_utime - before[0].ru_stime
    return Run(seconds, own + after[1] - before[1])


def make_images(photograph: Path, folder: Path, count: int) -> None:
    """The photograph many times, with other noise in each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with PilImage.open(photograph) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    for number in range(count):
        noisy = pixels + rng.integers(-3, 4, pixels.shape, dtype=np.int16)
        PilImage.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / f"{number:04d}.jpg", quality=92)


def batch(place: Path, *more: str, processes: Sequence[int] = ()) -> Run:
    """A folder."""
    output = place / "out"
    command = ["-m", "segment", "batch", str(place / "in"), "-k", "4", "-o", str(output), *more]
    return run(command, output, processes)


def raster(place: Path, *scheduler: str, processes: Sequence[int] = ()) -> Run:
    """A raster."""
    output = place / "out"
    command = ["-c", _RASTER, str(place / "raster.tif"), str(output / "labels.tif"), str(_TILE), *scheduler]
    return run(command, output, processes)


def compared(place: Path, do: Callable[..., Run], option: list[str], local: dict[str, list[str]], repeats: int) -> str:
    """The table of one command: without a cluster, and with one of ever more workers."""
    rivals = {name: partial(do, place, *more) for name, more in local.items()}
    with contextlib.ExitStack() as stack:
        for workers in _WORKERS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address, processes = stack.enter_context(cluster(folder, workers))
            name = f"cluster, {workers} worker{'s' if workers > 1 else ''}"
            rivals[name] = partial(do, place, *option, address, processes=processes)
        results = take_turns(list(rivals.values()), repeats)
    medians = [Run(*(statistics.median(values) for values in zip(*runs, strict=True))) for runs in results]
    first = medians[len(local)].seconds
    rows = [
        [name, f"{found.seconds:.1f} s", f"{first / found.seconds:.2f}", f"{found.busy:.1f} s"]
        for name, found in zip(rivals, medians, strict=True)
    ]
    return table(["", "time", "times as fast as 1 worker", "processor time"], rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        make_images(given.photograph, place / "in", given.images)
        make_raster(given.photograph, place / "raster.tif", given.side)
        print(f"\n`segment batch`, {given.images} images of the photograph's size\n")
        local = {f"without, {jobs} process{'es' if jobs > 1 else ''}": ["--jobs", str(jobs)] for jobs in (1, 2)}
        print(compared(place, batch, ["--scheduler"], local, given.repeats))
        print(f"\n`segment raster`, {given.side} x {given.side} pixels\n")
        print(compared(place, raster, [], {"without, 2 threads": []}, given.repeats))


if __name__ == "__main__":
    main()
