"""The mixture itself: its parameters, its densities and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_point_cells, pack, get_triangle_indices
from segment.mixture.missing import has_missing, group_by_pattern, compute_regression
from segment.mixture.student_t import convert_to_student_t

__all__ = [
    "COVARIANCE_TYPES",
    "MIN_VARIANCE",
    "MixtureModel",
    "blocks",
    "compute_log_peaks",
    "log_weights",
    "moments",
    "compute_natural_parameters",
    "squared_distances",
]

Floats = NDArray[np.float64]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

MIN_VARIANCE = 1e-280  # a variance below this is that of a constant: its inverse could overflow
_NEVER = -1e300  # log weight of an empty component: infinity would upset the matrix products
_NARROW = 1e-8  # of the mixture's variance: with less, products of moments lose more than half of the digits
_BLOCK = 8192  # cells handled at once: their moments and log densities stay in the cache


@dataclass(frozen=True)
class MixtureModel:
    """A mixture of k Gaussians in d dimensions, or of k t distributions, with or without noise around them.

    Attributes
    ----------
    weights : ndarray of shape (k,), float64, summing to 1
        Shares of the components in what is not noise.
    means : ndarray of shape (k, d), float64
    covariances : ndarray of shape (k, d, d), float64
        Always whole matrices, whatever the covariance type; tied ones are all alike.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances were allowed to be.
    noise_share : float, 0 to 1
        Share of the observations that belong to no component.
    noise_density : float, >= 0
        Density of these, the same everywhere. 0 where there is no noise.
    degrees_of_freedom : ndarray of shape (k,) or (0,), float64, > 0
        Of t components, whose `covariances` are their scale matrices. Empty for Gaussians.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    covariance_type: str = "full"
    noise_share: float = 0.0
    noise_density: float = 0.0
    degrees_of_freedom: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        k = len(self.weights)
        d = self.means.shape[-1]
        if self.means.shape != (k, d) or self.covariances.shape != (k, d, d):
            raise SettingsError(
                f"model: means are (k, d) and covariances (k, d, d) for k weights; got {self.means.shape} and "
                f"{self.covariances.shape} for {k} weights."
            )
        if self.covariance_type not in COVARIANCE_TYPES:
            raise SettingsError(f"covariance_type: one of {', '.join(COVARIANCE_TYPES)}; got {self.covariance_type!r}.")

    @property
    def n_components(self) -> int:
        return len(self.weights)

    @property
    def n_features(self) -> int:
        return int(self.means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Number of free parameters, as the information criteria count them."""
        k, d = self.means.shape
        covariance = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
        robust = self.degrees_of_freedom.size + (self.noise_density > 0)
        return int(covariance[self.covariance_type] + k * d + k - 1 + robust)

    def reorder(self, order: ArrayLike) -> MixtureModel:
        """The same mixture with its components in another order; `order` lists their present numbers."""
        index = np.asarray(order, dtype=np.intp)
        return replace(
            self,
            weights=self.weights[index],
            means=self.means[index],
            covariances=self.covariances[index],
            degrees_of_freedom=self.degrees_of_freedom[index] if self.degrees_of_freedom.size else np.zeros(0),
        )

    def rescale(self, shift: Floats, scale: Floats) -> MixtureModel:
        """The same mixture in the coordinates ``(x - shift) / scale``, both of shape (d,)."""
        return replace(
            self,
            means=(self.means - shift) / scale,
            covariances=self.covariances / (scale[:, None] * scale),
            noise_density=float(np.exp(np.log(self.noise_density) + np.log(scale).sum()))
            if self.noise_density
            else 0.0,
        )

    def marginalize(self, features: ArrayLike) -> MixtureModel:
        """The mixture of some of the features, given by their numbers, without the noise."""
        index = np.asarray(features, dtype=np.intp)
        covariances = self.covariances[:, index[:, None], index]
        return MixtureModel(
            self.weights,
            self.means[:, index],
            covariances,
            self.covariance_type,
            degrees_of_freedom=self.degrees_of_freedom,
        )

    def compute_standard_coordinates(self) -> tuple[Floats, Floats]:
        """Shift and scale, (d,) each, in which the mixture as a whole has mean 0 and variances 1."""
        shift = self.weights @ self.means
        between = self.weights @ (self.means - shift) ** 2
        variance = self.weights @ np.diagonal(self.covariances, axis1=1, axis2=2) + between
        return shift, np.sqrt(np.where(variance > MIN_VARIANCE, variance, 1.0))

    def log_joint(self, X: ArrayLike | Cells) -> Floats:
        """Log of weight times density of every component.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            The scatter S of a cell takes ``tr(inv(covariance) @ S) / 2`` off its log density. NaN is a missing value:
            such a row has the density of the features it has, and a row of none the log weights.

        Returns
        -------
        ndarray of shape (n, k), float64
        """
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        joint = np.empty((len(cells), self.n_components))
        for rows, block in self._joint(cells):
            joint[rows] = block.T
        return joint

    def _joint(self, cells: Cells) -> Iterator[tuple[slice | NDArray[np.intp], Floats]]:
        """What :meth:`log_joint` has for some cells at a time, and which: their rows, and (k, rows)."""
        if cells.n_features != self.n_features:
            raise SettingsError(f"X: the mixture has {self.n_features} features; got {cells.n_features}.")
        if has_missing(cells):
            for pattern in group_by_pattern(cells):
                yield pattern.rows, self.marginalize(pattern.observed).log_joint(pattern.cells).T
            return
        shift, scale = self.compute_standard_coordinates()
        standard = self.rescale(shift, scale)
        parameters, peaks = compute_natural_parameters(standard), compute_log_peaks(standard)
        narrow = np.flatnonzero(np.diagonal(standard.covariances, axis1=1, axis2=2).min(axis=1, initial=1) < _NARROW)
        constant = np.log(max(1 - self.noise_share, np.finfo(float).tiny)) - np.log(scale).sum()
        for rows in split_into_blocks(len(cells)):
            block = parameters @ compute_moments(cells[rows].rescale(shift, scale))
            for j in narrow:
                block[j] = peaks[j] - squared_distances(cells[rows], self.means[j], self.covariances[j]) / 2
            if self.degrees_of_freedom.size:
                block, _ = convert_to_student_t(block, peaks, self.degrees_of_freedom, self.n_features)
            block += constant
            yield rows, block

    def score_samples(self, X: ArrayLike | Cells) -> Floats:
        """Log density of the mixture, its noise included, at every row of X (n, d): shape (n,)."""
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        components = np.empty(len(cells))
        for rows, block in self._joint(cells):
            top = block.max(axis=0, initial=_NEVER)
            components[rows] = top + np.log(np.exp(block - top).sum(axis=0))
        noise = self.noise_share * self.noise_density
        return np.asarray(np.logaddexp(components, np.log(noise)) if noise > 0 else components)

    def noise_posteriors(self, X: ArrayLike | Cells) -> Floats:
        """Probability that each row of X (n, d) belongs to no component: shape (n,)."""
        noise = self.noise_share * self.noise_density
        return np.asarray(noise * np.exp(-self.score_samples(X)))

    def posteriors(self, X: ArrayLike | Cells) -> Floats:
        """Probability of every component given each row of X (n, d) and that it is no noise: (n, k), rows sum to 1."""
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        found = np.empty((len(cells), self.n_components))
        for rows, block in self._joint(cells):
            odds = np.exp(block - block.max(axis=0, initial=_NEVER))
            found[rows] = (odds / odds.sum(axis=0)).T
        return found

    def predict(self, X: ArrayLike | Cells) -> NDArray[np.intp]:
        """Number 0..k-1 of the most probable component for each row of X (n, d): shape (n,)."""
        return np.asarray(self.log_joint(X).argmax(axis=1))

    def impute(self, X: ArrayLike) -> Floats:
        """The rows of X (n, d) with every NaN replaced by its expectation given the features that the row has."""
        cells = make_point_cells(X)
        filled = cells.means.copy()
        posteriors = self.posteriors(cells)
        for pattern in group_by_pattern(cells):
            given = compute_regression(self.means, self.covariances, pattern.observed)
            expected = pattern.cells.means @ np.swapaxes(given.slopes, 1, 2) + given.intercepts[:, None]
            rows = filled[pattern.rows]
            mixed = np.einsum("nk,knd->nd", posteriors[pattern.rows], expected)
            filled[pattern.rows] = np.where(np.isnan(rows), mixed, rows)
        return filled


def split_into_blocks(n: int) -> Iterator[slice]:
    """Slices that cut n cells into pieces whose moments and log densities stay in the processor's cache."""
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))


