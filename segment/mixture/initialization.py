"""The clusters that fits start from, and the mixtures made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, coarsen, make_point_cells
from segment.mixture.em import maximize_posterior, compute_standard_coordinates
from segment.mixture.kmeans import Partition, assign, run_k_means, draw_k_means_plus_plus, draw_random_cells
from segment.mixture.model import MixtureModel, compute_moments
from segment.mixture.multistart import Runs
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.ward import build_ward_tree

__all__ = [
    "INITS",
    "Levels",
    "build_clusters",
    "coarser",
    "draw_first_clusters",
    "compute_pooled_covariance",
    "standardize_metric",
]

Floats = NDArray[np.float64]

INITS = ("mixed", "k-means++", "random", "ward")

_COARSE, _COARSEST = 32, 16  # boxes along the widest feature, where finalists and where all starts run
_N_REFERENCE, _WEAK, _N_ROUGH = 30, 0.1, 5  # k-means runs that the pooled covariance comes from; a weak pull needs few
_AT_ONCE = 2**20  # numbers in an array of runs that are made side by side
_MOST_FOR_WARD = 2000  # cells; time grows with their square

# Mahalanobis distances from every cluster beyond which a cell is a stray. Classes of pictures have tails far beyond a
# Gaussian's 3; with less than 8, whole classes of labeled photographs were lost, with 12 a fifth of strays was not.
_APART = 9.0
_LEAST = 1e-10  # share of the data's variances that keeps distances finite where clusters are single values
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Levels:
    """What fits of one number of components to the same cells have in common, whatever the strength of the shrinkage.

    Attributes
    ----------
    coarse, coarsest : Cells
        Where the finalists and where all starts run; the cells themselves where those are few.
    k : int
        The number of components.
    metric : ndarray of shape (d, m)
        Clusters are looked for among the rows of ``means @ metric``.
    """

    coarse: Cells
    coarsest: Cells
    k: int
    metric: Floats

    @classmethod
    def of(cls, cells: Cells, k: int, metric: Floats | None = None) -> Levels:
        """By default every feature is divided by its standard deviation for the metric."""
        coarse = coarsen_or_keep(cells, _COARSE, k)
        return cls(coarse, coarsen_or_keep(coarse, _COARSEST, k), k, standardize_metric(coarse) if metric is None else metric)

    def target(self, shrinkage: float, *, trim: float = 0.0) -> Floats:
        """The covariance within clusters, (d, d), that shrunk ones lean on: :func:`compute_pooled_covariance`."""
        if shrinkage > _WEAK and trim == 0:
            return self._pooled
        n_runs = _N_REFERENCE if shrinkage > _WEAK else _N_ROUGH if shrinkage > 0 else 1
        return compute_pooled_covariance(self.coarse, self.coarsest, self.k, self.metric, n_runs, trim=trim)

    @cached_property
    def _pooled(self) -> Floats:
        return compute_pooled_covariance(self.coarse, self.coarsest, self.k, self.metric, _N_REFERENCE)


def standardize_metric(cells: Cells) -> Floats:
    """The metric (d, d) that divides every feature by its standard deviation."""
    return np.diag(1 / compute_standard_coordinates(cells, "full")[1])


def coarsen_or_keep(cells: Cells, n_bins: int, k: int) -> Cells:
    """Coarser cells where that makes them at most half as many and leaves enough for k components."""
    coarse = coarsen(cells, n_bins)
    return cells if len(coarse) < max(8 * k, 64) or len(coarse) > len(cells) / 2 else coarse


def draw_first_clusters(
    cells: Cells, k: int, init: str | ArrayLike, n_init: int, metric: Floats, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The clusters that the starts are made of, as labels (n_starts, n). Distances are those of ``means @ metric``."""
    measured = make_point_cells(cells.means @ metric, cells.weights)
    if isinstance(init, str):
        if init == "ward":
            few = measured
            if len(measured) > _MOST_FOR_WARD:
                few = assign(measured, draw_random_cells(measured, _MOST_FOR_WARD, 1, rng)[0]).make_cluster_cells(measured)
            return assign(
                measured, Partition(few.means, build_ward_tree(few, k), np.zeros(())).make_cluster_cells(few).means[None]
            ).labels
        if init not in INITS:
            raise SettingsError(f"init: one of {', '.join(INITS)}, or means; got {init!r}.")
        far = _far(init, n_init)
        drawn = [_drawn(measured, k, far[batch], rng) for batch in _batches(n_init, len(cells) * k)]
    else:
        means = np.asarray(init, dtype=np.float64)
        if means.ndim != 2 or means.shape[1] != cells.n_features or len(means) > k or not np.isfinite(means).all():
            raise SettingsError(f"init: finite means, at most ({k}, {cells.n_features}); got shape {means.shape}.")
        batches = _batches(n_init if len(means) < k else 1, len(cells) * k)
        drawn = [draw_k_means_plus_plus(measured, k, batch.stop - batch.start, rng, means @ metric) for batch in batches]
    return np.concatenate([assign(measured, centers).labels for centers in drawn])


def _far(init: str, n_runs: int) -> NDArray[np.bool_]:
    """Which of the runs begin from cells far from each other, and not from random ones: (n_runs,)."""
    return np.resize({"k-means++": [True], "random": [False], "mixed": [True, False]}[init], n_runs)


