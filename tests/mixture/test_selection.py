"""The choice of the number of components, for data whose number is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import solve_triangular

from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.criteria import compute_bic
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection, choose_n_components, compute_residuals

CENTERS = np.array([[0.0, 0.0], [8.0, 1.0], [-3.0, 9.0], [6.0, -9.0], [-9.0, -5.0]])


def draw_clouds(k: int, n: int = 600, seed: int = 0) -> np.ndarray:
    """n independent samples of k separate Gaussians of different shapes."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, k, n)
    spread = np.array([[1.0, 0.4], [0.5, 1.2], [1.0, 1.0], [1.4, 0.6], [0.4, 0.8]])
    return CENTERS[which] + spread[which] * rng.normal(size=(n, 2))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("criterion", ["bic", "icl", "entropy"])
def test_the_number_of_clouds_is_found(k: int, criterion: str) -> None:
    selection = choose_n_components(make_point_cells(draw_clouds(k)), (1, 8), criterion=criterion)
    assert selection.chosen == k
    assert selection.n_effective == 600


def test_bic_splits_a_skew_class_and_entropy_merges_it() -> None:
    rng = np.random.default_rng(3)
    bent = np.concatenate([rng.normal([0, 0], [3, 0.5], (400, 2)), rng.normal([2, 2], [0.5, 2.5], (400, 2))])
    X = np.concatenate([bent, rng.normal([20, 0], 1, (400, 2))])
    assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3
    selection = choose_n_components(make_point_cells(X), (1, 6), criterion="entropy")
    assert (selection.chosen, selection.n_components) == (2, 3)
    assert [row.n_classes for row in selection.candidates] == [1, 2, 3]


def test_aic_never_chooses_fewer_than_bic() -> None:
    for seed in range(4):
        cells = make_point_cells(draw_clouds(3, n=80, seed=seed))
        assert choose_n_components(cells, criterion="aic").chosen >= choose_n_components(cells, criterion="bic").chosen


def test_the_likelihood_rises_and_the_lowest_value_is_chosen() -> None:
    X = draw_clouds(4)
    selection = choose_n_components(make_point_cells(X), (2, 7))
    rows = selection.candidates
    assert [row.n_classes for row in rows] == [2, 3, 4, 5, 6, 7]
    likelihoods = np.array([row.log_likelihood for row in rows])
    assert (np.diff(likelihoods) > -2e-2).all()
    ranked = sorted(rows, key=lambda row: row.value)
    assert [row.n_classes for row in ranked[:2]] == [selection.chosen, selection.runner_up]
    for row in rows:
        parameters = 6 * row.n_classes - 1
        assert row.value == pytest.approx(compute_bic(600 * row.log_likelihood, parameters, 600))
    rule = r"its BIC of \d+\.\d is the lowest, by \d+\.\d, with 600 independent observations"
    assert re.fullmatch(rule, selection.reason)
    assert selection.sentence == f"k = 4 chosen of 2..7: {selection.reason}; runner-up {selection.runner_up}"


def test_fewer_independent_observations_give_fewer_classes() -> None:
    cells = make_point_cells(draw_clouds(5))
    chosen = [choose_n_components(cells, n_effective=n).chosen for n in (1, 12, 30, 600)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1] == 5


def test_the_total_weight_is_the_default_number_of_observations() -> None:
    cells = make_point_cells(draw_clouds(3))
    tenfold = Cells(10 * cells.weights, cells.means, cells.scatters)
    assert choose_n_components(tenfold).n_effective == 6000
    first, second = (choose_n_components(c, n_effective=500) for c in (cells, tenfold))
    assert first.chosen == second.chosen
    np.testing.assert_allclose([r.value for r in first.candidates], [r.value for r in second.candidates], rtol=1e-6)


def test_the_number_of_observations_is_estimated_from_three_mixtures() -> None:
    seen: list[int] = []

    def estimate(model: MixtureModel) -> float:
        seen.append(model.n_components)
        return 10.0**model.n_components

    selection = choose_n_components(make_point_cells(draw_clouds(2)), (1, 6), n_effective=estimate)
    assert seen == [3, 5, 6]
    assert selection.n_effective == pytest.approx(10 ** (14 / 3))
    assert choose_n_components(
        make_point_cells(draw_clouds(2)), (2, 2), n_effective=estimate
    ).n_effective == pytest.approx(100)


