"""Variational Bayes for Gaussian mixtures: estimate a distribution of the parameters instead of their values.

The weights have a Dirichlet prior, the means and covariances a normal-inverse-Wishart prior. The posterior is
approximated by independent factors of the same families (Attias 2000, NIPS 12; Bishop 2006, Pattern Recognition and
Machine Learning, 10.2). Then the E-step is that of an ordinary mixture, whose weights are smaller where a component is
uncertain, and the M-step adds the sums of the E-step to the parameters of the prior. A component that explains little
loses its weight to the others and returns to the prior, where it costs nothing in the bound: so surplus components
become empty.

All observations are taken as independent. Pixels are not: scale the weights of their cells to the number of independent
observations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.threads import IMPORT_LOCK
from segment.mixture.cells import Cells
from segment.mixture.gaussian_steps import compute_standard_coordinates, prepare_e_step
from segment.mixture.missing import has_missing
from segment.mixture.model import MIN_VARIANCE, MixtureModel
from segment.mixture.packed_matrices import unpack

__all__ = ["ParameterDistribution", "VariationalFit", "fit_variational_posterior", "make_default_prior"]

Floats = NDArray[np.float64]

# Weight of observations from which a component is active.
MIN_ACTIVE_COUNT = 1.0


@dataclass(frozen=True)
class ParameterDistribution:
    """Distribution of the parameters of a mixture: a Dirichlet and k normal-inverse-Wishart distributions.

    It serves as the prior and as the approximate posterior.

    Attributes
    ----------
    concentrations : ndarray of shape (k,), float64, > 0
        Parameters of the Dirichlet distribution of the weights. The lower they are in the prior, the fewer components
        are used.
    mean_strengths : ndarray of shape (k,), float64, > 0
        Precision of each mean, in observations.
    means : ndarray of shape (k, d), float64
        Expected means.
    degrees : ndarray of shape (k,), float64, > d - 1
        Degrees of freedom of the inverse Wishart distributions of the covariances.
    scales : ndarray of shape (k, d, d), float64
        Scale matrices of the same: the expected precision is ``degrees * inv(scale)``.
    """

    concentrations: Floats
    mean_strengths: Floats
    means: Floats
    degrees: Floats
    scales: Floats

    @cached_property
    def log_weights(self) -> Floats:
        """Expected logarithms of the weights, (k,)."""
        with IMPORT_LOCK:
            from scipy.special import psi

        # E[log w_j] = psi(a_j) - psi(sum_i a_i).
        return np.asarray(psi(self.concentrations) - psi(self.concentrations.sum()))

    @cached_property
    def log_precisions(self) -> Floats:
        """Expected log determinants of the precisions, (k,)."""
        with IMPORT_LOCK:
            from scipy.special import psi

        d = self.means.shape[1]
        # E[log det P] = sum_i psi((degrees - i) / 2) + d log 2 - log det(scale), i = 0 .. d - 1.
        halves = (self.degrees[:, None] - np.arange(d)) / 2
        return np.asarray(psi(halves).sum(axis=1) + d * np.log(2) - np.linalg.slogdet(self.scales)[1])

    @property
    def mixture(self) -> MixtureModel:
        """Mixture with the expected weights, means and precisions."""
        return MixtureModel(
            self.concentrations / self.concentrations.sum(), self.means, self.scales / self.degrees[:, None, None]
        )

    @property
    def expected(self) -> MixtureModel:
        """Mixture whose log joint densities are the expected ones; its weights sum to less than 1."""
        d = self.means.shape[1]
        mean = self.mixture
        # E[log det P] is less than log det E[P], and E[(x - m)' P (x - m)] is d / strength more than its value at the
        # expected m and P.
        uncertain = self.log_precisions + np.linalg.slogdet(mean.covariances)[1] - d / self.mean_strengths
        return MixtureModel(np.exp(self.log_weights + uncertain / 2), mean.means, mean.covariances)

    def rescale(self, shift: Floats, scale: Floats) -> ParameterDistribution:
        """Convert to other coordinates.

        Parameters
        ----------
        shift, scale : ndarray of shape (d,), float64
            The coordinates are ``(x - shift) / scale``.

        Returns
        -------
        ParameterDistribution
            The distribution of the parameters in these coordinates.
        """
        return ParameterDistribution(
            self.concentrations,
            self.mean_strengths,
            (self.means - shift) / scale,
            self.degrees,
            self.scales / (scale[:, None] * scale),
        )

    def compute_divergence(self, prior: ParameterDistribution) -> float:
        """Compute the Kullback-Leibler divergence KL(self || prior).

        Parameters
        ----------
        prior : ParameterDistribution
            Of as many components.

        Returns
        -------
        float
            In nats, at least 0.
        """
        with IMPORT_LOCK:
            from scipy.special import gammaln, multigammaln

        d = self.means.shape[1]
        # Dirichlet distributions of the weights.
        a, b = self.concentrations, prior.concentrations
        weights = gammaln(a.sum()) - gammaln(b.sum()) + (gammaln(b) - gammaln(a)).sum() + (a - b) @ self.log_weights
        # Normal distributions of the means, given the covariances, in expectation over the covariances.
        ratio = prior.mean_strengths / self.mean_strengths
        offsets = self.means - prior.means
        distances = (offsets * np.linalg.solve(self.scales, offsets[:, :, None])[:, :, 0]).sum(axis=1) * self.degrees
        means = (d * (ratio - 1 - np.log(ratio)) + prior.mean_strengths * distances) / 2
        # Wishart distributions of the precisions.
        traces = np.trace(np.linalg.solve(self.scales, prior.scales), axis1=1, axis2=2)
        covariances = _compute_log_constant(self, multigammaln) - _compute_log_constant(prior, multigammaln)
        covariances += ((self.degrees - prior.degrees) * self.log_precisions + self.degrees * (traces - d)) / 2
        return float(weights + (means + covariances).sum())


@dataclass(frozen=True)
class VariationalFit:
    """Result of variational Bayes.

    Attributes
    ----------
    posterior : ParameterDistribution
        The approximate posterior.
    bounds : ndarray of shape (n_iter + 1,), float64
        Lower bound of the log evidence (log marginal likelihood) at each E-step, in nats. It never falls.
    counts : ndarray of shape (k,), float64
        Weight of the observations of each component.
    converged : bool
        Whether the bound gained less than the tolerance before the iterations ran out.
    """

    posterior: ParameterDistribution
    bounds: Floats
    counts: Floats
    converged: bool

    @property
    def active_components(self) -> NDArray[np.intp]:
        """Indices of the components with at least one observation."""
        return np.flatnonzero(self.counts >= MIN_ACTIVE_COUNT)


def make_default_prior(cells: Cells, k: int) -> ParameterDistribution:
    """Make a weak prior for k components, of which some may be surplus.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing.
    k : int, >= 1
        Number of components.

    Returns
    -------
    ParameterDistribution
        The same prior for each component.

    Notes
    -----
    The concentrations are 1 / k. Means and covariances have the prior that Fraley & Raftery propose (2007, J. Classif.
    24): d + 2 degrees of freedom, the covariance of all observations over ``k**(2 / d)`` as scale, and the mean of all
    observations as center, with the weight of a hundredth of an observation.
    """
    d = cells.n_features
    center, spread = cells.center_and_covariance
    # Keeps the scale positive definite where features are constant or collinear.
    variances = np.diagonal(spread)
    spread = spread + 1e-10 * np.diag(np.where(variances > MIN_VARIANCE, variances, 1.0))
    scale = spread / k ** (2 / d)
    ones = np.ones(k)
    return ParameterDistribution(
        ones / k, 0.01 * ones, np.tile(center, (k, 1)), (d + 2) * ones, np.tile(scale, (k, 1, 1))
    )


def fit_variational_posterior(
    cells: Cells,
    start: MixtureModel,
    prior: ParameterDistribution,
    *,
    used: NDArray[np.bool_] | bool = True,
    tol: float = 1e-6,
    max_iter: int = 500,
) -> VariationalFit:
    """Fit the approximate posterior by variational Bayes.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing. Their total weight is the number of independent observations.
    start : MixtureModel
        Gives the first responsibilities: any mixture with full covariances, or
        :attr:`ParameterDistribution.expected`.
    prior : ParameterDistribution
        Of as many components.
    used : ndarray of shape (k,), bool, optional
        Components that may have observations; the others stay at the prior. All by default.
    tol : float, >= 0
        Stop when an iteration gains less than this in the bound, in nats per unit weight.
    max_iter : int, >= 1
        Maximum number of iterations.

    Returns
    -------
    VariationalFit
        The posterior and the bounds on the way to it.

    Raises
    ------
    SettingsError
        If values are missing or the covariances of `start` are not full.

    Examples
    --------
    Two groups of 20 points, and three components, of which the middle one becomes empty:

    >>> from segment.mixture.cells import make_point_cells
    >>> cells = make_point_cells(np.concatenate([np.linspace(0, 1, 20), np.linspace(9, 10, 20)])[:, None])
    >>> start = MixtureModel(np.full(3, 1 / 3), np.array([[0.5], [5.0], [9.5]]), np.ones((3, 1, 1)))
    >>> fit = fit_variational_posterior(cells, start, make_default_prior(cells, 3))
    >>> fit.counts.round(6).tolist()
    [20.0, 0.0, 20.0]
    """
    if has_missing(cells):
        raise SettingsError("cells: complete ones for variational Bayes; got missing values. Impute them first.")
    if start.covariance_type != "full":
        raise SettingsError(f"covariance_type: full for variational Bayes; got {start.covariance_type}.")
    # In standard coordinates sums of squares lose no digits. The log density changes by log(scale) per feature.
    shift, scale = compute_standard_coordinates(cells, "full")
    weight = cells.total_weight
    log_scale = weight * float(np.log(scale).sum())
    expect = prepare_e_step(cells, shift, scale)
    scaled_prior = prior.rescale(shift, scale)
    statistics, _ = expect(_exclude_unused(start.rescale(shift, scale), used))
    bounds: list[float] = []
    converged = False
    while not converged and len(bounds) <= max_iter:
        posterior = _update_posterior(scaled_prior, statistics)
        statistics, totals = expect(_exclude_unused(posterior.expected, used))
        # Right after the update of the responsibilities the bound is the log likelihood of the expected mixture minus
        # the divergence of the parameters.
        bounds.append(float(totals[0]) - log_scale - posterior.compute_divergence(scaled_prior))
        converged = len(bounds) > 1 and bounds[-1] - bounds[-2] < tol * weight
    counts = np.asarray(statistics[:, 0])
    return VariationalFit(posterior.rescale(-shift / scale, 1 / scale), np.array(bounds), counts, converged)


def _exclude_unused(model: MixtureModel, used: NDArray[np.bool_] | bool) -> MixtureModel:
    """Set the weights of the components that are not used to 0."""
    return replace(model, weights=np.where(used, model.weights, 0.0))


def _update_posterior(prior: ParameterDistribution, statistics: Floats) -> ParameterDistribution:
    """Compute the M-step from the prior and the sums of the E-step, (k, 1 + d + d (d + 1) / 2)."""
    d = prior.means.shape[1]
    counts = statistics[:, 0]
    divisor = np.where(counts > 0, counts, 1.0)[:, None]
    # Mean and covariance of the observations of each component.
    own = statistics[:, 1 : 1 + d] / divisor
    within = unpack(statistics[:, 1 + d :] / divisor) - own[:, :, None] * own[:, None, :]
    # The prior is conjugate: its parameters are those of pseudo-observations, to which the counts, means and scatters
    # of the data are added (Bishop 2006, 10.2).
    strengths = prior.mean_strengths + counts
    means = (prior.mean_strengths[:, None] * prior.means + counts[:, None] * own) / strengths[:, None]
    # The mean is drawn towards the prior; the distance between both adds to the scale matrix.
    offsets = own - prior.means
    pull = (counts * prior.mean_strengths / strengths)[:, None, None] * offsets[:, :, None] * offsets[:, None, :]
    scales = prior.scales + counts[:, None, None] * within + pull
    return ParameterDistribution(prior.concentrations + counts, strengths, means, prior.degrees + counts, scales)


def _compute_log_constant(posterior: ParameterDistribution, multigammaln: Callable[[float, int], float]) -> Floats:
    """Compute the log normalization constants of the Wishart densities of the precisions, (k,)."""
    d = posterior.means.shape[1]
    gammas = np.array([multigammaln(degrees / 2, d) for degrees in posterior.degrees])
    return np.asarray(posterior.degrees / 2 * (np.linalg.slogdet(posterior.scales)[1] - d * np.log(2)) - gammas)
