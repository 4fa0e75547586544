"""Measure how well segment finds known classes, as Markdown tables.

Run ``python tests/benchmarks/classes.py FOLDER``.

FOLDER holds a folder for each set of images, with the photographs in ``images`` and, under the same names as PNG, their
classes in ``labels``: one gray value a class. Every method gets the image and the true number of classes. Images of one
class are left out.

Scores of an image, over all its pixels: the mean over its classes of the intersection over union (IoU), after the
one-to-one assignment of classes that makes it largest, and the adjusted Rand index. The tables have their means over
the images of a set, and over its images with the same number of classes where these differ; one has by how much segment
is ahead in IoU, with the standard error of the mean difference.

segment runs with its defaults, and once more without clean-up. scikit-learn's KMeans has 10 starts; its GaussianMixture
has full covariances and one start from k-means, as is its default. Times are seconds an image from the array of RGB
values to the labels, conversion to CIELAB included, with the linear algebra on one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import add_record_option, describe_machine, format_table, record_results
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy.optimize import linear_sum_assignment
from skimage.color import rgb2lab
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from segment import segment_image

Picture = NDArray[np.uint8]
Labels = NDArray[np.integer]

SOURCES = """\
Give the folder of labeled images. Sets that suit it:
  cells   white blood cells, 3 classes: segmentation_WBC, data set 1 (GPL-3, citation asked)
  sky     sky, thin cloud, thick cloud: HYTA
  tissue  slices of ovaries, 4 classes: pyImSegm (BSD-3)
Lay each out as FOLDER/SET/images/NAME.png or .jpg and FOLDER/SET/labels/NAME.png, a gray value a class."""


@dataclass(frozen=True)
class Sample:
    """An image whose classes are known; `group` is the set that it belongs to."""

    group: str
    rgb: Picture
    truth: Labels

    @property
    def n_classes(self) -> int:
        return len(np.unique(self.truth))


@dataclass(frozen=True)
class Score:
    """Scores and seconds of one method on one image."""

    iou: float
    rand: float
    seconds: float


def label_with_segment(rgb: Picture, k: int) -> Labels:
    """Label an image with the defaults of segment."""
    return segment_image(rgb, k=k).label_image


def label_without_cleanup(rgb: Picture, k: int) -> Labels:
    """Label an image with the defaults of segment, but without clean-up."""
    return segment_image(rgb, k=k, clean_up="none").label_image


def label_with_k_means(pixels: NDArray[np.generic], k: int) -> Labels:
    """Label the channels (H, W, 3) with scikit-learn's KMeans."""
    return KMeans(k, n_init=10, random_state=0).fit_predict(_flatten(pixels)).reshape(pixels.shape[:2])


def label_with_mixture(pixels: NDArray[np.generic], k: int) -> Labels:
    """Label the channels (H, W, 3) with scikit-learn's GaussianMixture."""
    return GaussianMixture(k, random_state=0).fit_predict(_flatten(pixels)).reshape(pixels.shape[:2])


METHODS: dict[str, Callable[[Picture, int], Labels]] = {
    "segment": label_with_segment,
    "segment, without clean-up": label_without_cleanup,
    "KMeans, CIELAB": lambda rgb, k: label_with_k_means(rgb2lab(rgb), k),
    "KMeans, RGB": label_with_k_means,
    "GaussianMixture, CIELAB": lambda rgb, k: label_with_mixture(rgb2lab(rgb), k),
    "GaussianMixture, RGB": label_with_mixture,
}

# Sets and methods that the README quotes, with its words.
QUOTED = {
    "cells": ("white blood cells", ", mean IoU / ARI"),
    "sky": ("sky and clouds", ""),
    "tissue": ("ovary tissue", ""),
}
PAIR = ("segment", "KMeans, CIELAB")


