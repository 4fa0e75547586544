"""Measure what each product of ``--save`` costs, as Markdown tables.

Run ``python tests/benchmarks/products.py PHOTOGRAPH``.

1.  ``segment run IMAGE -k 4 --save PRODUCT``, the whole process, beside ``--save model``, which writes next to nothing.
2.  The measurements of the classes and of the connected regions, beside `skimage.measure.regionprops_table` with the
    same columns, each in a process of its own. Time is that of the call alone with its imports.

Processes take turns, after a warm-up that does not count. Trust processor time where other work runs on the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import describe_machine, format_table, take_turns
from processes import measure_process, run_script

from segment import segment_image
from segment.config.products import CLASS_PRODUCTS

# Arguments: who measures, the image, its labels as .npy. Prints processor seconds.
MEASURE = """
import sys, time
import numpy as np
from segment import load_image
image, labels = load_image(sys.argv[2]), np.load(sys.argv[3])
begin = time.process_time()
if sys.argv[1] == "segment":
    from segment.output.measurements import measure_labels
    measure_labels(labels, image, maps={})
else:
    from skimage.measure import regionprops_table
    names = ("label", "area", "perimeter", "centroid", "bbox", "intensity_mean", "intensity_std")
    regionprops_table(labels, image.pixels, properties=names)
print(time.process_time() - begin)
"""


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph, large")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each rival [default: %(default)s]")
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} Medians of {given.repeats}.\n")
    with tempfile.TemporaryDirectory() as name:
        print(measure_products(given.image, Path(name), given.repeats), flush=True)
        print(f"\n{compare_measurements(given.image, Path(name), given.repeats)}")


def measure_products(image: Path, folder: Path, repeats: int) -> str:
    """Make the table of the products."""
    names = sorted(CLASS_PRODUCTS, key="model".__ne__)  # the model first: all others are compared with it
    start = [sys.executable, "-m", "segment", "run", str(image), "-k", "4", "-o", str(folder), "--overwrite", "--save"]
    runs = take_turns([lambda n=name: measure_process(*start, n) for name in names], repeats)
    medians = [np.median(run, axis=0) for run in runs]
    rows = [
        [f"`{name}`", f"{busy:.2f} s", f"{busy - medians[0][1]:+.2f} s", f"{memory:.0f} MB"]
        for name, (_, busy, memory) in zip(names, medians, strict=True)
    ]
    return format_table(["product", "processor time of the run", "more than for the model", "memory"], rows)


def compare_measurements(image: Path, folder: Path, repeats: int) -> str:
    """Make the table of the measurements."""
    from segment.postprocessor.connected_regions import number_regions

    classes = segment_image(image, k=4).label_image
    rows = []
    for what, labels in (("classes", classes), ("regions", number_regions(classes)[0])):
        np.save(folder / "labels.npy", labels)
        arguments = str(image), str(folder / "labels.npy")
        rivals = [
            lambda who=who, arguments=arguments: float(run_script(MEASURE, who, *arguments))
            for who in ("segment", "scikit-image")
        ]
        cells = [f"{np.median(run):.2f} s" for run in take_turns(rivals, repeats)]
        rows.append([f"{labels.max()} {what}", *cells])
    return format_table(["labels", "segment", "`regionprops_table`"], rows)


if __name__ == "__main__":
    main()
