"""First clusters of the cells, the mixtures built from them, and the pooled covariance within clusters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.core.threads import IMPORT_LOCK
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.gaussian_density import compute_moments
from segment.mixture.gaussian_steps import compute_standard_coordinates, maximize_posterior
from segment.mixture.kmeans import Partition, assign, draw_k_means_plus_plus, draw_random_cells, run_k_means
from segment.mixture.model import MixtureModel
from segment.mixture.multistart import Runs
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.ward import build_ward_tree

__all__ = [
    "INITS",
    "average_covariances",
    "build_clusters",
    "compute_pooled_covariance",
    "draw_first_clusters",
    "standardize_metric",
]

Floats = NDArray[np.float64]

INITS = ("mixed", "k-means++", "random", "ward")

# Numbers in an array of runs that are computed side by side.
_MAX_BATCH_SIZE = 2**20
# Cells that Ward's method clusters; its time grows with their square.
_MAX_WARD_CELLS = 2000

# Mahalanobis distance from every cluster beyond which a cell is an outlier. Classes of pictures have tails far beyond a
# Gaussian's 3; with less than 8, whole classes of labeled photographs were lost, with 12 a fifth of outliers was kept.
_MAX_DISTANCE = 9.0
# Share of the data's variances that keeps distances finite where clusters are single values.
_MIN_SPREAD = 1e-10
_MAX_ROUNDS = 20


def standardize_metric(cells: Cells) -> Floats:
    """Make the metric that divides every feature by its standard deviation.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.

    Returns
    -------
    ndarray of shape (d, d), float64
    """
    return np.diag(1 / compute_standard_coordinates(cells, "full")[1])


def draw_first_clusters(
    cells: Cells, k: int, init: str | ArrayLike, n_init: int, metric: Floats, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw the clusters that the starts are built from.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    k : int, >= 1
        Number of clusters.
    init : {"mixed", "k-means++", "random", "ward"} or array_like of shape (at most k, d)
        As for :func:`segment.mixture.fitting.fit_mixture`.
    n_init : int, >= 1
        Number of starts where they are random.
    metric : ndarray of shape (d, m), float64
        Distances are those of ``means @ metric``.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_starts, n), int
        The cluster 0..k-1 of each cell in each start.

    Raises
    ------
    SettingsError
        If `init` is unknown, or means are not finite or not of the right shape.
    """
    measured = make_point_cells(cells.means @ metric, cells.weights)
    if isinstance(init, str):
        if init not in INITS:
            raise SettingsError(f"init: one of {', '.join(INITS)}, or means; got {init!r}.")
        if init == "ward":
            return assign(measured, _find_ward_centers(measured, k, rng)[None]).labels
        distant = _choose_distant(init, n_init)
        drawn = [_draw_centers(measured, k, distant[batch], rng) for batch in _split_runs(n_init, len(cells) * k)]
    else:
        means = np.asarray(init, dtype=np.float64)
        if means.ndim != 2 or means.shape[1] != cells.n_features or len(means) > k or not np.isfinite(means).all():
            raise SettingsError(f"init: finite means, at most ({k}, {cells.n_features}); got shape {means.shape}.")
        # Nothing is random where all means are given: then one start is enough.
        batches = _split_runs(n_init if len(means) < k else 1, len(cells) * k)
        drawn = [
            draw_k_means_plus_plus(measured, k, batch.stop - batch.start, rng, means @ metric) for batch in batches
        ]
    return np.concatenate([assign(measured, centers).labels for centers in drawn])


def _find_ward_centers(measured: Cells, k: int, rng: np.random.Generator) -> Floats:
    """Find the means (k, d) of the clusters of Ward's hierarchy; many cells are first grouped around random ones.

    Fewer than k means are found where these groups are fewer, as the cells lie in fewer places.
    """
    few = measured
    if len(measured) > _MAX_WARD_CELLS:
        few = assign(measured, draw_random_cells(measured, _MAX_WARD_CELLS, 1, rng)[0]).make_cluster_cells(measured)
    return Partition(few.means, build_ward_tree(few, min(k, len(few))), np.zeros(())).make_cluster_cells(few).means


