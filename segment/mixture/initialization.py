"""Where EM begins: weighted k-means, k-means++ and random cells. Distances are Euclidean between cells' means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, points

__all__ = ["Partition", "assign", "k_means", "k_means_plus_plus", "random_cells"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """Cells divided among centres.

    Attributes
    ----------
    centres : ndarray of shape (k, d), float64
    labels : ndarray of shape (n,), int
        The centre nearest to each cell; -1 where the cell is trimmed away.
    inertia : float
        Weighted sum of the squared distances between cells and their centres, without those trimmed away.
    """

    centres: Floats
    labels: NDArray[np.intp]
    inertia: float

    def clusters(self, cells: Cells) -> Cells:
        """The clusters that hold any cells, as points: their weights and means."""
        labels = np.unique(self.labels, return_inverse=True)[1].reshape(-1)
        totals = np.bincount(labels, weights=cells.weights)
        sums = [np.bincount(labels, weights=cells.weights * x) for x in cells.means.T]
        return points(np.stack(sums, axis=1) / totals[:, None], totals)


def assign(cells: Cells, centres: Floats, *, trim: float = 0.0) -> Partition:
    """Give every cell to the nearest centre (k, d), but for the share `trim` of the weight that is farthest off.

    The nearest cell stays whatever its weight.
    """
    distances = _squared_distances(cells.means, centres)
    labels, nearest = distances.argmin(axis=0), distances.min(axis=0)
    if trim == 0:
        return Partition(centres, labels, float(cells.weights @ nearest))
    order = np.argsort(nearest, kind="stable")
    farther = order[1:][np.cumsum(cells.weights[order])[1:] > (1 - trim) * cells.total_weight]
    labels[farther], nearest[farther] = -1, 0.0
    return Partition(centres, labels, float(cells.weights @ nearest))


def k_means(cells: Cells, centres: Floats, *, max_iter: int = 50, trim: float = 0.0) -> Partition:
    """Weighted k-means from the given centres (k, d): Lloyd's algorithm. A centre without cells stays where it is.

    With `trim` above 0 it is trimmed k-means: the share of the weight that is farthest from all centres has no say
    (Cuesta-Albertos, Gordaliza & Matran 1997, Annals of Statistics 25, 553-576).
    """
    partition = assign(cells, centres, trim=trim)
    for _ in range(max_iter):
        labels = partition.labels + 1  # those trimmed away are counted first, and left out
        totals = np.bincount(labels, weights=cells.weights, minlength=len(centres) + 1)[1:]
        sums = np.stack(
            [np.bincount(labels, weights=cells.weights * x, minlength=len(centres) + 1)[1:] for x in cells.means.T], 1
        )
        moved = np.where(totals[:, None] > 0, sums / np.where(totals > 0, totals, 1.0)[:, None], partition.centres)
        following = assign(cells, moved, trim=trim)
        if not following.inertia < partition.inertia:
            break
        partition = following
    return partition


def k_means_plus_plus(cells: Cells, n_clusters: int, rng: np.random.Generator, given: Floats | None = None) -> Floats:
    """Centres (k, d) drawn from the cells, far from each other: greedy k-means++ with weights.

    Centres that are `given`, (at most k, d), come first and the rest is drawn far from them.

    Each next centre is the best of 2 + log k candidates, drawn with probability proportional to a cell's weight times
    its squared distance from the centres so far (Arthur & Vassilvitskii 2007; the greedy choice as in scikit-learn).
    """
    n_candidates = 2 + int(np.log(n_clusters))
    centres = cells.means[_draw(cells.weights, 1, rng)] if given is None or len(given) == 0 else given
    nearest = _squared_distances(cells.means, centres).min(axis=0)
    while len(centres) < n_clusters:
        candidates = _draw(cells.weights * nearest, n_candidates, rng)
        distances = np.minimum(_squared_distances(cells.means, cells.means[candidates]), nearest)
        best = int((distances @ cells.weights).argmin())
        centres = np.concatenate([centres, cells.means[candidates[best]][None]])
        nearest = distances[best]
    return centres


def random_cells(cells: Cells, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Centres (k, d): different cells drawn by weight."""
    chosen = rng.choice(len(cells), size=n_clusters, replace=False, p=cells.weights / cells.weights.sum())
    return cells.means[chosen]


def _draw(masses: Floats, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices drawn with probability proportional to `masses`; by equal chance where all masses are zero."""
    cumulative = np.cumsum(masses if masses.any() else np.ones_like(masses))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    return np.asarray(np.minimum(drawn, len(masses) - 1))


def _squared_distances(points: Floats, centres: Floats) -> Floats:
    """Squared Euclidean distances, (k, n). Coordinates are taken from the first centre, so that no digits are lost."""
    points, centres = points - centres[0], centres - centres[0]
    distances = (centres**2).sum(axis=1)[:, None] - 2 * centres @ points.T
    distances += np.einsum("nd,nd->n", points, points)
    return np.asarray(np.maximum(distances, 0.0, out=distances))
