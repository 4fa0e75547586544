"""Compare exact EM with scikit-learn's; see speed.py for what is measured and how."""

from __future__ import annotations

import statistics
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
from common import Photograph, format_table, take_turns
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from segment import Image, MixtureModel, fit_mixture, load_image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import Cells
from segment.mixture.em import run_em
from segment.mixture.prior import Prior

__all__ = ["SLOW_MEGAPIXELS", "compare_engines"]

Pixels = NDArray[np.float64]

K = 4
RIDGE = 1e-6
ITERATIONS = 10
TOL, MAX_ITER = 1e-6, 200
MAX_CONVERGED_MEGAPIXELS = 1.5  # larger photographs are not fitted to convergence
SLOW_MEGAPIXELS = 2.0  # above, scikit-learn is timed three times at most, without a warm-up


@dataclass(frozen=True)
class Fitted:
    """A mixture fitted to pixels, with its seconds and iterations."""

    seconds: float
    busy: float  # processor seconds
    iterations: int
    model: MixtureModel


def compare_engines(photographs: list[Photograph], repeats: int) -> str:
    """Make the table of exact EM: segment and scikit-learn."""
    head = [
        "megapixels",
        "distinct colors",
        "iterations",
        "segment",
        "scikit-learn",
        "times faster",
        "in processor time",
    ]
    head += ["log likelihood a pixel, segment minus scikit-learn", "largest relative difference of a parameter"]
    rows = []
    for photograph in photographs:
        image = load_image(photograph.path)
        rows.append(compare_on_image(image, repeats, tol=0.0, max_iter=ITERATIONS))
        if photograph.megapixels <= MAX_CONVERGED_MEGAPIXELS:
            rows.append(compare_on_image(image, repeats, tol=TOL, max_iter=MAX_ITER))
    return format_table(head, rows)


def compare_on_image(image: Image, repeats: int, *, tol: float, max_iter: int) -> list[str]:
    """Make a row of the table: one image, for a fixed number of iterations (`tol` 0) or to convergence."""
    pixels = image.pixels.reshape(-1, 3).astype(np.float64)
    start = make_common_start(pixels)
    slow = len(pixels) > SLOW_MEGAPIXELS * 1e6
    rivals = [
        lambda: fit_cells(image, start, tol=tol, max_iter=max_iter),
        lambda: fit_pixels(pixels, start, tol=tol, max_iter=max_iter),
    ]
    with threadpool_limits(1):
        ours, theirs = take_turns(rivals, min(repeats, 3) if slow else repeats, warm_up=not slow)
    cells = collect_rgb_cells(image)
    mine, other = ours[0].model, theirs[0].model
    gain = np.average(mine.score_samples(cells), weights=cells.weights)
    gain -= np.average(other.score_samples(cells), weights=cells.weights)
    seconds, their_seconds = (statistics.median(fit.seconds for fit in fits) for fits in (ours, theirs))
    busy, their_busy = (statistics.median(fit.busy for fit in fits) for fits in (ours, theirs))
    return [
        f"{len(pixels) / 1e6:.2f}",
        f"{len(cells):,}",
        f"{max_iter}" if tol == 0 else f"to convergence: {ours[0].iterations} exact ones, {theirs[0].iterations}",
        f"{seconds:.3f} s",
        f"{their_seconds:.2f} s",
        f"{their_seconds / seconds:.0f}",
        f"{their_busy / busy:.0f}",
        f"{gain:+.1e}",
        f"{compute_difference(mine, other):.1e}",
    ]


def make_common_start(pixels: Pixels) -> MixtureModel:
    """Make the mixture from which both engines start: k-means clusters of every n-th pixel, some 20,000 in all."""
    sample = pixels[:: max(1, len(pixels) // 20_000)]
    labels = KMeans(K, n_init=1, random_state=0).fit(sample).labels_
    clusters = [sample[labels == label] for label in range(K)]
    return MixtureModel(
        np.array([len(cluster) for cluster in clusters]) / len(sample),
        np.array([cluster.mean(axis=0) for cluster in clusters]),
        np.array([np.cov(cluster.T) + np.eye(3) for cluster in clusters]),
    )


def collect_rgb_cells(image: Image) -> Cells:
    """Collect the distinct RGB colors of the image as points, without the scatter of quantization."""
    index = ColorIndex(image)
    space = FeatureSpace("rgb", index.n_channels, index.black, index.white)
    cells = collect_cells(space, index.iterate_parts(), exact=True)
    return replace(cells, scatters=np.zeros_like(cells.scatters))


def fit_cells(image: Image, start: MixtureModel, *, tol: float, max_iter: int) -> Fitted:
    """Fit with segment, from pixels to parameters."""
    begin, busy = time.perf_counter(), time.process_time()
    cells = collect_rgb_cells(image)
    if tol == 0:
        prior = Prior(np.eye(3), strength=0.0, ridge=np.full(3, RIDGE))
        # Plain EM, so that both make the same steps.
        fit = run_em(cells, start, prior, tol=tol, max_iter=max_iter, accelerate=False)
    else:
        fit = fit_mixture(cells, K, init=start, reg_covar=RIDGE, tol=tol, max_iter=max_iter).finish
    return Fitted(time.perf_counter() - begin, time.process_time() - busy, fit.n_iter, fit.model)


def fit_pixels(pixels: Pixels, start: MixtureModel, *, tol: float, max_iter: int) -> Fitted:
    """Fit with scikit-learn, from float64 pixels to parameters."""
    mixture = GaussianMixture(
        K,
        reg_covar=RIDGE,
        tol=tol,
        max_iter=max_iter,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    )
    begin, busy = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(pixels)
    seconds, busy = time.perf_counter() - begin, time.process_time() - busy
    model = MixtureModel(mixture.weights_, mixture.means_, mixture.covariances_)
    return Fitted(seconds, busy, mixture.n_iter_, model)


def compute_difference(mine: MixtureModel, other: MixtureModel) -> float:
    """Compute the largest relative difference of a parameter; covariances relative to the standard deviations."""
    deviations = np.sqrt(np.diagonal(other.covariances, axis1=1, axis2=2))
    scale = deviations[:, :, None] * deviations[:, None, :]
    return max(
        float(np.abs(mine.weights / other.weights - 1).max()),
        float(np.abs(mine.means / other.means - 1).max()),
        float((np.abs(mine.covariances - other.covariances) / scale).max()),
    )
