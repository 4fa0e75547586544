"""GaussianMixture: the checks of scikit-learn, the same fits as scikit-learn, and learning from batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from mixtures import THREE_GAUSSIANS, draw_three_clouds, draw_three_gaussians
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.model import COVARIANCE_TYPES


@parametrize_with_checks([GaussianMixture(), GaussianMixture(2, covariance_type="tied", shrinkage=0.5)])
@pytest.mark.filterwarnings("ignore")
def test_the_checks_of_scikit_learn_pass(estimator: GaussianMixture, check: Callable[[GaussianMixture], None]) -> None:
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


def test_weights_equal_repeated_rows(blobs: np.ndarray, rng: np.random.Generator) -> None:
    times = rng.integers(1, 4, len(blobs))
    model = GaussianMixture(3, random_state=0)
    weighted = clone(model).fit(blobs, sample_weight=times)
    repeated = clone(model).fit(np.repeat(blobs, times, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_)
    assert weighted.score(blobs, sample_weight=times) == pytest.approx(repeated.score(np.repeat(blobs, times, axis=0)))
    assert weighted.bic(blobs, sample_weight=times) == pytest.approx(repeated.bic(np.repeat(blobs, times, axis=0)))


def test_more_components_than_distinct_rows_can_be_fitted() -> None:
    model = GaussianMixture(3, random_state=0).fit([[1.0], [1.0], [2.0], [2.0]])
    assert np.isfinite(model.means_).all()


def test_an_incomplete_start_raises(blobs: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="precisions_init"):
        GaussianMixture(2, weights_init=[0.5, 0.5], means_init=blobs[:2]).fit(blobs)
    with pytest.raises(SettingsError, match="means_init"):
        GaussianMixture(2, precisions_init=np.repeat(np.eye(2)[None], 2, axis=0)).fit(blobs)


def test_missing_convergence_warns(blobs: np.ndarray) -> None:
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        GaussianMixture(3, max_iter=1, tol=0, random_state=0).fit(blobs)


def test_partial_fit_learns_from_batches(rng: np.random.Generator) -> None:
    batches = [draw_three_gaussians(rng, 500) for _ in range(20)]
    model = GaussianMixture(3, random_state=0)
    for batch in batches:
        assert model.partial_fit(batch) is model
    np.testing.assert_allclose(model.means_[np.argsort(-model.weights_)], THREE_GAUSSIANS.means, atol=0.2)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    again = GaussianMixture(3, random_state=0).fit(batches[0])
    np.testing.assert_array_equal(again.means_, GaussianMixture(3, random_state=0).partial_fit(batches[0]).means_)
    before, iterations = again.means_, again.n_iter_
    again.partial_fit(batches[1])
    assert not np.array_equal(again.means_, before)
    assert again.n_iter_ == iterations + 1
    np.testing.assert_allclose(again.precisions_, np.linalg.inv(again.covariances_))
    with pytest.raises(ValueError, match="3 features"):
        again.partial_fit(np.zeros((5, 3)))
    refitted = again.fit(batches[0])
    np.testing.assert_array_equal(refitted.means_, before)


def test_weights_of_a_batch_equal_repeated_rows(rng: np.random.Generator) -> None:
    first, second = draw_three_gaussians(rng, 200), draw_three_gaussians(rng, 100)
    times = rng.integers(1, 4, 100)
    weighted = GaussianMixture(3, random_state=0).partial_fit(first).partial_fit(second, sample_weight=times)
    repeated = GaussianMixture(3, random_state=0).partial_fit(first).partial_fit(np.repeat(second, times, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_)


def test_partial_fit_uses_the_step_settings(rng: np.random.Generator) -> None:
    first, second = draw_three_gaussians(rng, 200), draw_three_gaussians(rng, 200) + 3
    moves = []
    for offset in (0.0, 1000.0):
        model = GaussianMixture(3, step_offset=offset, random_state=0).partial_fit(first)
        before = model.means_
        moves.append(np.abs(model.partial_fit(second).means_ - before).max())
    assert moves[1] < moves[0] / 10
    with pytest.raises(SettingsError, match="power"):
        GaussianMixture(3, step_power=0.2).partial_fit(first).partial_fit(second)


def test_shrinkage_is_the_same_in_fit_and_partial_fit(rng: np.random.Generator) -> None:
    X = draw_three_gaussians(rng, 400)
    model = GaussianMixture(3, shrinkage=1, tol=1e-13, max_iter=2000, step_power=1, step_offset=0, random_state=0).fit(
        X
    )
    before = model.fit(X).covariances_
    np.testing.assert_allclose(model.partial_fit(X).covariances_, before, rtol=1e-3)


def test_the_dirichlet_prior_empties_surplus_components(rng: np.random.Generator) -> None:
    X = draw_three_clouds(rng)
    ours = GaussianMixture(8, prior="dirichlet", random_state=0).fit(X)
    assert (ours.weights_ > 0.02).sum() == 3
    assert (np.diff(ours.lower_bounds_) > -1e-9).all()
    assert ours.converged_
    labels = ours.predict(X)
    assert len(np.unique(labels)) == 3
    assert np.mean(labels[:120] == np.bincount(labels[:120]).argmax()) > 0.95


def make_groups() -> np.ndarray:
    """Two groups of samples whose features depend on each other."""
    rng = np.random.default_rng(0)
    shear = np.array([[1.0, 0.6], [0.0, 0.8]])
    return np.concatenate([rng.normal(0, 1, (300, 2)) @ shear, rng.normal(5, 1, (200, 2))])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_names_and_attributes_are_those_of_scikit_learn(covariance_type: str) -> None:
    X = make_groups()
    assert set(Reference().get_params()) <= set(GaussianMixture().get_params())
    start = {"weights_init": [0.5, 0.5], "means_init": [[0.0, 0.0], [4.0, 4.0]]}
    start["precisions_init"] = {
        **{"full": np.stack([np.eye(2)] * 2), "tied": np.eye(2)},
        **{"diag": np.ones((2, 2)), "spherical": np.ones(2)},
    }[covariance_type]
    same = {"n_components": 2, "covariance_type": covariance_type, "tol": 1e-10, "max_iter": 500, **start}
    ours, theirs = GaussianMixture(**same).fit(X), Reference(**same).fit(X)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "lower_bound_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    assert {name for name in vars(theirs) if name.endswith("_")} <= {name for name in vars(ours) if name.endswith("_")}


@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_of_scikit_learn_has_its_name(method: str) -> None:
    with pytest.raises(SettingsError, match=r"^init_params: one of kmeans, .*; got 'foo'"):
        GaussianMixture(2, init_params="foo").fit(make_groups())
    mixture = GaussianMixture(2, init_params=method, random_state=0).fit(make_groups())
    assert sorted(mixture.means_[:, 0].round().tolist()) == [0.0, 5.0]


@pytest.mark.parametrize("method", ["kmeans", "random", "ward"])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_fewer_places_than_components(method: str, covariance_type: str) -> None:
    """Rows are equal, or have no weight: only two places count."""
    equal = np.repeat([[0.0, 0.0], [1.0, 1.0]], 2000, axis=0)
    weights = np.where(np.isin(np.arange(4000), [7, 2007]), 3.0, 0.0)
    shifted = equal + np.where(weights > 0, 0, np.arange(4000) / 100)[:, None]
    mixture = GaussianMixture(3, init_params=method, covariance_type=covariance_type, random_state=0)
    for X, sample_weight in ((equal, None), (shifted, weights)):
        mixture.fit(X, sample_weight=sample_weight)
        np.testing.assert_allclose(mixture.weights_ @ mixture.means_, [0.5, 0.5], atol=0.01)
        assert len(set(mixture.predict([[0.0, 0.0], [1.0, 1.0]]).tolist())) == 2


def test_a_warm_start_goes_on_from_the_last_fit(capsys: pytest.CaptureFixture[str]) -> None:
    mixture = GaussianMixture(2, warm_start=True, random_state=0, verbose=2, verbose_interval=1)
    mixture.fit(make_groups())
    assert "  Iteration 1     lower bound change" in capsys.readouterr().out
    others = make_groups()[::2] + 0.25
    before = mixture.score(others)
    # The first mixture that the second fit sees is the last one of the first.
    assert mixture.fit(others).lower_bounds_[0] == pytest.approx(before, abs=1e-9)
    assert GaussianMixture(2, random_state=0).fit(others).lower_bounds_[0] != pytest.approx(before, abs=1e-6)
    mixture.set_params(n_components=3).fit(make_groups())
    assert len(mixture.weights_) == 3
