"""Measure how sure posteriors and shares are, and what clean-up does, on images with known classes.

Expected calibration error (15 bins of the greatest posterior of each pixel, over all pixels of a set); the share of
classes whose true share lies within 1.645 standard deviations of the expected one, the median deviation and the median
error, and how often all classes of an image do; and wrong labels with and without clean-up. Segments are matched to the
true classes by the pixels that they have in common.

    python tests/benchmarks/certainty.py --classes ../shared/classes --step 3
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment

import segment

N_BINS = 15
Z = 1.645  # standard deviations on either side that hold nine tenths of a normal distribution
Case = tuple[str, NDArray[np.uint8], NDArray[np.intp], int]


def draw_synthetic(sigma: float, seed: int, size: int = 256) -> Case:
    """Draw four classes of equal frequency and different gray with noise: every boundary may occur."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((size, size)), 12.0, mode="reflect")
    truth = rng.permutation(4)[np.searchsorted(np.quantile(rough, [0.25, 0.5, 0.75]), rough)]
    values = 128 + 40 * (truth / 3 + sigma * rng.standard_normal(truth.shape) - 0.5)
    return f"synthetic {sigma}", np.clip(values, 0, 255).astype(np.uint8), truth, 4


def list_cases(folder: Path | None, step: int) -> Iterator[Case]:
    """List synthetic images and every `step`-th labeled one."""
    for sigma in (0.1, 0.2, 0.3, 0.4):
        yield from (draw_synthetic(sigma, seed) for seed in range(6))
    for path in sorted(folder.glob("*/labels/*.png"))[::step] if folder else ():
        (source,) = (path.parents[1] / "images").glob(path.stem + ".*")
        values, truth = np.unique(np.asarray(Image.open(path)), return_inverse=True)
        if len(values) > 1:
            pixels = np.asarray(Image.open(source).convert("RGB"))
            yield path.parents[1].name, pixels, truth.reshape(pixels.shape[:2]), len(values)


def match(labels: NDArray[np.integer], truth: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """Find the true class of each label 1..k, so that most pixels are right."""
    counts = np.bincount((labels.astype(np.intp).ravel() - 1) * k + truth.ravel(), minlength=k * k).reshape(k, k)
    return np.asarray(linear_sum_assignment(-counts)[1])


def compare_shares(
    result: segment.Segmentation, order: NDArray[np.intp], truth: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Compare expected shares with the true ones: their deviations and errors, shape (2, k)."""
    true = np.bincount(truth.ravel(), minlength=len(order))[order[: result.n_classes]] / truth.size
    expected = np.array([row.expected_share for row in result.classes])
    return np.stack([[row.expected_share_sd for row in result.classes], np.abs(expected - true)])


def main() -> None:
    """Print a row for each set."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--classes", type=Path, help="folder of labeled sets, each with images and labels")
    parser.add_argument("--step", type=int, default=1, help="take every n-th labeled image")
    arguments = parser.parse_args()
    rows: dict[str, list[list[float]]] = {}
    bins: dict[str, NDArray[np.float64]] = {}
    shares: dict[str, list[NDArray[np.float64]]] = {}
    for name, pixels, truth, k in list_cases(arguments.classes, arguments.step):
        result = segment.segment_image(pixels, k=k)
        posteriors = result.posteriors()
        order = match(result.label_image, truth, k)
        shares.setdefault(name, []).append(compare_shares(result, order, truth))
        sure = posteriors.max(axis=2).ravel()
        right = (order[posteriors.argmax(axis=2)] == truth).ravel()
        number = np.minimum((sure * N_BINS).astype(int), N_BINS - 1)
        sums = [np.bincount(number, weights, N_BINS) for weights in (np.ones(sure.size), sure, right)]
        bins[name] = bins.get(name, np.zeros((3, N_BINS))) + np.stack(sums) / sure.size
        raw = segment.segment_image(pixels, k=k, clean_up="none").label_image
        wrong = [float(np.mean(order[labels.astype(int) - 1] != truth)) for labels in (result.label_image, raw)]
        rows.setdefault(name, []).append(wrong)
    print(f"{'':16} images     ece    sure   right   wrong, and without clean-up; in, all in, sd, error of shares")
    for name, table in rows.items():
        n, sure, right = bins[name]
        ece = np.abs(sure - right).sum() / n.sum()
        means = (ece, sure.sum() / n.sum(), right.sum() / n.sum(), *np.mean(table, axis=0))
        pairs = np.concatenate(shares[name], axis=1)
        is_all_in = [(error <= Z * deviation).all() for deviation, error in shares[name]]
        means += (np.mean(pairs[1] <= Z * pairs[0]), np.mean(is_all_in), *np.median(pairs, axis=1))
        print(f"{name:16} {len(table):6}", *(f"{mean:7.3f}" for mean in means))


if __name__ == "__main__":
    main()