def compute_moments(cells: Cells) -> Floats:
    """What a Gaussian's log density is linear in: 1, x and the packed x x' + S, as (1 + d + d (d + 1) / 2, n)."""
    x = cells.means.T
    rows, columns = get_triangle_indices(cells.n_features)
    stacked = np.empty((1 + len(x) + len(rows), len(cells)))
    stacked[0] = 1.0
    stacked[1 : 1 + len(x)] = x
    np.multiply(x[rows], x[columns], out=stacked[1 + len(x) :])
    stacked[1 + len(x) :] += cells.scatters.T
    return stacked


def squared_distances(cells: Cells, mean: Floats, covariance: Floats) -> Floats:
    """Squared Mahalanobis distances (n,) of cells from one Gaussian, scatter included: the mean over each cell.

    Exact however small the covariance is beside the mean, unlike the difference of products that
    :func:`compute_natural_parameters` stands for, which is many times faster.
    """
    scale = np.sqrt(np.diagonal(covariance))
    own = cells.rescale(mean, scale)
    precision = np.linalg.inv(covariance / (scale[:, None] * scale))
    within = own.scatters @ (pack(precision) * pack(2.0 - np.eye(len(mean))))
    return np.asarray(((own.means @ precision) * own.means).sum(axis=1) + within)


def compute_natural_parameters(model: MixtureModel) -> Floats:
    """The factors of :func:`moments` in the log of weight times density, as (k, 1 + d + d (d + 1) / 2).

    With P the inverse of a component's covariance they are
    ``log w - (d log 2 pi - log det P + m' P m) / 2``, ``P m`` and ``-P / 2``.
    """
    precisions = np.linalg.inv(model.covariances)
    precisions = (precisions + np.swapaxes(precisions, 1, 2)) / 2
    linear = (precisions @ model.means[:, :, None])[:, :, 0]
    constant = compute_log_peaks(model) - (linear * model.means).sum(axis=1) / 2
    twice_off_diagonal = pack(2.0 - np.eye(model.n_features))
    return np.concatenate([constant[:, None], linear, -pack(precisions) / 2 * twice_off_diagonal], axis=1)


def compute_log_peaks(model: MixtureModel) -> Floats:
    """Log of weight times Gaussian density at each component's mean: shape (k,)."""
    log_determinants = np.linalg.slogdet(model.covariances)[1]
    return np.asarray(compute_log_weights(model) - (model.n_features * np.log(2 * np.pi) + log_determinants) / 2)


def compute_log_weights(model: MixtureModel) -> Floats:
    """Logarithms of the weights, (k,): finite, if very small, for an empty component."""
    weighty = model.weights > 0
    return np.asarray(np.where(weighty, np.log(np.where(weighty, model.weights, 1.0)), _NEVER))
