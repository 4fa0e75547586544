"""Mixtures and data that several tests of the mixture room share."""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal

from segment.mixture.cells import Cells, make_distinct_cells
from segment.mixture.model import MixtureModel


def make_random_model(rng: np.random.Generator, k: int, d: int, covariance_type: str = "full") -> MixtureModel:
    factors = rng.normal(size=(k, d, d))
    covariances = factors @ np.swapaxes(factors, 1, 2) + np.eye(d)
    if covariance_type == "tied":
        covariances = np.broadcast_to(covariances[0], (k, d, d))
    if covariance_type == "diag":
        covariances = covariances * np.eye(d)
    if covariance_type == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    return MixtureModel(rng.dirichlet(np.ones(k)), 3 * rng.normal(size=(k, d)), covariances, covariance_type)


def draw_three_blobs(rng: np.random.Generator, n: int = 400) -> np.ndarray:
    centers = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, -2.0], [-3.0, 5.0, 2.0]])
    spread = np.array([[1.0, 0.5, 2.0], [2.0, 1.0, 0.5], [0.5, 0.5, 0.5]])
    which = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return centers[which] + spread[which] * rng.normal(size=(n, 3))


def draw_overlapping_classes(
    rng: np.random.Generator, covariance_type: str, distance: float
) -> tuple[Cells, MixtureModel]:
    """Two classes that overlap much, on a fine grid of values, and a start that is far off."""
    X = rng.normal(size=(4000, 2))
    X[:1600] = X[:1600] * 0.8 + [distance, 0]
    covariances = np.repeat(np.eye(2)[None], 2, axis=0)
    start = MixtureModel(np.array([0.8, 0.2]), np.array([[0.0, 1.0], [1.0, -1.0]]), covariances, covariance_type)
    return make_distinct_cells(np.round(X, 1)), start


def remove_values(rng: np.random.Generator, X: np.ndarray, share: float) -> np.ndarray:
    """Replace a share of the values by NaN, at random."""
    return np.where(rng.random(X.shape) < share, np.nan, X)


def compute_log_marginal(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray, o: np.ndarray) -> float:
    """Log density of a row of observed values x, which are the features o; 0 for none."""
    return float(multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(x)) if len(o) else 0.0


def run_reference_em_with_missing_values(
    X: np.ndarray, model: MixtureModel, n_iter: int, w: np.ndarray
) -> tuple[MixtureModel, list[float]]:
    """EM of Ghahramani & Jordan (1994), row by row and component by component, for full covariances."""
    weights, means, covariances = model.weights, model.means, model.covariances
    k, d = means.shape
    trace = []
    for step in range(n_iter + 1):
        counts, first, second, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
        for x, weight in zip(X, w, strict=True):
            o, m = np.flatnonzero(~np.isnan(x)), np.flatnonzero(np.isnan(x))
            densities = np.array(
                [weights[c] * np.exp(compute_log_marginal(x[o], means[c], covariances[c], o)) for c in range(k)]
            )
            total += weight * np.log(densities.sum())
            for c, r in enumerate(weight * densities / densities.sum()):
                C = covariances[c]
                gain = C[np.ix_(m, o)] @ np.linalg.inv(C[np.ix_(o, o)])
                full, noise = x.copy(), np.zeros((d, d))
                full[m] = means[c][m] + gain @ (x[o] - means[c][o])
                noise[np.ix_(m, m)] = C[np.ix_(m, m)] - gain @ C[np.ix_(o, m)]
                counts[c] += r
                first[c] += r * full
                second[c] += r * (np.outer(full, full) + noise)
        trace.append(total / w.sum())
        if step < n_iter:
            weights = counts / counts.sum()
            means = first / counts[:, None]
            covariances = second / counts[:, None, None] - means[:, :, None] * means[:, None, :]
    return MixtureModel(weights, means, covariances), trace


def make_robust_mixture(rng: np.random.Generator, k: int, d: int, *, noise: bool, student: bool) -> MixtureModel:
    factors = rng.normal(size=(k, d, d))
    return MixtureModel(
        rng.dirichlet(np.ones(k)),
        2 * rng.normal(size=(k, d)),
        factors @ np.swapaxes(factors, 1, 2) + np.eye(d),
        noise_share=0.1 if noise else 0.0,
        noise_density=0.01 if noise else 0.0,
        degrees_of_freedom=rng.uniform(2, 9, k) if student else np.zeros(0),
    )


def draw_three_clouds(rng: np.random.Generator) -> np.ndarray:
    wide, narrow = rng.normal([4, 4], [1, 2], (80, 2)), rng.normal([-4, 6], 0.5, (40, 2))
    return np.concatenate([rng.normal(0, 1, (120, 2)), wide, narrow])


def draw_start(rng: np.random.Generator, X: np.ndarray, k: int = 6) -> MixtureModel:
    means = X[rng.choice(len(X), k, replace=False)]
    return MixtureModel(np.full(k, 1 / k), means, np.repeat(np.cov(X.T)[None] / 4, k, axis=0))


THREE_GAUSSIANS = MixtureModel(
    np.array([0.5, 0.3, 0.2]),
    np.array([[0.0, 0.0], [5.0, 5.0], [-4.0, 6.0]]),
    np.array([[[1.0, 0.5], [0.5, 2.0]], [[2.0, -0.8], [-0.8, 1.0]], [[0.5, 0.0], [0.0, 0.5]]]),
)


def draw_three_gaussians(rng: np.random.Generator, n: int) -> np.ndarray:
    """n rows of the mixture THREE_GAUSSIANS."""
    labels = rng.choice(3, n, p=THREE_GAUSSIANS.weights)
    X = np.empty((n, 2))
    for c in range(3):
        X[labels == c] = rng.multivariate_normal(
            THREE_GAUSSIANS.means[c], THREE_GAUSSIANS.covariances[c], int((labels == c).sum())
        )
    return X
