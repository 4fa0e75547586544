"""The EM loop against scikit-learn and a plain second implementation, and the laws that it obeys."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import draw_overlapping_classes, draw_three_blobs, make_random_model
from scipy.stats import multivariate_normal

from segment.mixture.cells import make_distinct_cells, make_point_cells
from segment.mixture.em import EMOptions, run_em, run_em_side_by_side
from segment.mixture.grid_bins import coarsen
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior, make_flat_prior

FLAT_PRIOR = make_flat_prior(3)


def textbook_em(X: np.ndarray, model: MixtureModel, n_iter: int) -> tuple[MixtureModel, list[float]]:
    """EM as in Bishop (2006), equations 9.23 to 9.28, on every row, with SciPy's densities. Full covariances."""
    weights, means, covariances = model.weights, model.means, model.covariances
    trace = []
    for step in range(n_iter + 1):
        joint = np.stack(
            [w * multivariate_normal(m, c).pdf(X) for w, m, c in zip(weights, means, covariances, strict=True)], 1
        )
        trace.append(float(np.log(joint.sum(1)).mean()))
        if step == n_iter:
            break
        responsibilities = joint / joint.sum(1, keepdims=True)
        counts = responsibilities.sum(0)
        weights = counts / len(X)
        means = responsibilities.T @ X / counts[:, None]
        covariances = np.stack(
            [(r[:, None] * (X - m)).T @ (X - m) / n for r, m, n in zip(responsibilities.T, means, counts, strict=True)]
        )
    return MixtureModel(weights, means, covariances), trace


