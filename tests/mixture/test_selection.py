"""How many components: criteria against scikit-learn, combining against brute force, and mixtures that are known."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import solve_triangular
from scipy.stats import entropy as scipy_entropy

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.component_merging import (
    compute_elbow_errors,
    compute_mean_entropy,
    group_components,
    merge_components,
    pool_posteriors,
)
from segment.mixture.criteria import compute_aic, compute_bic, compute_icl
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.selection import (
    CRITERIA,
    Selection,
    choose_n_components,
    compute_residuals,
)

CENTERS = np.array([[0.0, 0.0], [8.0, 1.0], [-3.0, 9.0], [6.0, -9.0], [-9.0, -5.0]])


def clouds(k: int, n: int = 600, seed: int = 0) -> np.ndarray:
    """Independent draws of k Gaussians of different shapes, well apart."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, k, n)
    spread = np.array([[1.0, 0.4], [0.5, 1.2], [1.0, 1.0], [1.4, 0.6], [0.4, 0.8]])
    return CENTERS[which] + spread[which] * rng.normal(size=(n, 2))


def random_posteriors(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.full(k, 0.3), n)


# Criteria


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_bic_and_aic_are_those_of_scikit_learn(covariance_type: str) -> None:
    from sklearn.mixture import GaussianMixture

    X = clouds(3)
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


def test_the_criteria_by_hand() -> None:
    assert compute_aic(-10.0, 3) == 26
    assert compute_bic(-10.0, 3, np.e**2) == pytest.approx(26)
    assert compute_icl(-10.0, 3, np.e**2, 0.5) == pytest.approx(27)


def test_entropy_by_hand_and_by_scipy() -> None:
    posteriors = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    shares = np.array([0.5, 0.25, 0.25])
    by_hand = 0.25 * np.log(2) + 0.25 * (np.log(4) - 0.75 * np.log(3))
    assert compute_mean_entropy(shares, posteriors) == pytest.approx(by_hand)
    assert compute_mean_entropy(shares, posteriors) == pytest.approx(shares @ scipy_entropy(posteriors, axis=1))


# Combining


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_every_step_of_combining_is_the_best_pair_by_brute_force(seed: int, k: int, n: int) -> None:
    shares, posteriors = random_posteriors(seed, n, k)
    merging = merge_components(shares, posteriors)
    columns = {i: posteriors[:, i] for i in range(k)}
    np.testing.assert_allclose(
        merging.entropies[-1] if k > 1 else 0, compute_mean_entropy(shares, posteriors), atol=1e-12
    )
    for step, classes in enumerate(range(k - 1, 0, -1)):
        outcomes = {}
        for i, j in itertools.combinations(sorted(columns), 2):
            trial = {**columns, i: columns[i] + columns[j]}
            del trial[j]
            outcomes[i, j] = compute_mean_entropy(shares, np.stack(list(trial.values()), axis=1))
        i, j = merging.pairs[step]
        assert outcomes[i, j] == pytest.approx(min(outcomes.values()), abs=1e-12)
        columns[i] = columns[i] + columns.pop(j)
        found = pool_posteriors(posteriors, merging.assign_classes(classes))
        assert found.shape == (n, classes)
        assert compute_mean_entropy(shares, found) == pytest.approx(merging.entropies[classes - 1], abs=1e-9)
        assert merging.shares[step] == pytest.approx(shares @ columns[i])


