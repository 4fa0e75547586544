"""A small class far from all others, as Markdown tables: ``python tests/benchmarks/far_classes.py``.

Pictures of bands with noise and a corner far away in a wide range of values, over a grid of the number of classes, the
channels, the separation of the bands in standard deviations, the range of the values and the share of the corner. Every
method gets the picture and the number of classes. The accuracy is the share of right pixels under the best numbering.

"segment" has the defaults, "without shrinkage" is plain EM with them; KMeans has 10 starts, GaussianMixture is
scikit-learn's default on features of unit variance. Shown for each value of the grid are the mean accuracy of each, the
largest deficit of the defaults against the best of the others on one picture, in points, and the longest processor
time of the defaults, in seconds, with the linear algebra on one thread. Pictures where the deficit is above one point
follow.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common import describe_machine, format_table
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))
from far_class_pictures import RANGES, compute_accuracy, draw_bands_and_corner

from segment import segment_image

Pixels = NDArray[Any]
Labels = NDArray[np.integer]


class Case(NamedTuple):
    """A picture of the grid."""

    k: int
    channels: int
    separation: float
    range: str
    share: float


# The values of the grid, in the order of the fields of a case.
GRID = ((2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6), (2, 3, 4, 6, 8, 12), tuple(RANGES), (0.001, 0.01, 0.1))


def label_by_k_means(pixels: Pixels, k: int) -> Labels:
    """Label by scikit-learn's KMeans on the channels."""
    return KMeans(k, n_init=10, random_state=0).fit_predict(_make_rows(pixels)).reshape(pixels.shape[:2])


def label_by_mixture(pixels: Pixels, k: int) -> Labels:
    """Label by scikit-learn's GaussianMixture on the channels, each divided by its standard deviation."""
    rows = _make_rows(pixels)
    return GaussianMixture(k, random_state=0).fit_predict(rows / rows.std(axis=0)).reshape(pixels.shape[:2])


METHODS: dict[str, Callable[[Pixels, int], Labels]] = {
    "segment": lambda pixels, k: segment_image(pixels, k=k).label_image,
    "without shrinkage": lambda pixels, k: segment_image(pixels, k=k, shrinkage=0).label_image,
    "KMeans": label_by_k_means,
    "GaussianMixture": label_by_mixture,
}


def main() -> int:
    """Score every method on every n-th picture of the grid and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--every", type=int, default=18, help="take every n-th of the 2160 pictures; n prime to 2160 mixes best"
    )
    parser.add_argument("--side", type=int, default=500, help="height and width in pixels")
    given = parser.parse_args()
    cases = [Case(*values) for values in itertools.product(*GRID)]
    # A fixed shuffle: every part of the grid is in any share of it.
    chosen = [cases[number] for number in np.random.default_rng(0).permutation(len(cases))[:: given.every]]
    scores = [score_methods(case, given.side) for case in chosen]
    print(f"{len(chosen)} pictures of {given.side} x {given.side} pixels. Measured on {describe_machine()}\n")
    rows = [["all", *summarize(scores)]]
    for field, values in zip(Case._fields, GRID, strict=True):
        for value in values:
            own = [row for case, row in zip(chosen, scores, strict=True) if getattr(case, field) == value]
            rows += [[f"{field} {value}", *summarize(own)]] if own else []
    print(format_table(["pictures", *METHODS, "largest deficit", "longest time"], rows))
    for case, row in zip(chosen, scores, strict=True):
        if compute_deficit(row) > 0.01:
            print(f"\n{case}: " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()))
    return 0


def score_methods(case: Case, side: int) -> dict[str, float]:
    """Compute the accuracy of every method on a picture, and the processor time of the defaults as "time"."""
    pixels, truth = draw_bands_and_corner(*case, side=side)
    row = {}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, method in METHODS.items():
            begin = time.process_time()
            row[name] = compute_accuracy(truth, method(pixels, case.k).astype(int))
            row.setdefault("time", time.process_time() - begin)
    return row


def compute_deficit(row: dict[str, float]) -> float:
    """Compute by how much the defaults are behind the best of the others; negative where they are ahead."""
    return max(row[name] for name in METHODS if name != "segment") - row["segment"]


def summarize(scores: list[dict[str, float]]) -> list[str]:
    """Return the cells of a row: mean accuracies, largest deficit, longest time."""
    means = [f"{np.mean([row[name] for row in scores]):.4f}" for name in METHODS]
    return [*means, f"{100 * max(map(compute_deficit, scores)):.2f}", f"{max(row['time'] for row in scores):.2f}"]


def _make_rows(pixels: Pixels) -> NDArray[np.float64]:
    return pixels.reshape(pixels.shape[0] * pixels.shape[1], -1).astype(np.float64)


if __name__ == "__main__":
    raise SystemExit(main())