def test_one_class_is_left_out_where_more_observations_speak_against_it() -> None:
    rng = np.random.default_rng(0)
    near = make_point_cells(rng.normal(0, 1, (400, 1)) + 3.2 * (np.arange(400) % 2)[:, None])
    assert choose_n_components(near, (1, 4), n_effective=20).chosen == 1
    selection = choose_n_components(near, (1, 4), n_effective=20, n_against_one=400)
    assert (selection.chosen, selection.runner_up, selection.n_effective) == (2, 3, 20)
    rule = r"its BIC of \d+\.\d is the lowest but for that of one class, with 20 independent observations; .*"
    assert re.fullmatch(rule, selection.reason)
    single = make_point_cells(rng.normal(0, 1, (400, 1)))
    assert choose_n_components(single, (1, 4), n_effective=20, n_against_one=400).chosen == 1


def test_classes_may_have_several_components() -> None:
    X = draw_clouds(4)
    selection = choose_n_components(make_point_cells(X), (1, 4), components_per_class=2)
    assert [row.n_components for row in selection.candidates] == [2, 4, 6, 8]
    assert selection.chosen == 2
    assert selection.n_components == 4


def test_many_cells_give_the_same_number() -> None:
    for d in (1, 2, 3):
        rng = np.random.default_rng(d)
        which = rng.integers(0, 3, 6000)
        X = 10.0 * which[:, None] + rng.normal(size=(6000, d))
        assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3


def test_distant_values_do_not_hide_the_others() -> None:
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0] * 3, [30.0] * 3, [5000.0] * 3], 1000, axis=0) + rng.normal(size=(3000, 3))
    assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3


def test_no_more_components_than_values_are_tried() -> None:
    cells = make_point_cells(np.array([[0.0], [5.0], [9.0]]))
    assert [row.n_classes for row in choose_n_components(cells, (1, 12)).candidates] == [1, 2, 3]
    alone = choose_n_components(cells, (7, 9))
    assert (alone.chosen, alone.runner_up, len(alone.candidates)) == (3, 3, 1)
    assert alone.sentence == "k = 3: no other number was possible"


def test_the_assumed_minimum_of_observations_is_named() -> None:
    selection = choose_n_components(make_point_cells(np.array([[0.0], [5.0], [9.0]])), (1, 3))
    assert "with 8 independent observations, the minimum that is assumed" in selection.sentence


def test_a_given_number_has_no_candidates() -> None:
    selection = Selection.from_number(4, 8)
    assert (selection.chosen, selection.n_components, selection.runner_up) == (4, 8, 4)
    assert selection.candidates == ()


@given(hnp.arrays(np.float64, (6, 2), elements=st.floats(-9, 9)))
@settings(max_examples=20)
def test_residuals_equal_those_of_the_most_probable_component(X: np.ndarray) -> None:
    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 3.0]]])
    model = MixtureModel(np.array([0.4, 0.6]), np.array([[-2.0, 0.0], [3.0, 1.0]]), covariances)
    found = compute_residuals(model, make_point_cells(X))
    for x, row, label in zip(X, found, model.predict(X), strict=True):
        root = np.linalg.cholesky(covariances[label])
        np.testing.assert_allclose(row, solve_triangular(root, x - model.means[label], lower=True), atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_variational_criterion_finds_the_number_of_clouds(k: int, rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(8 * j, 1 + j, (150, 2)) * [1, (-1) ** j] for j in range(k)])
    selection = choose_n_components(make_point_cells(X), (1, 8), criterion="variational")
    assert selection.chosen == k
    assert selection.criterion == "variational"
    assert [row.n_classes for row in selection.candidates] == sorted(row.n_classes for row in selection.candidates)
    assert "bound of -2 log evidence" in selection.reason
    least = min(selection.candidates, key=lambda row: row.value)
    assert least.n_classes == k


def test_the_variational_criterion_stays_in_the_range(rng: np.random.Generator) -> None:
    cells = make_point_cells(rng.normal(size=(200, 2)))
    assert choose_n_components(cells, (3, 5), criterion="variational").chosen == 3
    assert choose_n_components(cells, (4, 4), criterion="variational", n_effective=8).chosen == 4
