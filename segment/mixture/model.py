"""The mixture model: its parameters, its densities, and the posteriors that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.equality import EqualByValue
from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.gaussian_density import (
    MIN_LOG,
    GaussianTerms,
    compute_gaussian_terms,
    compute_moments,
    compute_squared_distances,
    split_into_blocks,
)
from segment.mixture.missing import compute_regression, group_by_pattern, has_missing
from segment.mixture.student_t import convert_to_student_t

__all__ = ["COVARIANCE_TYPES", "MIN_VARIANCE", "MixtureModel"]

Floats = NDArray[np.float64]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

MIN_VARIANCE = 1e-280  # a smaller variance is that of a constant: its inverse could overflow
# Share of the mixture's variance below which products of moments lose more than half of their digits.
_NARROW_VARIANCE = 1e-8


@dataclass(frozen=True, eq=False)
class MixtureModel(EqualByValue):
    """A mixture of k Gaussian or Student-t distributions in d dimensions, with or without uniform noise.

    Parameters
    ----------
    weights : ndarray of shape (k,), float64, summing to 1
        Shares of the components among the observations that are not noise.
    means : ndarray of shape (k, d), float64
    covariances : ndarray of shape (k, d, d), float64
        Always full matrices, whatever the covariance type; tied ones are all alike.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The constraint under which the covariances were estimated.
    noise_share : float, 0 to 1
        Share of the observations that belong to no component.
    noise_density : float, >= 0
        Density of these observations, the same everywhere. 0 where there is no noise.
    degrees_of_freedom : ndarray of shape (k,) or (0,), float64, > 0
        Of Student-t components, whose `covariances` are their scale matrices. Empty for Gaussians.

    Raises
    ------
    SettingsError
        If the shapes do not fit together or the covariance type is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import segment
    >>> model = segment.MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [10.0]]), np.ones((2, 1, 1)))
    >>> model.n_components, model.n_features, model.n_parameters
    (2, 1, 5)
    >>> model.predict([[-1.0], [8.0], [11.0]])
    array([0, 1, 1])
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
        """Number of components k."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Number of free parameters, as the information criteria count them."""
        k, d = self.means.shape
        # Besides the covariances: k means, k - 1 free weights, degrees of freedom and a noise share.
        covariance = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
        robust = self.degrees_of_freedom.size + (self.noise_density > 0)
        return int(covariance[self.covariance_type] + k * d + k - 1 + robust)

    @cached_property
    def gaussian_terms(self) -> GaussianTerms:
        """What log densities of the components are computed from, as if they were Gaussian; computed once."""
        return compute_gaussian_terms(self.weights, self.means, self.covariances)

    def reorder(self, order: ArrayLike) -> MixtureModel:
        """Put the components in another order, or select some of them.

        Parameters
        ----------
        order : array_like of shape (m,), int
            Present numbers, 0..k-1, of the components of the result.

        Returns
        -------
        MixtureModel
            Of m components. The weights are not normalized.

        Examples
        --------
        >>> model = MixtureModel(np.array([0.2, 0.8]), np.array([[5.0], [1.0]]), np.ones((2, 1, 1)))
        >>> model.reorder([1, 0]).weights
        array([0.8, 0.2])
        """
        index = np.asarray(order, dtype=np.intp)
        return replace(
            self,
            weights=self.weights[index],
            means=self.means[index],
            covariances=self.covariances[index],
            degrees_of_freedom=self.degrees_of_freedom[index] if self.degrees_of_freedom.size else np.zeros(0),
        )

    def rescale(self, shift: Floats, scale: Floats) -> MixtureModel:
        """Convert the mixture to the coordinates ``(x - shift) / scale``.

        Parameters
        ----------
        shift, scale : ndarray of shape (d,), float64

        Returns
        -------
        MixtureModel

        Examples
        --------
        >>> model = MixtureModel(np.ones(1), np.array([[5.0]]), np.array([[[4.0]]]))
        >>> half = model.rescale(np.array([1.0]), np.array([2.0]))
        >>> half.means, half.covariances
        (array([[2.]]), array([[[1.]]]))
        """
        # A density in new units grows by the product of the scales; by logarithms, so that it cannot overflow.
        density = np.exp(np.log(self.noise_density) + np.log(scale).sum()) if self.noise_density else 0.0
        return replace(
            self,
            means=(self.means - shift) / scale,
            covariances=self.covariances / (scale[:, None] * scale),
            noise_density=float(density),
        )

    def marginalize(self, features: ArrayLike) -> MixtureModel:
        """Return the marginal mixture of some of the features, without the noise.

        Parameters
        ----------
        features : array_like of shape (m,), int
            Numbers, 0..d-1, of the features to keep.

        Returns
        -------
        MixtureModel
            Of m features.

        Examples
        --------
        >>> model = MixtureModel(np.ones(1), np.array([[1.0, 2.0]]), np.eye(2)[None])
        >>> model.marginalize([1]).means
        array([[2.]])
        """
        index = np.asarray(features, dtype=np.intp)
        covariances = self.covariances[:, index[:, None], index]
        return replace(self, means=self.means[:, index], covariances=covariances, noise_share=0.0, noise_density=0.0)

    def compute_standard_coordinates(self) -> tuple[Floats, Floats]:
        """Compute the shift and the scale that give the mixture mean 0 and variances 1.

        Returns
        -------
        shift, scale : ndarray of shape (d,), float64

        Examples
        --------
        >>> model = MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [8.0]]), np.full((2, 1, 1), 9.0))
        >>> model.compute_standard_coordinates()
        (array([4.]), array([5.]))
        """
        # Law of total variance: the mean variance within the components plus the variance of their means.
        shift = self.weights @ self.means
        between = self.weights @ (self.means - shift) ** 2
        variance = self.weights @ np.diagonal(self.covariances, axis1=1, axis2=2) + between
        return shift, np.sqrt(np.where(variance > MIN_VARIANCE, variance, 1.0))

    def log_joint(self, X: ArrayLike | Cells) -> Floats:
        """Compute the log of weight times density of every component.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            The scatter S of a cell takes ``tr(inv(covariance) @ S) / 2`` off its log density. NaN is a missing value:
            such a row has the density of the features it has, and a row of none the log weights.

        Returns
        -------
        ndarray of shape (n, k), float64

        Raises
        ------
        SettingsError
            If X has another number of features than the mixture.

        Examples
        --------
        >>> model = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
        >>> model.log_joint([[0.0], [2.0]]).round(3)  # -log(2 pi) / 2 and 2 less
        array([[-0.919],
               [-2.919]])
        """
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        joint = np.empty((len(cells), self.n_components))
        for rows, block in self.iterate_log_joint(cells):
            joint[rows] = block.T
        return joint

    def iterate_log_joint(self, cells: Cells) -> Iterator[tuple[slice | NDArray[np.intp], Floats]]:
        """Compute :meth:`log_joint` of some cells at a time: yield their rows, and an array (k, rows)."""
        if cells.n_features != self.n_features:
            raise SettingsError(f"X: the mixture has {self.n_features} features; got {cells.n_features}.")
        if has_missing(cells):
            for pattern in group_by_pattern(cells):
                yield pattern.rows, self.marginalize(pattern.observed).log_joint(pattern.cells).T
            return

        shift, scale = self.compute_standard_coordinates()
        standard = self.rescale(shift, scale)
        parameters, peaks = standard.gaussian_terms.parameters, standard.gaussian_terms.log_peaks
        # Narrow components, whose log densities would be small differences of large products, are computed separately.
        variances = np.diagonal(standard.covariances, axis1=1, axis2=2)
        narrow = np.flatnonzero(variances.min(axis=1, initial=1) < _NARROW_VARIANCE)
        # Log share of what is not noise, and the change of density from standard to original coordinates.
        constant = np.log(max(1 - self.noise_share, np.finfo(float).tiny)) - np.log(scale).sum()
        for rows in split_into_blocks(len(cells), self.n_components):
            block = parameters @ compute_moments(cells[rows].rescale(shift, scale))
            for j in narrow:
                block[j] = peaks[j] - compute_squared_distances(cells[rows], self.means[j], self.covariances[j]) / 2
            if self.degrees_of_freedom.size:
                block, _ = convert_to_student_t(block, peaks, self.degrees_of_freedom, self.n_features)
            block += constant
            yield rows, block

    def score_samples(self, X: ArrayLike | Cells) -> Floats:
        """Compute the log density of the mixture, noise included.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            As for :meth:`log_joint`.

        Returns
        -------
        ndarray of shape (n,), float64

        Examples
        --------
        >>> model = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
        >>> model.score_samples([[0.0], [2.0]]).round(3)
        array([-0.919, -2.919])
        """
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        components = np.empty(len(cells))
        for rows, block in self.iterate_log_joint(cells):
            # Logarithm of the sum over the components, without overflow.
            top = block.max(axis=0, initial=MIN_LOG)
            components[rows] = top + np.log(np.exp(block - top).sum(axis=0))
        noise = self.noise_share * self.noise_density
        return np.asarray(np.logaddexp(components, np.log(noise)) if noise > 0 else components)

    def noise_posteriors(self, X: ArrayLike | Cells) -> Floats:
        """Compute the probability that each row is noise and belongs to no component.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            As for :meth:`log_joint`.

        Returns
        -------
        ndarray of shape (n,), float64, 0 to 1

        Examples
        --------
        >>> noisy = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), noise_share=0.1, noise_density=0.01)
        >>> noisy.noise_posteriors([[0.0], [9.0]]).round(3)
        array([0.003, 1.   ])
        """
        # Bayes' rule: density of the noise over that of the whole mixture.
        return np.asarray(self.noise_share * self.noise_density * np.exp(-self.score_samples(X)))

    def posteriors(self, X: ArrayLike | Cells) -> Floats:
        """Compute the probability of every component for each row, given that the row is not noise.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            As for :meth:`log_joint`.

        Returns
        -------
        ndarray of shape (n, k), float64
            Rows sum to 1.

        Examples
        --------
        >>> model = MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [10.0]]), np.ones((2, 1, 1)))
        >>> model.posteriors([[0.0], [5.0]]).round(3)
        array([[1. , 0. ],
               [0.5, 0.5]])
        """
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        found = np.empty((len(cells), self.n_components))
        for rows, block in self.iterate_log_joint(cells):
            # The largest log density becomes 0, so that the exponentials cannot all vanish.
            odds = np.exp(block - block.max(axis=0, initial=MIN_LOG))
            found[rows] = (odds / odds.sum(axis=0)).T
        return found

    def predict(self, X: ArrayLike | Cells) -> NDArray[np.intp]:
        """Find the most probable component of each row.

        Parameters
        ----------
        X : array_like of shape (n, d), or Cells
            As for :meth:`log_joint`.

        Returns
        -------
        ndarray of shape (n,), int
            Numbers 0..k-1.

        Examples
        --------
        >>> model = MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [10.0]]), np.ones((2, 1, 1)))
        >>> model.predict([[1.0], [9.0]])
        array([0, 1])
        """
        cells = X if isinstance(X, Cells) else make_point_cells(X)
        found = np.empty(len(cells), dtype=np.intp)
        for rows, block in self.iterate_log_joint(cells):
            found[rows] = block.argmax(axis=0)
        return found

    def impute(self, X: ArrayLike) -> Floats:
        """Replace every NaN by its expectation given the features that the row has.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, d), float64

        Examples
        --------
        >>> model = MixtureModel(np.ones(1), np.zeros((1, 2)), np.array([[[1.0, 0.5], [0.5, 1.0]]]))
        >>> model.impute([[2.0, np.nan], [3.0, 4.0]])
        array([[2., 1.],
               [3., 4.]])
        """
        cells = make_point_cells(X)
        filled = cells.means.copy()
        posteriors = self.posteriors(cells)
        for pattern in group_by_pattern(cells):
            # Each component expects a linear function of the observed features; the posteriors weigh them.
            given = compute_regression(self.means, self.covariances, pattern.observed)
            expected = pattern.cells.means @ np.swapaxes(given.slopes, 1, 2) + given.intercepts[:, None]
            rows = filled[pattern.rows]
            mixed = np.einsum("nk,knd->nd", posteriors[pattern.rows], expected)
            filled[pattern.rows] = np.where(np.isnan(rows), mixed, rows)
        return filled
