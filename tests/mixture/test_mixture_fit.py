"""The result of a fit, also of none."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import draw_three_blobs

from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.mixture_fit import score_as_fit


def test_no_cells_give_an_empty_mixture() -> None:
    nothing = Cells(np.zeros(0), np.zeros((0, 2)), np.zeros((0, 3)))
    fit = fit_mixture(nothing, 0, covariance_type="diag")
    assert fit.model.n_components == 0
    assert fit.model.covariance_type == "diag"
    assert fit.converged
    assert not fit.is_fitted


def test_a_given_mixture_is_scored_without_iterations(rng: np.random.Generator) -> None:
    cells = make_point_cells(draw_three_blobs(rng))
    fitted = fit_mixture(cells, 3)
    model = fitted.model
    fit = score_as_fit(model, cells)
    assert fit.model is model
    assert (fitted.is_fitted, fit.is_fitted) == (True, False)
    assert fit.finish.n_iter == 0
    assert fit.finish.log_likelihoods[0] == pytest.approx(model.score_samples(cells).mean())
