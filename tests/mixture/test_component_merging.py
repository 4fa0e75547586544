"""Merging components: each step against the best of all pairs, entropies against SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from segment.mixture.cells import make_point_cells
from segment.mixture.component_merging import (
    compute_elbow_errors,
    compute_mean_entropy,
    group_components,
    merge_components,
    pool_posteriors,
)
from segment.mixture.model import MixtureModel


def draw_posteriors(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n)), rng.dirichlet(np.full(k, 0.3), n)


def test_entropy_equals_that_of_scipy() -> None:
    posteriors = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    shares = np.array([0.5, 0.25, 0.25])
    by_hand = 0.25 * np.log(2) + 0.25 * (np.log(4) - 0.75 * np.log(3))
    assert compute_mean_entropy(shares, posteriors) == pytest.approx(by_hand)
    assert compute_mean_entropy(shares, posteriors) == pytest.approx(shares @ scipy_entropy(posteriors, axis=1))


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 12))
@settings(max_examples=40)
def test_every_step_merges_the_best_pair(seed: int, k: int, n: int) -> None:
    shares, posteriors = draw_posteriors(seed, n, k)
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
@settings(max_examples=30)
def test_merging_never_raises_the_entropy(seed: int, k: int) -> None:
    shares, posteriors = draw_posteriors(seed, 30, k)
    assert (np.diff(merge_components(shares, posteriors).entropies) >= -1e-12).all()


def test_two_halves_of_one_class_are_merged_first() -> None:
    posteriors = np.array([[0.5, 0.0, 0.5], [0.4, 0.0, 0.6], [0.0, 1.0, 0.0], [0.1, 0.9, 0.0]])
    merging = merge_components(np.full(4, 0.25), posteriors)
    assert merging.pairs.tolist() == [[0, 2], [0, 1]]
    assert merging.assign_classes(3).tolist() == [0, 1, 2]
    assert merging.assign_classes(2).tolist() == [0, 1, 0]
    assert merging.assign_classes(1).tolist() == [0, 0, 0]
    np.testing.assert_allclose(
        pool_posteriors(posteriors, merging.assign_classes(2)), [[1, 0], [1, 0], [0, 1], [0.1, 0.9]]
    )


def test_merging_does_not_change_its_input() -> None:
    for order in ("C", "F"):
        shares, posteriors = draw_posteriors(1, 4, 3)
        given_ = np.array(posteriors, order=order)  # type: ignore[call-overload]
        merge_components(shares, given_)
        np.testing.assert_array_equal(given_, posteriors)


def test_the_elbow_is_where_the_lines_meet() -> None:
    shares, posteriors = draw_posteriors(0, 20, 5)
    merging = merge_components(shares, posteriors)
    bent = type(merging)(merging.pairs, np.array([0.0, 0.0, 0.0, 0.4, 0.8]), np.full(4, 0.25))
    errors = compute_elbow_errors(bent)
    assert errors.argmin() + 1 == 3
    assert errors[2] == pytest.approx(0, abs=1e-12)
    assert errors[0] == pytest.approx(np.polyfit(range(5), bent.entropies, 1, full=True)[1][0])


def test_components_of_one_cloud_form_one_class(rng: np.random.Generator) -> None:
    X = np.concatenate([rng.normal(size=(300, 2)), rng.normal((8, 1), 1, (300, 2))])
    means = np.array([[0.0, 0.0], [8.0, 1.0], [0.3, 0.1]])
    model = MixtureModel(np.full(3, 1 / 3), means, np.repeat(np.eye(2)[None], 3, axis=0))
    assert group_components(model, make_point_cells(X), 2).tolist() == [0, 1, 0]
    assert group_components(model, make_point_cells(X), 3).tolist() == [0, 1, 2]
