"""A distribution over mixtures instead of one: variational Bayes, in which surplus components die out.

Weights have a Dirichlet prior, means and covariances a normal-inverse-Wishart one. With the posterior approximated by
independent factors of the same families (Attias 2000, NIPS 12; Bishop 2006, Pattern Recognition and Machine Learning,
10.2) the E-step is that of an ordinary mixture whose weights are made smaller by what is not known of a component, and
the M-step adds the E-step's sums to the prior's. A component that explains little beyond the others loses its weight to
them and falls back to the prior, where it costs nothing: the number of components is chosen on the way.

Observations count as if independent. Where they are not, as pixels, give the cells the weight that they are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, unpack
from segment.mixture.em import prepare_e_step, compute_standard_coordinates
from segment.mixture.missing import has_missing
from segment.mixture.model import MIN_VARIANCE, MixtureModel

__all__ = ["MixturePosterior", "VariationalFit", "fit_variational_posterior", "make_default_prior"]

Floats = NDArray[np.float64]

_ALIVE = 1.0  # observations that a component must hold


@dataclass(frozen=True)
class MixturePosterior:
    """A Dirichlet and k normal-inverse-Wishart distributions: what is known of a mixture.

    Attributes
    ----------
    concentrations : ndarray of shape (k,), float64, > 0
        Of the Dirichlet distribution of the weights. Beforehand, the smaller they are the fewer components are used.
    mean_strengths : ndarray of shape (k,), float64, > 0
        How many observations the knowledge of each mean is worth.
    means : ndarray of shape (k, d), float64
    degrees : ndarray of shape (k,), float64, > d - 1
        Degrees of freedom of the covariances.
    scales : ndarray of shape (k, d, d), float64
        Their scale matrices: the expected precision is ``degrees * inv(scale)``.
    """

    concentrations: Floats
    mean_strengths: Floats
    means: Floats
    degrees: Floats
    scales: Floats

    @cached_property
    def log_weights(self) -> Floats:
        """Expected logarithms of the weights, (k,)."""
        from scipy.special import psi

        return np.asarray(psi(self.concentrations) - psi(self.concentrations.sum()))

    @cached_property
    def log_precisions(self) -> Floats:
        """Expected log determinants of the precisions, (k,)."""
        from scipy.special import psi

        d = self.means.shape[1]
        halves = (self.degrees[:, None] - np.arange(d)) / 2
        return np.asarray(psi(halves).sum(axis=1) + d * np.log(2) - np.linalg.slogdet(self.scales)[1])

    @property
    def mixture(self) -> MixtureModel:
        """The mixture of the expected weights, means and precisions."""
        return MixtureModel(
            self.concentrations / self.concentrations.sum(), self.means, self.scales / self.degrees[:, None, None]
        )

    @property
    def expected(self) -> MixtureModel:
        """The mixture whose log joint densities are the expected ones. Its weights sum to less than 1."""
        d = self.means.shape[1]
        mean = self.mixture
        uncertain = self.log_precisions + np.linalg.slogdet(mean.covariances)[1] - d / self.mean_strengths
        return MixtureModel(np.exp(self.log_weights + uncertain / 2), mean.means, mean.covariances)

    def rescale(self, shift: Floats, scale: Floats) -> MixturePosterior:
        """The same belief in the coordinates ``(x - shift) / scale``, both of shape (d,)."""
        return MixturePosterior(
            self.concentrations,
            self.mean_strengths,
            (self.means - shift) / scale,
            self.degrees,
            self.scales / (scale[:, None] * scale),
        )

    def compute_divergence(self, prior: MixturePosterior) -> float:
        """The Kullback-Leibler divergence of the prior from this belief, in nats."""
        from scipy.special import gammaln, multigammaln

        d = self.means.shape[1]
        a, b = self.concentrations, prior.concentrations
        weights = gammaln(a.sum()) - gammaln(b.sum()) + (gammaln(b) - gammaln(a)).sum() + (a - b) @ self.log_weights
        trust = prior.mean_strengths / self.mean_strengths
        offsets = self.means - prior.means
        distances = (offsets * np.linalg.solve(self.scales, offsets[:, :, None])[:, :, 0]).sum(axis=1) * self.degrees
        means = (d * (trust - 1 - np.log(trust)) + prior.mean_strengths * distances) / 2
        ratios = np.trace(np.linalg.solve(self.scales, prior.scales), axis1=1, axis2=2)
        covariances = _compute_log_constant(self, multigammaln) - _compute_log_constant(prior, multigammaln)
        covariances += ((self.degrees - prior.degrees) * self.log_precisions + self.degrees * (ratios - d)) / 2
        return float(weights + (means + covariances).sum())


@dataclass(frozen=True)
class VariationalFit:
    """What is known of a mixture after the data are seen.

    Attributes
    ----------
    posterior : MixturePosterior
        The approximate posterior.
    bounds : ndarray of shape (n_iter + 1,), float64
        The lower bound of the log evidence, in nats, at each E-step. It never falls.
    counts : ndarray of shape (k,), float64
        Weight of the observations that each component holds.
    converged : bool
    """

    posterior: MixturePosterior
    bounds: Floats
    counts: Floats
    converged: bool

    @property
    def active_components(self) -> NDArray[np.intp]:
        """Numbers of the components that hold at least one observation."""
        return np.flatnonzero(self.counts >= _ALIVE)


def make_default_prior(cells: Cells, k: int) -> MixturePosterior:
    """A weak belief about k components of which some may be surplus.

    Concentrations of 1 / k, and for means and covariances what Fraley & Raftery propose (2007, J. Classif. 24): d + 2
    degrees of freedom, the covariance of all observations over ``k**(2 / d)`` as scale, and the mean of all as
    center, with the weight of a hundredth of an observation.
    """
    d = cells.n_features
    center = cells.compute_center()
    spread = Cells(cells.weights, cells.means - center, cells.scatters).compute_second_moment()
    variances = np.diagonal(spread)
    spread = spread + 1e-10 * np.diag(np.where(variances > MIN_VARIANCE, variances, 1.0))
    scale = spread / k ** (2 / d)
    ones = np.ones(k)
    return MixturePosterior(ones / k, 0.01 * ones, np.tile(center, (k, 1)), (d + 2) * ones, np.tile(scale, (k, 1, 1)))


def fit_variational_posterior(
    cells: Cells,
    start: MixtureModel,
    prior: MixturePosterior,
    *,
    used: NDArray[np.bool_] | bool = True,
    tol: float = 1e-6,
    max_iter: int = 500,
) -> VariationalFit:
    """Improve the approximate posterior until its bound stands still.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, none missing. Their total weight is the number of observations.
    start : MixtureModel
        Whose posteriors of the cells are the first: any mixture, or :attr:`MixturePosterior.expected`. Full covariances.
    prior : MixturePosterior
        Of as many components.
    used : ndarray of shape (k,), bool, optional
        Components that may hold observations; the others keep the prior. All by default.
    tol : float, >= 0
        Stop when an iteration gains less than this in the bound, in nats per unit weight.
    max_iter : int, >= 1
        Most iterations.
    """
    if has_missing(cells):
        raise SettingsError("cells: complete ones for variational Bayes; got missing values. Impute them first.")
    if start.covariance_type != "full":
        raise SettingsError(f"covariance_type: full for variational Bayes; got {start.covariance_type}.")
    shift, scale = compute_standard_coordinates(cells, "full")
    weight = cells.total_weight
    log_scale = weight * float(np.log(scale).sum())
    expect = prepare_e_step(cells, shift, scale)
    believed = prior.rescale(shift, scale)
    statistics, _ = expect(_exclude_unused(start.rescale(shift, scale), used))
    bounds: list[float] = []
    converged = False
    while not converged and len(bounds) <= max_iter:
        belief = _update_posterior(believed, statistics)
        statistics, totals = expect(_exclude_unused(belief.expected, used))
        bounds.append(float(totals[0]) - log_scale - belief.compute_divergence(believed))
        converged = len(bounds) > 1 and bounds[-1] - bounds[-2] < tol * weight
    counts = np.asarray(statistics[:, 0])
    return VariationalFit(belief.rescale(-shift / scale, 1 / scale), np.array(bounds), counts, converged)


def _exclude_unused(model: MixtureModel, used: NDArray[np.bool_] | bool) -> MixtureModel:
    """The mixture with the weights of all other components set to 0."""
    return replace(model, weights=np.where(used, model.weights, 0.0))


def _update_posterior(prior: MixturePosterior, statistics: Floats) -> MixturePosterior:
    """The M-step: the prior and the sums of the E-step, (k, 1 + d + d (d + 1) / 2), together."""
    d = prior.means.shape[1]
    counts = statistics[:, 0]
    divisor = np.where(counts > 0, counts, 1.0)[:, None]
    own = statistics[:, 1 : 1 + d] / divisor
    within = unpack(statistics[:, 1 + d :] / divisor) - own[:, :, None] * own[:, None, :]
    strengths = prior.mean_strengths + counts
    means = (prior.mean_strengths[:, None] * prior.means + counts[:, None] * own) / strengths[:, None]
    offsets = own - prior.means
    pull = (counts * prior.mean_strengths / strengths)[:, None, None] * offsets[:, :, None] * offsets[:, None, :]
    scales = prior.scales + counts[:, None, None] * within + pull
    return MixturePosterior(prior.concentrations + counts, strengths, means, prior.degrees + counts, scales)


def _compute_log_constant(posterior: MixturePosterior, multigammaln: Callable[[float, int], float]) -> Floats:
    """Log of what makes the Wishart densities of the precisions integrate to 1, (k,)."""
    d = posterior.means.shape[1]
    gammas = np.array([multigammaln(degrees / 2, d) for degrees in posterior.degrees])
    return np.asarray(posterior.degrees / 2 * (np.linalg.slogdet(posterior.scales)[1] - d * np.log(2)) - gammas)
