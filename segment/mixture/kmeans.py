"""Where EM begins: weighted k-means, k-means++ and random cells. Distances are Euclidean between cells' means.

Runs that begin differently are made side by side: centers are (n_runs, k, d), and what is found has as many rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, make_point_cells

__all__ = ["Partition", "assign", "k_means", "draw_k_means_plus_plus", "draw_random_cells"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """Cells divided among centers, by one run or by several.

    Attributes
    ----------
    centers : ndarray of shape (k, d) or (n_runs, k, d), float64
    labels : ndarray of shape (n,) or (n_runs, n), int
        The center nearest to each cell; -1 where the cell is trimmed away.
    inertia : ndarray of shape () or (n_runs,), float64
        Weighted sum of the squared distances between cells and their centers, without those trimmed away.
    """

    centers: Floats
    labels: NDArray[np.intp]
    inertia: Floats

    def __getitem__(self, runs: int | NDArray[np.generic]) -> Partition:
        return Partition(self.centers[runs], self.labels[runs], self.inertia[runs])

    def make_cluster_cells(self, cells: Cells) -> Cells:
        """The clusters of one run that hold any cells, as points: their weights and means."""
        labels = np.unique(self.labels, return_inverse=True)[1].reshape(-1)
        totals = np.bincount(labels, weights=cells.weights)
        sums = [np.bincount(labels, weights=cells.weights * x) for x in cells.means.T]
        return make_point_cells(np.stack(sums, axis=1) / totals[:, None], totals)


def assign(cells: Cells, centers: Floats, *, trim: float = 0.0) -> Partition:
    """Give every cell to the nearest center, but for the share `trim` of the weight that is farthest off.

    The nearest cell stays whatever its weight. Centers are (k, d) or (n_runs, k, d).
    """
    distances = _squared_distances(cells.means, centers)
    labels, nearest = distances.argmin(axis=-2), distances.min(axis=-2)
    if trim > 0:
        order = np.argsort(nearest, axis=-1, kind="stable")
        far = np.cumsum(cells.weights[order], axis=-1) > (1 - trim) * cells.total_weight
        far[..., 0] = False
        farther = np.zeros_like(far)
        np.put_along_axis(farther, order, far, axis=-1)
        labels[farther], nearest[farther] = -1, 0.0
    return Partition(centers, labels, np.asarray(nearest @ cells.weights))


def run_k_means(cells: Cells, centers: Floats, *, max_iter: int = 50, trim: float = 0.0) -> Partition:
    """Weighted k-means from the given centers: Lloyd's algorithm. A center without cells stays where it is.

    With `trim` above 0 it is trimmed k-means: the share of the weight that is farthest from all centers has no say
    (Cuesta-Albertos, Gordaliza & Matran 1997, Annals of Statistics 25, 553-576).

    Centers are (k, d) or (n_runs, k, d). Each run ends where its inertia falls no more.
    """
    if centers.ndim == 2:
        return run_k_means(cells, centers[None], max_iter=max_iter, trim=trim)[0]
    best = assign(cells, centers.copy(), trim=trim)
    going = np.arange(len(centers))
    for _ in range(max_iter):
        following = assign(cells, _means(cells, best[going]), trim=trim)
        better = following.inertia < best.inertia[going]
        going, following = going[better], following[better]
        if not going.size:
            break
        best.centers[going], best.labels[going] = following.centers, following.labels
        best.inertia[going] = following.inertia
    return best


def draw_k_means_plus_plus(
    cells: Cells, n_clusters: int, n_runs: int, rng: np.random.Generator, given: Floats | None = None
) -> Floats:
    """Centers (n_runs, k, d) drawn from the cells, far from each other: greedy k-means++ with weights.

    Centers that are `given`, (at most k, d), come first and the rest is drawn far from them.

    Each next center is the best of 2 + log k candidates, drawn with probability proportional to a cell's weight times
    its squared distance from the centers so far (Arthur & Vassilvitskii 2007; the greedy choice as in scikit-learn).
    """
    n_candidates = 2 + int(np.log(n_clusters))
    if given is None or len(given) == 0:
        centers = cells.means[_draw(np.broadcast_to(cells.weights, (n_runs, len(cells))), 1, rng)]
    else:
        centers = np.repeat(given[None], n_runs, axis=0)
    nearest = _squared_distances(cells.means, centers).min(axis=1)
    runs = np.arange(n_runs)
    while centers.shape[1] < n_clusters:
        candidates = _draw(cells.weights * nearest, n_candidates, rng)
        distances = np.minimum(_squared_distances(cells.means, cells.means[candidates]), nearest[:, None])
        best = (distances @ cells.weights).argmin(axis=1)
        centers = np.concatenate([centers, cells.means[candidates[runs, best]][:, None]], axis=1)
        nearest = distances[runs, best]
    return centers


def draw_random_cells(cells: Cells, n_clusters: int, n_runs: int, rng: np.random.Generator) -> Floats:
    """Centers (n_runs, k, d): different cells drawn by weight.

    The cells of the smallest exponential variables, each divided by the cell's weight, are such a draw (Efraimidis &
    Spirakis 2006, Information Processing Letters 97, 181-185).
    """
    keys = rng.standard_exponential((n_runs, len(cells))) / cells.weights
    return cells.means[np.argpartition(keys, n_clusters - 1, axis=1)[:, :n_clusters]]


def _means(cells: Cells, partition: Partition) -> Floats:
    """The means (n_runs, k, d) of the clusters of every run; the center where a cluster has no cells."""
    n_runs, k, _ = partition.centers.shape
    # Those trimmed away are counted first, and left out.
    places = (partition.labels + 1 + (k + 1) * np.arange(n_runs)[:, None]).reshape(-1)

    def total(values: Floats) -> Floats:
        sums = np.bincount(places, weights=np.tile(values, n_runs), minlength=n_runs * (k + 1))
        return np.asarray(sums.reshape(n_runs, k + 1)[:, 1:])

    totals = total(cells.weights)[:, :, None]
    sums = np.stack([total(cells.weights * x) for x in cells.means.T], axis=2)
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), partition.centers)


def _draw(masses: Floats, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices (n_runs, size) drawn with probability proportional to each row of `masses` (n_runs, n).

    By equal chance where all masses of a row are zero.
    """
    n_runs, n = masses.shape
    rows = np.arange(n_runs)[:, None]
    cumulative = np.cumsum(masses, axis=1)
    cumulative[cumulative[:, -1] == 0] = np.arange(1, n + 1)
    cumulative /= cumulative[:, -1:]
    cumulative += rows  # ascending through all rows
    drawn = np.searchsorted(cumulative.reshape(-1), rng.random((n_runs, size)) + rows, side="right") - n * rows
    return np.asarray(np.minimum(drawn, n - 1))


def _squared_distances(make_point_cells: Floats, centers: Floats) -> Floats:
    """Squared Euclidean distances (..., k, n) of points (n, d) from centers (..., k, d).

    Coordinates are taken from the first center, so that no digits are lost.
    """
    origin = centers.reshape(-1, centers.shape[-1])[0]
    make_point_cells, centers = make_point_cells - origin, centers - origin
    distances = (centers**2).sum(axis=-1)[..., None] - 2 * centers @ make_point_cells.T
    distances += np.einsum("nd,nd->n", make_point_cells, make_point_cells)
    return np.asarray(np.maximum(distances, 0.0, out=distances))
