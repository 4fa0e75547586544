"""Rejection of the least likely cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mixtures import make_robust_mixture

from segment.mixture.cells import make_distinct_cells, make_point_cells
from segment.mixture.model import MixtureModel
from segment.mixture.rejection import find_rejection_threshold, is_rejected
from segment.segmenter.class_mixture import ClassMixture

STANDARD_NORMAL = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)))


@given(st.integers(0, 10_000), st.floats(0, 1))
@settings(max_examples=50)
def test_as_much_is_rejected_as_the_share_allows(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cells = make_point_cells(rng.normal(size=(20, 1)), rng.uniform(0.1, 3, 20))
    rejected = is_rejected(STANDARD_NORMAL, cells, find_rejection_threshold(STANDARD_NORMAL, cells, share))
    shares = cells.weights / cells.total_weight
    assert shares[rejected].sum() <= share + 1e-12
    if not rejected.all():
        next_one = np.flatnonzero(~rejected)[STANDARD_NORMAL.score_samples(cells)[~rejected].argmin()]
        assert shares[rejected].sum() + shares[next_one] > share - 1e-12


def test_the_farthest_cells_are_rejected() -> None:
    cells = make_point_cells([[0.0], [-7.0], [0.5], [5.0]])
    threshold = find_rejection_threshold(STANDARD_NORMAL, cells, 0.5)
    assert is_rejected(STANDARD_NORMAL, cells, threshold).tolist() == [False, True, False, True]


def test_noise_does_not_keep_outliers() -> None:
    noisy = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), noise_share=0.5, noise_density=0.1)
    cells = make_point_cells([[0.0], [50.0]])
    assert is_rejected(noisy, cells, -10.0).tolist() == [False, True]


def test_nothing_is_rejected_without_a_share_components_or_cells() -> None:
    cells = make_point_cells([[0.0], [9.0]])
    no_components = MixtureModel(np.zeros(0), np.zeros((0, 1)), np.zeros((0, 1, 1)))
    assert find_rejection_threshold(STANDARD_NORMAL, cells, 0.0) == -np.inf
    assert find_rejection_threshold(no_components, cells, 0.5) == -np.inf
    assert find_rejection_threshold(STANDARD_NORMAL, cells[:0], 0.5) == -np.inf


@given(st.integers(0, 1000), st.floats(0, 1))
@settings(max_examples=40)
def test_labels_with_noise_reject_no_more_than_the_given_share(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cells = make_distinct_cells(np.round(rng.normal(size=(60, 2))))
    model = make_robust_mixture(rng, 2, 2, noise=True, student=False)
    threshold = find_rejection_threshold(model, cells, share)
    labels = ClassMixture(model, np.arange(2)).label_cells(cells, min_log_density=threshold)
    rejected = cells.weights[labels == 0].sum() / cells.total_weight
    assert rejected <= share + 1e-12
    if labels.any():
        lowest = model.score_samples(cells)[labels > 0].argmin()
        assert rejected + cells.weights[labels > 0][lowest] / cells.total_weight > share - 1e-12
