"""Mixtures of one prior at several strengths, to choose among: quick ones, on few cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from segment.mixture.em import expectation_maximization
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.restarts import promising, short_runs
from segment.mixture.starts import Levels, clusters, first_clusters

__all__ = ["shrunk_mixtures"]

_N_INIT, _SHORT, _N_FINALISTS, _TOL = 8, 15, 3, 1e-4


def shrunk_mixtures(
    levels: Levels, strengths: Sequence[float], *, covariance_type: str, init: str | ArrayLike, seed: int
) -> list[MixtureModel]:
    """What a mixture would be with several strengths of the shrinkage, all from the same starts.

    Parameters
    ----------
    levels : Levels
        Of n complete cells in d dimensions.
    strengths : sequence of float, > 0
        In mean component weights.
    covariance_type, init, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.
    """
    k, coarsest = levels.k, levels.coarsest
    drawn = first_clusters(coarsest, k, init, _N_INIT, levels.metric, np.random.default_rng(seed))
    found = []
    for strength in strengths:
        prior = Prior(levels.target(strength), strength * coarsest.total_weight / k, np.zeros(coarsest.n_features))
        runs, worth = short_runs(coarsest, clusters(coarsest, drawn, k, covariance_type, prior), prior, n_iter=_SHORT)
        best = promising(worth, _N_FINALISTS)
        finals = [expectation_maximization(levels.coarse, runs[run], prior, tol=_TOL) for run in best]
        found.append(max(finals, key=lambda fit: fit.objectives[-1]).model)
    return found
