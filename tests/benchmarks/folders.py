"""Measure folders of small images: images a second with one and two workers, and memory.

    python tests/benchmarks/folders.py images/sunset.jpg [--images 100] [--many 10000] [--repeats 3]

The images are random pieces of the photograph, 64 x 64 pixels. Each run is a whole `segment batch`, start included. Its
seconds are wall-clock time, which depends on other work on the machine; processor seconds are those of all processes
together. Memory is the largest sum over all processes of their proportional set size (Pss, on Linux).
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import add_record_option, describe_machine, format_table, record_results, take_turns
from PIL import Image as PilImage

SIDE = 64  # of the images, in pixels


class Run(NamedTuple):
    """Seconds, processor seconds, and megabytes at a quarter of the run and at their highest."""

    seconds: float
    busy: float
    early: float
    peak: float


def make_images(photograph: Path, folder: Path, count: int, pixels: int = SIDE) -> None:
    """Save random pieces of a photograph as PNG, each resized to so many pixels a side."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with PilImage.open(photograph) as image:
        whole = image.convert("RGB")
    if min(whole.size) <= 2 * pixels:
        raise SystemExit(
            f"{photograph}: more than {2 * pixels} pixels on either side; got {whole.size}. Use a larger one."
        )
    for number in range(count):
        side = int(rng.integers(2 * pixels, min(whole.size)))
        left, top = (int(rng.integers(0, size - side + 1)) for size in whole.size)
        piece = whole.crop((left, top, left + side, top + side)).resize((pixels, pixels))
        piece.save(folder / f"{number:05d}.png")


def run_batch(folder: Path, *options: str) -> Run:
    """Run `segment batch` once, as a whole process, and measure it."""
    output = folder.with_name("results")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    command = [sys.executable, "-m", "segment", "batch", str(folder), "-k", "4", "-o", str(output), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = []
    while process.poll() is None:
        seen.append(measure_memory(process.pid))
        time.sleep(0.2)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(output)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed.")
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, busy, seen[len(seen) // 4], max(seen))


def measure_memory(process: int) -> float:
    """Measure the megabytes of a process and of all its descendants."""
    total, waiting = 0.0, [process]
    while waiting:
        each = Path("/proc") / str(waiting.pop())
        try:
            waiting += [int(child) for task in each.glob("task/*/children") for child in task.read_text().split()]
            lines = (each / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended meanwhile
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def main() -> None:
    """Measure both folders and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    add_record_option(parser)
    given = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as place:
        few, many, model = Path(place, "few"), Path(place, "many"), Path(place, "model.json")
        make_images(given.photograph, few, given.images)
        make_images(given.photograph, many, given.many)
        fit = [sys.executable, "-m", "segment", "fit", str(given.photograph), "-k", "4", "-o", str(model)]
        subprocess.run(fit, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        settings = {"each image its own fit": (), "a saved model": ("--model", str(model))}
        rows = []
        for name, options in settings.items():
            rivals = [lambda o=options, n=n: run_batch(few, "--jobs", str(n), *o) for n in (1, 2)]
            for workers, runs in zip((1, 2), take_turns(rivals, given.repeats), strict=True):
                seconds, busy, _, peak = (statistics.median(values) for values in zip(*runs, strict=True))
                speed = given.images / seconds
                rows.append([name, str(workers), f"{seconds:.1f} s", f"{speed:.0f}", f"{busy:.1f} s", f"{peak:.0f} MB"])
        if given.record:
            quote = {"folder of small images with a saved model, two workers": f"{rows[-1][3]} images a second"}
            record_results(quote, "tests/benchmarks/folders.py")
        print(f"\n{given.images} images of {SIDE} x {SIDE} pixels\n")
        print(format_table(["classes", "workers", "time", "images a second", "processor time", "memory"], rows))
        long = run_batch(many, "--jobs", "2", "--model", str(model), "--save", "labels")
        print(f"\n{given.many} images, 2 workers, a saved model, label images alone\n")
        row = [f"{given.many / long.seconds:.0f}", f"{long.busy:.0f} s", f"{long.early:.0f} MB", f"{long.peak:.0f} MB"]
        print(
            format_table(
                ["time", "images a second", "processor time", "memory after a quarter", "at most"],
                [
                    [f"{long.seconds:.0f} s", *row],
                ],
            )
        )


if __name__ == "__main__":
    main()
