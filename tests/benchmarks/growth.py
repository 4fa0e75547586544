"""Measure how time and memory grow, as Markdown tables and a plot.

Run ``python tests/benchmarks/growth.py PHOTOGRAPH``.

1.  Against megapixels: ``segment run`` on the photograph, resized, as JPEG, and ``segment raster`` on the same pixels
    as a tiled GeoTIFF; ``-k 4``, everything else by default. One whole process each; memory is its largest resident
    set.
2.  Against images: ``segment batch`` on so many random pieces of the photograph, 64 x 64 pixels, by two workers, with
    the classes of a saved model, label images alone.
3.  Against workers: ``segment batch`` on pieces of 512 x 512 pixels, default results, with so many workers.

In the last two, memory is the largest sum over all processes of their proportional set size. Each run is measured once,
or `--repeats` times, and the tables have the medians. Where other work runs on the machine, trust processor seconds,
which are those of all processes and threads together. The plot (`--plot`) has logarithmic axes: what grows in
proportion is as steep as the gray line.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import rasterio
from common import describe_machine, format_table, take_turns
from curves import Curve, draw_plots
from folders import make_images, run_batch
from processes import measure_process

import segment

Measure = Callable[[], tuple[float, float, float]]
# What is measured, its size, and its seconds, processor seconds and megabytes.
Rows = list[tuple[str, float, tuple[float, float, float]]]

SIDE, N_PIECES = 512, 24  # of the images for workers: pixels, and their number


def main() -> None:
    """Measure everything, print the tables and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph, large")
    parser.add_argument("--megapixels", type=float, nargs="*", default=[0.25, 1, 4, 12, 25, 50, 100])
    parser.add_argument("--images", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=1, help="timings of each [default: %(default)s]")
    parser.add_argument("--plot", type=Path, default=Path(__file__).with_name("growth.png"), help="where to draw it")
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} Repeats: {given.repeats}.", flush=True)
    curves: list[list[Curve]] = []
    with tempfile.TemporaryDirectory() as name:
        for unit, rivals in (
            ("megapixels", plan_megapixels(given.image, given.megapixels, Path(name))),
            ("images", plan_images(given.image, given.images, Path(name))),
            ("workers", plan_workers(given.image, given.workers, Path(name))),
        ):
            rows: Rows = [(what, size, compute_medians(measure, given.repeats)) for what, size, measure in rivals]
            print(f"\n{format_rows(unit, rows)}", flush=True)
            curves.append(make_curves(rows))
    draw_plots(curves, [("megapixels", "images", "workers"), ("seconds", "MB")]).save(given.plot, optimize=True)


def plan_megapixels(image: Path, sizes: list[float], folder: Path) -> Iterator[tuple[str, float, Measure]]:
    """Plan the runs on single images of growing size."""
    original = segment.load_image(image).pixels
    for size in sizes:
        factor = (1e6 * size / original[..., 0].size) ** 0.5
        shape = (round(original.shape[1] * factor), round(original.shape[0] * factor))
        pixels = cv2.resize(original, shape, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
        jpeg, tiff = folder / "image.jpg", folder / "raster.tif"
        cv2.imwrite(str(jpeg), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        write_raster(tiff, pixels)
        del pixels
        for command, source in (("run", jpeg), ("raster", tiff)):
            arguments = (command, str(source), "-k", "4", "-o", str(folder), "--overwrite")
            yield f"`segment {command}`", size, lambda a=arguments: measure_process(sys.executable, "-m", "segment", *a)


def plan_images(image: Path, counts: list[int], folder: Path) -> Iterator[tuple[str, float, Measure]]:
    """Plan the runs on folders of more and more images."""
    model = folder / "model.json"
    measure_process(sys.executable, "-m", "segment", "fit", str(image), "-k", "4", "-o", str(model))
    for count in counts:
        make_images(image, folder / f"images{count}", count)
        options = ("--jobs", "2", "--save", "labels", "--model", str(model))
        yield (
            "`segment batch`, 64 x 64 pixels",
            count,
            lambda c=count, o=options: measure_batch(folder / f"images{c}", *o),
        )


def plan_workers(image: Path, counts: list[int], folder: Path) -> Iterator[tuple[str, float, Measure]]:
    """Plan the runs on one folder with more and more workers."""
    pieces, what = folder / "pieces", f"`segment batch`, {N_PIECES} of {SIDE} x {SIDE} pixels"
    make_images(image, pieces, N_PIECES, SIDE)
    for count in counts:
        yield what, count, lambda c=count: measure_batch(pieces, "--jobs", str(c))


def measure_batch(folder: Path, *options: str) -> tuple[float, float, float]:
    """Measure the seconds, processor seconds and megabytes of a run on a folder."""
    found = run_batch(folder, *options)
    return found.seconds, found.busy, found.peak


def write_raster(path: Path, pixels: np.ndarray) -> None:
    """Write pixels as a tiled GeoTIFF."""
    height, width, bands = pixels.shape
    size = {"height": height, "width": width, "count": bands, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)}
    with rasterio.open(
        path, "w", driver="GTiff", tiled=True, compress="deflate", zlevel=1, photometric="RGB", **size, **place
    ) as file:
        file.write(np.moveaxis(pixels, -1, 0))


def compute_medians(measure: Measure, repeats: int) -> tuple[float, float, float]:
    """Repeat a measurement and compute the median of each number."""
    (runs,) = take_turns([measure], repeats, warm_up=False)
    seconds, busy, memory = (statistics.median(values) for values in zip(*runs, strict=True))
    return seconds, busy, memory


def format_rows(unit: str, rows: Rows) -> str:
    """Format the table of some runs."""
    head = (unit, "what", "seconds", "processor seconds", f"processor seconds / {unit[:-1]}", "MB")
    lines = [
        (f"{size:g}", what, f"{seconds:.1f}", f"{busy:.1f}", f"{busy / size:.3g}", f"{memory:.0f}")
        for what, size, (seconds, busy, memory) in rows
    ]
    return format_table(head, lines)


def make_curves(rows: Rows) -> list[Curve]:
    """Make the curves of a table: seconds and processor seconds above, memory below."""
    curves = []
    for number, (what, group) in enumerate(itertools.groupby(sorted(rows), key=lambda row: row[0])):
        _, sizes, values = zip(*group, strict=True)
        seconds, busy, memory = zip(*values, strict=True)
        name = what.replace("`", "").partition(",")[0]
        curves.append(Curve(f"{name}, processor", 0, 2 * number, sizes, busy))
        curves.append(Curve(f"{name}, clock", 0, 2 * number + 1, sizes, seconds))
        curves.append(Curve(name, 1, 2 * number, sizes, memory))
    return curves


if __name__ == "__main__":
    main()
