"""Laws of every mode: whatever finite rows come, in whatever order and with whatever weights, out comes a mixture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_distinct_cells, make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.incremental import start_stepwise_em, update_stepwise_em
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.variational_pruning import fit_variational_mixture

Mode = Callable[[Cells, int], MixtureModel]


def make_fit(**given_: object) -> Mode:
    return lambda cells, k: fit_mixture(cells, k, n_init=3, **given_).model  # type: ignore[arg-type]


def fit_and_update(cells: Cells, k: int) -> MixtureModel:
    """A fit, and a step of it on the same cells again."""
    fit = fit_mixture(cells, k, n_init=2, shrinkage=0.1)
    return update_stepwise_em(start_stepwise_em(fit.model, fit.prior.divide_strength(cells.total_weight)), cells).model


# Observations count in these: their priors weigh a number of them.
MODES_WITH_COUNTS: dict[str, Mode] = {
    "conjugate": make_fit(prior="conjugate"),
    "dirichlet": lambda cells, k: fit_variational_mixture(cells, k).posterior.mixture,
}
MODES: dict[str, Mode] = {
    **{kind: make_fit(covariance_type=kind) for kind in COVARIANCE_TYPES},
    "shrunk": make_fit(shrinkage=1.5),
    "noise": make_fit(noise=True),
    "noise, shrunk": make_fit(noise=True, shrinkage=1.5),
    "student": make_fit(tails="student"),
    "student with noise": make_fit(tails="student", noise=True),
    "ward": make_fit(init="ward"),
    "a step": fit_and_update,
    **MODES_WITH_COUNTS,
}
MODES_WITH_MISSING_VALUES = ("full", "tied", "diag", "spherical", "shrunk", "conjugate", "a step")

VALUES = (0.0, 1.0, -1.0, 1.5, 255.0, 1e-9, 1e-12, 1e9, 1e16, 1e16 + 2, 1e-160, 1e-200, 2e-200, 5e-324, 1e40, -1e40)


@st.composite
def draw_rows(draw: st.DrawFn) -> np.ndarray:
    """One to six rows: constant, collinear, duplicated, huge, tiny, or all of that at once."""
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    kind = draw(st.sampled_from(["constant", "collinear", "duplicated", "scaled", "anything"]))
    if kind == "constant":
        return np.repeat(rng.choice(VALUES, (1, d)), n, axis=0)
    if kind == "collinear":
        return np.outer(rng.normal(size=n), rng.normal(size=d)) * rng.choice([1, 1e-9, 1e60, 1e-150])
    if kind == "duplicated":
        return rng.choice(rng.choice(VALUES, 3), (n, d))
    if kind == "scaled":
        return rng.normal(size=(n, d)) * 10.0 ** rng.integers(-80, 80, d)
    return rng.choice(VALUES, (n, d))


def assert_valid_mixture(model: MixtureModel, X: np.ndarray) -> None:
    assert model.weights.sum() == pytest.approx(1)
    for name in ("weights", "means", "covariances"):
        assert np.isfinite(getattr(model, name)).all(), name
    posteriors = model.posteriors(X)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert (posteriors >= 0).all()
    assert not np.isnan(model.score_samples(X)).any()


def has_volume(X: np.ndarray) -> bool:
    sides = np.ptp(X, axis=0)
    return abs(np.log(sides[sides > 0]).sum()) <= 600


@pytest.mark.parametrize("mode", MODES)
@given(draw_rows(), st.integers(1, 3))
@settings(max_examples=12)
def test_any_finite_rows_give_a_finite_mixture(mode: str, X: np.ndarray, k: int) -> None:
    """Or one sentence, where the range of the data has no volume that is a number and noise would need one."""
    cells = make_distinct_cells(X)
    if "noise" in mode and not has_volume(X):
        with pytest.raises(SettingsError, match=r"^noise: the range of the data has a volume"):
            MODES[mode](cells, min(k, len(cells)))
    else:
        assert_valid_mixture(MODES[mode](cells, min(k, len(cells))), X)


@pytest.mark.parametrize("mode", MODES_WITH_MISSING_VALUES)
@given(draw_rows(), st.integers(1, 2), st.integers(0, 10_000))
@example(np.tile([255, 1e9, 1e40], (5, 1)), 1, 389)
@settings(max_examples=6)
def test_rows_with_missing_values_give_a_finite_mixture(mode: str, X: np.ndarray, k: int, seed: int) -> None:
    X = np.where(np.random.default_rng(seed).random(X.shape) < 0.3, np.nan, X)
    X[0] = np.nan_to_num(X[0])
    cells = make_distinct_cells(X)
    model = MODES[mode](cells, min(k, len(cells)))
    assert_valid_mixture(model, X)
    assert np.isfinite(model.impute(X)).all()


def draw_groups(rng: np.random.Generator, n: int = 40) -> np.ndarray:
    return np.concatenate([rng.normal(0, 1, (n, 2)), rng.normal((7, 2), (1, 2), (n, 2)), rng.uniform(-15, 20, (4, 2))])


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in MODES_WITH_COUNTS])
@given(st.integers(0, 10_000), st.integers(-30, 30))
@settings(max_examples=3)
def test_only_ratios_of_weights_matter(mode: str, seed: int, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    X, weights = draw_groups(rng), rng.uniform(0.5, 2, 84)
    one, two = (MODES[mode](make_point_cells(X, scale * weights), 2) for scale in (1.0, 2.0**exponent))
    for name in ("weights", "means", "covariances", "noise_share", "degrees_of_freedom"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("mode", MODES_WITH_COUNTS)
def test_integer_weights_are_repetitions_where_observations_count(mode: str, rng: np.random.Generator) -> None:
    X = np.round(draw_groups(rng), 1)
    times = rng.integers(1, 4, len(X))
    one, two = (
        MODES[mode](make_distinct_cells(X, times), 2),
        MODES[mode](make_distinct_cells(np.repeat(X, times, axis=0)), 2),
    )
    np.testing.assert_allclose(one.means, two.means, rtol=1e-9)
    np.testing.assert_allclose(one.covariances, two.covariances, rtol=1e-9)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("mode", [{}, {"prior": "conjugate"}, {"prior": "dirichlet"}, {"shrinkage": 1.0}])
@given(st.integers(0, 10_000))
@settings(max_examples=3)
def test_the_order_of_the_rows_changes_nothing(mode: dict[str, object], missing: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, weights = draw_groups(rng), rng.integers(1, 5, 84)
    if missing and mode.get("prior") != "dirichlet":
        X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    order = rng.permutation(len(X))
    one, two = (
        GaussianMixture(2, random_state=0, **mode).fit(X[rows], sample_weight=weights[rows])  # type: ignore[arg-type]
        for rows in (np.arange(len(X)), order)
    )
    np.testing.assert_allclose(one.means_, two.means_, rtol=1e-9)
    np.testing.assert_allclose(one.covariances_, two.covariances_, rtol=1e-9)
    np.testing.assert_array_equal(one.predict(X)[order], two.predict(X[order]))
    if mode.get("prior") != "dirichlet":
        for model, rows in ((one, slice(None)), (two, order)):
            model.partial_fit(X[rows], sample_weight=weights[rows])
        np.testing.assert_allclose(one.means_, two.means_, rtol=1e-9)
