"""Information criteria against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.criteria import compute_aic, compute_bic, compute_icl
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_bic_and_aic_equal_those_of_scikit_learn(covariance_type: str, rng: np.random.Generator) -> None:
    from sklearn.mixture import GaussianMixture

    X = rng.normal(size=(300, 2)) * [1, 2] + 6 * rng.integers(0, 3, (300, 1))
    theirs = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    shaped = {
        "full": lambda c: c,
        "tied": lambda c: np.repeat(c[None], 3, axis=0),
        "diag": lambda c: c[:, :, None] * np.eye(2),
        "spherical": lambda c: c[:, None, None] * np.eye(2),
    }[covariance_type](theirs.covariances_)
    model = MixtureModel(theirs.weights_, theirs.means_, shaped, covariance_type)
    total = float(model.score_samples(X).sum())
    np.testing.assert_allclose(compute_bic(total, model.n_parameters, len(X)), theirs.bic(X), rtol=1e-10)
    np.testing.assert_allclose(compute_aic(total, model.n_parameters), theirs.aic(X), rtol=1e-10)


def test_criteria_equal_values_computed_by_hand() -> None:
    assert compute_aic(-10.0, 3) == 26
    assert compute_bic(-10.0, 3, np.e**2) == pytest.approx(26)
    assert compute_icl(-10.0, 3, np.e**2, 0.5) == pytest.approx(27)
