"""Coarse cells and the coordinates of the starts: what fits of one number of components have in common.

Starts, and the pooled covariance, come from k-means, whose clusters depend on the unit of each feature. A class far
away stretches standard deviations; then noise in one feature can weigh more than the difference of two classes in
another, and the clusters divide the noise. :attr:`Levels.tightest` compares the clusters of several metrics by a
criterion that does not depend on units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.coarsening import coarsen_adaptively, coarsen_by_scatter, is_crowded, is_grid_suitable
from segment.mixture.grid_bins import number_grid_bins
from segment.mixture.initialization import (
    compute_pooled_covariance,
    standardize_metric,
)
from segment.mixture.kmeans import draw_k_means_plus_plus, run_k_means
from segment.mixture.multistart import MANY_COMPONENTS
from segment.mixture.packed_matrices import unpack

__all__ = ["Levels", "coarsen_or_keep"]

Floats = NDArray[np.float64]

# Bins along the widest feature, for the finalists and for all starts.
_COARSE_BINS, _COARSEST_BINS = 32, 16
# Runs of k-means for the pooled covariance. A shrinkage up to _WEAK_SHRINKAGE needs few of them; so do many clusters,
# over which the covariance is averaged.
_N_POOLED_RUNS, _N_FEW_POOLED_RUNS, _WEAK_SHRINKAGE = 30, 5, 0.1

# Gain in log det from which tighter clusters are taken unseen: two classes 3.5 standard deviations apart gain as much
# over one class that holds both.
_CLEAR_GAIN = 0.5

# Runs of k-means in each metric that is compared, and rounds in which the best clusters make their own metric.
_N_METRIC_RUNS, _N_METRIC_ROUNDS = 3, 3
# Gain in log det below which another round is not worth its time.
_MIN_ROUND_GAIN = 0.1
# Smallest variance within clusters, as a share of the data's: it keeps determinants finite for single values.
_MIN_SPREAD = 1e-10


@dataclass(frozen=True)
class Levels:
    """Coarse cells and metric shared by the fits of one number of components, whatever the shrinkage.

    Attributes
    ----------
    coarse, coarsest : Cells
        Cells for the finalists and for all starts; the cells themselves where those are few.
    k : int
        The number of components.
    metric : ndarray of shape (d, m)
        Clusters are found among the rows of ``means @ metric``.
    gain : float, >= 0
        How much smaller the log determinant of the covariance within clusters is than in the metric that was given.
    finest : Cells, optional
        The cells that were coarsened.
    """

    coarse: Cells
    coarsest: Cells
    k: int
    metric: Floats
    gain: float = 0.0
    finest: Cells | None = None

    @classmethod
    def from_cells(cls, cells: Cells, k: int, metric: Floats | None = None) -> Levels:
        """Coarsen the cells to two levels.

        Parameters
        ----------
        cells : Cells
            n complete cells in d dimensions.
        k : int, >= 1
        metric : ndarray of shape (d, m), optional
            By default every feature is divided by its standard deviation.

        Returns
        -------
        Levels
        """
        coarse = coarsen_or_keep(cells, _COARSE_BINS, k)
        coarsest = coarsen_or_keep(coarse, _COARSEST_BINS, k)
        return cls(coarse, coarsest, k, standardize_metric(coarse) if metric is None else metric, finest=cells)

    @classmethod
    def choose(cls, cells: Cells, k: int, metric: Floats | None, *, is_robust: bool) -> Levels:
        """Coarsen the cells, and choose the metric in which clusters are tightest where the gain is clear.

        Parameters
        ----------
        cells, k, metric
            As for :meth:`from_cells`.
        is_robust : bool
            Keep the metric: outliers, which noise and tails are for, would make clusters of their own.

        Returns
        -------
        Levels
        """
        levels = cls.from_cells(cells, k, metric)
        return levels if is_robust else levels.choose_clearly_tightest()

    def choose_clearly_tightest(self) -> Levels:
        """Choose :attr:`tightest` from a gain on that leaves no doubt, and these levels otherwise.

        Returns
        -------
        Levels
        """
        return self.tightest if self.tightest.gain > _CLEAR_GAIN else self

    @cached_property
    def tightest(self) -> Levels:
        """Levels with the metric in which clusters are tightest; itself where no other is better.

        Clusters are compared by the determinant of the covariance within them (Friedman & Rubin 1967, J. Am. Stat.
        Assoc. 62, 1159-1178), which is the likelihood of Gaussians with one covariance and does not depend on units.
        Candidates are the metric itself, that of the local scatter, in which the median scatter within the coarsest
        cells is the same for all features, and from each the metrics that make the covariance within the clusters found
        so far the identity (Art, Gnanadesikan & Kettenring 1982, Utilitas Mathematica 21A, 75-99), as long as the
        determinant falls. Where a feature has most of the cells in one bin of the grid, they are coarsened without it.
        """
        # With one feature or one cluster the metric makes no difference.
        if self.k < 2 or self.metric.shape[0] < 2:
            return self
        first = self._find_clusters(self.metric)
        levels = self._leave_crowded_grid()
        best, best_log_det = self, first[1]
        for start in (self.metric, levels._make_local_metric()):
            metric, last = start, np.inf
            is_known = start is self.metric and levels is self
            whitening, log_det = first if is_known else levels._find_clusters(start)
            for following in range(1, _N_METRIC_ROUNDS + 1):
                if log_det < best_log_det:
                    best, best_log_det = replace(levels, metric=metric, gain=first[1] - log_det), log_det
                if last - log_det < _MIN_ROUND_GAIN or following == _N_METRIC_ROUNDS:
                    break
                metric, last = whitening, log_det
                whitening, log_det = levels._find_clusters(metric)
        return best

    def compute_target(self, shrinkage: float, *, trim: float = 0.0) -> Floats:
        """Compute the covariance within clusters that shrunk covariances are pulled towards.

        Parameters
        ----------
        shrinkage : float, >= 0
            The weaker, the less exactly the covariance is computed.
        trim : float, 0 to 1
            As for :func:`compute_pooled_covariance`.

        Returns
        -------
        ndarray of shape (d, d), float64
        """
        if shrinkage > _WEAK_SHRINKAGE and trim == 0:
            return self._pooled
        n_runs = _N_POOLED_RUNS if shrinkage > _WEAK_SHRINKAGE else _N_FEW_POOLED_RUNS if shrinkage > 0 else 1
        return compute_pooled_covariance(self.coarse, self.coarsest, self.k, self.metric, n_runs, trim=trim)

    @cached_property
    def _pooled(self) -> Floats:
        """The pooled covariance within clusters, as exact as it is asked for; computed once."""
        n_runs = _N_FEW_POOLED_RUNS if self.k >= MANY_COMPONENTS else _N_POOLED_RUNS
        return compute_pooled_covariance(self.coarse, self.coarsest, self.k, self.metric, n_runs)

    def _leave_crowded_grid(self) -> Levels:
        """Coarsen the cells by their scatter where a bin of the grid holds most of them; itself elsewhere."""
        if self.finest is None or self.coarsest is self.finest or not is_crowded(self.coarsest, _COARSEST_BINS):
            return self
        group, min_cells = number_grid_bins(self.finest, _COARSE_BINS)[0], _count_min_cells(self.k)
        # Where the grid did not suit, `coarse` has been made by scatter already.
        is_known = self.coarse is not self.finest and min_cells <= _COARSE_BINS**2
        is_known = is_known and not is_grid_suitable(group, min_cells)
        coarse = self.coarse if is_known else coarsen_by_scatter(self.finest, _COARSE_BINS**2)
        return replace(self, coarse=coarse, coarsest=coarsen_by_scatter(coarse, _COARSEST_BINS**2))

    def _make_local_metric(self) -> Floats:
        """Make the metric that divides every feature by its scatter within the coarsest cells."""
        cells = self.coarsest
        scatters = np.diagonal(unpack(cells.scatters), axis1=1, axis2=2)
        # The weighted median: some cells hold values of two classes. Without scatter, the standard deviation is used.
        order = np.argsort(scatters, axis=0, kind="stable")
        at = (np.cumsum(cells.weights[order], axis=0) < cells.total_weight / 2).sum(axis=0)
        middle = np.take_along_axis(scatters, np.take_along_axis(order, at[None], axis=0), axis=0)[0]
        inverse = 1 / np.sqrt(np.where(middle > 0, middle, 1.0))
        return np.diag(np.where(middle > 0, inverse, np.diagonal(standardize_metric(cells))))

    def _find_clusters(self, metric: Floats) -> tuple[Floats, float]:
        """Find clusters of the coarsest cells; return a metric (d, d) that whitens them, and their log determinant."""
        cells = self.coarsest
        measured = make_point_cells(cells.means @ metric, cells.weights)
        # A fixed seed: metrics are compared by the same draws, whatever the seed of the fit.
        runs = run_k_means(measured, draw_k_means_plus_plus(measured, self.k, _N_METRIC_RUNS, np.random.default_rng(0)))
        # In units of the standard deviations of all cells, so that no unit is too small or too large to be squared, the
        # covariance within clusters is that of all cells without that of the clusters' means.
        standard = standardize_metric(cells)
        center, covariance = cells.center_and_covariance
        clusters = runs[int(runs.inertia.argmin())].make_cluster_cells(cells)
        offsets = (clusters.means - center) @ standard
        between = (clusters.weights / cells.total_weight * offsets.T) @ offsets
        variances, axes = np.linalg.eigh(standard @ covariance @ standard - between)
        variances = np.maximum(variances, _MIN_SPREAD)
        return standard @ axes / np.sqrt(variances), float(np.log(variances).sum())


def coarsen_or_keep(cells: Cells, n_bins: int, k: int) -> Cells:
    """Coarsen the cells where that at least halves their number and leaves enough for k components.

    Parameters
    ----------
    cells : Cells
    n_bins : int, >= 1
        As for :func:`segment.mixture.coarsening.coarsen_adaptively`.
    k : int, >= 1
        Number of components.

    Returns
    -------
    Cells
        `cells` itself where coarser cells are not used.
    """
    min_cells = _count_min_cells(k)
    # Where there are not twice as many cells, nothing is gained.
    if len(cells) < 2 * min_cells:
        return cells
    coarse = coarsen_adaptively(cells, n_bins, min_cells)
    return cells if len(coarse) < min_cells or len(coarse) > len(cells) / 2 else coarse


def _count_min_cells(k: int) -> int:
    """Count the cells that coarsening leaves at least for k components."""
    return max(8 * k, 64)
