"""Measure how many classes ``-k auto`` chooses, and the time that it takes.

Run ``python tests/benchmarks/choice.py FOLDER...``.

Each FOLDER holds photographs, or photographs in ``images`` and their true classes, one gray value a class, as PNG of
the same names in ``labels``. Drawings whose number of classes is known are made here: discs and rectangles of k flat
colors, anti-aliased, saved as JPEG. The table shows how often each number was chosen, how often it was the true one or
next to it, and the median over the images of the processor time of ``k="auto"`` over that of ``k=4``, array to result.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from common import describe_machine, format_table
from numpy.typing import NDArray
from PIL import Image as PilImage

from segment import Segmentation, segment_image

Picture = NDArray[np.uint8]
MAX_CLASSES = 12  # that auto tries by default


def main() -> None:
    """Measure the drawings and each folder, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="photographs")
    parser.add_argument("--limit", type=int, default=40, help="images of a folder [default: %(default)s]")
    given = parser.parse_args()
    print(f"Measured on {describe_machine()}\n")
    rows = [make_row("drawings as JPEG", make_drawings())]
    rows += [make_row(folder.name, read_photographs(folder, given.limit)) for folder in given.folders]
    head = ["images", "number", *map(str, range(1, MAX_CLASSES + 1)), "true k", "within 1", "time, of k = 4"]
    print(format_table(head, rows))


def make_row(name: str, samples: Iterator[tuple[Picture, int]]) -> list[str]:
    """Make the row of a set of pictures with their numbers of classes, 0 where these are not known."""
    chosen, known, ratios = [], [], []
    for pixels, k in samples:
        fixed, _ = time_segmentation(pixels, 4)
        seconds, result = time_segmentation(pixels, "auto")
        chosen.append(result.selection.chosen)
        known.append(k)
        ratios.append(seconds / fixed)
    counts = np.bincount(chosen, minlength=MAX_CLASSES + 1)[1:]
    errors = [abs(found - k) for found, k in zip(chosen, known, strict=True) if k]
    hits = [f"{np.mean([error <= limit for error in errors]):.0%}" if errors else "" for limit in (0, 1)]
    return [name, str(len(chosen)), *map(str, counts), *hits, f"{statistics.median(ratios):.1f}"]


def time_segmentation(pixels: Picture, k: int | str) -> tuple[float, Segmentation]:
    """Segment a picture; return the processor seconds and the result."""
    begin = time.process_time()
    result = segment_image(pixels, k=k)
    return time.process_time() - begin, result


def read_photographs(folder: Path, limit: int) -> Iterator[tuple[Picture, int]]:
    """Read the images of a folder, with the number of classes in their label images where there are any."""
    source = folder / "images" if (folder / "images").is_dir() else folder
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    for path in paths[:: max(1, len(paths) // limit)][:limit]:
        labels = folder / "labels" / f"{path.stem}.png"
        k = len(np.unique(np.asarray(PilImage.open(labels)))) if labels.exists() else 0
        yield np.asarray(PilImage.open(path).convert("RGB")), k


def make_drawings() -> Iterator[tuple[Picture, int]]:
    """Make drawings of 2, 4 and 6 flat colors, small and large, at three qualities of JPEG."""
    for seed in range(3):
        for k in (2, 4, 6):
            for quality in (60, 85, 95):
                for height in (200, 600):
                    yield make_drawing(np.random.default_rng(seed), k, height, quality), k


def make_drawing(rng: np.random.Generator, k: int, height: int, quality: int) -> Picture:
    """Draw shapes of k colors, any two of which are at least 60 levels apart, and save them as JPEG."""
    colors = rng.integers(0, 256, (k, 3))
    while min(np.linalg.norm(colors[i] - colors[j]) for i in range(k) for j in range(i)) < 60:
        colors = rng.integers(0, 256, (k, 3))
    width = height * 3 // 2
    picture = np.full((height, width, 3), colors[0], dtype=np.uint8)
    for shape in range(3 * k):
        color = [int(value) for value in colors[1 + shape % (k - 1)]]
        x, y, size = (int(value) for value in rng.integers(0, (width, height, height // 4)))
        if rng.random() < 0.5:
            cv2.circle(picture, (x, y), size // 2 + height // 20, color, -1, lineType=cv2.LINE_AA)
        else:
            cv2.rectangle(picture, (x, y), (x + size + height // 20, y + size), color, -1)
    file = io.BytesIO()
    PilImage.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(PilImage.open(file))


if __name__ == "__main__":
    main()