@given(st.integers(0, 10**6), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_fewer_classes_are_never_less_clear(seed: int, k: int) -> None:
    shares, posteriors = random_posteriors(seed, 30, k)
    assert (np.diff(merge_components(shares, posteriors).entropies) >= -1e-12).all()


def test_two_halves_of_one_class_are_joined_first() -> None:
    posteriors = np.array([[0.5, 0.0, 0.5], [0.4, 0.0, 0.6], [0.0, 1.0, 0.0], [0.1, 0.9, 0.0]])
    merging = merge_components(np.full(4, 0.25), posteriors)
    assert merging.pairs.tolist() == [[0, 2], [0, 1]]
    assert merging.assign_classes(3).tolist() == [0, 1, 2]
    assert merging.assign_classes(2).tolist() == [0, 1, 0]
    assert merging.assign_classes(1).tolist() == [0, 0, 0]
    np.testing.assert_allclose(
        pool_posteriors(posteriors, merging.assign_classes(2)), [[1, 0], [1, 0], [0, 1], [0.1, 0.9]]
    )


def test_combining_leaves_its_input_alone() -> None:
    for order in ("C", "F"):
        shares, posteriors = random_posteriors(1, 4, 3)
        given_ = np.array(posteriors, order=order)  # type: ignore[call-overload]
        merge_components(shares, given_)
        np.testing.assert_array_equal(given_, posteriors)


def test_the_entropies_bend_where_the_lines_meet() -> None:
    shares, posteriors = random_posteriors(0, 20, 5)
    merging = merge_components(shares, posteriors)
    bent = type(merging)(merging.pairs, np.array([0.0, 0.0, 0.0, 0.4, 0.8]), np.full(4, 0.25))
    errors = compute_elbow_errors(bent)
    assert errors.argmin() + 1 == 3
    assert errors[2] == pytest.approx(0, abs=1e-12)
    assert errors[0] == pytest.approx(np.polyfit(range(5), bent.entropies, 1, full=True)[1][0])


def test_components_of_one_cloud_make_one_class() -> None:
    X = clouds(2)
    means = np.array([[0.0, 0.0], [8.0, 1.0], [0.3, 0.1]])
    model = MixtureModel(np.full(3, 1 / 3), means, np.repeat(np.eye(2)[None], 3, axis=0))
    assert group_components(model, make_point_cells(X), 2).tolist() == [0, 1, 0]
    assert group_components(model, make_point_cells(X), 3).tolist() == [0, 1, 2]


# Choosing


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("criterion", ["bic", "icl", "entropy"])
def test_the_number_of_clouds_is_found(k: int, criterion: str) -> None:
    selection = choose_n_components(make_point_cells(clouds(k)), (1, 8), criterion=criterion)
    assert selection.chosen == k
    assert selection.n_effective == 600


def test_bic_keeps_a_skew_class_in_two_pieces_and_entropy_makes_it_one() -> None:
    rng = np.random.default_rng(3)
    bent = np.concatenate([rng.normal([0, 0], [3, 0.5], (400, 2)), rng.normal([2, 2], [0.5, 2.5], (400, 2))])
    X = np.concatenate([bent, rng.normal([20, 0], 1, (400, 2))])
    assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3
    selection = choose_n_components(make_point_cells(X), (1, 6), criterion="entropy")
    assert (selection.chosen, selection.n_components) == (2, 3)
    assert [row.n_classes for row in selection.candidates] == [1, 2, 3]


def test_aic_never_takes_fewer_than_bic() -> None:
    for seed in range(4):
        cells = make_point_cells(clouds(3, n=80, seed=seed))
        assert choose_n_components(cells, criterion="aic").chosen >= choose_n_components(cells, criterion="bic").chosen


def test_the_curve_rises_in_likelihood_and_has_the_choice_at_its_least() -> None:
    X = clouds(4)
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


def test_fewer_independent_observations_make_fewer_classes() -> None:
    cells = make_point_cells(clouds(5))
    chosen = [choose_n_components(cells, n_effective=n).chosen for n in (1, 12, 30, 600)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1] == 5


def test_weights_count_as_observations_and_their_scale_does_not_matter_where_the_number_is_given() -> None:
    cells = make_point_cells(clouds(3))
    tenfold = Cells(10 * cells.weights, cells.means, cells.scatters)
    assert choose_n_components(tenfold).n_effective == 6000
    first, second = (choose_n_components(c, n_effective=500) for c in (cells, tenfold))
    assert first.chosen == second.chosen
    np.testing.assert_allclose([r.value for r in first.candidates], [r.value for r in second.candidates], rtol=1e-6)


def test_three_mixtures_tell_the_number_of_observations() -> None:
    seen: list[int] = []

    def told(model: MixtureModel) -> float:
        seen.append(model.n_components)
        return 10.0**model.n_components

    selection = choose_n_components(make_point_cells(clouds(2)), (1, 6), n_effective=told)
    assert seen == [3, 5, 6]
    assert selection.n_effective == pytest.approx(10 ** (14 / 3))
    assert choose_n_components(make_point_cells(clouds(2)), (2, 2), n_effective=told).n_effective == pytest.approx(100)


def test_classes_of_several_components() -> None:
    X = clouds(4)
    selection = choose_n_components(make_point_cells(X), (1, 4), components_per_class=2)
    assert [row.n_components for row in selection.candidates] == [2, 4, 6, 8]
    assert selection.chosen == 2
    assert selection.n_components == 4


def test_many_cells_are_binned_and_give_the_same_number() -> None:
    for d in (1, 2, 3):
        rng = np.random.default_rng(d)
        which = rng.integers(0, 3, 6000)
        X = 10.0 * which[:, None] + rng.normal(size=(6000, d))
        assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3


def test_values_far_out_do_not_hide_the_rest() -> None:
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0] * 3, [30.0] * 3, [5000.0] * 3], 1000, axis=0) + rng.normal(size=(3000, 3))
    assert choose_n_components(make_point_cells(X), (1, 6)).chosen == 3


