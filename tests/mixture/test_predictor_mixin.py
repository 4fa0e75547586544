"""Methods of the fitted estimator: samples, and missing values in every method."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import (
    draw_three_gaussians,
    remove_values,
)
from sklearn.exceptions import NotFittedError

from segment import GaussianMixture


def test_samples_follow_the_mixture(rng: np.random.Generator) -> None:
    model = GaussianMixture(3, random_state=0).fit(draw_three_gaussians(rng, 350))
    X, labels = model.sample(20_000)
    assert X.shape == (20_000, 2)
    np.testing.assert_allclose(np.bincount(labels) / 20_000, model.weights_, atol=0.02)
    for k in range(3):
        np.testing.assert_allclose(X[labels == k].mean(axis=0), model.means_[k], atol=0.15)
        np.testing.assert_allclose(np.cov(X[labels == k].T), model.covariances_[k], atol=0.3)


def test_all_methods_accept_missing_values(rng: np.random.Generator) -> None:
    X = np.vstack([rng.normal(0, 1, (150, 2)), rng.normal(8, 1, (150, 2))])
    incomplete = remove_values(rng, X, 0.3)
    model = GaussianMixture(2, random_state=0).fit(incomplete)
    assert model.__sklearn_tags__().input_tags.allow_nan
    labels = model.predict(incomplete)
    has_value = ~np.isnan(incomplete).all(axis=1)
    right = (labels == np.repeat([0, 1], 150))[has_value].mean()
    assert max(right, 1 - right) > 0.98
    assert np.isfinite(model.score_samples(incomplete)).all()
    assert np.isfinite(model.impute(incomplete)).all()
    assert model.bic(incomplete) < GaussianMixture(1, random_state=0).fit(incomplete).bic(incomplete)
    with pytest.raises(ValueError, match="infinity"):
        model.predict([[np.inf, 0.0]])


def test_an_estimator_that_is_not_fitted_raises() -> None:
    with pytest.raises(NotFittedError):
        GaussianMixture().predict([[0.0]])
    with pytest.raises(NotFittedError):
        GaussianMixture().sample()


def test_scores_are_weighted_means_and_sums(rng: np.random.Generator) -> None:
    X, weights = rng.normal(size=(20, 2)), rng.uniform(1, 3, 20)
    model = GaussianMixture().fit(X, sample_weight=weights)
    log_likelihood = weights @ model.score_samples(X)
    assert model.score(X, sample_weight=weights) == pytest.approx(log_likelihood / weights.sum())
    assert model.bic(X, sample_weight=weights) == pytest.approx(-2 * log_likelihood + 5 * np.log(weights.sum()))
    assert model.aic(X, sample_weight=weights) == pytest.approx(-2 * log_likelihood + 2 * 5)
