"""Measure how fast segment is, as Markdown tables.

Run ``python tests/benchmarks/speed.py PHOTOGRAPH``.

The photograph is resized to each of the sizes and written as JPEG of quality 95 to a temporary folder. Rivals are
measured in turns, after a warm-up that does not count, and the tables have the medians. Nothing else should run on the
machine meanwhile; where something does, trust the ratios of processor time.

1.  Exact EM against scikit-learn's ``GaussianMixture``. Both fit four full covariances to the RGB values of all pixels,
    from the same weights, means and precisions, with a ridge of 1e-6 and neither a prior nor quantization scatter. The
    time of segment runs from the pixels to the fitted parameters, so it includes the search for the distinct colors;
    that of scikit-learn is ``fit`` on float64 pixels. First for a small fixed number of iterations, then to convergence
    within 1e-6 nats a pixel, where segment starts on coarse cells as it always does. Both use one thread: the matrices
    are so narrow that scikit-learn takes longer on two.
2.  ``segment run IMAGE -k 4``, the whole process, against a process that imports NumPy and OpenCV, reads the image and
    writes the same pictures with ``cv2.imwrite``. The pictures are mapped into its memory, so it computes nothing. The
    memory is the largest resident set of each process.
3.  Start-up: processes that only start.
4.  The stages of ``segment run`` on the largest size, each timed in a new process.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from common import Photograph, add_record_option, describe_machine, read_rows, record_results
from engines import SLOW_MEGAPIXELS, compare_engines
from numpy.typing import NDArray
from processes import compare_whole_process, measure_stages, measure_start_up

from segment import load_image


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph, large")
    parser.add_argument("--sizes", default="0.25,1,6,12", help="megapixels [default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each rival [default: %(default)s]")
    add_record_option(parser)
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} Medians of {given.repeats};", end=" ")
    print(f"scikit-learn above {SLOW_MEGAPIXELS:g} megapixels of 3.\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = load_image(given.image).pixels
        photographs = [write_resized(original, float(size), folder) for size in given.sizes.split(",")]
        del original
        tables = {
            "The whole process": lambda: compare_whole_process(photographs, given.repeats),
            "Start-up": lambda: measure_start_up(folder, 2 * given.repeats),
            "Stages of `segment run`": lambda: measure_stages(photographs[-1], given.repeats),
            "Exact EM against scikit-learn": lambda: compare_engines(photographs, given.repeats),
        }
        made = {}
        for title, make_table in tables.items():
            made[title] = make_table()
            print(f"## {title}\n\n{made[title]}\n", flush=True)
    if given.record:
        process, start_up, _, engines = (read_rows(table) for table in made.values())
        record_results(quote_speed(process, start_up, engines), "tests/benchmarks/speed.py")


def quote_speed(process: list[list[str]], start_up: list[list[str]], engines: list[list[str]]) -> dict[str, str]:
    """Quote the rows of the tables that the README has, with its words; those of 12 megapixels if there are any."""
    quotes = {"`segment --help`; `import segment`": "; ".join(f"{float(row[1][:-2]):.2f} s" for row in start_up[:2])}
    for row in process:
        if row[0].startswith("12."):
            quotes["`segment run`, a photograph of 12 megapixels"] = f"{row[1]}, {row[5]}"
    for row in engines:
        if row[0].startswith("12.") and row[2].isdecimal():
            words = "exact EM on 12 megapixels, beside scikit-learn's `GaussianMixture`"
            quotes[words] = f"{row[3]}, {float(row[4][:-2]):.1f} s"
    return quotes


def write_resized(pixels: NDArray[np.generic], megapixels: float, folder: Path) -> Photograph:
    """Resize the photograph to so many megapixels and write it as a JPEG file to the folder."""
    height, width = pixels.shape[:2]
    factor = (1e6 * megapixels / (height * width)) ** 0.5
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (round(width * factor), round(height * factor))
    path = folder / f"{megapixels:g}.jpg"
    cv2.imwrite(str(path), cv2.resize(pixels, size, interpolation=method)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return Photograph(path, size[0] * size[1] / 1e6)


if __name__ == "__main__":
    main()
