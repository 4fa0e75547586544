"""Mixtures of one prior at several strengths, to choose among: quick ones, on few cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.mixture.cells import Cells
from segment.mixture.em import expectation_maximization
from segment.mixture.fitting import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.restarts import promising, short_runs
from segment.mixture.starts import clusters, coarser, first_clusters

__all__ = ["shrunk_mixtures"]

Floats = NDArray[np.float64]

_BINS, _FEWER_BINS = 32, 16  # boxes along the widest feature, where runs end and where they begin
_N_INIT, _SHORT, _N_FINALISTS, _TOL = 8, 15, 3, 1e-4


def shrunk_mixtures(
    cells: Cells, fit: MixtureFit, strengths: Sequence[float], *, init: str | ArrayLike, metric: Floats, seed: int
) -> list[MixtureModel]:
    """What a mixture would be with other strengths of the shrinkage, all from the same starts.

    Parameters
    ----------
    cells : Cells
        n complete cells in d dimensions.
    fit : MixtureFit
        To these cells, of Gaussian components with the pooled prior.
    strengths : sequence of float, > 0
        In mean component weights.
    init, metric, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.
    """
    k, kind = fit.model.n_components, fit.model.covariance_type
    coarse = coarser(cells, _BINS, k)
    coarsest = coarser(coarse, _FEWER_BINS, k)
    drawn = first_clusters(coarsest, k, init, _N_INIT, metric, np.random.default_rng(seed))
    found = []
    for strength in strengths:
        prior = replace(fit.prior, strength=strength * cells.total_weight / k)
        runs, worth = short_runs(coarsest, clusters(coarsest, drawn, k, kind, prior), prior, n_iter=_SHORT)
        best = promising(worth, _N_FINALISTS)
        finals = [expectation_maximization(coarse, runs[run], prior, tol=_TOL) for run in best]
        found.append(max(finals, key=lambda fit: fit.objectives[-1]).model)
    return found
