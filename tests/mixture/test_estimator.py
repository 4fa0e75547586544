"""The scikit-learn door: its own checks, and the same answers as scikit-learn's mixture."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.model import COVARIANCE_TYPES


@parametrize_with_checks([GaussianMixture(), GaussianMixture(2, covariance_type="tied", shrinkage=0.5)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator: GaussianMixture, check: Callable[[GaussianMixture], None]) -> None:
    check(estimator)


@pytest.fixture
def blobs(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(6, 2, (100, 2)), rng.normal((-5, 7), 0.5, (50, 2))])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_same_fit_as_scikit_learn_from_the_same_start(covariance_type: str, blobs: np.ndarray) -> None:
    rough = Reference(3, covariance_type=covariance_type, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rough.fit(blobs)
        start = {
            "weights_init": rough.weights_,
            "means_init": rough.means_,
            "precisions_init": rough.precisions_,
            "tol": 0,
            "max_iter": 15,
        }
        ours = GaussianMixture(3, covariance_type=covariance_type, accelerate=False, **start).fit(blobs)
        theirs = Reference(3, covariance_type=covariance_type, **start).fit(blobs)
    for name in ("weights_", "means_", "covariances_", "precisions_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(ours.score_samples(blobs), theirs.score_samples(blobs), rtol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(blobs), theirs.predict_proba(blobs), atol=1e-9)
    assert ours.bic(blobs) == pytest.approx(theirs.bic(blobs))
    assert ours.aic(blobs) == pytest.approx(theirs.aic(blobs))
    assert not ours.converged_


def test_weights_are_repetitions(blobs: np.ndarray, rng: np.random.Generator) -> None:
    times = rng.integers(1, 4, len(blobs))
    model = GaussianMixture(3, random_state=0)
    weighted = clone(model).fit(blobs, sample_weight=times)
    repeated = clone(model).fit(np.repeat(blobs, times, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_)
    assert weighted.score(blobs, sample_weight=times) == pytest.approx(repeated.score(np.repeat(blobs, times, axis=0)))
    assert weighted.bic(blobs, sample_weight=times) == pytest.approx(repeated.bic(np.repeat(blobs, times, axis=0)))


def test_samples_come_from_the_mixture(blobs: np.ndarray) -> None:
    model = GaussianMixture(3, random_state=0).fit(blobs)
    X, labels = model.sample(20_000)
    assert X.shape == (20_000, 2)
    np.testing.assert_allclose(np.bincount(labels) / 20_000, model.weights_, atol=0.02)
    for k in range(3):
        np.testing.assert_allclose(X[labels == k].mean(axis=0), model.means_[k], atol=0.15)
        np.testing.assert_allclose(np.cov(X[labels == k].T), model.covariances_[k], atol=0.3)


def test_more_components_than_distinct_rows_still_fit() -> None:
    model = GaussianMixture(3, random_state=0).fit([[1.0], [1.0], [2.0], [2.0]])
    assert np.isfinite(model.means_).all()


def test_half_a_start_is_refused(blobs: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="precisions_init"):
        GaussianMixture(2, weights_init=[0.5, 0.5], means_init=blobs[:2]).fit(blobs)
    with pytest.raises(SettingsError, match="means_init"):
        GaussianMixture(2, precisions_init=np.repeat(np.eye(2)[None], 2, axis=0)).fit(blobs)


def test_not_converging_is_said(blobs: np.ndarray) -> None:
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        GaussianMixture(3, max_iter=1, tol=0, random_state=0).fit(blobs)
