"""Mixtures of one prior at several strengths, to choose among: quick ones, on few cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import expectation_maximization
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.restarts import promising, short_runs
from segment.mixture.starts import clusters, coarser, first_clusters

__all__ = ["shrunk_mixtures"]

Floats = NDArray[np.float64]

_BINS, _FEWER_BINS = 32, 16  # boxes along the widest feature, where runs end and where they begin
_N_INIT, _SHORT, _N_FINALISTS, _TOL = 8, 15, 3, 1e-4
_ROUGHLY = 0.1  # the strength up to which the pooled covariance is found from a few runs


def shrunk_mixtures(
    cells: Cells, n_components: int, strengths: Sequence[float], *, metric: Floats, seed: int, **settings: Any
) -> list[MixtureModel]:
    """A mixture for each strength of the shrinkage, all from the same starts and pulled towards the same covariance.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    n_components : int
        From 1 to n.
    strengths : sequence of float, > 0
        In mean component weights.
    metric : ndarray of shape (d, m)
    seed : int, >= 0
    **settings
        `init` and `covariance_type`, as for :func:`segment.mixture.fitting.fit_mixture`.
    """
    coarse = coarser(cells, _BINS, n_components)
    coarsest = coarser(coarse, _FEWER_BINS, n_components)
    kind = settings.get("covariance_type", "full")
    one = {"n_init": 1, "max_iter": 1, "metric": metric, "seed": seed, "covariance_type": kind}
    believed = fit_mixture(coarse, n_components, shrinkage=_ROUGHLY, **one).prior
    rng = np.random.default_rng(seed)
    drawn = first_clusters(coarsest, n_components, settings.get("init", "mixed"), _N_INIT, metric, rng)
    found = []
    for strength in strengths:
        prior = replace(believed, strength=strength * cells.total_weight / n_components)
        starts = clusters(coarsest, drawn, n_components, kind, prior)
        runs, worth = short_runs(coarsest, starts, prior, n_iter=_SHORT)
        finals = [
            expectation_maximization(coarse, runs[run], prior, tol=_TOL) for run in promising(worth, _N_FINALISTS)
        ]
        found.append(max(finals, key=lambda fit: fit.objectives[-1]).model)
    return found
