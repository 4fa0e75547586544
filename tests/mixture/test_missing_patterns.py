"""Stacked patterns of missing values against a reference implementation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixtures import (
    remove_values,
    run_reference_em_with_missing_values,
)

from segment import MixtureModel
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.em import run_em
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import make_flat_prior


def test_stacked_patterns_give_the_results_of_single_patterns(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, some and all of the patterns are stacked, in many batches."""
    monkeypatch.setattr("segment.mixture.missing_patterns.MAX_BATCH_CELLS", 100)
    X = 10 + 5 * remove_values(rng, rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)), 0.3)
    X[:2] = np.nan
    factors = rng.normal(size=(400, 4, 4))
    scatters = factors @ np.swapaxes(factors, 1, 2)
    plain, w = make_point_cells(X).scatters, rng.uniform(0.5, 3, 400)
    start = MixtureModel(
        np.array([0.4, 0.6, 0]), 10 + 3 * rng.normal(size=(3, 4)), np.repeat(25 * np.eye(4)[None], 3, 0)
    )
    two = replace(start, weights=start.weights[:2], means=start.means[:2], covariances=start.covariances[:2])
    model, trace = run_reference_em_with_missing_values(X, two, 4, w)
    cells = Cells(w, X, pack(scatters))
    for rare in (0, 20, 10**6):
        monkeypatch.setattr("segment.mixture.gaussian_steps._MIN_PATTERN_CELLS", rare)
        fit = run_em(Cells(w, X, plain), start, make_flat_prior(4), tol=0, max_iter=4, accelerate=False)
        np.testing.assert_allclose(fit.log_likelihoods, trace, rtol=1e-10)
        np.testing.assert_allclose(fit.model.means[:2], model.means, rtol=1e-8)
        np.testing.assert_allclose(fit.model.covariances[:2], model.covariances, rtol=1e-7, atol=1e-7)
        wide = run_em(cells, start, make_flat_prior(4), tol=0, max_iter=4, accelerate=False)
        reached = cells.weights @ wide.model.score_samples(cells) / cells.total_weight
        assert reached == pytest.approx(wide.log_likelihoods[-1], rel=1e-10)
        assert (np.diff(wide.objectives) > 0).all()
