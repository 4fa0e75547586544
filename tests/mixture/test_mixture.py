"""The EM engine against scikit-learn, SciPy, a plain second implementation, and the laws it must obey."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, multivariate_t

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, coarsen, make_distinct_cells, make_point_cells, pack
from segment.mixture.em import run_em
from segment.mixture.fitting import fit_mixture
from segment.mixture.kmeans import run_k_means, draw_k_means_plus_plus
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.prior import Prior

NO_PRIOR = Prior(np.eye(3), 0.0, np.zeros(3))


def random_model(rng: np.random.Generator, k: int, d: int, covariance_type: str = "full") -> MixtureModel:
    factors = rng.normal(size=(k, d, d))
    covariances = factors @ np.swapaxes(factors, 1, 2) + np.eye(d)
    if covariance_type == "tied":
        covariances = np.broadcast_to(covariances[0], (k, d, d))
    if covariance_type == "diag":
        covariances = covariances * np.eye(d)
    if covariance_type == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    return MixtureModel(rng.dirichlet(np.ones(k)), 3 * rng.normal(size=(k, d)), covariances, covariance_type)


def three_blobs(rng: np.random.Generator, n: int = 400) -> np.ndarray:
    centers = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, -2.0], [-3.0, 5.0, 2.0]])
    spread = np.array([[1.0, 0.5, 2.0], [2.0, 1.0, 0.5], [0.5, 0.5, 0.5]])
    which = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return centers[which] + spread[which] * rng.normal(size=(n, 3))


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


def test_em_equals_the_textbook_on_every_row(rng: np.random.Generator) -> None:
    X = np.round(2 * three_blobs(rng))
    start = random_model(rng, 3, 3)
    cells = make_distinct_cells(X)
    assert len(cells) < len(X)
    fit = run_em(cells, start, NO_PRIOR, tol=0, max_iter=12, accelerate=False)
    model, trace = textbook_em(X, start, 12)
    assert_same(fit.model, model.weights, model.means, model.covariances)
    np.testing.assert_allclose(fit.log_likelihoods, trace, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_em_on_distinct_colors_equals_scikit_learn_on_all_pixels(
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


@pytest.fixture(scope="module")
def landscape_pixels() -> np.ndarray:
    from pathlib import Path

    from PIL import Image

    path = Path(__file__).parents[2] / "images" / "landscape.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((180, 120)))


def test_densities_are_those_of_scipy(rng: np.random.Generator) -> None:
    model = random_model(rng, 4, 3)
    X = 5 * rng.normal(size=(50, 3))
    expected = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(X)
            for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(model.log_joint(X), expected, rtol=1e-10)
    np.testing.assert_allclose(model.score_samples(X), np.logaddexp.reduce(expected, axis=1), rtol=1e-10)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


def test_scatter_takes_its_share_of_the_log_density(rng: np.random.Generator) -> None:
    model = random_model(rng, 2, 3)
    factor = rng.normal(size=(3, 3))
    scatter = factor @ factor.T
    x = rng.normal(size=(1, 3))
    drop = np.trace(np.linalg.inv(model.covariances) @ scatter, axis1=1, axis2=2) / 2
    with_scatter = model.log_joint(Cells(np.ones(1), x, pack(scatter)[None]))
    np.testing.assert_allclose(with_scatter, model.log_joint(x) - drop, rtol=1e-10)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@given(st.integers(0, 10_000), st.floats(0, 3), st.integers(1, 4), st.booleans(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_objective_never_falls(
    covariance_type: str, seed: int, shrinkage: float, k: int, coarse: bool, accelerate: bool
) -> None:
    rng = np.random.default_rng(seed)
    cells = make_point_cells(three_blobs(rng, 150), rng.uniform(0.1, 5, 150))
    cells = coarsen(cells, 6) if coarse else cells
    start = random_model(rng, k, 3, covariance_type)
    target = random_model(rng, 1, 3).covariances[0]
    prior = Prior(target, shrinkage * cells.total_weight / k, np.zeros(3))
    fit = run_em(cells, start, prior, tol=0, max_iter=40, accelerate=accelerate)
    smallest = np.linalg.eigvalsh(fit.model.covariances).min() / cells.means.var(axis=0).max()
    assert np.diff(fit.objectives).min() > -1e-10 - 1e-15 / smallest  # a collapse on few points leaves few digits
    assert fit.n_iter + 1 <= fit.n_evaluations <= 41
    assert (fit.objectives <= fit.log_likelihoods + 1e-12).all() or covariance_type != "full"


def test_the_objective_on_coarse_cells_bounds_that_on_fine_cells(rng: np.random.Generator) -> None:
    cells = make_point_cells(three_blobs(rng))
    fit = fit_mixture(coarsen(cells, 8), 3)
    fine = cells.weights @ fit.model.score_samples(cells) / cells.total_weight
    assert fit.finish.log_likelihoods[-1] < fine


@given(st.integers(0, 10_000), st.integers(-10, 20))
@settings(max_examples=25, deadline=None)
def test_weights_count_only_relative_to_each_other(seed: int, exponent: int) -> None:
    """A power of two changes no digit, so nothing may change at all."""
    rng = np.random.default_rng(seed)
    X, weights = three_blobs(rng, 60), rng.uniform(0.5, 2, 60)
    start = random_model(rng, 2, 3)
    fits = [
        run_em(make_point_cells(X, scale * weights), start, NO_PRIOR, tol=0, max_iter=5)
        for scale in (1.0, 2.0**exponent)
    ]
    np.testing.assert_array_equal(fits[0].model.means, fits[1].model.means)
    np.testing.assert_array_equal(fits[0].objectives, fits[1].objectives)


def test_repeating_rows_is_weighting_them(rng: np.random.Generator) -> None:
    X = three_blobs(rng, 80)
    times = rng.integers(1, 5, 80)
    start = random_model(rng, 3, 3)
    weighted = run_em(make_point_cells(X, times), start, NO_PRIOR, tol=0, max_iter=8)
    repeated = run_em(
        make_point_cells(np.repeat(X, times, axis=0)), start, NO_PRIOR, tol=0, max_iter=8
    )
    assert_same(weighted.model, repeated.model.weights, repeated.model.means, repeated.model.covariances)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((1, 2)),
        np.zeros((3, 2)),
        np.ones((5, 1)),
        np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]),
        np.array([[1e-200, 0.0], [2e-200, 1.0], [1.5e-200, 3.0]]),
        np.array([[1e150, 1.0], [1.1e150, 2.0], [-1e150, 3.0]]),
        np.array([[0.0, 0.0], [0.0, 0.0], [1e9, 1e-9]]),
    ],
    ids=["one row", "three equal rows", "constant", "collinear", "tiny", "huge", "far"],
)
def test_any_finite_rows_give_a_finite_mixture(X: np.ndarray, covariance_type: str) -> None:
    cells = make_distinct_cells(X)
    for k in range(1, len(cells) + 1):
        fit = fit_mixture(cells, k, covariance_type=covariance_type, shrinkage=0.0)
        assert np.isfinite(fit.model.means).all()
        assert np.isfinite(fit.model.covariances).all()
        assert fit.model.weights.sum() == pytest.approx(1)
        posteriors = fit.model.posteriors(X)
        np.testing.assert_allclose(posteriors.sum(axis=1), 1)


def test_one_dimension_recovers_the_textbook_mixture() -> None:
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(20, 5, 4000), rng.normal(40, 5, 8000)])[:, None]
    model = fit_mixture(make_point_cells(X), 2).model
    model = model.reorder(np.argsort(model.means[:, 0]))
    np.testing.assert_allclose(model.weights, [1 / 3, 2 / 3], atol=0.02)
    np.testing.assert_allclose(model.means[:, 0], [20, 40], atol=0.3)
    np.testing.assert_allclose(np.sqrt(model.covariances[:, 0, 0]), [5, 5], atol=0.3)
    truth = np.repeat([0, 1], [4000, 8000])
    assert (model.predict(X) == truth).mean() > 0.96  # the best rule errs on 2.1 % of them


def test_three_unit_gaussians_are_recovered_with_a_monotone_trace() -> None:
    rng = np.random.default_rng(2)
    centers = np.array([[0.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    X = (centers[:, None] + rng.normal(size=(3, 100, 2))).reshape(-1, 2)
    fit = fit_mixture(make_point_cells(X), 3)
    model = fit.model.reorder(np.lexsort(np.round(fit.model.means).T[::-1]))
    np.testing.assert_allclose(model.means, centers, atol=0.35)
    np.testing.assert_allclose(model.covariances, np.repeat(np.eye(2)[None], 3, axis=0), atol=0.45)
    assert (np.diff(fit.finish.log_likelihoods) >= 0).all()
    assert (model.predict(X) == np.repeat([0, 1, 2], 100)).mean() > 0.98


def test_four_tight_blobs_are_four_clusters() -> None:
    from sklearn.datasets import make_blobs
    from sklearn.metrics import adjusted_rand_score

    X, truth = make_blobs(400, centers=[[-4, -4], [-4, 4], [4, -4], [4, 4]], cluster_std=0.5, random_state=3)
    for seed in range(10):
        model = fit_mixture(make_point_cells(X), 4, seed=seed).model
        assert adjusted_rand_score(truth, model.predict(X)) == 1.0


def test_strong_shrinkage_gives_every_component_the_pooled_covariance(rng: np.random.Generator) -> None:
    fit = fit_mixture(make_point_cells(three_blobs(rng)), 3, shrinkage=1e6)
    np.testing.assert_allclose(fit.model.covariances, np.repeat(fit.prior.target[None], 3, axis=0), rtol=1e-3)


def test_shrinkage_is_the_maximum_of_its_objective(rng: np.random.Generator) -> None:
    """Moving any covariance of the optimum a little lowers the objective."""
    cells = make_point_cells(three_blobs(rng))
    fit = fit_mixture(cells, 3, shrinkage=1.0, tol=1e-13, max_iter=2000)

    def objective(model: MixtureModel) -> float:
        return float(cells.weights @ model.score_samples(cells)) + fit.prior.log_density(model)

    best = objective(fit.model)
    for _ in range(20):
        step = 1e-3 * rng.normal(size=(3, 3, 3))
        moved = fit.model.covariances + step + np.swapaxes(step, 1, 2)
        assert objective(MixtureModel(fit.model.weights, fit.model.means, moved)) < best


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_the_same_seed_gives_the_same_mixture(init: str, rng: np.random.Generator) -> None:
    cells = make_point_cells(three_blobs(rng))
    first, second = (fit_mixture(cells, 3, init=init, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.model.means, second.model.means)


def test_given_means_and_given_mixtures_are_where_the_fit_starts(rng: np.random.Generator) -> None:
    cells = make_point_cells(three_blobs(rng))
    best = fit_mixture(cells, 3, tol=1e-12, max_iter=1000).model
    for init in (best.means, best):
        again = fit_mixture(cells, 3, init=init, tol=1e-12, max_iter=1000).model
        np.testing.assert_allclose(again.means, best.means, atol=1e-4)


def test_k_means_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.cluster import KMeans

    X, weights = three_blobs(rng), rng.uniform(0.2, 3, 400)
    start = X[[0, 1, 2]]
    ours = run_k_means(make_point_cells(X, weights), start, max_iter=300)
    theirs = KMeans(3, init=start, n_init=1, tol=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(ours.centers, theirs.cluster_centers_, rtol=1e-9)
    assert ours.inertia == pytest.approx(theirs.inertia_)


def test_k_means_plus_plus_draws_by_weight(rng: np.random.Generator) -> None:
    cells = make_point_cells([[0.0], [1.0], [2.0]], [1e-9, 1.0, 1e-9])
    assert (draw_k_means_plus_plus(cells, 1, 20, rng) == 1.0).all()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 5}, "n_components"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"init": "best"}, "init"),
        ({"init": np.zeros((3, 1))}, "init"),
        ({"n_init": 0}, "n_init"),
        ({"shrinkage": -1}, "shrinkage"),
        ({"reg_covar": np.nan}, "reg_covar"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change: dict[str, object], word: str) -> None:
    cells = make_point_cells([[0.0], [1.0], [2.0], [3.0]])
    with pytest.raises(SettingsError, match=word):
        fit_mixture(cells, **{"n_components": 2, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(("covariance_type", "free"), [("full", 29), ("tied", 17), ("diag", 20), ("spherical", 14)])
def test_free_parameters_are_counted_as_scikit_learn_counts_them(
    covariance_type: str, free: int, rng: np.random.Generator
) -> None:
    assert random_model(rng, 3, 3, covariance_type).n_parameters == free


@pytest.mark.parametrize("degrees", [(), (3.0, 8.0)])
@given(st.integers(0, 1000), st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_components_far_narrower_than_their_distance_keep_their_digits(
    degrees: tuple[float, ...], seed: int, moved: float
) -> None:
    """Deviations of 1e-6 a thousand apart: m' P m is 1e18, and no difference of such numbers knows a density."""
    rng = np.random.default_rng(seed)
    shift = np.round(moved * 1024) / 1024  # so that moving the data rounds nothing but the last digits of 1e-6
    factors = rng.normal(size=(2, 2, 2))
    covariances = 1e-12 * (factors @ np.swapaxes(factors, 1, 2) + np.eye(2))
    means = np.array([[0.0, 0.0], [1000.0, 0.0]]) + shift
    model = MixtureModel(np.array([0.4, 0.6]), means, covariances, degrees_of_freedom=np.array(degrees))
    X = np.concatenate([mean + 2e-6 * rng.normal(size=(20, 2)) for mean in means])
    found = model.log_joint(X)
    for j, own in enumerate((slice(20), slice(20, 40))):
        # The densities of SciPy around zero, where it loses nothing either
        law = (
            multivariate_t(np.zeros(2), covariances[j], degrees[j])
            if degrees
            else multivariate_normal(np.zeros(2), covariances[j])
        )
        expected = np.log(model.weights[j]) + law.logpdf(X[own] - means[j])
        np.testing.assert_allclose(found[own, j], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), np.repeat([0, 1], 20))


def test_the_scatter_of_cells_counts_for_narrow_components_too() -> None:
    model = MixtureModel(np.full(2, 0.5), np.array([[0.0], [1000.0]]), np.full((2, 1, 1), 1e-12))
    cell = Cells(np.ones(1), np.array([[1000.0]]), np.array([[4e-12]]))
    peak = np.log(0.5) - np.log(2 * np.pi * 1e-12) / 2
    assert model.log_joint(cell)[0, 1] == pytest.approx(peak - 2)