def _drawn(measured: Cells, k: int, far: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Centers (len(far), k, d): cells far from each other, or random cells."""
    centers = np.empty((len(far), k, measured.n_features))
    for chosen, draw in ((far, draw_k_means_plus_plus), (~far, draw_random_cells)):
        if chosen.any():
            centers[chosen] = draw(measured, k, int(chosen.sum()), rng)
    return centers


def _batches(n_runs: int, size: int) -> Iterator[slice]:
    """The numbers of the runs, as many at a time as arrays of `size` each have room for."""
    step = max(1, _AT_ONCE // size)
    return (slice(start, min(start + step, n_runs)) for start in range(0, n_runs, step))


def compute_pooled_covariance(
    coarse: Cells, coarsest: Cells, k: int, metric: Floats, n_runs: int, *, trim: float = 0.0
) -> Floats:
    """Covariance (d, d) of the cells around the mean of the cluster that each belongs to, scatter included.

    The clusters are those of k-means, the tightest of several runs; they depend on no seed and on no start of EM. The
    share `trim` of the weight that is farthest from all of them counts for nothing: there, every second run starts from
    random cells, as k-means++ starts from the very cells that are far off. That share can hold a small or wide class as
    well as strays: what does not lie apart from the rest counts after all (:func:`_near`).
    """
    rng = np.random.default_rng(0)
    rough = make_point_cells(coarsest.means @ metric, coarsest.weights)
    far = _far("mixed" if trim > 0 else "k-means++", n_runs)
    drawn = [_drawn(rough, k, far[batch], rng) for batch in _batches(n_runs, len(rough) * k)]
    found = [run_k_means(rough, centers, trim=trim) for centers in drawn]
    tightest = min((runs[int(runs.inertia.argmin())] for runs in found), key=lambda run: float(run.inertia))
    measured = make_point_cells(coarse.means @ metric, coarse.weights)
    partition = run_k_means(measured, tightest.centers, trim=trim)
    if trim == 0:
        return _within(build_clusters(coarse, partition.labels[None], k, "full", make_flat_prior(coarse.n_features))[0])
    kept = coarse[_near(coarse, measured, partition, _untrimmed(coarse.n_features, trim))]
    return compute_pooled_covariance(kept, kept, k, metric, n_runs)


def _near(cells: Cells, measured: Cells, trimmed: Partition, inflation: float) -> NDArray[np.bool_]:
    """Which cells (n,) are within `_APART` Mahalanobis distances of a cluster, by the pooled covariance of those cells.

    It begins with the cells that were not trimmed away, whose covariance is too small by the factor `inflation`, and
    takes in more as it grows, until none is left within reach or but a gap: reweighting as in Rousseeuw & Leroy 1987,
    Robust Regression and Outlier Detection, chapter 7, repeated.
    """
    least = np.diag(_LEAST * compute_standard_coordinates(cells, "full")[1] ** 2)
    partition, kept = trimmed, trimmed.labels >= 0
    for _ in range(_MOST_ROUNDS):
        labels = partition.labels[partition.labels >= 0]
        found = build_clusters(cells[kept], labels[None], len(trimmed.centers), "full", make_flat_prior(cells.n_features))[0]
        precision = np.linalg.inv(inflation * _within(found) + least)
        inflation = 1.0
        offsets = [cells.means - mean for mean in found.means]
        squares = np.min([((offset @ precision) * offset).sum(axis=1) for offset in offsets], axis=0)
        near = squares <= _APART**2
        if (near == kept).all():
            break
        kept, partition = near, run_k_means(measured[near], partition.centers)
    return kept


def _within(found: MixtureModel) -> Floats:
    """The mean of the covariances of clusters, by weight."""
    return np.asarray(np.einsum("k,kij->ij", found.weights, found.covariances))


def _untrimmed(d: int, trim: float) -> float:
    """By how much a Gaussian's covariance exceeds that of its nearest share ``1 - trim``.

    Croux & Haesbroeck 1999, J. Multivar. Anal. 71, 161-190.
    """
    if trim == 0:
        return 1.0
    from scipy.special import gammainc, gammaincinv

    return float((1 - trim) / gammainc(d / 2 + 1, gammaincinv(d / 2, 1 - trim)))


def build_clusters(cells: Cells, labels: NDArray[np.intp], k: int, covariance_type: str, prior: Prior) -> Runs:
    """The mixtures whose components are the k clusters that the labels (n_runs, n) make of the cells."""
    n_runs, d = len(labels), cells.n_features
    shift, scale = compute_standard_coordinates(cells, covariance_type)
    believed = prior.rescale(shift, scale)
    places = (labels + k * np.arange(n_runs)[:, None]).reshape(-1)
    sums = [
        np.bincount(places, weights=np.tile(cells.weights * moment, n_runs), minlength=n_runs * k)
        for moment in compute_moments(cells.rescale(shift, scale))
    ]
    n = n_runs * k
    empty = MixtureModel(
        np.full(n, 1 / k), np.zeros((n, d)), np.broadcast_to(believed.target, (n, d, d)), covariance_type
    )
    found = maximize_posterior(np.stack(sums, axis=1), empty, believed, n_runs)
    return Runs(found, np.zeros(n_runs)).rescale(-shift / scale, 1 / scale)