def assert_same(model: MixtureModel, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> None:
    np.testing.assert_allclose(model.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(model.means, means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.covariances, covariances, rtol=1e-9, atol=1e-9)


def assert_close(model: MixtureModel, other: MixtureModel) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(model, name), getattr(other, name), rtol=1e-6, atol=1e-6)


def test_em_is_that_of_the_textbook(rng: np.random.Generator) -> None:
    X = np.round(2 * draw_three_blobs(rng))
    start = make_random_model(rng, 3, 3)
    cells = make_distinct_cells(X)
    assert len(cells) < len(X)
    fit = run_em(cells, start, FLAT_PRIOR, tol=0, max_iter=12, accelerate=False)
    model, trace = textbook_em(X, start, 12)
    assert_same(fit.model, model.weights, model.means, model.covariances)
    np.testing.assert_allclose(fit.log_likelihoods, trace, rtol=1e-12)


@pytest.fixture(scope="module")
def landscape_pixels() -> np.ndarray:

    from PIL import Image

    path = Path(__file__).parents[2] / "images" / "landscape.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((90, 60)))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_em_on_distinct_colors_is_that_of_scikit_learn_on_all_pixels(
    covariance_type: str, landscape_pixels: np.ndarray
) -> None:
    from sklearn.mixture import GaussianMixture

    X = landscape_pixels.reshape(-1, 3).astype(float)
    variance = X.var()
    means = np.percentile(X, [10, 40, 65, 95], axis=0)
    precisions = {
        "full": np.repeat(np.eye(3)[None] / variance, 4, axis=0),
        "tied": np.eye(3) / variance,
        "diag": np.full((4, 3), 1 / variance),
        "spherical": np.full(4, 1 / variance),
    }[covariance_type]
    theirs = GaussianMixture(
        4,
        covariance_type=covariance_type,
        weights_init=np.full(4, 0.25),
        means_init=means,
        precisions_init=precisions,
        tol=0,
        max_iter=25,
        reg_covar=1e-3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it did not converge: it was not meant to
        theirs.fit(X)
    cells = make_distinct_cells(X)
    assert len(cells) < len(X)
    start = MixtureModel(np.full(4, 0.25), means, np.repeat(variance * np.eye(3)[None], 4, axis=0), covariance_type)
    prior = Prior(np.eye(3), 0.0, np.full(3, 1e-3))
    fit = run_em(cells, start, prior, tol=0, max_iter=25, accelerate=False)
    shaped = {
        "full": lambda c: c,
        "tied": lambda c: np.repeat(c[None], 4, axis=0),
        "diag": lambda c: c[:, :, None] * np.eye(3),
        "spherical": lambda c: c[:, None, None] * np.eye(3),
    }[covariance_type]
    assert_same(fit.model, theirs.weights_, theirs.means_, shaped(theirs.covariances_))
    assert fit.log_likelihoods[-1] == pytest.approx(theirs.score(X), rel=1e-12)
    np.testing.assert_allclose(fit.model.posteriors(X[:200]), theirs.predict_proba(X[:200]), atol=1e-9)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@given(st.integers(0, 10_000), st.floats(0, 3), st.integers(1, 4), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_the_objective_never_falls(
    covariance_type: str, seed: int, shrinkage: float, k: int, coarse: bool, accelerate: bool
) -> None:
    rng = np.random.default_rng(seed)
    cells = make_point_cells(draw_three_blobs(rng, 150), rng.uniform(0.1, 5, 150))
    cells = coarsen(cells, 6) if coarse else cells
    start = make_random_model(rng, k, 3, covariance_type)
    target = make_random_model(rng, 1, 3).covariances[0]
    prior = Prior(target, shrinkage * cells.total_weight / k, np.zeros(3))
    fit = run_em(cells, start, prior, tol=0, max_iter=40, accelerate=accelerate)
    smallest = np.linalg.eigvalsh(fit.model.covariances).min() / cells.means.var(axis=0).max()
    assert np.diff(fit.objectives).min() > -1e-10 - 1e-15 / smallest  # a collapse on few points leaves few digits
    assert fit.n_iter + 1 <= fit.n_evaluations <= 41
    assert (fit.objectives <= fit.log_likelihoods + 1e-12).all() or covariance_type != "full"


@given(st.integers(0, 10_000), st.integers(-10, 20))
@settings(max_examples=25)
def test_only_ratios_of_weights_matter(seed: int, exponent: int) -> None:
    """A power of two changes no digit, so nothing may change at all."""
    rng = np.random.default_rng(seed)
    X, weights = draw_three_blobs(rng, 60), rng.uniform(0.5, 2, 60)
    start = make_random_model(rng, 2, 3)
    fits = [
        run_em(make_point_cells(X, scale * weights), start, FLAT_PRIOR, tol=0, max_iter=5)
        for scale in (1.0, 2.0**exponent)
    ]
    np.testing.assert_array_equal(fits[0].model.means, fits[1].model.means)
    np.testing.assert_array_equal(fits[0].objectives, fits[1].objectives)


def test_a_weight_of_two_is_a_repeated_row(rng: np.random.Generator) -> None:
    X = draw_three_blobs(rng, 80)
    times = rng.integers(1, 5, 80)
    start = make_random_model(rng, 3, 3)
    weighted = run_em(make_point_cells(X, times), start, FLAT_PRIOR, tol=0, max_iter=8)
    repeated = run_em(make_point_cells(np.repeat(X, times, axis=0)), start, FLAT_PRIOR, tol=0, max_iter=8)
    assert_same(weighted.model, repeated.model.weights, repeated.model.means, repeated.model.covariances)


def test_max_iter_returns_the_best_mixture_so_far(rng: np.random.Generator) -> None:
    cells, start = draw_overlapping_classes(rng, "full", 1.0)
    for max_iter in range(30):
        fit = run_em(cells, start, make_flat_prior(2), tol=0, max_iter=max_iter)
        reached = cells.weights @ fit.model.score_samples(cells) / cells.total_weight
        assert reached == pytest.approx(fit.objectives.max(), rel=1e-9)
        assert fit.n_evaluations == max_iter + 1


def test_tol_step_waits_for_the_parameters(rng: np.random.Generator) -> None:
    cells, start = draw_overlapping_classes(rng, "full", 1.0)
    early, late = (
        run_em(cells, start, make_flat_prior(2), tol=1e-3, tol_step=tol_step, max_iter=5000, accelerate=False)
        for tol_step in (np.inf, 1e-4)
    )
    assert early.n_iter < late.n_iter
    after = run_em(cells, late.model, make_flat_prior(2), tol=0, max_iter=1, accelerate=False).model
    assert np.abs(after.means - late.model.means).max() < 1.5e-4
    before = run_em(cells, early.model, make_flat_prior(2), tol=0, max_iter=1, accelerate=False).model
    assert np.abs(before.means - early.model.means).max() > 1.5e-4


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_runs_side_by_side_are_those_of_each_by_itself(kind: str, rng: np.random.Generator) -> None:
    """Though some extrapolations of some of them are rejected, and each ends when it has converged."""
    cells, first = draw_overlapping_classes(rng, kind, 3.0)
    starts = [first, *(make_random_model(rng, 2, 2, kind) for _ in range(5))]
    prior = Prior(np.eye(2), 2.0, np.zeros(2))
    options = EMOptions(tol=1e-8, tol_step=1e-4, max_iter=200, accelerate=True)
    fits = run_em_side_by_side(cells, starts, prior, options)
    for fit, start in zip(fits, starts, strict=True):
        alone = run_em(cells, start, prior, **vars(options))
        assert fit.converged
        assert (fit.n_evaluations, fit.n_iter) == (alone.n_evaluations, alone.n_iter)
        np.testing.assert_allclose(fit.objectives, alone.objectives, rtol=1e-9)
        np.testing.assert_allclose(fit.log_likelihoods, alone.log_likelihoods, rtol=1e-9)
        assert_close(fit.model, alone.model)
    assert len({fit.n_iter for fit in fits}) > 1
    assert any(fit.n_evaluations > fit.n_iter + 1 for fit in fits)
