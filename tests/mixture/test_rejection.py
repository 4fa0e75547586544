"""Rejection of the least probable observations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mixture_samples import (
    make_robust_mixture,
)

from segment.mixture.cells import make_distinct_cells
from segment.mixture.rejection import find_rejection_threshold
from segment.segmenter.class_mixture import ClassMixture


@given(st.integers(0, 1000), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_no_more_than_the_given_share_is_rejected(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    cells = make_distinct_cells(np.round(rng.normal(size=(60, 2))))
    model = make_robust_mixture(rng, 2, 2, noise=True, student=False)
    threshold = find_rejection_threshold(model, cells, share)
    labels = ClassMixture(model, np.arange(2)).label_cells(cells, min_log_density=threshold)
    rejected = cells.weights[labels == 0].sum() / cells.total_weight
    assert rejected <= share + 1e-12
    if labels.any():
        least = model.score_samples(cells)[labels > 0].argmin()
        assert rejected + cells.weights[labels > 0][least] / cells.total_weight > share - 1e-12