def main() -> int:
    """Score every method on every image and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="the labeled images")
    parser.add_argument("--limit", type=int, help="take this many images of each set at most")
    add_record_option(parser)
    given = parser.parse_args()
    if given.folder is None:
        print(SOURCES, file=sys.stderr)
        return 2
    scores: dict[str, list[dict[str, Score]]] = {}
    for groups, sample in group_samples(list(read_samples(given.folder, given.limit))):
        row = {name: score_method(method, sample) for name, method in METHODS.items()}
        for group in groups:
            scores.setdefault(group, []).append(row)
    if not scores:
        print(f"{given.folder}: no labeled image of two classes or more. See --help for the layout.", file=sys.stderr)
        return 2
    print(f"Measured on {describe_machine()}\n")
    print(f"Mean IoU / adjusted Rand index\n\n{format_summary(scores, format_accuracy)}\n")
    print(f"Lead of segment in mean IoU ± its standard error\n\n{format_leads(scores)}\n")
    print(f"Seconds an image\n\n{format_summary(scores, format_seconds)}")
    if given.record:
        record_results(quote_accuracy(scores), "tests/benchmarks/classes.py")
    return 0


def quote_accuracy(scores: dict[str, list[dict[str, Score]]]) -> dict[str, str]:
    """Quote the accuracy of the default settings and of k-means in CIELAB as the README does, for the sets it names."""
    quotes = {}
    for group, (words, measures) in QUOTED.items():
        rows = scores.get(group, [])
        pair = [format_accuracy([row[name] for row in rows]).replace("0.", ".") for name in PAIR] if rows else []
        quotes |= {f"{words} ({len(rows)} images){measures}; k-means in CIELAB": "; ".join(pair)} if pair else {}
    return quotes


def read_samples(folder: Path, limit: int | None) -> Iterator[Sample]:
    """Read the images that have labels of two classes or more, set by set."""
    for labels in sorted(folder.glob("*/labels")):
        paths = sorted(labels.glob("*.png"))[:limit]
        for path in paths:
            (source,) = (labels.parent / "images").glob(f"{path.stem}.*")
            rgb = np.asarray(PilImage.open(source).convert("RGB"))
            sample = Sample(labels.parent.name, rgb, np.asarray(PilImage.open(path)))
            if sample.n_classes > 1:
                yield sample


def group_samples(samples: list[Sample]) -> Iterator[tuple[list[str], Sample]]:
    """Pair each sample with its groups: its set, and its number of classes if the set has several."""
    for sample in samples:
        counts = {other.n_classes for other in samples if other.group == sample.group}
        number = [f"{sample.group}, {sample.n_classes} classes"] if len(counts) > 1 else []
        yield [sample.group, *number], sample


def score_method(method: Callable[[Picture, int], Labels], sample: Sample) -> Score:
    """Segment one image with one method and score it. Pixels without a label count as a class."""
    begin = time.perf_counter()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = method(sample.rgb, sample.n_classes)
    seconds = time.perf_counter() - begin
    truth, found = sample.truth.reshape(-1), found.reshape(-1)
    return Score(compute_mean_iou(truth, found), adjusted_rand_score(truth, found), seconds)


def compute_mean_iou(truth: Labels, found: Labels) -> float:
    """Compute the mean intersection over union of the true classes; one that is assigned no found class counts 0."""
    shared = contingency_matrix(truth, found)
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0) - shared
    iou = shared / union
    return float(iou[linear_sum_assignment(iou, maximize=True)].sum() / len(iou))


def format_accuracy(scores: list[Score]) -> str:
    """Format the means of both scores."""
    return f"{np.mean([s.iou for s in scores]):.3f} / {np.mean([s.rand for s in scores]):.3f}"


def format_leads(scores: dict[str, list[dict[str, Score]]]) -> str:
    """Format by how much the first method is ahead of each other one in IoU, with the standard error of the mean."""
    first, *others = METHODS
    head = ["method", *[f"{group} ({len(rows)})" for group, rows in scores.items()]]
    table = []
    for name in others:
        leads = [np.array([row[first].iou - row[name].iou for row in rows]) for rows in scores.values()]
        errors = [lead.std(ddof=1) / np.sqrt(len(lead)) if len(lead) > 1 else np.nan for lead in leads]
        table.append([name, *[f"{lead.mean():+.3f} ± {error:.3f}" for lead, error in zip(leads, errors, strict=True)]])
    return format_table(head, table)


def format_seconds(scores: list[Score]) -> str:
    """Format the mean time."""
    return f"{np.mean([s.seconds for s in scores]):.3f}"


def format_summary(scores: dict[str, list[dict[str, Score]]], cell: Callable[[list[Score]], str]) -> str:
    """Format a table with a row for each method and a column for each group."""
    head = ["method", *[f"{group} ({len(rows)})" for group, rows in scores.items()]]
    return format_table(
        head, [[name, *[cell([row[name] for row in rows]) for rows in scores.values()]] for name in METHODS]
    )


def _flatten(pixels: NDArray[np.generic]) -> NDArray[np.float64]:
    """Flatten the channels (H, W, C) to one row a pixel."""
    return pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)


if __name__ == "__main__":
    raise SystemExit(main())
