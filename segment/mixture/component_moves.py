"""Move components of a fitted mixture to where they are needed more: EM alone never carries one past another.

Of many components, some share one mode of the data or have next to no weight while others cover two. Pairs that cost
least to merge become one component each, and those set free halve the widest ones. EM goes on from there, and the
better mixture stays (split and merge EM: Ueda, Nakano, Ghahramani & Hinton 2000, Neural Computation 12, 2109-2128).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.mixture.em import Fit
from segment.mixture.model import MixtureModel

__all__ = ["compute_merge_costs", "improve_by_moves", "move_components"]

Floats = NDArray[np.float64]

# Rounds of moves, and the components for each that moves in the first; half as many move after a round without gain.
_N_ROUNDS, _COMPONENTS_PER_MOVE = 4, 8
# Share of the weight below which a component is free without a merge.
_MIN_WEIGHT = 1e-6
# Distance of the halves of a component from its mean, in standard deviations along its longest axis.
_HALF_DISTANCE = 0.7


def improve_by_moves(fit: Fit, run_em: Callable[[MixtureModel], Fit]) -> Fit:
    """Move components, run EM, and keep what is better, for a few rounds.

    Parameters
    ----------
    fit : Fit
        The first fit. Of fewer than 8 components none moves.
    run_em : callable
        Takes a mixture to start from and returns the fit to the same cells.

    Returns
    -------
    Fit
        `fit` itself where no moves raise the objective.
    """
    n_moves = fit.model.n_components // _COMPONENTS_PER_MOVE
    for _ in range(_N_ROUNDS):
        if n_moves == 0:
            break
        moved = run_em(move_components(fit.model, n_moves))
        if moved.objectives[-1] > fit.objectives[-1]:
            fit = moved
        else:
            n_moves //= 2
    return fit


def move_components(model: MixtureModel, n_moves: int) -> MixtureModel:
    """Merge components where that costs least, and halve the widest with those that are free.

    Parameters
    ----------
    model : MixtureModel
        k components.
    n_moves : int, 1 to k / 3
        Components to move.

    Returns
    -------
    MixtureModel
        A mixture to start EM from.

    Examples
    --------
    Two components in one place, and a wide one:

    >>> means, variances = np.array([[0.0], [0.1], [9.0]]), np.array([1.0, 1.0, 4.0])
    >>> model = MixtureModel(np.full(3, 1 / 3), means, variances[:, None, None])
    >>> move_components(model, 1).means.ravel().round(2).tolist()
    [0.05, 10.4, 7.6]
    """
    weights, means, covariances = model.weights.copy(), model.means.copy(), model.covariances.copy()
    free = np.argsort(weights, kind="stable")[:n_moves]
    free = free[weights[free] < _MIN_WEIGHT].tolist()
    is_used = np.zeros(len(weights), dtype=bool)
    is_used[free] = True
    costs = compute_merge_costs(model)
    for place in np.argsort(costs, axis=None):
        i, j = divmod(int(place), len(weights))
        if len(free) == n_moves or costs[i, j] == np.inf:
            break
        if not (is_used[i] or is_used[j]):
            # The first component of the pair gets the moments of both.
            total = weights[i] + weights[j]
            share = weights[i] / total
            covariances[i] = _pool_covariances(share, means[i] - means[j], covariances[i], covariances[j])
            means[i] = share * means[i] + (1 - share) * means[j]
            weights[i], weights[j] = total, 0.0
            is_used[[i, j]] = True
            free.append(j)
    widths = np.where(is_used, -np.inf, _measure_widths(model))
    for one, other in zip(np.argsort(-widths, kind="stable").tolist(), free, strict=False):
        values, axes = np.linalg.eigh(covariances[one])
        # What the distance of the halves adds to the spread is taken from each: together they keep mean and covariance.
        offset = _HALF_DISTANCE * np.sqrt(values[-1]) * axes[:, -1]
        means[one], means[other] = means[one] - offset, means[one] + offset
        covariances[one] -= np.outer(offset, offset)
        covariances[other] = covariances[one]
        weights[[one, other]] = weights[one] / 2
    return replace(model, weights=weights / weights.sum(), means=means, covariances=covariances)


def compute_merge_costs(model: MixtureModel) -> Floats:
    """Compute an upper bound of the Kullback-Leibler divergence that merging each pair of components costs.

    Parameters
    ----------
    model : MixtureModel
        k components.

    Returns
    -------
    ndarray of shape (k, k), float64
        Infinite on and below the diagonal.

    Notes
    -----
    Half of ``(w_i + w_j) log det C_ij - w_i log det C_i - w_j log det C_j``, C_ij being the covariance of the two
    together (Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989-999).

    Examples
    --------
    >>> means = np.array([[0.0], [1.0], [9.0]])
    >>> costs = compute_merge_costs(MixtureModel(np.full(3, 1 / 3), means, np.ones((3, 1, 1))))
    >>> bool(costs[0, 1] < costs[1, 2] < costs[0, 2])
    True
    """
    w = model.weights
    # Share of the first component of each pair; half where both are empty.
    both = w[:, None] + w
    share = np.where(both > 0, w[:, None] / np.where(both > 0, both, 1.0), 0.5)
    gaps = model.means[:, None] - model.means
    together = _pool_covariances(share, gaps, model.covariances[:, None], model.covariances)
    terms = w * np.linalg.slogdet(model.covariances)[1]
    costs = (both * np.linalg.slogdet(together)[1] - terms[:, None] - terms) / 2
    costs[np.tril_indices(len(w))] = np.inf
    return np.asarray(costs)


def _pool_covariances(share: Floats | float, gaps: Floats, first: Floats, second: Floats) -> Floats:
    """Compute the covariances (..., d, d) of pairs of components together.

    Given are the share of the first of each pair (...), the gaps of the means (..., d) and both covariances.
    """
    share = np.asarray(share)[..., None, None]
    within = share * first + (1 - share) * second
    return np.asarray(within + share * (1 - share) * gaps[..., :, None] * gaps[..., None, :])


def _measure_widths(model: MixtureModel) -> Floats:
    """Measure how wide the components are beside the mean of all, by weight times the log of the variance, (k,)."""
    inverse = np.linalg.inv(np.linalg.cholesky(np.tensordot(model.weights, model.covariances, axes=1)))
    variances = np.linalg.eigvalsh(inverse @ model.covariances @ inverse.T)[:, -1]
    return np.asarray(model.weights * np.log(np.maximum(variances, 1.0)))
