"""Weighted k-means, k-means++ and random cells, for the starts of EM.

Distances are Euclidean between the cells' means. Runs that start differently are computed side by side: centers are
(n_runs, k, d), and results have as many rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, make_point_cells

__all__ = ["Partition", "assign", "draw_k_means_plus_plus", "draw_random_cells", "run_k_means"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """A partition of cells among centers, in one run or in several.

    Attributes
    ----------
    centers : ndarray of shape (k, d) or (n_runs, k, d), float64
    labels : ndarray of shape (n,) or (n_runs, n), int
        The center nearest to each cell; -1 where the cell is trimmed.
    inertia : ndarray of shape () or (n_runs,), float64
        Weighted sum of the squared distances between cells and their centers, without the trimmed cells.
    """

    centers: Floats
    labels: NDArray[np.intp]
    inertia: Floats

    def __getitem__(self, runs: int | NDArray[np.generic]) -> Partition:
        return Partition(self.centers[runs], self.labels[runs], self.inertia[runs])

    def make_cluster_cells(self, cells: Cells) -> Cells:
        """Make one point of each cluster of one run, with its weight and mean; clusters without cells are left out.

        Parameters
        ----------
        cells : Cells
            The cells that were partitioned.

        Returns
        -------
        Cells
        """
        labels = np.unique(self.labels, return_inverse=True)[1].reshape(-1)
        totals = np.bincount(labels, weights=cells.weights)
        sums = [np.bincount(labels, weights=cells.weights * x) for x in cells.means.T]
        return make_point_cells(np.stack(sums, axis=1) / totals[:, None], totals)


class _Points(NamedTuple):
    """Points whose distances from many centers are computed.

    ``|p - c|**2 = (-2 c, |c|**2) (p, 1)' + |p|**2``, with the first point as origin so that no digits are lost.
    """

    origin: Floats  # (d,)
    factors: Floats  # (d + 1, n): the points and 1
    squares: Floats  # (n,)

    @classmethod
    def from_rows(cls, rows: Floats) -> _Points:
        """Prepare points (n, d)."""
        factors = np.ones((rows.shape[1] + 1, len(rows)))
        np.subtract(rows.T, rows[0][:, None], out=factors[:-1])
        return cls(rows[0], factors, np.einsum("dn,dn->n", factors[:-1], factors[:-1]))

    def compute_squared_distances(self, centers: Floats) -> Floats:
        """Compute the squared Euclidean distances (..., k, n) from centers (..., k, d)."""
        d = centers.shape[-1]
        factors = np.empty((centers.size // d, d + 1))  # one product for all runs
        offsets = centers.reshape(-1, d) - self.origin
        np.multiply(offsets, -2, out=factors[:, :-1])
        np.einsum("nd,nd->n", offsets, offsets, out=factors[:, -1])
        distances = factors @ self.factors
        distances += self.squares
        np.maximum(distances, 0.0, out=distances)
        return distances.reshape(*centers.shape[:-1], len(self.squares))


def assign(cells: Cells, centers: Floats, *, trim: float = 0.0) -> Partition:
    """Assign every cell to the nearest center.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    centers : ndarray of shape (k, d) or (n_runs, k, d), float64
    trim : float, 0 to 1
        Share of the weight, farthest from all centers, that is left out. The nearest cell stays whatever its weight.

    Returns
    -------
    Partition
    """
    return _assign(cells, _Points.from_rows(cells.means), centers, trim)


def _assign(cells: Cells, points: _Points, centers: Floats, trim: float) -> Partition:
    """Assign cells, whose means are the points, as :func:`assign` does."""
    # Distances are (..., k, n): the minimum is over the centers of each run.
    distances = points.compute_squared_distances(centers)
    labels, nearest = distances.argmin(axis=-2), distances.min(axis=-2)
    if trim > 0:
        trimmed = _find_trimmed(cells, nearest, trim)
        labels[trimmed], nearest[trimmed] = -1, 0.0
    return Partition(centers, labels, np.asarray(nearest @ cells.weights))


def _find_trimmed(cells: Cells, nearest: Floats, trim: float) -> NDArray[np.bool_]:
    """Find the cells (..., n) to trim by their squared distances from the nearest center."""
    order = np.argsort(nearest, axis=-1, kind="stable")
    far = np.cumsum(cells.weights[order], axis=-1) > (1 - trim) * cells.total_weight
    far[..., 0] = False
    # From the sorted order back to that of the cells.
    trimmed = np.zeros_like(far)
    np.put_along_axis(trimmed, order, far, axis=-1)
    return trimmed


def run_k_means(cells: Cells, centers: Floats, *, max_iter: int = 50, trim: float = 0.0) -> Partition:
    """Run weighted k-means from the given centers: Lloyd's algorithm.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    centers : ndarray of shape (k, d) or (n_runs, k, d), float64
        A center without cells stays where it is.
    max_iter : int, >= 0
        Most iterations. Each run ends where its inertia no longer falls.
    trim : float, 0 to 1
        Above 0 it is trimmed k-means: this share of the weight, farthest from all centers, is left out
        (Cuesta-Albertos, Gordaliza & Matran 1997, Annals of Statistics 25, 553-576).

    Returns
    -------
    Partition

    Examples
    --------
    >>> cells = make_point_cells([[0.0], [1.0], [8.0], [9.0]])
    >>> found = run_k_means(cells, np.array([[0.0], [1.0]]))
    >>> found.centers
    array([[0.5],
           [8.5]])
    >>> found.labels
    array([0, 0, 1, 1])
    """
    if centers.ndim == 2:
        return run_k_means(cells, centers[None], max_iter=max_iter, trim=trim)[0]
    points = _Points.from_rows(cells.means)
    moments = cells.weights[:, None] * np.column_stack([np.ones(len(cells)), cells.means])
    best, best_inertia, active = centers.copy(), np.full(len(centers), np.inf), np.arange(len(centers))
    for _ in range(max_iter + 1):
        members, inertia = _divide(cells, points, centers, trim)
        # Only the runs that still improve go on.
        better = inertia < best_inertia[active]
        if not better.all():
            active, centers, members, inertia = active[better], centers[better], members[better], inertia[better]
        if not active.size:
            break
        best[active], best_inertia[active] = centers, inertia
        centers = _compute_means(moments, members, centers)
    return _assign(cells, points, best, trim)


def _divide(cells: Cells, points: _Points, centers: Floats, trim: float) -> tuple[NDArray[np.bool_], Floats]:
    """Divide cells among centers (n_runs, k, d): return the members (n_runs, k, n) of each, and the inertia (n_runs,).

    It is :func:`_assign` without labels: to look for the least place takes many times as long as for the least value.
    """
    distances = points.compute_squared_distances(centers)
    nearest = distances.min(axis=1)
    members = distances == nearest[:, None]
    # A cell between two centers belongs to the first.
    if np.count_nonzero(members) > nearest.size:
        members = distances.argmin(axis=1)[:, None] == np.arange(centers.shape[1])[:, None]
    if trim > 0:
        trimmed = _find_trimmed(cells, nearest, trim)
        nearest[trimmed] = 0.0
        members &= ~trimmed[:, None]
    return members, nearest @ cells.weights


def draw_k_means_plus_plus(
    cells: Cells, n_clusters: int, n_runs: int, rng: np.random.Generator, given: Floats | None = None
) -> Floats:
    """Draw centers that are far from each other from the cells: greedy k-means++ with weights.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    n_clusters, n_runs : int, >= 1
        Centers to draw for each run, and runs.
    rng : numpy.random.Generator
    given : ndarray of shape (at most n_clusters, d), float64, optional
        Centers that come first; the others are drawn far from them.

    Returns
    -------
    ndarray of shape (n_runs, n_clusters, d), float64

    Notes
    -----
    Each next center is the best of 2 + log k candidates, drawn with probability proportional to a cell's weight times
    its squared distance from the centers so far (Arthur & Vassilvitskii 2007; the greedy choice as in scikit-learn).
    """
    n_candidates = 2 + int(np.log(n_clusters))
    if given is None or len(given) == 0:
        centers = cells.means[_draw(np.broadcast_to(cells.weights, (n_runs, len(cells))), 1, rng)]
    else:
        centers = np.repeat(given[None], n_runs, axis=0)
    points = _Points.from_rows(cells.means)
    nearest = points.compute_squared_distances(centers).min(axis=1)
    runs = np.arange(n_runs)
    while centers.shape[1] < n_clusters:
        candidates = _draw(cells.weights * nearest, n_candidates, rng)
        # Distances (n_runs, n_candidates, n) to the nearest center, were each candidate the next center.
        distances = np.minimum(points.compute_squared_distances(cells.means[candidates]), nearest[:, None])
        best = (distances @ cells.weights).argmin(axis=1)
        centers = np.concatenate([centers, cells.means[candidates[runs, best]][:, None]], axis=1)
        nearest = distances[runs, best]
    return centers


def draw_random_cells(cells: Cells, n_clusters: int, n_runs: int, rng: np.random.Generator) -> Floats:
    """Draw the means of different cells, with probability proportional to their weights.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    n_clusters : int, 1 to n
    n_runs : int, >= 1
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_runs, n_clusters, d), float64

    Notes
    -----
    The cells of the smallest exponential variables, each divided by the cell's weight, are such a draw (Efraimidis &
    Spirakis 2006, Information Processing Letters 97, 181-185).
    """
    keys = rng.standard_exponential((n_runs, len(cells))) / cells.weights
    return cells.means[np.argpartition(keys, n_clusters - 1, axis=1)[:, :n_clusters]]


def _compute_means(moments: Floats, members: NDArray[np.bool_], centers: Floats) -> Floats:
    """Compute the means (n_runs, k, d) of the clusters of every run; the center where a cluster has no cells.

    The moments of n cells are their weights and weighted means, (n, 1 + d).
    """
    sums = (members.reshape(-1, len(moments)).astype(np.float64) @ moments).reshape(*centers.shape[:2], -1)
    totals = sums[:, :, :1]
    if (totals > 0).all():
        return sums[:, :, 1:] / totals
    return np.where(totals > 0, sums[:, :, 1:] / np.where(totals > 0, totals, 1.0), centers)


def _draw(masses: Floats, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw indices (n_runs, size) with probability proportional to each row of `masses` (n_runs, n).

    All indices have the same chance where all masses of a row are zero.
    """
    n_runs, n = masses.shape
    rows = np.arange(n_runs)[:, None]
    cumulative = np.cumsum(masses, axis=1)
    # Rows without any mass: equal chances.
    if not cumulative[:, -1].all():
        cumulative[cumulative[:, -1] == 0] = np.arange(1, n + 1)
    cumulative /= cumulative[:, -1:]
    # Row i lies in i..i + 1, so that all rows together ascend and one search finds the draws of all.
    cumulative += rows
    drawn = np.searchsorted(cumulative.reshape(-1), rng.random((n_runs, size)) + rows, side="right") - n * rows
    return np.asarray(np.minimum(drawn, n - 1))
