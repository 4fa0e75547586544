"""E-step and M-step of mixtures that are robust against outliers.

There are two remedies, alone or together: a noise component of constant density over the range of the data, whose
weight is estimated (Banfield & Raftery 1993, Biometrics 49, 803-821), and Student-t components, in which an observation
far from the mean has a lower weight (Peel & McLachlan 2000, Statistics and Computing 10, 339-348).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.em import Steps
from segment.mixture.gaussian_density import MIN_LOG, compute_responsibilities
from segment.mixture.gaussian_steps import maximize_posterior as maximize_gaussian_posterior
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import Prior
from segment.mixture.student_t import convert_to_student_t, fit_degrees_of_freedom

__all__ = [
    "RobustStatistics",
    "compute_expectation",
    "compute_noise_density",
    "make_robust_steps",
    "maximize_posterior",
]

Floats = NDArray[np.float64]

# Absolute log of a volume; beyond it densities leave the range of floating point.
MAX_LOG_VOLUME = 600.0
# Of pixels that are noise alone. A rest stays for the components: models are of something, and odds are finite.
MAX_NOISE_SHARE = 1 - 2.0**-52


@dataclass(frozen=True)
class RobustStatistics:
    """Sufficient statistics of the M-step: sums over all cells of weight times responsibility.

    Attributes
    ----------
    counts : ndarray of shape (k,), float64
        Sums of the responsibilities.
    moments : ndarray of shape (k, m), float64
        Sums of responsibility times moments times the latent scales u of t components; u is 1 for Gaussian ones.
    log_scales : ndarray of shape (k,), float64
        Sums of responsibility times ``log(u) - u``.
    noise : ndarray of shape (n_runs,), float64
        Weight of the noise component of each mixture.
    """

    counts: Floats
    moments: Floats
    log_scales: Floats
    noise: Floats

    @property
    def noise_shares(self) -> Floats:
        """Share of the noise component in each mixture, (n_runs,)."""
        return np.asarray(self.noise / (self.noise + self.counts.reshape(len(self.noise), -1).sum(axis=1)))


def make_robust_steps(*, fixed_degrees: bool) -> Steps[RobustStatistics]:
    """Make the steps of a robust mixture for :func:`segment.mixture.em.run_em`.

    Parameters
    ----------
    fixed_degrees : bool
        Keep the degrees of freedom of t components instead of estimating them.

    Returns
    -------
    Steps
        :func:`compute_expectation` and :func:`maximize_posterior`.
    """
    return Steps(compute_expectation, partial(maximize_posterior, fixed_degrees=fixed_degrees))


def compute_noise_density(cells: Cells) -> float:
    """Compute the density of the noise component: one over the volume of the bounding box of the cells.

    Parameters
    ----------
    cells : Cells
        n cells, none missing. Each is as wide as a uniform distribution of its scatter.

    Returns
    -------
    float
        Density per unit volume. Features of range 0 are left out of the volume.

    Raises
    ------
    SettingsError
        If the density is outside the range of floating point, as the data are too large or too small.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> round(compute_noise_density(make_point_cells([[0.0, 0.0], [4.0, 5.0]])), 9)
    0.05
    """
    d = cells.n_features
    diagonal = np.flatnonzero(np.equal(*np.triu_indices(d)))
    # A uniform distribution of half width h has the variance h**2 / 3.
    half = np.sqrt(3 * cells.scatters[:, diagonal])
    sides = (cells.means + half).max(axis=0) - (cells.means - half).min(axis=0)
    # The log is summed, as a product of many sides could overflow.
    log_volume = float(np.log(np.where(sides > 0, sides, 1.0)).sum())
    if abs(log_volume) > MAX_LOG_VOLUME:
        raise SettingsError(
            f"noise: the range of the data has a volume from e-{MAX_LOG_VOLUME:.0f} to e+{MAX_LOG_VOLUME:.0f}; got "
            f"e{log_volume:+.0f}. Scale the data, or leave the noise out."
        )
    return float(np.exp(-log_volume))


def compute_expectation(
    prepared: Iterable[tuple[Floats, Floats, *tuple[NDArray[np.floating], ...]]],
    model: MixtureModel,
    noise_shares: Floats | None = None,
) -> tuple[RobustStatistics, Floats]:
    """Compute the E-step and the sums for :func:`maximize_posterior`.

    Parameters
    ----------
    prepared : iterable of (weights, moments) or (weights, moments, offsets)
        The cells in blocks: arrays of shape (b,) and (m, b), as
        :func:`segment.mixture.gaussian_density.compute_moments` makes them. The offsets, of shape (k, b), are added to
        the log weights of the components at each cell.
    model : MixtureModel
        One mixture, or the components of several mixtures of equal size one after the other.
    noise_shares : ndarray of shape (n_runs,), float64, optional
        Share of noise in each of several mixtures; ``model.noise_share`` by default.

    Returns
    -------
    statistics : RobustStatistics
        Sums over all cells.
    log_likelihoods : ndarray of shape (n_runs,), float64
        Sum of the weights times the log densities of the cells, for each mixture.
    """
    shares = np.array([model.noise_share]) if noise_shares is None else noise_shares
    parameters, peaks = model.gaussian_terms.parameters, model.gaussian_terms.log_peaks
    # The density is (1 - s) sum_j w_j p_j(x) + s c, with s the share of noise and c its density. s can reach 1.
    log_share = np.log(np.maximum(1 - shares, np.finfo(float).tiny))[:, None, None]
    has_noise = shares * model.noise_density > 0
    log_noise = np.where(has_noise, np.log(np.where(has_noise, shares * model.noise_density, 1.0)), MIN_LOG)
    log_noise = log_noise[:, None]
    has_tails = model.degrees_of_freedom.size > 0
    moments = np.zeros_like(parameters)
    counts, log_scales = np.zeros((2, model.n_components))
    noise, log_likelihoods = np.zeros((2, len(shares)))
    for weights, moment, *offsets in prepared:
        joint = parameters @ moment
        if has_tails:
            joint, scales = convert_to_student_t(joint, peaks, model.degrees_of_freedom, model.n_features)
        for offset in offsets:
            joint += offset
        if not has_noise.any():
            joint, top, total = compute_responsibilities(joint, weights, len(shares))
        else:
            # `runs` is a view of `joint`: both turn from log densities into responsibilities times weights, in place.
            # The largest term is subtracted before exp (log-sum-exp), so that nothing overflows.
            runs = joint.reshape(len(shares), -1, len(weights))
            runs += log_share
            top = np.maximum(runs.max(axis=1), log_noise)
            runs -= top[:, None]
            np.exp(runs, out=runs)
            noise_term = np.exp(log_noise - top)
            total = runs.sum(axis=1) + noise_term
            factors = weights / total
            runs *= factors[:, None]
            noise += (factors * noise_term).sum(axis=1)
        log_likelihoods += (top + np.log(total)) @ weights
        counts += joint.sum(axis=1)
        if has_tails:
            # From here on the responsibilities are multiplied by the latent scales of the t components.
            log_scales += (joint * (np.log(scales) - scales)).sum(axis=1)
            joint *= scales
        moments += joint @ moment.T
    # Gaussian components have u = 1, so log(u) - u is -1 for every observation.
    return RobustStatistics(counts, moments, log_scales if has_tails else -counts, noise), log_likelihoods


def maximize_posterior(
    sums: RobustStatistics, previous: MixtureModel, prior: Prior, *, fixed_degrees: bool
) -> MixtureModel:
    """Compute the M-step: the mixture of highest posterior given the sums of the E-step.

    Parameters
    ----------
    sums : RobustStatistics
        From :func:`compute_expectation`.
    previous : MixtureModel
        The mixture of the E-step. Components without observations keep its parameters.
    prior : Prior
        Of means and covariances.
    fixed_degrees : bool
        Keep the degrees of freedom of t components.

    Returns
    -------
    MixtureModel
        Of several mixtures, `noise_share` is the mean share; ``sums.noise_shares`` has each of them.

    Notes
    -----
    The mean of a t component is ``sum(r u x) / sum(r u)`` and its covariance ``sum(r u (x - m)(x - m)') / sum(r)``,
    with responsibilities r and latent scales u (Peel & McLachlan 2000). The sums are brought to the form that Gaussian
    components have, whose M-step divides both by ``sum(r)``.
    """
    d = previous.n_features
    scaled_counts = np.where(sums.moments[:, 0] > 0, sums.moments[:, 0], 1.0)[:, None]
    means = sums.moments[:, 1 : 1 + d] / scaled_counts
    # sum(r u (x - m)(x - m)') = sum(r u x x') - sum(r u) m m'. The Gaussian M-step subtracts sum(r) m m' instead, so
    # (sum(r) - sum(r u)) m m' is added here.
    squares = pack(means[:, :, None] * means[:, None, :])
    excess = (sums.counts - sums.moments[:, 0])[:, None]
    statistics = np.concatenate(
        [sums.counts[:, None], sums.counts[:, None] * means, sums.moments[:, 1 + d :] + excess * squares], axis=1
    )
    model = maximize_gaussian_posterior(statistics, previous, prior, len(sums.noise))
    degrees = previous.degrees_of_freedom
    if degrees.size and not fixed_degrees:
        # Components without observations keep their degrees of freedom.
        present = sums.counts > 0
        mean_log_scales = np.where(present, sums.log_scales, -1.0) / np.where(present, sums.counts, 1.0)
        degrees = np.where(present, fit_degrees_of_freedom(mean_log_scales, degrees, d), degrees)
    share = min(float(sums.noise_shares.mean()), MAX_NOISE_SHARE)
    return replace(model, noise_share=share, degrees_of_freedom=degrees)