def test_only_as_many_as_there_are_values_are_tried() -> None:
    cells = make_point_cells(np.array([[0.0], [5.0], [9.0]]))
    assert [row.n_classes for row in choose_n_components(cells, (1, 12)).candidates] == [1, 2, 3]
    alone = choose_n_components(cells, (7, 9))
    assert (alone.chosen, alone.runner_up, len(alone.candidates)) == (3, 3, 1)
    assert alone.sentence == "k = 3: no other number was possible"


def test_the_fewest_observations_to_reckon_with_are_no_measurement() -> None:
    selection = choose_n_components(make_point_cells(np.array([[0.0], [5.0], [9.0]])), (1, 3))
    assert "with 8 independent observations, the minimum that is assumed" in selection.sentence


def test_a_given_number_has_no_curve() -> None:
    selection = Selection.from_number(4, 8)
    assert (selection.chosen, selection.n_components, selection.runner_up) == (4, 8, 4)
    assert selection.candidates == ()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"k_range": (0, 3)}, r"^k_range: "),
        ({"k_range": (4, 3)}, r"^k_range: "),
        ({"criterion": "best"}, r"^criterion: one of bic, aic, icl, entropy, variational; got 'best'"),
        ({"components_per_class": 0}, r"^components_per_class: "),
        ({"components_per_class": 2, "criterion": "entropy"}, r"^components_per_class: "),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object], rule: str) -> None:
    with pytest.raises(SettingsError, match=rule):
        choose_n_components(make_point_cells(clouds(2)), **values)  # type: ignore[arg-type]


def test_no_cells_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^cells: "):
        choose_n_components(Cells(np.zeros(0), np.zeros((0, 2)), np.zeros((0, 3))))


def test_the_settings_know_the_criteria() -> None:
    from segment.config.config import list_settings as known

    assert next(setting for setting in known() if setting.name == "criterion").choices == CRITERIA


@given(hnp.arrays(np.float64, (6, 2), elements=st.floats(-9, 9)))
@settings(max_examples=20, deadline=None)
def test_residuals_are_those_of_the_nearest_component(X: np.ndarray) -> None:
    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 3.0]]])
    model = MixtureModel(np.array([0.4, 0.6]), np.array([[-2.0, 0.0], [3.0, 1.0]]), covariances)
    found = compute_residuals(model, make_point_cells(X))
    for x, row, label in zip(X, found, model.predict(X), strict=True):
        root = np.linalg.cholesky(covariances[label])
        np.testing.assert_allclose(row, solve_triangular(root, x - model.means[label], lower=True), atol=1e-12)
