"""The clusters that fits start from, and the mixtures made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.errors import SettingsError
from segment.mixture.cells import Cells, coarsen, points
from segment.mixture.em import maximization, standard_coordinates
from segment.mixture.hierarchy import ward
from segment.mixture.initialization import Partition, assign, k_means, k_means_plus_plus, random_cells
from segment.mixture.model import MixtureModel, moments
from segment.mixture.prior import Prior, without

__all__ = ["INITS", "clusters", "coarser", "first_clusters", "pooled_covariance", "standardising"]

Floats = NDArray[np.float64]

INITS = ("mixed", "k-means++", "random", "ward")

_MOST_FOR_WARD = 2000  # cells; time grows with their square

# Mahalanobis distances from every cluster beyond which a cell is a stray. Classes of pictures have tails far beyond a
# Gaussian's 3; with less than 8, whole classes of labelled photographs were lost, with 12 a fifth of strays was not.
_APART = 9.0
_LEAST = 1e-10  # share of the data's variances that keeps distances finite where clusters are single values
_MOST_ROUNDS = 20


def standardising(cells: Cells) -> Floats:
    """The metric (d, d) that divides every feature by its standard deviation."""
    return np.diag(1 / standard_coordinates(cells, "full")[1])


def coarser(cells: Cells, n_bins: int, k: int) -> Cells:
    """Coarser cells where that makes them at most half as many and leaves enough for k components."""
    coarse = coarsen(cells, n_bins)
    return cells if len(coarse) < max(8 * k, 64) or len(coarse) > len(cells) / 2 else coarse


def first_clusters(
    cells: Cells, k: int, init: str | ArrayLike, n_init: int, metric: Floats, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """The clusters that the starts are made of, as labels (n,). Distances are those of ``means @ metric``."""
    measured = points(cells.means @ metric, cells.weights)
    if isinstance(init, str):
        if init == "ward":
            few = measured
            if len(measured) > _MOST_FOR_WARD:
                few = assign(measured, random_cells(measured, _MOST_FOR_WARD, rng)).clusters(measured)
            centres = [Partition(few.means, ward(few, k), 0.0).clusters(few).means]
        elif init in INITS:
            far = [init == "k-means++" or (init == "mixed" and start % 2 == 0) for start in range(n_init)]
            centres = [k_means_plus_plus(measured, k, rng) if f else random_cells(measured, k, rng) for f in far]
        else:
            raise SettingsError(f"init: one of {', '.join(INITS)}, or means; got {init!r}.")
    else:
        means = np.asarray(init, dtype=np.float64)
        if means.ndim != 2 or means.shape[1] != cells.n_features or len(means) > k or not np.isfinite(means).all():
            raise SettingsError(f"init: finite means, at most ({k}, {cells.n_features}); got shape {means.shape}.")
        n_starts = n_init if len(means) < k else 1
        centres = [k_means_plus_plus(measured, k, rng, given=means @ metric) for _ in range(n_starts)]
    return [assign(measured, each).labels for each in centres]


def pooled_covariance(
    coarse: Cells, coarsest: Cells, k: int, metric: Floats, n_runs: int, *, trim: float = 0.0
) -> Floats:
    """Covariance (d, d) of the cells around the mean of the cluster that each belongs to, scatter included.

    The clusters are those of k-means, the tightest of several runs; they depend on no seed and on no start of EM. The
    share `trim` of the weight that is farthest from all of them counts for nothing: there, every second run starts from
    random cells, as k-means++ starts from the very cells that are far off. That share can hold a small or wide class as
    well as strays: :func:`_without_strays` takes in again what does not lie apart.
    """
    rng = np.random.default_rng(0)
    rough = points(coarsest.means @ metric, coarsest.weights)
    drawn = [
        random_cells(rough, k, rng) if trim > 0 and run % 2 else k_means_plus_plus(rough, k, rng)
        for run in range(n_runs)
    ]
    tightest = min((k_means(rough, centres, trim=trim) for centres in drawn), key=lambda run: run.inertia)
    measured = points(coarse.means @ metric, coarse.weights)
    partition = k_means(measured, tightest.centres, trim=trim)
    if trim == 0:
        return _within(clusters(coarse, partition.labels, k, "full", without(coarse.n_features)))
    return _without_strays(coarse, measured, partition, _untrimmed(coarse.n_features, trim))


def _without_strays(cells: Cells, measured: Cells, trimmed: Partition, inflation: float) -> Floats:
    """The pooled covariance of all cells within `_APART` Mahalanobis distances of a cluster, by that very covariance.

    It begins with the cells that were not trimmed away, whose covariance is too small by the factor `inflation`, and
    takes in more as it grows, until none is left within reach or but a gap: reweighting as in Rousseeuw & Leroy 1987,
    Robust Regression and Outlier Detection, chapter 7, repeated.
    """
    least = np.diag(_LEAST * standard_coordinates(cells, "full")[1] ** 2)
    partition, kept = trimmed, trimmed.labels >= 0
    for _ in range(_MOST_ROUNDS):
        labels = partition.labels[partition.labels >= 0]
        found = clusters(cells[kept], labels, len(trimmed.centres), "full", without(cells.n_features))
        covariance = inflation * _within(found)
        inflation = 1.0
        precision = np.linalg.inv(covariance + least)
        offsets = [cells.means - mean for mean in found.means]
        squares = np.min([((offset @ precision) * offset).sum(axis=1) for offset in offsets], axis=0)
        near = squares <= _APART**2
        if (near == kept).all():
            break
        kept, partition = near, k_means(measured[near], partition.centres)
    return covariance


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


def clusters(cells: Cells, labels: NDArray[np.intp], k: int, covariance_type: str, prior: Prior) -> MixtureModel:
    """The mixture whose components are the k clusters that the labels (n,) make of the cells."""
    memberships = np.zeros((k, len(cells)))
    memberships[labels, np.arange(len(cells))] = cells.weights
    shift, scale = standard_coordinates(cells, covariance_type)
    believed = prior.rescaled(shift, scale)
    d = cells.n_features
    empty = MixtureModel(
        np.full(k, 1 / k), np.zeros((k, d)), np.broadcast_to(believed.target, (k, d, d)), covariance_type
    )
    found = maximization(memberships @ moments(cells.rescaled(shift, scale)).T, empty, believed)
    return found.rescaled(-shift / scale, 1 / scale)
