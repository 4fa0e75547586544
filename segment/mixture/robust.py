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

from segment.mixture.cells import Cells, pack
from segment.mixture.em import Steps
from segment.mixture.em import maximization as gaussian_maximization
from segment.mixture.model import MixtureModel, log_peaks, natural_parameters
from segment.mixture.prior import Prior
from segment.mixture.tails import fitted_degrees, student

__all__ = ["Sums", "expectation", "maximization", "noise_density", "robust_steps"]

Floats = NDArray[np.float64]

_NEVER = -1e300


@dataclass(frozen=True)
class Sums:
    """What the M-step needs: sums over all cells with weight times responsibility.

    Attributes
    ----------
    counts : ndarray of shape (k,)
    moments : ndarray of shape (k, m)
        Times the scales of the t components, which are 1 for Gaussian ones.
    log_scales : ndarray of shape (k,)
        Of ``log(u) - u``, u being the scales.
    noise : float
        Weight of the constant component.
    """

    counts: Floats
    moments: Floats
    log_scales: Floats
    noise: float


def robust_steps(*, fixed_degrees: bool) -> Steps:
    """The steps for :func:`segment.mixture.em.expectation_maximization`, with degrees of freedom fixed or estimated."""
    return Steps(expectation, partial(maximization, fixed_degrees=fixed_degrees))


def noise_density(cells: Cells) -> float:
    """One over the volume of the box that holds all cells, each as wide as its scatter says."""
    d = cells.n_features
    diagonal = np.flatnonzero(np.equal(*np.triu_indices(d)))
    half = np.sqrt(3 * cells.scatters[:, diagonal])  # a uniform interval of half width h has variance h**2 / 3
    sides = (cells.means + half).max(axis=0) - (cells.means - half).min(axis=0)
    return float(1 / np.prod(np.where(sides > 0, sides, 1.0)))


def expectation(prepared: Sequence[tuple[Floats, ...]], model: MixtureModel) -> tuple[Sums, Floats]:
    """The E-step, as :func:`segment.mixture.em.expectation` has it; the log likelihood has shape (1,).

    A block of cells may have a third array, (k, b): what is added to the log weights of the components there.
    """
    parameters = natural_parameters(model)
    peaks = log_peaks(model)
    within = np.log1p(-model.noise_share)
    outside = np.log(model.noise_share * model.noise_density) if model.noise_share > 0 else _NEVER
    moments = np.zeros_like(parameters)
    counts, log_scales = np.zeros((2, model.n_components))
    noise = log_likelihood = 0.0
    for weights, moment, *offsets in prepared:
        joint = parameters @ moment
        scales = np.ones_like(joint)
        if model.degrees_of_freedom.size:
            joint, scales = student(joint, peaks, model.degrees_of_freedom, model.n_features)
        joint += within
        for offset in offsets:
            joint += offset
        top = np.maximum(joint.max(axis=0), outside)
        joint = np.exp(joint - top)
        apart = np.exp(outside - top)
        total = joint.sum(axis=0) + apart
        log_likelihood += float(weights @ (top + np.log(total)))
        joint *= weights / total
        noise += float((weights / total) @ apart)
        counts += joint.sum(axis=1)
        log_scales += (joint * (np.log(scales) - scales)).sum(axis=1)
        moments += (joint * scales) @ moment.T
    return Sums(counts, moments, log_scales, noise), np.array([log_likelihood])


def maximization(sums: Sums, previous: MixtureModel, prior: Prior, *, fixed_degrees: bool) -> MixtureModel:
    """The M-step: that of Gaussian components, once the sums are brought to their form.

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
    model = gaussian_maximization(statistics, previous, prior)
    degrees = previous.degrees_of_freedom
    if degrees.size and not fixed_degrees:
        present = sums.counts > 0
        mean_log_scales = np.where(present, sums.log_scales, -1.0) / np.where(present, sums.counts, 1.0)
        degrees = np.where(present, fitted_degrees(mean_log_scales, degrees, d), degrees)
    share = sums.noise / (sums.noise + float(sums.counts.sum()))
    return replace(model, noise_share=share, degrees_of_freedom=degrees)
