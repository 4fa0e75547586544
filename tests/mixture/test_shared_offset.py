"""A mixture whose means move together: weights of known truth are found, whatever the components."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.shared_offset import fit_shared_offset

NO_PRIOR = np.zeros((1, 1))


@pytest.mark.parametrize("n_components", [2, 3, 6])
@pytest.mark.parametrize("d", [1, 3])
def test_known_weights_are_found_with_as_many_components_or_more(n_components: int, d: int) -> None:
    rng = np.random.default_rng(0)
    terms = rng.uniform(-1, 1, (3000, 2))
    means = 0.4 * rng.permutation(6).reshape(2, 3)[:, :d]
    weights = np.array([0.7, -0.5])
    values = means[rng.integers(0, 2, 3000)] + (terms @ weights)[:, None] + 0.05 * rng.standard_normal((3000, d))
    found = fit_shared_offset(values, terms, n_components, min_variance=1e-4, precision=np.zeros((2, 2)))
    np.testing.assert_allclose(found, weights, atol=0.02)


def test_components_that_follow_the_place_are_told_from_terms() -> None:
    # The right half is brighter by a step: a line along it would explain more than half of the variance.
    rng = np.random.default_rng(1)
    place = np.linspace(-1, 1, 2000)[:, None]
    values = np.where(place > 0, 1.0, 0.0) + 0.05 * rng.standard_normal((2000, 1))
    assert abs(fit_shared_offset(values, place, 2, min_variance=1e-4, precision=NO_PRIOR)[0]) < 0.02
    # Nor is a line taken for components, where these do not show by their values.
    values = rng.choice([0.0, 0.3], (2000, 1)) + 2 * place + 0.05 * rng.standard_normal((2000, 1))
    np.testing.assert_allclose(
        fit_shared_offset(values, place, 2, min_variance=1e-4, precision=NO_PRIOR), [2.0], atol=0.02
    )


def test_values_of_one_kind_and_terms_of_no_use() -> None:
    assert fit_shared_offset(np.ones((50, 1)), np.zeros((50, 1)), 1, min_variance=1e-4, precision=NO_PRIOR)[0] == 0
    found = fit_shared_offset(
        np.linspace(0, 1, 50)[:, None], np.linspace(0, 2, 50)[:, None], 1, min_variance=1e-4, precision=NO_PRIOR
    )
    np.testing.assert_allclose(found, [0.5], atol=0.01)


def test_few_observations_at_one_side_tell_no_more_of_the_other_than_the_prior() -> None:
    rng = np.random.default_rng(2)
    place = rng.uniform(0.8, 0.82, (30, 1))
    values = rng.choice([0.0, 1.0], (30, 1)) + 0.1 * rng.standard_normal((30, 1))
    free, bound = (
        fit_shared_offset(values, place - 0.81, 2, min_variance=1e-4, precision=np.array([[precision]]))[0]
        for precision in (0.0, 4.0)
    )
    assert abs(free) > 1.5
    assert abs(bound) < 0.5
