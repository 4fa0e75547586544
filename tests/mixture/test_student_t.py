"""Student-t densities against SciPy, and their degrees of freedom."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import (
    make_robust_mixture,
)
from scipy.stats import multivariate_t

from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.packed_matrices import pack
from segment.mixture.student_t import MAX_DEGREES, MIN_DEGREES, fit_degrees_of_freedom


def test_t_densities_equal_those_of_scipy(rng: np.random.Generator) -> None:
    model = make_robust_mixture(rng, 3, 3, noise=False, student=True)
    X = 5 * rng.normal(size=(40, 3))
    parameters = zip(model.weights, model.means, model.covariances, model.degrees_of_freedom, strict=True)
    expected = np.stack([np.log(w) + multivariate_t(m, c, df=nu).logpdf(X) for w, m, c, nu in parameters], axis=1)
    np.testing.assert_allclose(model.log_joint(X), expected, rtol=1e-9)


def test_the_density_of_a_coarse_cell_is_a_lower_bound(rng: np.random.Generator) -> None:
    """The log density of a cell is at most the mean log density of the points in it."""
    model = make_robust_mixture(rng, 3, 2, noise=True, student=True)
    X = rng.normal(size=(50, 2))
    mean = X.mean(axis=0)
    cell = Cells(np.array([50.0]), mean[None], pack((X - mean).T @ (X - mean) / 50)[None])
    assert model.score_samples(cell).item() < model.score_samples(X).mean()


def test_degrees_of_freedom_are_estimated(rng: np.random.Generator) -> None:
    X = multivariate_t([1.0, -2.0], [[2.0, 0.5], [0.5, 1.0]], df=3.0, seed=rng).rvs(20_000)
    fit = fit_mixture(make_point_cells(X), 1, tails="student", tol=1e-9, max_iter=1000)
    assert fit.model.degrees_of_freedom.item() == pytest.approx(3, rel=0.08)
    np.testing.assert_allclose(fit.model.covariances[0], [[2.0, 0.5], [0.5, 1.0]], atol=0.1)
    given_ = fit_mixture(make_point_cells(X), 1, tails="student", degrees_of_freedom=5.0)
    assert given_.model.degrees_of_freedom.item() == pytest.approx(5)


def test_degrees_of_freedom_stay_in_their_range() -> None:
    limits = fit_degrees_of_freedom(np.array([-1.0, -1e6]), np.array([199.0, 10.0]), 3)
    np.testing.assert_allclose(limits, [MAX_DEGREES, MIN_DEGREES])