def _choose_distant(init: str, n_runs: int) -> NDArray[np.bool_]:
    """Choose which of the runs (n_runs,) start from cells far from each other; the others start from random cells."""
    return np.resize({"k-means++": [True], "random": [False], "mixed": [True, False]}[init], n_runs)


def _draw_centers(measured: Cells, k: int, distant: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Draw centers (len(distant), k, d): cells far from each other, or random cells."""
    centers = np.empty((len(distant), k, measured.n_features))
    for chosen, draw in ((distant, draw_k_means_plus_plus), (~distant, draw_random_cells)):
        if chosen.any():
            centers[chosen] = draw(measured, k, int(chosen.sum()), rng)
    return centers


def _split_runs(n_runs: int, size: int) -> Iterator[slice]:
    """Split the runs into batches whose arrays, of `size` numbers a run, fit in memory."""
    step = max(1, _MAX_BATCH_SIZE // size)
    return (slice(start, min(start + step, n_runs)) for start in range(0, n_runs, step))


def compute_pooled_covariance(
    coarse: Cells, coarsest: Cells, k: int, metric: Floats, n_runs: int, *, trim: float = 0.0
) -> Floats:
    """Compute the covariance of the cells around the mean of their own cluster, scatter included.

    The clusters are those of k-means, the tightest of several runs; they depend on no seed and on no start of EM.

    Parameters
    ----------
    coarse, coarsest : Cells
        Complete cells in d dimensions; all runs are made on the coarsest ones, the best is continued on the coarse.
    k : int, >= 1
        Number of clusters.
    metric : ndarray of shape (d, m), float64
        Distances are those of ``means @ metric``.
    n_runs : int, >= 1
        Raising it finds tighter clusters.
    trim : float, 0 to 1
        Share of the weight, farthest from all clusters, that is left out. As it can hold a small or wide class as well
        as outliers, cells that are not separate from the rest are taken back. Every second run then starts from random
        cells, as k-means++ tends to start from the outliers.

    Returns
    -------
    ndarray of shape (d, d), float64
    """
    # A fixed seed: the target must not depend on the seed of the fit.
    rng = np.random.default_rng(0)
    rough = make_point_cells(coarsest.means @ metric, coarsest.weights)
    distant = _choose_distant("mixed" if trim > 0 else "k-means++", n_runs)
    drawn = [_draw_centers(rough, k, distant[batch], rng) for batch in _split_runs(n_runs, len(rough) * k)]
    found = [run_k_means(rough, centers, trim=trim) for centers in drawn]
    tightest = min((runs[int(runs.inertia.argmin())] for runs in found), key=lambda run: float(run.inertia))
    measured = make_point_cells(coarse.means @ metric, coarse.weights)
    partition = run_k_means(measured, tightest.centers, trim=trim)
    if trim == 0:
        flat = make_flat_prior(coarse.n_features)
        return average_covariances(build_clusters(coarse, partition.labels[None], k, "full", flat)[0])
    # The clusters of the inliers alone, in full runs and without trimming, give the covariance. Inliers can be a single
    # value: the units are those of all cells, so that the smallest variances are too.
    shift, scale = compute_standard_coordinates(coarse, "full")
    inliers = _find_inliers(coarse, measured, partition, _compute_trimming_factor(coarse.n_features, trim))
    kept = coarse[inliers].rescale(shift, scale)
    return compute_pooled_covariance(kept, kept, k, scale[:, None] * metric, n_runs) * np.outer(scale, scale)


def _find_inliers(cells: Cells, measured: Cells, trimmed: Partition, inflation: float) -> NDArray[np.bool_]:
    """Find the cells (n,) within `_MAX_DISTANCE` of a cluster, in Mahalanobis distances by their pooled covariance.

    It starts with the cells that were not trimmed, whose covariance is too small by the factor `inflation`, and adds
    cells until no other cell is within that distance: reweighting as in Rousseeuw & Leroy 1987, Robust Regression and
    Outlier Detection, chapter 7, repeated.
    """
    # The floor keeps the covariance invertible where clusters are single values.
    floor = np.diag(_MIN_SPREAD * compute_standard_coordinates(cells, "full")[1] ** 2)
    flat = make_flat_prior(cells.n_features)
    partition, kept = trimmed, trimmed.labels >= 0
    for _ in range(_MAX_ROUNDS):
        labels = partition.labels[partition.labels >= 0]
        found = build_clusters(cells[kept], labels[None], len(trimmed.centers), "full", flat)[0]
        precision = np.linalg.inv(inflation * average_covariances(found) + floor)
        inflation = 1.0
        # Squared Mahalanobis distance of every cell from its nearest cluster.
        offsets = [cells.means - mean for mean in found.means]
        squares = np.min([((offset @ precision) * offset).sum(axis=1) for offset in offsets], axis=0)
        near = squares <= _MAX_DISTANCE**2
        if (near == kept).all():
            break
        kept, partition = near, run_k_means(measured[near], partition.centers)
    return kept


def average_covariances(model: MixtureModel) -> Floats:
    """Average the covariances of a mixture's components by their weights; returns an array of shape (d, d)."""
    return np.asarray(np.einsum("k,kij->ij", model.weights, model.covariances))


def _compute_trimming_factor(d: int, trim: float) -> float:
    """Compute by which factor a Gaussian's covariance exceeds that of its nearest share ``1 - trim``.

    Croux & Haesbroeck 1999, J. Multivar. Anal. 71, 161-190.
    """
    if trim == 0:
        return 1.0
    with IMPORT_LOCK:
        from scipy.special import gammainc, gammaincinv

    return float((1 - trim) / gammainc(d / 2 + 1, gammaincinv(d / 2, 1 - trim)))


def build_clusters(cells: Cells, labels: NDArray[np.intp], k: int, covariance_type: str, prior: Prior) -> Runs:
    """Build the mixtures whose components are given clusters of the cells.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    labels : ndarray of shape (n_runs, n), int
        The cluster 0..k-1 of each cell in each run.
    k : int, >= 1
    covariance_type : {"full", "tied", "diag", "spherical"}
    prior : Prior
        As for an M-step.

    Returns
    -------
    Runs
        One mixture for each run.

    Examples
    --------
    >>> cells = make_point_cells([[0.0], [2.0], [7.0], [9.0]])
    >>> (model,) = build_clusters(cells, np.array([[0, 0, 1, 1]]), 2, "full", make_flat_prior(1))
    >>> model.means.round(6), model.covariances.ravel().round(6)
    (array([[1.],
           [8.]]), array([1., 1.]))
    """
    n_runs, d = len(labels), cells.n_features
    shift, scale = compute_standard_coordinates(cells, covariance_type)
    scaled_prior = prior.rescale(shift, scale)
    # An M-step with responsibilities 0 and 1: the moments are summed by cluster, all clusters of all runs at once.
    bins = (labels + k * np.arange(n_runs)[:, None]).reshape(-1)
    n = n_runs * k
    sums = [
        np.bincount(bins, weights=np.tile(cells.weights * moment, n_runs), minlength=n)
        for moment in compute_moments(cells.rescale(shift, scale))
    ]
    # What an empty cluster keeps.
    previous = MixtureModel(
        np.full(n, 1 / k), np.zeros((n, d)), np.broadcast_to(scaled_prior.target, (n, d, d)), covariance_type
    )
    found = maximize_posterior(np.stack(sums, axis=1), previous, scaled_prior, n_runs)
    return Runs(found, np.zeros(n_runs)).rescale(-shift / scale, 1 / scale)
