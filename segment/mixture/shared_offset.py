"""A mixture of Gaussians whose means all move together along smooth terms, as colors do under uneven light.

A value is ``x = mean of its component + terms @ weights + noise``, with the same sum of terms in each feature. EM finds
both: in an M-step the weights solve a least-squares problem in the metric of the components, given the means, and then
the means follow, given the weights. So a bias field is found together with the tissues of a scan in Wells et al. 1996
(IEEE Trans. Med. Imaging 15, 429-442).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import make_point_cells
from segment.mixture.gaussian_density import invert_covariances
from segment.mixture.kmeans import draw_k_means_plus_plus, run_k_means
from segment.mixture.model import MixtureModel

__all__ = ["fit_shared_offset"]

Floats = NDArray[np.float64]

MAX_STEPS = 100
TOLERANCE = 1e-5  # nats an observation
PSEUDOCOUNT = 10.0  # observations of the common covariance that are added to each component, for each feature
RIDGE = 1e-9  # of the weights, for terms that are the same for all observations


class _State(NamedTuple):
    """Weights, the responsibilities of the components (n, k), and the objective: mean log likelihood and log prior."""

    weights: Floats
    posteriors: Floats
    objective: float


def fit_shared_offset(
    values: Floats, terms: Floats, n_components: int, *, min_variance: float, precision: Floats
) -> Floats:
    """Fit the weights of the terms that all components of a mixture share.

    Parameters
    ----------
    values : ndarray of shape (n, d), float64
        The observations.
    terms : ndarray of shape (n, t), float64
        Known functions of the place of each observation.
    n_components : int, >= 1
        At most n.
    min_variance : float, > 0
        Added to the variances of each component, such as that of rounding.
    precision : ndarray of shape (t, t), float64
        Of the weights before anything is observed: a Gaussian about 0. It counts where the observations tell little,
        as where they all lie at one place.

    Returns
    -------
    ndarray of shape (t,), float64
        ``terms @ weights`` is what the values of all components have in common.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> place = np.linspace(-1, 1, 400)[:, None]
    >>> values = rng.choice([0.0, 3.0], (400, 1)) + 2 * place + 0.1 * rng.standard_normal((400, 1))
    >>> fit_shared_offset(values, place, 2, min_variance=1e-4, precision=np.eye(1)).round(1)
    array([2.])
    """
    # EM finds the optimum that is nearest: from no terms, or from all that they explain of the mean feature.
    columns = np.column_stack([terms, np.ones(len(terms))])
    all_of_it = np.linalg.lstsq(columns, values.mean(axis=1), rcond=None)[0][:-1]
    found = [
        _run_em(values, terms, weights, n_components, min_variance, precision)
        for weights in (np.zeros_like(all_of_it), all_of_it)
    ]
    return max(found, key=lambda state: state.objective).weights


def _run_em(
    values: Floats, terms: Floats, weights: Floats, n_components: int, min_variance: float, precision: Floats
) -> _State:
    """Run EM from the clusters of the values without the terms, until the objective rises no more."""
    cells = make_point_cells(values - (terms @ weights)[:, None])
    centers = draw_k_means_plus_plus(cells, n_components, 1, np.random.default_rng(0))[0]
    state = _State(weights, np.eye(n_components)[run_k_means(cells, centers).labels], -np.inf)
    for _ in range(MAX_STEPS):
        before, state = state, _take_step(state, values, terms, min_variance, precision)
        if state.objective - before.objective < TOLERANCE:
            break
    return state


def _take_step(state: _State, values: Floats, terms: Floats, min_variance: float, precision: Floats) -> _State:
    """Estimate covariances, then weights, then means; then compute the posteriors."""
    n, d = values.shape
    counts = state.posteriors.sum(axis=0) + 1e-9
    means, covariances = _describe(values - (terms @ state.weights)[:, None], state.posteriors, counts)
    pooled = np.einsum("k,kij->ij", counts, covariances) / n
    added = PSEUDOCOUNT * d
    covariances = (counts[:, None, None] * covariances + added * pooled) / (counts + added)[:, None, None]
    covariances += min_variance * np.eye(d)
    pulls = invert_covariances(covariances)[0].sum(axis=1)  # (k, d): the terms are the same in each feature
    metric = state.posteriors @ pulls.sum(axis=1)
    wanted = ((values[:, None] - means) * pulls).sum(axis=2)
    wanted = (wanted * state.posteriors).sum(axis=1)
    known = (terms.T * metric) @ terms + precision + RIDGE * n * np.eye(terms.shape[1])
    weights = np.linalg.solve(known, terms.T @ wanted)
    cells = make_point_cells(values - (terms @ weights)[:, None])
    means = (state.posteriors.T @ cells.means) / counts[:, None]
    logs = MixtureModel(counts / counts.sum(), means, covariances).log_joint(cells)
    top = logs.max(axis=1, keepdims=True)
    joint = np.exp(logs - top)
    total = joint.sum(axis=1, keepdims=True)
    log_prior = -0.5 * weights @ precision @ weights
    return _State(weights, joint / total, float((top + np.log(total)).mean() + log_prior / n))


def _describe(values: Floats, posteriors: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Compute the means (k, d) and covariances (k, d, d) of components."""
    means = (posteriors.T @ values) / counts[:, None]
    covariances = np.empty((len(counts), *2 * values.shape[1:]))
    for mean, share, count, covariance in zip(means, posteriors.T, counts, covariances, strict=True):
        deviations = values - mean
        np.matmul((deviations.T * share) / count, deviations, out=covariance)
    return means, covariances
