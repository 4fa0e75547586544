"""The E-step and the M-step where observations may belong to no component, or lie far from their own.

Two remedies for outliers, alone or together: a component of constant density over the range of the data, whose weight
is estimated (Banfield & Raftery 1993, Biometrics 49, 803-821), and Student-t components, in which an observation far
from the mean weighs less (Peel & McLachlan 2000, Statistics and Computing 10, 339-348).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, pack
from segment.mixture.em import Steps
from segment.mixture.em import maximize_posterior as gaussian_maximization
from segment.mixture.model import MixtureModel, compute_log_peaks, compute_natural_parameters
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

_NEVER = -1e300
_FARTHEST = 600.0  # log of a volume beyond which densities leave the range of floating point


@dataclass(frozen=True)
class RobustStatistics:
    """What the M-step needs: sums over all cells with weight times responsibility.

    Attributes
    ----------
    counts : ndarray of shape (k,)
    moments : ndarray of shape (k, m)
        Times the scales of the t components, which are 1 for Gaussian ones.
    log_scales : ndarray of shape (k,)
        Of ``log(u) - u``, u being the scales.
    noise : ndarray of shape (n_runs,)
        Weight of the constant component of each mixture.
    """

    counts: Floats
    moments: Floats
    log_scales: Floats
    noise: Floats

    @property
    def noise_shares(self) -> Floats:
        """The share of noise in each mixture, (n_runs,)."""
        return np.asarray(self.noise / (self.noise + self.counts.reshape(len(self.noise), -1).sum(axis=1)))


def make_robust_steps(*, fixed_degrees: bool) -> Steps:
    """The steps for :func:`segment.mixture.em.run_em`, with degrees of freedom fixed or estimated."""
    return Steps(compute_expectation, partial(maximize_posterior, fixed_degrees=fixed_degrees))


def compute_noise_density(cells: Cells) -> float:
    """One over the volume of the box that holds all cells, each as wide as its scatter says.

    Raises
    ------
    SettingsError
        If that is no number, as the data are too large or too small.
    """
    d = cells.n_features
    diagonal = np.flatnonzero(np.equal(*np.triu_indices(d)))
    half = np.sqrt(3 * cells.scatters[:, diagonal])  # a uniform interval of half width h has variance h**2 / 3
    sides = (cells.means + half).max(axis=0) - (cells.means - half).min(axis=0)
    log_volume = float(np.log(np.where(sides > 0, sides, 1.0)).sum())
    if abs(log_volume) > _FARTHEST:
        raise SettingsError(
            f"noise: the range of the data has a volume from e-{_FARTHEST:.0f} to e+{_FARTHEST:.0f}; got "
            f"e{log_volume:+.0f}. Scale the data, or leave the noise out."
        )
    return float(np.exp(-log_volume))


def compute_expectation(
    prepared: Sequence[tuple[Floats, ...]], model: MixtureModel, noise_shares: Floats | None = None
) -> tuple[RobustStatistics, Floats]:
    """The E-step, as :func:`segment.mixture.em.compute_expectation` has it.

    A block of cells may have a third array, (k, b): what is added to the log weights of the components there. Where
    several mixtures stand side by side in `model`, `noise_shares`, (n_runs,), has the share of noise in each.
    """
    shares = np.array([model.noise_share]) if noise_shares is None else noise_shares
    parameters, peaks = compute_natural_parameters(model), compute_log_peaks(model)
    within = np.log(np.maximum(1 - shares, np.finfo(float).tiny))[:, None, None]  # a run may end in noise alone
    noisy = shares * model.noise_density > 0
    outside = np.where(noisy, np.log(np.where(noisy, shares * model.noise_density, 1.0)), _NEVER)[:, None]
    tailed = model.degrees_of_freedom.size > 0
    moments = np.zeros_like(parameters)
    counts, log_scales = np.zeros((2, model.n_components))
    noise, log_likelihoods = np.zeros((2, len(shares)))
    for weights, moment, *offsets in prepared:
        joint = parameters @ moment
        if tailed:
            joint, scales = convert_to_student_t(joint, peaks, model.degrees_of_freedom, model.n_features)
        for offset in offsets:
            joint += offset
        runs = joint.reshape(len(shares), -1, len(weights))
        runs += within
        top = np.maximum(runs.max(axis=1), outside)
        runs -= top[:, None]
        np.exp(runs, out=runs)
        apart = np.exp(outside - top)
        total = runs.sum(axis=1) + apart
        log_likelihoods += (top + np.log(total)) @ weights
        held = weights / total
        runs *= held[:, None]
        noise += (held * apart).sum(axis=1)
        counts += joint.sum(axis=1)
        if tailed:
            log_scales += (joint * (np.log(scales) - scales)).sum(axis=1)
            joint *= scales
        moments += joint @ moment.T
    return RobustStatistics(counts, moments, log_scales if tailed else -counts, noise), log_likelihoods


def maximize_posterior(
    sums: RobustStatistics, previous: MixtureModel, prior: Prior, *, fixed_degrees: bool
) -> MixtureModel:
    """The M-step: that of Gaussian components, once the sums are brought to their form.

    Of mixtures side by side the sums tell the shares of noise; `noise_share` is then the mean of them.

    The mean of a t component is that of its observations times their scales, while its covariance is their scaled sum
    of squares about it divided by their count without scales.
    """
    d = previous.n_features
    held = np.where(sums.moments[:, 0] > 0, sums.moments[:, 0], 1.0)[:, None]
    means = sums.moments[:, 1 : 1 + d] / held
    squares = pack(means[:, :, None] * means[:, None, :])
    excess = (sums.counts - sums.moments[:, 0])[:, None]
    statistics = np.concatenate(
        [sums.counts[:, None], sums.counts[:, None] * means, sums.moments[:, 1 + d :] + excess * squares], axis=1
    )
    model = gaussian_maximization(statistics, previous, prior, len(sums.noise))
    degrees = previous.degrees_of_freedom
    if degrees.size and not fixed_degrees:
        present = sums.counts > 0
        mean_log_scales = np.where(present, sums.log_scales, -1.0) / np.where(present, sums.counts, 1.0)
        degrees = np.where(present, fit_degrees_of_freedom(mean_log_scales, degrees, d), degrees)
    return replace(model, noise_share=float(sums.noise_shares.mean()), degrees_of_freedom=degrees)
